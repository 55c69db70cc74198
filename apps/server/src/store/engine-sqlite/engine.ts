/**
 * The default engine: one SQLCipher file per tenant and `control.db`, each pinned to one of a few writer threads with group commit. A
 * file has one thread, because SQLite has one writer per file; several threads wait for the disk at the same time, which is what disks
 * are good at (docs/decisions/0004).
 */
import { statfsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { KuvertError } from '@kuvert/protocol';
import {
  type CollectionLayout,
  type Engine,
  type EngineOp,
  type EngineOutcome,
  type KeyringPlace,
  needsRoom,
  type RangeQuery,
  type ScannedRow,
  type SpaceKeys,
  type SpaceName,
  type StoredRow,
} from '../engine.ts';
import { folderKeyring } from '../keyring.ts';
import { readExpired, readOutcome, readRows } from './answers.ts';
import { packCommit, packCount, packExpire, packExpiring, packGet, packRange } from './packing.ts';
import { scanRows } from './scanning.ts';
import { type BatchFacts, QueueRoom, WriterLane } from './writer-lane.ts';

/** Settings of {@link openSqliteEngine}; the defaults are for production. */
export interface SqliteEngineOptions {
  /** The data folder. Must exist and be locked by the caller. */
  readonly folder: string;
  /** All collections; their order gives their numbers. Tenants' files and the control file get the same tables. */
  readonly layouts: readonly CollectionLayout[];
  readonly spaceKeys: SpaceKeys;
  /** Called once when a commit could not be made durable: nothing is acknowledged any more, the process should end. */
  readonly onFailure: (error: Error) => void;
  /** Files kept open at once, by all threads together. */
  readonly openFilesMax?: number;
  /** Requests that may wait; more are refused as `overloaded`. */
  readonly queueMax?: number;
  /** Bytes that may wait. */
  readonly queueBytesMax?: number;
  /**
   * Size of the reserve file, and the free space below which only what shrinks the data is taken (disk-reserve.ts); default
   * 5 % of the disk, 1 to 8 MiB.
   */
  readonly reserveBytes?: number;
  /** Writer threads; each tenant is pinned to one. Default {@link THREADS_DEFAULT}. */
  readonly threads?: number;
  /** Milliseconds after which what was committed is in its file at the latest, and no longer in its log. Default {@link FOLD_AFTER_MS}. */
  readonly foldAfterMs?: number;
  /** Told of every batch. */
  readonly onBatch?: (facts: BatchFacts) => void;
  /** For crash tests, see thread-messages.ts. */
  readonly killAtStep?: number;
}

/** Threads wait for the disk far more than they compute, so this does not go by the number of processors (docs/decisions/0004). */
const THREADS_DEFAULT = 4;
/** What was deleted is to be gone from the disk soon, and a start after a crash is to be short. */
const FOLD_AFTER_MS = 2_000;

/** Opens the engine. Files are opened when they are first used. */
export async function openSqliteEngine(options: SqliteEngineOptions): Promise<Engine> {
  await mkdir(join(options.folder, 'tenants'), { recursive: true, mode: 0o700 });
  return new SqliteEngine(options);
}

class SqliteEngine implements Engine {
  readonly #lanes: readonly [WriterLane, ...WriterLane[]];
  readonly #room: QueueRoom;
  #hasFailed = false;
  readonly keyring: KeyringPlace;
  readonly #layouts: readonly CollectionLayout[];

  constructor(options: SqliteEngineOptions) {
    const { threads = THREADS_DEFAULT, openFilesMax = 128 } = options;
    this.keyring = folderKeyring(options.folder);
    this.#layouts = options.layouts;
    this.#room = new QueueRoom(options.queueMax ?? 16_384, options.queueBytesMax ?? 64 * 1024 * 1024);
    const settings = {
      layouts: options.layouts,
      folder: options.folder,
      reserveBytes: options.reserveBytes ?? defaultReserveBytes(options.folder),
      foldAfterMs: options.foldAfterMs ?? FOLD_AFTER_MS,
      killAtStep: options.killAtStep,
    };
    const lane = () =>
      new WriterLane({
        settings,
        spaceKeys: options.spaceKeys,
        room: this.#room,
        openFilesMax: Math.max(1, Math.floor(openFilesMax / threads)),
        onBatch: options.onBatch ?? (() => undefined),
        onFailure: (failure) => this.#fail(failure, options.onFailure),
      });
    this.#lanes = [lane(), ...Array.from({ length: threads - 1 }, lane)];
  }

  get load() {
    return { requests: this.#room.requests, bytes: this.#room.bytes };
  }

  commit(space: SpaceName, list: readonly EngineOp[]): Promise<EngineOutcome> {
    const isGrowing = needsRoom(list);
    return this.#laneOf(space).request(
      space,
      (packer) => packCommit(packer, list, isGrowing),
      readOutcome,
      isGrowing,
    );
  }

  get(space: SpaceName, collection: number, key: Uint8Array): Promise<StoredRow | undefined> {
    return this.#laneOf(space).request(
      space,
      (packer) => packGet(packer, collection, key),
      (reader) => readRows(reader)[0],
    );
  }

  range(space: SpaceName, query: RangeQuery): Promise<StoredRow[]> {
    return this.#laneOf(space).request(space, (packer) => packRange(packer, query), readRows);
  }

  count(
    space: SpaceName,
    query: Pick<RangeQuery, 'collection' | 'from' | 'before' | 'limit'>,
  ): Promise<number> {
    return this.#laneOf(space).request(
      space,
      (packer) => packCount(packer, query),
      (reader) => reader.u32(),
    );
  }

  expiring(space: SpaceName, collection: number, untilMs: number, limit: number): Promise<StoredRow[]> {
    return this.#laneOf(space).request(
      space,
      (packer) => packExpiring(packer, collection, untilMs, limit),
      readRows,
    );
  }

  async expire(space: SpaceName, collection: number, nowMs: number, limit: number): Promise<number> {
    let removed = 0;
    // The thread removes what it can in a few milliseconds; in between, whoever else waits has a turn.
    for (let more = true; more && removed < limit; ) {
      const left = limit - removed;
      const step = await this.#laneOf(space).request(
        space,
        (packer) => packExpire(packer, collection, nowMs, left),
        readExpired,
      );
      removed += step.count;
      more = step.more;
    }
    return removed;
  }

  scan(space: SpaceName, collection: number): AsyncIterable<readonly ScannedRow[]> {
    const layout = this.#layouts[collection];
    if (layout === undefined) throw new Error(`no collection number ${collection}`);
    return scanRows(collection, layout, (query) => this.range(space, query));
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  /** The control file is on the first thread; a tenant is always on the same one. */
  #laneOf(space: SpaceName): WriterLane {
    if (this.#lanes.length === 1 || space === 'control') return this.#lanes[0];
    return this.#lanes[hash(space) % this.#lanes.length] ?? this.#lanes[0];
  }

  /** What one thread cannot keep is not to be promised by another: the process ends. */
  #fail(failure: KuvertError, tell: (error: Error) => void): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    for (const lane of this.#lanes) lane.fail(failure);
    tell(failure);
  }
}

/** FNV-1a. Tenants' ids are random, so any even hash will do. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}

function defaultReserveBytes(folder: string): number {
  const { blocks, bsize } = statfsSync(folder);
  const MIB = 1024 * 1024;
  return Math.min(32 * MIB, Math.max(MIB, Math.floor((blocks * bsize) / 20)));
}

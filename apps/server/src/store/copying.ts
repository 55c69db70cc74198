/**
 * Moves everything from one engine to another, as bytes: nothing is opened but the rows themselves, so what is sealed stays sealed under the
 * same keys, and what was erased stays erased.
 *
 * A copy compares while it writes, so it can be stopped at any time and begun again: what is there already is passed over, what is no
 * longer there is removed. In the end both sides are read once more and compared by number and hash. Only then does the target get its
 * keyring, without which no server opens it.
 */
import { createHash } from 'node:crypto';
import { KuvertError } from '@kuvert/protocol';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { AnyCollection } from './collection.ts';
import type { Engine, EngineOp, ScannedRow, SpaceName } from './engine.ts';
import { type OpenEngine, openSpaceStore, type SpaceStore, storeOver } from './open-store.ts';

const OPS_PER_LIST = 500;
const BYTES_PER_LIST = 1024 * 1024;

/** One end of a copy. */
export interface CopyEnd {
  /** The data folder, locked by the caller. */
  readonly folder: string;
  /** Default: files in the folder. */
  readonly openEngine?: OpenEngine;
}

/** What one collection of one space came to. */
export interface CopiedCollection {
  readonly space: SpaceName;
  readonly collection: string;
  readonly rows: number;
  /** SHA-256 of all rows in order, the same on both sides. */
  readonly sha256: string;
}

/** Where a copy stands. */
export interface CopyProgress {
  readonly step: 'copied' | 'verified';
  readonly space: SpaceName;
  readonly collection: string;
  readonly rows: number;
  /** Spaces that are done, and all of them. */
  readonly done: number;
  readonly total: number;
}

/** What {@link copyStore} takes. */
export interface CopyOptions {
  readonly keys: KeyProvider;
  readonly collections: readonly AnyCollection[];
  readonly from: CopyEnd;
  readonly to: CopyEnd;
  readonly onProgress?: (progress: CopyProgress) => void;
  /** Called when all is there and the target cannot be opened yet. */
  readonly beforeOpening?: (target: SpaceStore) => Promise<void>;
}

/** @throws KuvertError `store_not_empty`, `data_damaged` when the sides differ in the end, and what opening either side throws */
export async function copyStore(options: CopyOptions): Promise<readonly CopiedCollection[]> {
  const { keys, collections } = options;
  const onFailure = () => undefined;
  const source = await openSpaceStore({
    ...options.from,
    keys,
    collections,
    onFailure,
    mustExist: true,
    mayBeUnfinished: true,
  });
  let target: SpaceStore | undefined;
  try {
    target = await storeOver(
      { ...options.to, keys, collections, onFailure },
      {
        controlKey: source.controlKey,
        spaceKeys: async (name) => ({ key: await keyOf(source, name), create: true }),
      },
    );
    if ((await target.engine.keyring.read()) !== undefined) throw new KuvertError('store_not_empty');
    const copied = await copySpaces(source, target, options);
    await options.beforeOpening?.(target);
    const keyring = await source.engine.keyring.read();
    if (keyring === undefined) throw new KuvertError('data_damaged');
    await target.engine.keyring.create(keyring);
    return copied;
  } catch (error) {
    // Data under other keys is somebody else's.
    if (target !== undefined && error instanceof KuvertError && error.code === 'keys_wrong')
      throw new KuvertError('store_not_empty', { cause: error });
    throw error;
  } finally {
    await target?.close();
    await source.close();
  }
}

async function keyOf(source: SpaceStore, name: SpaceName): Promise<Uint8Array> {
  if (name === 'control') return source.controlFileKey();
  const known = await source.keyOfTenantSpace(name);
  if (known === undefined) throw new KuvertError('not_found');
  return known.key;
}

async function copySpaces(
  source: SpaceStore,
  target: SpaceStore,
  { onProgress = () => undefined }: CopyOptions,
): Promise<readonly CopiedCollection[]> {
  // The control space first: from then on the target counts as one with data, which without a keyring opens for nobody.
  const spaces: SpaceName[] = ['control', ...(await source.operator().listTenantSpaces())];
  const copied: CopiedCollection[] = [];
  for (const [done, space] of spaces.entries()) {
    for (const [number, { name, spaces: where }] of source.layouts.entries()) {
      if (where !== 'all' && (where === 'control') !== (space === 'control')) continue;
      const place = { space, collection: number };
      const facts = { space, collection: name, done, total: spaces.length };
      onProgress({ ...facts, step: 'copied', rows: await alignRows(source.engine, target.engine, place) });
      const [one, other] = [await digestRows(source.engine, place), await digestRows(target.engine, place)];
      if (one.rows !== other.rows || one.sha256 !== other.sha256) throw new KuvertError('data_damaged');
      onProgress({ ...facts, step: 'verified', rows: one.rows });
      copied.push({ space, collection: name, ...one });
    }
  }
  return copied;
}

interface Place {
  readonly space: SpaceName;
  readonly collection: number;
}

/** Makes the target's rows those of the source. @returns how many rows were written or removed */
async function alignRows(source: Engine, target: Engine, { space, collection }: Place): Promise<number> {
  const list = new Writer(target, space);
  const there = rowsOf(target.scan(space, collection));
  let other = await there.next();
  for await (const row of rowsOf(source.scan(space, collection))) {
    while (!other.done && Buffer.compare(other.value.key, row.key) < 0) {
      await list.add({ kind: 'delete', collection, key: other.value.key });
      other = await there.next();
    }
    const isThere = !other.done && Buffer.compare(other.value.key, row.key) === 0;
    const isSame = isThere && !other.done && Buffer.compare(rowBytes(other.value), rowBytes(row)) === 0;
    if (!isSame) await list.add({ kind: 'put', collection, expect: 'any', ...row });
    if (isThere) other = await there.next();
  }
  for (; !other.done; other = await there.next()) {
    await list.add({ kind: 'delete', collection, key: other.value.key });
  }
  await list.flush();
  return list.written;
}

/** Writes operations in lists of a bearable size. */
class Writer {
  written = 0;
  readonly #engine: Engine;
  readonly #space: SpaceName;
  #ops: EngineOp[] = [];
  #bytes = 0;

  constructor(engine: Engine, space: SpaceName) {
    this.#engine = engine;
    this.#space = space;
  }

  async add(op: EngineOp): Promise<void> {
    this.#ops.push(op);
    this.#bytes += op.key.length + (op.kind === 'put' ? op.doc.length : 0);
    if (this.#ops.length >= OPS_PER_LIST || this.#bytes >= BYTES_PER_LIST) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#ops.length === 0) return;
    const outcome = await this.#engine.commit(this.#space, this.#ops);
    if (!outcome.committed) throw new KuvertError('store_not_empty');
    this.written += this.#ops.length;
    this.#ops = [];
    this.#bytes = 0;
  }
}

async function* rowsOf(pages: AsyncIterable<readonly ScannedRow[]>): AsyncGenerator<ScannedRow, undefined> {
  for await (const page of pages) yield* page;
}

/** Number and hash of a collection's rows. */
async function digestRows(
  engine: Engine,
  { space, collection }: Place,
): Promise<{ readonly rows: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let rows = 0;
  for await (const row of rowsOf(engine.scan(space, collection))) {
    hash.update(rowBytes(row));
    rows++;
  }
  return { rows, sha256: hash.digest('hex') };
}

/** A row as bytes from which it could be read again, so that no two rows give the same. */
function rowBytes({ key, doc, entries, expiresAt }: ScannedRow): Uint8Array {
  const head = Buffer.alloc(16 + 4 * entries.length);
  head.writeUInt32BE(key.length, 0);
  head.writeUInt32BE(doc.length, 4);
  head.writeDoubleBE(expiresAt ?? -1, 8);
  entries.forEach((entry, index) => {
    head.writeUInt32BE(entry === null ? 0xffffffff : entry.length, 16 + 4 * index);
  });
  return Buffer.concat([head, key, doc, ...entries.map((entry) => entry ?? new Uint8Array(0))]);
}

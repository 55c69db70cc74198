/**
 * The engine for those who outgrow one machine: a MongoDB replica set or sharded cluster, shared by any number of servers. Read
 * docs/decisions/0007 first, then `stored-rows.ts` (what is stored), `round.ts` (how lists are committed) and `nodes.ts` (several servers).
 */
import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { KuvertError } from '@kuvert/protocol';
import type { MongoClient } from 'mongodb';
import type {
  CollectionLayout,
  Engine,
  EngineOp,
  EngineOutcome,
  KeyringPlace,
  LayoutDifference,
  RangeQuery,
  ScannedRow,
  SpaceKeys,
  SpaceName,
  StoredRow,
} from '../engine.ts';
import { connectMongo } from './connecting.ts';
import { storeFailure } from './failures.ts';
import { type NodeKind, Nodes, type NodeTimes } from './nodes.ts';
import type { OpenSpace, Tables } from './open-space.ts';
import { expireRows, readExpiring, readRange, scanSpace } from './range.ts';
import { runRound } from './round.ts';
import { RowReads } from './row-reads.ts';
import { checkServer } from './server-checks.ts';
import { databaseName, type MongoSettings } from './settings.ts';
import { bytesOfList, type LaneRoom, ROUNDS_PER_SPACE, SpaceLane } from './space-lane.ts';
import { databaseKeyring, Spaces } from './spaces.ts';
import { STRIPES } from './stripes.ts';
import { compareTables, makeTables } from './tables.ts';

/** Settings of {@link openMongoEngine}; the defaults are for production. */
export interface MongoEngineOptions {
  readonly layouts: readonly CollectionLayout[];
  readonly spaceKeys: SpaceKeys;
  /** Requests that may wait; more are refused as `overloaded`. */
  readonly queueMax?: number;
  /** Bytes that may wait. */
  readonly queueBytesMax?: number;
  /** What we want of the database. Default: to serve. */
  readonly kind?: NodeKind;
  readonly times?: NodeTimes;
  readonly onBatch?: (facts: { requests: number; durationMs: number }) => void;
}

/** Rounds in flight, all spaces together; each has a connection. */
const ROUNDS_MAX = 32;
/** Saying goodbye to the other servers may take this long. */
const LEAVE_MS = 1_500;

/**
 * Connects, looks at what it is connected to, makes what is missing and takes a place among the servers.
 * @throws KuvertError `store_unsafe` (an `UnsafeDatabaseError`), `store_unavailable`, `store_denied`, `store_in_use`, `config_invalid`
 */
export async function openMongoEngine(settings: MongoSettings, options: MongoEngineOptions): Promise<Engine> {
  const client = await connectMongo(settings);
  try {
    const db = client.db(databaseName(settings.url));
    await checkServer(client, db);
    await makeTables(db, options.layouts);
    const nodes = new Nodes(db, options.kind ?? 'server', options.times);
    await nodes.join();
    return new MongoEngine({ client, nodes, tables: { db, layouts: options.layouts }, options });
  } catch (error) {
    await client.close().catch(() => undefined);
    throw storeFailure(error);
  }
}

/** True for a database in which no installation lies. @throws KuvertError as {@link openMongoEngine} */
export async function isEmptyMongo(settings: MongoSettings): Promise<boolean> {
  const client = await connectMongo(settings);
  try {
    return (await databaseKeyring({ db: client.db(databaseName(settings.url)) }).read()) === undefined;
  } finally {
    await client.close().catch(() => undefined);
  }
}

/** What `kuvert store check` says of a database. Changes nothing. @throws KuvertError as {@link openMongoEngine} */
export async function checkMongo(
  settings: MongoSettings,
  layouts: readonly CollectionLayout[],
): Promise<readonly LayoutDifference[]> {
  const client = await connectMongo(settings);
  try {
    const db = client.db(databaseName(settings.url));
    await checkServer(client, db);
    return await compareTables(db, layouts);
  } catch (error) {
    throw storeFailure(error);
  } finally {
    await client.close().catch(() => undefined);
  }
}

class MongoEngine implements Engine {
  readonly keyring: KeyringPlace;
  readonly hints: Nodes;
  readonly #client: MongoClient;
  readonly #options: MongoEngineOptions;
  readonly #spaces: Spaces;
  readonly #lanes = new Map<SpaceName, SpaceLane>();
  readonly #reads = new RowReads();
  readonly #room: LaneRoom = { rounds: ROUNDS_MAX };
  #requests = 0;
  #bytes = 0;
  readonly #underWay = new Set<Promise<unknown>>();
  /** Processes choose their stripes by chance; two with the same ones go again now and then. */
  readonly #stripe = randomInt(STRIPES.length / ROUNDS_PER_SPACE) * ROUNDS_PER_SPACE;
  #closing: Promise<void> | undefined;

  constructor(made: {
    readonly client: MongoClient;
    readonly nodes: Nodes;
    readonly tables: Tables;
    readonly options: MongoEngineOptions;
  }) {
    this.#client = made.client;
    this.#options = made.options;
    this.hints = made.nodes;
    this.keyring = databaseKeyring(made.tables);
    this.#spaces = new Spaces(made.tables, made.options.spaceKeys);
  }

  get load() {
    return { requests: this.#requests, bytes: this.#bytes };
  }

  commit(name: SpaceName, list: readonly EngineOp[]): Promise<EngineOutcome> {
    return this.#asked(name, (space) => this.#laneOf(space).commit(list), bytesOfList(list));
  }

  get(name: SpaceName, collection: number, key: Uint8Array): Promise<StoredRow | undefined> {
    return this.#asked(name, (space) => this.#reads.get(space, collection, key));
  }

  range(name: SpaceName, query: RangeQuery): Promise<StoredRow[]> {
    return this.#asked(name, (space) => readRange(space, query));
  }

  expiring(name: SpaceName, collection: number, untilMs: number, limit: number): Promise<StoredRow[]> {
    return this.#asked(name, (space) => readExpiring(space, { collection, untilMs, limit }));
  }

  expire(name: SpaceName, collection: number, nowMs: number, limit: number): Promise<number> {
    return this.#asked(name, (space) => expireRows(space, { collection, nowMs, limit }));
  }

  async *scan(name: SpaceName, collection: number): AsyncGenerator<readonly ScannedRow[]> {
    try {
      yield* scanSpace(await this.#spaces.get(name), collection);
    } catch (error) {
      throw storeFailure(error);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    // A database that is away would keep us waiting for nothing: what was accepted has been answered.
    const left = this.hints.close().catch(() => undefined);
    await Promise.race([left, wait(LEAVE_MS, undefined, { ref: false })]);
    await this.#client.close();
    await left;
  }

  async #asked<T>(name: SpaceName, work: (space: OpenSpace) => Promise<T>, bytes = 0): Promise<T> {
    if (this.#closing !== undefined) throw new KuvertError('shutting_down');
    const { queueMax = 16_384, queueBytesMax = 64 * 1024 * 1024 } = this.#options;
    if (this.#requests >= queueMax || this.#bytes >= queueBytesMax) throw new KuvertError('overloaded');
    this.#requests++;
    this.#bytes += bytes;
    const working = this.#spaces.get(name).then(work);
    this.#underWay.add(working);
    try {
      return await working;
    } catch (error) {
      throw storeFailure(error);
    } finally {
      this.#underWay.delete(working);
      this.#requests--;
      this.#bytes -= bytes;
    }
  }

  #laneOf(space: OpenSpace): SpaceLane {
    const known = this.#lanes.get(space.name);
    if (known !== undefined) return known;
    const lane = new SpaceLane({
      space,
      room: this.#room,
      stripe: this.#stripe,
      run: async (its, work) => {
        try {
          return await runRound(this.#client, its, work);
        } catch (error) {
          throw storeFailure(error);
        }
      },
      onBatch: this.#options.onBatch ?? (() => undefined),
      onRoom: () => this.#pumpOthers(),
    });
    this.#lanes.set(space.name, lane);
    return lane;
  }

  /** Lanes that found no room for a round get it now; those that have nothing to do are let go. */
  #pumpOthers(): void {
    for (const [name, lane] of this.#lanes) {
      if (lane.isIdle) this.#lanes.delete(name);
      else lane.pump();
    }
  }
}

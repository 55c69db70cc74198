/**
 * What a MongoDB has to be before anything is entrusted to it (facts: storage.md §2). Each refusal says what is wrong and what to do; the code
 * is `store_unsafe`.
 */
import { KuvertError } from '@kuvert/protocol';
import type { Db, Document, MongoClient } from 'mongodb';
import { storeFailure } from './failures.ts';
import { META_TABLE } from './tables.ts';

/** A database that may not be used, with the reason in one sentence. */
export class UnsafeDatabaseError extends KuvertError {
  /** What is wrong and what to do. */
  readonly reason: string;

  constructor(reason: string) {
    super('store_unsafe', { details: { about: reason } });
    this.reason = reason;
  }
}

/**
 * First release of each line without CVE-2025-14847, by which anybody who reaches the port reads memory of the server. Lines that are not
 * here and older than the last one never got a repair.
 */
const REPAIRED = new Map([
  ['7.0', 28],
  ['8.0', 17],
  ['8.2', 3],
]);
const OLDEST = [7, 0] as const;
const ALL_REPAIRED_FROM = [8, 3] as const;
const PROBE_MS = 10_000;

/** @throws UnsafeDatabaseError, KuvertError `store_unavailable`, `store_denied` */
export async function checkServer(client: MongoClient, db: Db): Promise<void> {
  try {
    checkHello(await db.command({ hello: 1 }));
    checkVersion(await db.command({ buildInfo: 1 }));
    await checkSettings(client);
    await checkMajority(client, db);
  } catch (error) {
    throw storeFailure(error);
  }
}

/** A standalone server has no transactions and can lose what it has confirmed as journaled (SERVER-139311). */
export function checkHello(hello: Document): void {
  if (hello.msg === 'isdbgrid' || typeof hello.setName === 'string') return;
  throw new UnsafeDatabaseError(
    'it is a standalone server; start it with --replSet and run rs.initiate(), one node is enough',
  );
}

/** @see REPAIRED */
export function checkVersion(buildInfo: Document): void {
  const version = String(buildInfo.version ?? '');
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map((part) => Number(part) || 0);
  if (buildInfo.ferretdb !== undefined)
    throw new UnsafeDatabaseError('FerretDB has no transactions; use MongoDB');
  if (isBefore([major, minor], OLDEST))
    throw new UnsafeDatabaseError(`MongoDB ${version} is too old; update it to 7.0.28, 8.0.17 or later`);
  if (!isBefore([major, minor], ALL_REPAIRED_FROM)) return;
  const repaired = REPAIRED.get(`${major}.${minor}`);
  if (repaired !== undefined && patch >= repaired) return;
  const to = repaired === undefined ? '8.0.17 or 8.2.3' : `${major}.${minor}.${repaired}`;
  throw new UnsafeDatabaseError(
    `MongoDB ${version} lets anybody who reaches it read its memory (CVE-2025-14847); update it to ${to} or later`,
  );
}

function isBefore([major, minor]: readonly [number, number], other: readonly [number, number]): boolean {
  return major < other[0] || (major === other[0] && minor < other[1]);
}

/** Settings that our role may read (docs/operating-mongodb.md); where it may not, {@link checkMajority} has to do. */
async function checkSettings(client: MongoClient): Promise<void> {
  const status = await mayAsk(client, { serverStatus: 1 });
  if (status?.storageEngine?.persistent === false)
    throw new UnsafeDatabaseError('it keeps its data in memory only; use the WiredTiger storage engine');
  const config = await mayAsk(client, { replSetGetConfig: 1 });
  if (config?.config?.writeConcernMajorityJournalDefault === false)
    throw new UnsafeDatabaseError(
      'writeConcernMajorityJournalDefault is off; set it to true in the configuration of the replica set',
    );
}

async function mayAsk(client: MongoClient, command: Document): Promise<Document | undefined> {
  try {
    return await client.db('admin').command(command);
  } catch (error) {
    const { code } = error as { code?: unknown };
    // Unauthorized; CommandNotFound and a mongos, which has no configuration of a replica set.
    if (code === 13 || code === 59 || code === 40_415 || code === 76) return undefined;
    throw error;
  }
}

/** Writes on a majority with the journal, reads on a majority and commits a transaction: what all else rests on. */
async function checkMajority(client: MongoClient, db: Db): Promise<void> {
  const probes = db.collection<{ _id: string; n: number }>(META_TABLE);
  const filter = { _id: 'probe' };
  const writeConcern = { w: 'majority', journal: true, wtimeoutMS: PROBE_MS } as const;
  try {
    await probes.updateOne(filter, { $inc: { n: 1 } }, { upsert: true, writeConcern });
    const found = await probes.findOne(filter, { readConcern: { level: 'majority' } });
    if (found === null) throw new UnsafeDatabaseError('a read on a majority does not see what was written');
    await client.withSession((session) =>
      session.withTransaction(() => probes.updateOne(filter, { $inc: { n: 1 } }, { session }), {
        readConcern: { level: 'snapshot' },
        writeConcern,
      }),
    );
  } catch (error) {
    const { code } = error as { code?: unknown };
    // IllegalOperation and BadValue: no transactions, no journal, or no majority reads.
    if (code === 20 || code === 2)
      throw new UnsafeDatabaseError(
        'it does not write on a majority with its journal, or has no transactions',
      );
    throw error;
  }
}

/**
 * The MongoDB that tests run on: the first of `MONGODB_URL`, `MONGOD_BIN` or a `mongod` on the PATH (started as a replica set of one node),
 * `mongodb-memory-server` where somebody has installed it, and the wire double of the testkit. Which one it was is printed.
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { ReservedPort } from '@kuvert/testkit';
import { type MongoDouble, startMongoDouble } from '@kuvert/testkit/mongo-double';
import { MongoClient } from 'mongodb';
import { type MongoEngineOptions, openMongoEngine } from '../engine-mongodb/engine.ts';
import type { MongoSettings } from '../engine-mongodb/settings.ts';
import type { EngineUnderTest } from './fixture.ts';

/** A MongoDB for tests. */
export interface TestMongo {
  /** In words, for people. */
  readonly what: string;
  /** Without the name of a database. */
  readonly url: string;
  /** Set for the double, which can do more. */
  readonly double: MongoDouble | undefined;
  /** How the engine reaches one database of it. */
  settings(database: string): MongoSettings;
  /** The engine for the conformance suite: a database for each data folder. */
  engine(options?: Partial<MongoEngineOptions>): EngineUnderTest;
  /** Everything in a database, in any form in which a canary could be seen. */
  dump(database: string): Promise<Buffer>;
  stop(): Promise<void>;
}

/** Finds or starts one. */
export async function startTestMongo(): Promise<TestMongo> {
  const found = (await given()) ?? (await ofProgram()) ?? (await ofPackage()) ?? (await double());
  const made = new Set<string>();
  const prefix = `kuvert_test_${randomBytes(4).toString('hex')}`;
  const databaseOf = (folder: string): string => {
    const name = `${prefix}_${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`;
    made.add(name);
    return name;
  };
  const settings = (database: string): MongoSettings => {
    const [head = '', options] = found.url.split('?');
    const url = `${head.replace(/\/[^/]*$/, '')}/${database}${options === undefined ? '' : `?${options}`}`;
    return { url, passwordFile: undefined, caFile: undefined, certFile: undefined, keyFile: undefined };
  };
  const dump = (database: string) => dumpOf(found.url, database);
  process.stderr.write(`MongoDB for these tests: ${found.what}\n`);
  return {
    what: found.what,
    url: found.url,
    double: found.double,
    settings,
    engine: (options = {}) => ({
      open: (given) => openMongoEngine(settings(databaseOf(given.folder)), { ...given, ...options }),
      bytesStored: (folder) => dump(databaseOf(folder)),
    }),
    dump,
    async stop() {
      if (found.double === undefined) await dropAll(found.url, made);
      await found.stop();
    },
  };
}

interface Found {
  readonly what: string;
  readonly url: string;
  readonly double: MongoDouble | undefined;
  stop(): Promise<void>;
}

async function given(): Promise<Found | undefined> {
  const url = process.env.MONGODB_URL;
  if (!url) return undefined;
  return { what: 'the server in MONGODB_URL', url, double: undefined, stop: async () => undefined };
}

function programOnPath(): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      const path = join(folder, 'mongod');
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}

async function ofProgram(): Promise<Found | undefined> {
  const program = process.env.MONGOD_BIN || programOnPath();
  if (program === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'mongod-'));
  const reserved = await ReservedPort.take();
  const port = reserved.number;
  const child = spawn(
    program,
    ['--dbpath', folder, '--port', String(port), '--bind_ip', '127.0.0.1', '--replSet', 'test', '--quiet'],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const direct = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, {
    serverSelectionTimeoutMS: 60_000,
  });
  await direct.db('admin').command({
    replSetInitiate: { _id: 'test', members: [{ _id: 0, host: `127.0.0.1:${port}` }] },
  });
  const { version } = await direct.db('admin').command({ buildInfo: 1 });
  await direct.close();
  return {
    what: `mongod ${String(version)} from ${process.env.MONGOD_BIN ? 'MONGOD_BIN' : 'the PATH'}, a replica set of one node`,
    url: `mongodb://127.0.0.1:${port}/?replicaSet=test`,
    double: undefined,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      reserved[Symbol.dispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Not one of our dependencies: it fetches a server from the network when it is asked for one. */
async function ofPackage(): Promise<Found | undefined> {
  const name = 'mongodb-memory-server';
  try {
    const { MongoMemoryReplSet } = (await import(name)) as {
      MongoMemoryReplSet: {
        create(options: object): Promise<{ getUri(): string; stop(): Promise<unknown> }>;
      };
    };
    const set = await MongoMemoryReplSet.create({ replSet: { count: 1, storageEngine: 'wiredTiger' } });
    return {
      what: 'mongodb-memory-server, a replica set of one node',
      url: set.getUri(),
      double: undefined,
      stop: async () => void (await set.stop()),
    };
  } catch {
    return undefined;
  }
}

async function double(): Promise<Found> {
  const started = await startMongoDouble();
  return {
    what: 'the wire double of the testkit, because there is no real one here',
    url: started.url,
    double: started,
    stop: () => started.stop(),
  };
}

async function dumpOf(url: string, database: string): Promise<Buffer> {
  const client = new MongoClient(url, { promoteBuffers: true });
  try {
    const parts: Buffer[] = [];
    for (const { name } of await client.db(database).listCollections({}, { nameOnly: true }).toArray()) {
      for (const document of await client.db(database).collection(name).find({}).toArray())
        parts.push(...bytesOf(document));
    }
    return Buffer.concat(parts);
  } finally {
    await client.close();
  }
}

/** Binary as it is, text as it is and, where it is hex, what it stands for. */
function bytesOf(value: unknown): Buffer[] {
  if (value instanceof Uint8Array) return [Buffer.from(value)];
  if (typeof value === 'string') return [Buffer.from(value), Buffer.from(value.replace(/^.*\//, ''), 'hex')];
  if (Array.isArray(value)) return value.flatMap(bytesOf);
  if (value !== null && typeof value === 'object')
    return Object.entries(value).flatMap(([name, inner]) => [Buffer.from(name), ...bytesOf(inner)]);
  return [Buffer.from(String(value))];
}

async function dropAll(url: string, databases: ReadonlySet<string>): Promise<void> {
  const client = new MongoClient(url);
  try {
    for (const name of databases) await client.db(name).dropDatabase();
  } finally {
    await client.close();
  }
}

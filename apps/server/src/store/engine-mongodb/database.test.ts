import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeId } from '@kuvert/protocol';
import { type Db, MongoClient } from 'mongodb';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startTestMongo } from '../conformance/mongo-server.ts';
import type { CollectionLayout, Engine, EngineOp } from '../engine.ts';
import { checkMongo, isEmptyMongo, openMongoEngine } from './engine.ts';
import { clientOptions, databaseName } from './settings.ts';

const mongo = await startTestMongo();
const DATABASE = `kuvert_layout_${process.pid}`;
const settings = mongo.settings(DATABASE);
const client = new MongoClient(mongo.url);
const db: Db = client.db(DATABASE);
const folder = mkdtempSync(join(tmpdir(), 'mongo-'));
afterAll(async () => {
  await db.dropDatabase().catch(() => undefined);
  await client.close();
  await mongo.stop();
  rmSync(folder, { recursive: true, force: true });
});

const layouts: readonly CollectionLayout[] = [
  { name: 'wide', indexes: [], expires: true, keyBytes: 4, spaces: 'all' },
  {
    name: 'named',
    indexes: [
      { name: 'one', unique: true },
      { name: 'many', unique: false },
    ],
    expires: false,
    spaces: 'all',
  },
];
const tenant = makeId('tenant', new Uint8Array(16).fill(9));
const key = new Uint8Array(32).fill(1);
let engines: Engine[] = [];
const open = async (spaceKey = key): Promise<Engine> => {
  const engine = await openMongoEngine(settings, {
    layouts,
    spaceKeys: async () => ({ key: spaceKey, create: true }),
  });
  engines.push(engine);
  return engine;
};
afterEach(async () => {
  for (const engine of engines) await engine.close();
  engines = [];
});
beforeAll(async () => {
  const engine = await open();
  await engine.commit(tenant, [put(1)]);
});

function put(n: number, expiresAt?: number): EngineOp {
  const bytes = new Uint8Array([0, 0, 0, n]);
  return { kind: 'put', collection: 0, key: bytes, expect: 'any', doc: bytes, entries: [], expiresAt };
}

test('H1 collections, indexes and validators are those of the declarations, and the tenant leads every index', async () => {
  expect(await checkMongo(settings, layouts)).toEqual([]);
  for (const { name } of layouts) {
    for (const index of await db.collection(name).listIndexes().toArray()) {
      expect(Object.keys(index.key as object)[0]).toBe(index.name === '_id_' ? '_id' : 't');
    }
  }
  await expect(db.collection<{ _id: string }>('named').insertOne({ _id: 'by hand' })).rejects.toMatchObject({
    code: 121,
  });
});

test('H1 differences are told one by one, and what is missing is made at the next start', async () => {
  await db.collection('named').dropIndex('many');
  await db.collection('named').createIndex({ extra: 1 }, { name: 'extra' });
  await db.collection('wide').dropIndex('expiry');
  await db.collection('wide').createIndex({ e: 1 }, { name: 'expiry' });
  await db.createCollection('someone-elses');
  const differences = await checkMongo(settings, layouts);
  expect(
    differences.map(({ collection, what, name, how }) => `${collection} ${what} ${name} ${how}`).sort(),
  ).toEqual([
    'named index extra extra',
    'named index many missing',
    'someone-elses collection someone-elses extra',
    'wide index expiry different',
  ]);
  await db.collection('wide').dropIndex('expiry');
  await db.collection('named').dropIndex('extra');
  await db.collection('someone-elses').drop();
  await open();
  expect(await checkMongo(settings, layouts)).toEqual([]);
});

test('B5 other keys are told as such, and a newer format is refused', async () => {
  const other = await open(new Uint8Array(32).fill(2));
  await expect(other.get(tenant, 0, new Uint8Array(4))).rejects.toMatchObject({ code: 'keys_wrong' });
  const spaces = db.collection<{ _id: string; format: number }>('kuvert-spaces');
  await spaces.updateOne({ _id: tenant }, { $set: { format: 2 } });
  const engine = await open();
  await expect(engine.get(tenant, 0, new Uint8Array(4))).rejects.toMatchObject({ code: 'data_too_new' });
  await spaces.updateOne({ _id: tenant }, { $set: { format: 1 } });
});

test('B5 a row that somebody changed, moved or gave another time in the database does not open', async () => {
  const engine = await open();
  await engine.commit(tenant, [put(10), put(11), put(12, 5_000)]);
  const table = db.collection('wide');
  const idOf = (n: number) => ({
    _id: Buffer.concat([new Uint8Array([...idBytes(tenant), 0, 0, 0, n])]) as never,
  });
  const [one, two] = [await table.findOne(idOf(10)), await table.findOne(idOf(11))];
  await table.updateOne(idOf(10), { $set: { d: two?.d } });
  const read = (n: number) => engine.get(tenant, 0, new Uint8Array([0, 0, 0, n]));
  await expect(read(10)).rejects.toMatchObject({ code: 'data_damaged' });
  await table.updateOne(idOf(10), { $set: { d: one?.d } });
  expect(await read(10)).toBeDefined();
  await table.updateOne(idOf(12), { $set: { e: 9_000_000_000_000 } });
  await expect(read(12)).rejects.toMatchObject({ code: 'data_damaged' });
});

function idBytes(id: string): Uint8Array {
  // The tenant's 17 bytes are the first ones of any of its rows.
  return id === tenant ? new Uint8Array([tenantType, ...new Uint8Array(16).fill(9)]) : new Uint8Array(17);
}
let tenantType = 0;
beforeAll(async () => {
  const row = await db.collection('wide').findOne({ t: tenant } as never, { promoteBuffers: true });
  tenantType = (row?._id as unknown as Uint8Array | undefined)?.[0] ?? 0;
});

test('H2 servers and maintenance never meet on one database', async () => {
  const maintenance = () =>
    openMongoEngine(settings, { layouts, spaceKeys: async () => undefined, kind: 'maintenance' });
  const server = await open();
  await expect(maintenance()).rejects.toMatchObject({ code: 'store_in_use' });
  await server.close();
  const work = await maintenance();
  await expect(open()).rejects.toMatchObject({ code: 'store_in_use' });
  await expect(maintenance()).rejects.toMatchObject({ code: 'store_in_use' });
  await work.close();
  await open();
  expect(await isEmptyMongo(settings)).toBe(true);
});

test('P7 a full queue refuses at once, and what it had accepted is committed', async () => {
  const engine = await openMongoEngine(settings, {
    layouts,
    spaceKeys: async () => ({ key, create: true }),
    queueMax: 50,
  });
  engines.push(engine);
  await engine.get(tenant, 0, new Uint8Array(4));
  const results = await Promise.allSettled(
    Array.from({ length: 200 }, (_, n) => engine.commit(tenant, [put(n)])),
  );
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused).toHaveLength(150);
  for (const result of refused)
    expect((result as PromiseRejectedResult).reason).toMatchObject({ code: 'overloaded' });
  expect(engine.load).toEqual({ requests: 0, bytes: 0 });
});

test('H1 a range over texts, which the database only has as hashes, comes in order all the same', async () => {
  const engine = await open();
  const { encodeTuple } = await import('../tuple-codec.ts');
  const names = ['b', 'a', 'ab', 'a\0', '', 'ä', 'z'];
  await engine.commit(
    tenant,
    names.map((name, n) => ({
      kind: 'put',
      collection: 1,
      key: encodeTuple([n]),
      expect: 'absent',
      doc: new Uint8Array([n]),
      entries: [encodeTuple([`u${name}`]), encodeTuple(['team', name])],
      expiresAt: undefined,
    })),
  );
  const range = async (from: Uint8Array, before: Uint8Array | undefined, others: object = {}) => {
    const query = { collection: 1, index: 1, from, before, after: undefined, descending: false, limit: 100 };
    return (await engine.range(tenant, { ...query, ...others })).map((row) => names[row.doc[0] ?? 0]);
  };
  const sorted = [...names].sort((a, b) => Buffer.compare(encodeTuple([a]), encodeTuple([b])));
  expect(await range(encodeTuple(['team']), undefined)).toEqual(sorted);
  expect(await range(encodeTuple(['team', 'a']), encodeTuple(['team', 'b']))).toEqual(['a', 'a\0', 'ab']);
  expect(await range(encodeTuple(['team']), undefined, { descending: true, limit: 2 })).toEqual(
    sorted.slice(-2).reverse(),
  );
  const after = { entry: encodeTuple(['team', 'a']), key: encodeTuple([1]) };
  expect(await range(encodeTuple(['team']), undefined, { after, limit: 2 })).toEqual(['a\0', 'ab']);
});

test('H2 what connects us is said by settings and files, never weaker than majority and journal', () => {
  writeFileSync(join(folder, 'password'), 'hunter2\n');
  const options = clientOptions({
    url: 'mongodb://k%40vert@db.test/chat?tls=true',
    passwordFile: join(folder, 'password'),
    caFile: join(folder, 'password'),
    certFile: join(folder, 'password'),
    keyFile: join(folder, 'password'),
  });
  expect(options).toMatchObject({
    auth: { username: 'k@vert', password: 'hunter2' },
    tls: true,
    tlsCAFile: join(folder, 'password'),
    writeConcern: { w: 'majority', journal: true },
    readConcern: { level: 'majority' },
    compressors: ['none'],
  });
  expect(databaseName('mongodb://db.test/chat?tls=true')).toBe('chat');
  expect(databaseName('mongodb://db.test/?tls=true')).toBe('kuvert');
  expect(databaseName('mongodb://db.test')).toBe('kuvert');
  expect(() => clientOptions({ ...settings, passwordFile: join(folder, 'none') })).toThrow(
    expect.objectContaining({ code: 'config_invalid' }),
  );
});

test.skipIf(mongo.double !== undefined)(
  'H2 the role of docs/operating-mongodb.md is enough, and may do no more',
  async () => {
    const name = `kuvert_role_${process.pid}`;
    const admin = client.db('admin');
    await admin.command({
      createRole: name,
      privileges: [
        {
          resource: { db: DATABASE, collection: '' },
          actions: [
            'find',
            'insert',
            'update',
            'remove',
            'createCollection',
            'createIndex',
            'listCollections',
            'listIndexes',
          ],
        },
        { resource: { cluster: true }, actions: ['serverStatus', 'replSetGetConfig'] },
      ],
      roles: [],
    });
    await admin.command({ createUser: name, pwd: 'hunter2', roles: [name] });
    try {
      writeFileSync(join(folder, 'role'), 'hunter2');
      const url = `${settings.url.replace('://', `://${name}@`)}&authSource=admin`;
      const engine = await openMongoEngine(
        { ...settings, url, passwordFile: join(folder, 'role') },
        { layouts, spaceKeys: async () => ({ key, create: true }) },
      );
      engines.push(engine);
      expect(await engine.commit(tenant, [put(77)])).toEqual({ committed: true });
      writeFileSync(join(folder, 'role'), 'wrong');
      const wrong = openMongoEngine(
        { ...settings, url, passwordFile: join(folder, 'role') },
        { layouts, spaceKeys: async () => undefined },
      );
      await expect(wrong).rejects.toMatchObject({ code: 'store_denied' });
    } finally {
      await admin.command({ dropUser: name });
      await admin.command({ dropRole: name });
    }
  },
);

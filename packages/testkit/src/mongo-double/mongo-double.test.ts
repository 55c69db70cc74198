import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Binary, BSON, type Document, Long, MongoClient, MongoServerError } from 'mongodb';
import { expect, test } from 'vitest';
import { TemporaryFolder } from '../temporary-folder.ts';
import { type MongoDouble, type MongoDoubleOptions, startMongoDouble } from './index.ts';

async function connected<T>(
  work: (client: MongoClient, double: MongoDouble) => Promise<T>,
  options: MongoDoubleOptions = {},
): Promise<T> {
  await using double = await startMongoDouble(options);
  const client = new MongoClient(double.url, {
    writeConcern: { w: 'majority', journal: true },
    serverSelectionTimeoutMS: 10_000,
  });
  try {
    return await work(client, double);
  } finally {
    await client.close();
  }
}

/** The answer to a command on a connection of its own, without a driver that would choose session and number itself. */
async function asked({ hosts }: MongoDouble, command: Document): Promise<Document> {
  const [host, port] = (hosts[0] ?? '').split(':');
  const socket = connect(Number(port), host);
  const body = BSON.serialize(command);
  const head = Buffer.alloc(21);
  head.writeInt32LE(21 + body.length, 0);
  head.writeInt32LE(2013, 12);
  socket.write(Buffer.concat([head, body]));
  const [reply] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return BSON.deserialize(reply.subarray(21));
}

/** The code that an operation is refused with. */
async function codeOf(work: Promise<unknown>): Promise<number | string | undefined> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error === undefined) return undefined;
  if (!(error instanceof MongoServerError)) throw error;
  return error.code;
}

test('B5 the driver takes the double for a replica set and writes, reads, changes and removes documents', () =>
  connected(async (client) => {
    const notes = client.db('test').collection('notes');
    await notes.insertMany([
      { _id: 1, n: 3 },
      { _id: 2, n: 1 },
      { _id: 3, n: 2, tags: ['a', 'b'] },
    ] as never[]);
    expect(
      await notes
        .find({ n: { $gte: 2 } })
        .sort({ n: -1 })
        .toArray(),
    ).toEqual([
      { _id: 1, n: 3 },
      { _id: 3, n: 2, tags: ['a', 'b'] },
    ]);
    expect(
      await notes.updateOne({ tags: 'b' }, { $inc: { n: 5 }, $push: { tags: 'c' } } as never),
    ).toMatchObject({ modifiedCount: 1 });
    expect(await notes.findOne({ n: 7 }, { projection: { tags: 1, _id: 0 } })).toEqual({
      tags: ['a', 'b', 'c'],
    });
    expect(await notes.deleteMany({ n: { $lt: 4 } })).toMatchObject({ deletedCount: 2 });
    expect(await notes.countDocuments()).toBe(1);
  }));

test('B5 a page of rows comes in the order of bytes, by range, also through more than one batch', () =>
  connected(async (client) => {
    const rows = client.db('test').collection<{ _id: { t: Binary; k: Binary } }>('rows');
    const key = (n: number) => new Binary(Buffer.from([n >> 8, n & 255]));
    const tenant = new Binary(Buffer.alloc(16, 7));
    await rows.insertMany(
      Array.from({ length: 300 }, (_, n) => ({ _id: { t: tenant, k: key((n * 7) % 300) } })),
    );
    const found = await rows
      .find({ _id: { $gte: { t: tenant, k: key(10) }, $lt: { t: tenant, k: key(290) } } })
      .sort({ _id: 1 })
      .toArray();
    expect(found.map((row) => Buffer.from(row._id.k.buffer).readUInt16BE())).toEqual(
      Array.from({ length: 280 }, (_, n) => n + 10),
    );
  }));

test('B5 a unique index refuses the second key, a partial one only where it applies', () =>
  connected(async (client) => {
    const mails = client.db('test').collection('mails');
    await mails.createIndex(
      { tenant: 1, mail: 1 },
      { unique: true, partialFilterExpression: { mail: { $exists: true } } },
    );
    await mails.insertMany([
      { tenant: 1, mail: 'a' },
      { tenant: 2, mail: 'a' },
      { tenant: 1 },
      { tenant: 1 },
    ]);
    const error = await mails.insertOne({ tenant: 1, mail: 'a' }).catch((reason: MongoServerError) => reason);
    expect(error).toMatchObject({
      code: 11000,
      keyPattern: { tenant: 1, mail: 1 },
      keyValue: { tenant: 1, mail: 'a' },
    });
  }));

test('B5 of two transactions that change one document the second one is told to start again', () =>
  connected(async (client) => {
    const counters = client.db('test').collection<{ _id: string; n: number }>('counters');
    await counters.insertOne({ _id: 'a', n: 0 });
    await using first = client.startSession();
    await using second = client.startSession();
    first.startTransaction();
    second.startTransaction();
    expect(await counters.findOne({ _id: 'a' }, { session: second })).toEqual({ _id: 'a', n: 0 });
    await counters.updateOne({ _id: 'a' }, { $inc: { n: 1 } }, { session: first });
    expect(await counters.findOne({ _id: 'a' })).toEqual({ _id: 'a', n: 0 });
    const conflict = await counters
      .updateOne({ _id: 'a' }, { $inc: { n: 1 } }, { session: second })
      .catch((reason: MongoServerError) => reason);
    expect(conflict).toMatchObject({ code: 112, errorLabels: ['TransientTransactionError'] });
    await first.commitTransaction();
    await second.abortTransaction();
    expect(await counters.findOne({ _id: 'a' })).toEqual({ _id: 'a', n: 1 });
  }));

test('B5 a transaction reads its snapshot, and writing what changed since is a conflict', () =>
  connected(async (client) => {
    const counters = client.db('test').collection<{ _id: string; n: number }>('counters');
    await counters.insertOne({ _id: 'a', n: 0 });
    await using session = client.startSession();
    session.startTransaction();
    await counters.findOne({ _id: 'a' }, { session });
    await counters.updateOne({ _id: 'a' }, { $set: { n: 5 } });
    await counters.insertOne({ _id: 'b', n: 1 });
    expect(await counters.find({}, { session }).toArray()).toEqual([{ _id: 'a', n: 0 }]);
    expect(await codeOf(counters.insertOne({ _id: 'b', n: 2 }, { session }))).toBe(112);
    await session.abortTransaction();
  }));

test('B5 thirty transactions on one counter at once lose no step', () =>
  connected(async (client) => {
    const counters = client.db('test').collection<{ _id: string; n: number }>('counters');
    await counters.insertOne({ _id: 'a', n: 0 });
    await Promise.all(
      Array.from({ length: 30 }, () =>
        client.withSession((session) =>
          session.withTransaction(async () => {
            const { n } = (await counters.findOne({ _id: 'a' }, { session })) ?? { n: Number.NaN };
            await counters.updateOne({ _id: 'a' }, { $set: { n: n + 1 } }, { session });
          }),
        ),
      ),
    );
    expect(await counters.findOne({ _id: 'a' })).toEqual({ _id: 'a', n: 30 });
  }));

test.each(['cut-before', 'cut-after', 'step-down', 'step-down-after'] as const)(
  'B5 a retryable write is done once when it meets %s',
  (kind) =>
    connected(async (client, { faults }) => {
      const counters = client.db('test').collection<{ _id: string; n: number }>('counters');
      await counters.insertOne({ _id: 'a', n: 0 });
      faults.order({ kind, commands: ['update'], ms: 50 });
      await counters.updateOne({ _id: 'a' }, { $inc: { n: 1 } });
      faults.order({ kind, commands: ['findAndModify'], ms: 50 });
      expect(await counters.findOneAndUpdate({ _id: 'a' }, { $inc: { n: 1 } })).toEqual({ _id: 'a', n: 1 });
      expect(await counters.findOne({ _id: 'a' })).toEqual({ _id: 'a', n: 2 });
      expect(faults.happened[kind]).toBe(2);
    }),
);

test('B5 what was acknowledged is there after the double was killed and started again, and so is the first answer of a retry', async () => {
  using folder = new TemporaryFolder();
  const dataFile = join(folder.path, 'double.log');
  const retried = {
    update: 'notes',
    updates: [{ q: { a: 2 }, u: { $inc: { n: 1 } } }],
    lsid: { id: new Binary(Buffer.alloc(16, 1), 4) },
    txnNumber: Long.fromNumber(1),
    $db: 'test',
  };
  await connected(
    async (client, double) => {
      const notes = client.db('test').collection('notes');
      await notes.createIndex({ a: 1 }, { unique: true });
      await notes.insertOne({ a: 1, big: Long.fromString('9007199254740993') });
      await client.withSession((session) =>
        session.withTransaction(() => notes.insertOne({ a: 2 }, { session })),
      );
      expect(await asked(double, retried)).toMatchObject({ n: 1, nModified: 1 });
      await double.kill();
    },
    { dataFile },
  );
  await connected(
    async (client, double) => {
      const notes = client.db('test').collection('notes');
      expect(await asked(double, retried)).toMatchObject({ n: 1, nModified: 1, retriedStmtIds: [0] });
      expect(await notes.find({}, { projection: { _id: 0 }, promoteLongs: false }).toArray()).toEqual([
        { a: 1, big: Long.fromString('9007199254740993') },
        { a: 2, n: 1 },
      ]);
      expect(await codeOf(notes.insertOne({ a: 1 }))).toBe(11000);
    },
    { dataFile },
  );
});

test('B5 another member takes over when the primary steps down, and the old one refuses writes', () =>
  connected(
    async (client, double) => {
      const notes = client.db('test').collection('notes');
      await notes.insertOne({ a: 1 });
      const before = await client.db('admin').command({ hello: 1 });
      double.stepDown(50);
      await notes.insertOne({ a: 2 });
      const after = await client.db('admin').command({ hello: 1 });
      expect(after.primary).not.toBe(before.primary);
      const direct = new MongoClient(`mongodb://${before.primary}/?directConnection=true&retryWrites=false`);
      expect(await codeOf(direct.db('test').collection('notes').insertOne({ a: 3 }))).toBe(10107);
      await direct.close();
    },
    { nodes: 3 },
  ));

test('B5 a validator refuses what its schema does not allow', () =>
  connected(async (client) => {
    const db = client.db('test');
    await db.createCollection('rows', {
      validator: { $jsonSchema: { required: ['t'], properties: { t: { bsonType: 'binData' } } } },
    });
    await db.collection('rows').insertOne({ t: new Binary(Buffer.alloc(1)) });
    expect(await codeOf(db.collection('rows').insertOne({ t: 'text' }))).toBe(121);
    expect(await db.listCollections({ name: 'rows' }).toArray()).toMatchObject([
      { options: { validator: { $jsonSchema: { required: ['t'] } } } },
    ]);
  }));

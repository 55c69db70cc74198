/** The operations of the tests, as calls of the driver. */
import type { Document } from 'bson';
import { type ClientSession, type Collection, type Db, type MongoClient, ReadPreference } from 'mongodb';
import { type Entities, transactionOptions } from './entities.ts';
import type { SpecOperation } from './spec-file.ts';

/** Runs the operations of a callback of `withTransaction`. */
export type RunAll = (operations: readonly SpecOperation[]) => Promise<void>;

/** Runs one. @throws what the driver throws; NotInTheRunner for an operation that this runner does not know */
export async function runOperation(
  entities: Entities,
  operation: SpecOperation,
  runAll: RunAll,
): Promise<unknown> {
  const args: Document = { ...operation.arguments };
  if (typeof args.session === 'string') args.session = entities.session(args.session);
  if (args.readPreference !== undefined)
    args.readPreference = ReadPreference.fromOptions({ readPreference: args.readPreference });
  if (operation.object === 'testRunner') {
    const check = RUNNER[operation.name];
    if (check === undefined) throw new NotInTheRunner(operation.name);
    return check(entities, args);
  }
  if (operation.name === 'withTransaction') {
    const session = entities.session(operation.object);
    const { callback, ...options } = args;
    return session.withTransaction(() => runAll(callback), transactionOptions(options)).then(() => undefined);
  }
  const call = OPERATIONS[operation.name];
  if (call === undefined) throw new NotInTheRunner(operation.name);
  return call(entities.get(operation.object) as never, args);
}

/** The test asks for something that the runner has not learned, which is a reason to leave it out. */
export class NotInTheRunner extends Error {
  constructor(operation: string) {
    super(`the runner does not know the operation ${operation}`);
  }
}

type Call = (object: never, args: Document) => unknown;

const OPERATIONS: Readonly<Record<string, Call | undefined>> = {
  find: (collection: Collection, { filter, ...options }) => collection.find(filter, options).toArray(),
  findOne: (collection: Collection, { filter, ...options }) => collection.findOne(filter, options),
  aggregate: (object: Collection | Db, { pipeline, ...options }) =>
    object.aggregate(pipeline, options).toArray(),
  countDocuments: (collection: Collection, { filter, ...options }) =>
    collection.countDocuments(filter, options),
  estimatedDocumentCount: (collection: Collection, options) => collection.estimatedDocumentCount(options),
  count: (collection: Collection, { filter, ...options }) =>
    (collection as unknown as { count(filter: Document, options: Document): Promise<number> }).count(
      filter,
      options,
    ),
  distinct: (collection: Collection, { fieldName, filter, ...options }) =>
    collection.distinct(fieldName, filter ?? {}, options),
  insertOne: (collection: Collection, { document, ...options }) => collection.insertOne(document, options),
  insertMany: (collection: Collection, { documents, ...options }) =>
    collection.insertMany(documents, options),
  updateOne: (collection: Collection, { filter, update, ...options }) =>
    collection.updateOne(filter, update, options),
  updateMany: (collection: Collection, { filter, update, ...options }) =>
    collection.updateMany(filter, update, options),
  replaceOne: (collection: Collection, { filter, replacement, ...options }) =>
    collection.replaceOne(filter, replacement, options),
  deleteOne: (collection: Collection, { filter, ...options }) => collection.deleteOne(filter, options),
  deleteMany: (collection: Collection, { filter, ...options }) => collection.deleteMany(filter, options),
  findOneAndUpdate: (collection: Collection, { filter, update, ...options }) =>
    collection.findOneAndUpdate(filter, update, afterOf(options)),
  findOneAndReplace: (collection: Collection, { filter, replacement, ...options }) =>
    collection.findOneAndReplace(filter, replacement, afterOf(options)),
  findOneAndDelete: (collection: Collection, { filter, ...options }) =>
    collection.findOneAndDelete(filter, options),
  bulkWrite: (collection: Collection, { requests, ...options }) => collection.bulkWrite(requests, options),
  clientBulkWrite: async (client: MongoClient, { models, ...options }) => {
    const named = (models as Document[]).map((model) => {
      const [[name, about] = ['', {}]] = Object.entries(model) as [string, Document][];
      return { name, ...about };
    });
    return plainResults(
      await client.bulkWrite(named as unknown as Parameters<MongoClient['bulkWrite']>[0], options),
    );
  },
  createCollection: async (db: Db, { collection, ...options }) => {
    await db.createCollection(collection, options);
  },
  dropCollection: (db: Db, { collection, ...options }) => db.dropCollection(collection, options),
  modifyCollection: (db: Db, { collection, ...options }) => db.command({ collMod: collection, ...options }),
  createIndex: (collection: Collection, { keys, ...options }) => collection.createIndex(keys, options),
  listIndexes: (collection: Collection, options) => collection.listIndexes(options).toArray(),
  listCollections: (db: Db, { filter, ...options }) => db.listCollections(filter, options).toArray(),
  listDatabases: async (client: MongoClient, options) =>
    (await client.db('admin').admin().listDatabases(options)).databases,
  runCommand: (db: Db, { command, commandName: _, ...options }) => db.command(command, options),
  startTransaction: (session: ClientSession, options) =>
    session.startTransaction(transactionOptions(options)),
  commitTransaction: (session: ClientSession, options) =>
    session.commitTransaction(options).then(() => undefined),
  abortTransaction: (session: ClientSession, options) =>
    session.abortTransaction(options).then(() => undefined),
  endSession: (session: ClientSession) => session.endSession(),
  getSnapshotTime: (session: Document) => session.snapshotTime,
};

/** The driver says `returnDocument` in small letters. */
function afterOf(options: Document): Document {
  const { returnDocument, ...others } = options;
  return returnDocument === undefined
    ? others
    : { ...others, returnDocument: String(returnDocument).toLowerCase() };
}

/** The results of a client's bulkWrite with objects in the place of maps. */
export function plainResults(result: Document): Document {
  const plain: Document = {};
  for (const name of [
    'acknowledged',
    'insertedCount',
    'upsertedCount',
    'matchedCount',
    'modifiedCount',
    'deletedCount',
  ]) {
    if (result[name] !== undefined) plain[name] = result[name];
  }
  for (const name of ['insertResults', 'updateResults', 'deleteResults']) {
    if (result[name] instanceof Map) plain[name] = Object.fromEntries([...result[name]].map(withoutExtra));
  }
  return plain;
}

/** `didUpsert` is the driver's own. */
function withoutExtra([index, { didUpsert: _, ...one }]: [number, Document]): [number, Document] {
  return [index, one];
}

type Check = (entities: Entities, args: Document) => unknown;

/** What the driver keeps to itself and the tests ask for. */
interface Insides {
  readonly serverSession: { readonly isDirty: boolean };
  readonly transaction: { readonly state: string };
  readonly isPinned: boolean;
}

function insides(args: Document): Insides {
  return args.session as Insides;
}

function claim(holds: boolean, what: string): void {
  if (!holds) throw new Error(`the test claims that ${what}`);
}

const STATES: Readonly<Record<string, string>> = {
  none: 'NO_TRANSACTION',
  starting: 'STARTING_TRANSACTION',
  in_progress: 'TRANSACTION_IN_PROGRESS',
  committed: 'TRANSACTION_COMMITTED',
  aborted: 'TRANSACTION_ABORTED',
};

const RUNNER: Readonly<Record<string, Check | undefined>> = {
  failPoint: (entities, { client, failPoint }) => entities.client(client).db('admin').command(failPoint),
  createEntities: (entities, args) => entities.create(args.entities),
  assertSessionDirty: (_, args) => claim(insides(args).serverSession.isDirty, 'the session is dirty'),
  assertSessionNotDirty: (_, args) => claim(!insides(args).serverSession.isDirty, 'the session is not dirty'),
  assertSessionPinned: (_, args) => claim(insides(args).isPinned, 'the session is pinned'),
  assertSessionUnpinned: (_, args) => claim(!insides(args).isPinned, 'the session is not pinned'),
  assertSessionTransactionState: (_, args) =>
    claim(insides(args).transaction.state === STATES[args.state], `the transaction is ${args.state}`),
  assertSameLsidOnLastTwoCommands: (entities, { client }) => {
    const [a, b] = lastTwo(entities, client);
    claim(a === b, 'the last two commands had one session');
  },
  assertDifferentLsidOnLastTwoCommands: (entities, { client }) => {
    const [a, b] = lastTwo(entities, client);
    claim(a !== b, 'the last two commands had different sessions');
  },
  assertCollectionExists: async (entities, args) =>
    claim(await collectionExists(entities, args), 'the collection exists'),
  assertCollectionNotExists: async (entities, args) =>
    claim(!(await collectionExists(entities, args)), 'the collection does not exist'),
  assertIndexExists: async (entities, args) => claim(await indexExists(entities, args), 'the index exists'),
  assertIndexNotExists: async (entities, args) =>
    claim(!(await indexExists(entities, args)), 'the index does not exist'),
};

function lastTwo(entities: Entities, client: string): string[] {
  return entities
    .seen(client)
    .flatMap((one) => (one.kind === 'commandStartedEvent' ? [JSON.stringify(one.event.command.lsid)] : []))
    .slice(-2);
}

async function collectionExists(
  entities: Entities,
  { databaseName, collectionName }: Document,
): Promise<boolean> {
  const db = entities.helper.db(databaseName);
  return (await db.listCollections({ name: collectionName }).toArray()).length > 0;
}

async function indexExists(
  entities: Entities,
  { databaseName, collectionName, indexName }: Document,
): Promise<boolean> {
  const collection = entities.helper.db(databaseName).collection(collectionName);
  const indexes = await collection
    .listIndexes()
    .toArray()
    .catch(() => []);
  return indexes.some(({ name }) => name === indexName);
}

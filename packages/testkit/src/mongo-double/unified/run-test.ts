/** Runs one test of a file against a server. */
import type { Document } from 'bson';
import { MongoBulkWriteError, MongoClient, MongoClientBulkWriteError, MongoServerError } from 'mongodb';
import { Entities, type Seen } from './entities.ts';
import { expectMatch, type Known } from './matching.ts';
import { NotInTheRunner, plainResults, type RunAll, runOperation } from './operations.ts';
import type { ExpectedEvents, InitialData, SpecFile, SpecOperation, SpecTest } from './spec-file.ts';

/** @throws Error that says what was not as the test expects; NotInTheRunner */
export async function runTest(url: string, file: SpecFile, test: SpecTest): Promise<void> {
  const helper = new MongoClient(url, { writeConcern: { w: 'majority' } });
  try {
    await helper.db('admin').command({ killAllSessions: [] });
    await prepare(helper, file.initialData ?? []);
    await using entities = new Entities(url, helper);
    await entities.create(file.createEntities ?? []);
    const known: Known = { lsid: (name) => entities.lsid(name), entity: (name) => entities.get(name) };
    const inCallback = async (operations: readonly SpecOperation[]): Promise<void> => {
      for (const operation of operations) {
        const error = await runOne(entities, operation, known, inCallback);
        // The callback of withTransaction has to fail as the driver's call did, also when the test expects that.
        if (error !== undefined) throw error;
      }
    };
    for (const operation of test.operations) await runOne(entities, operation, known, inCallback);
    for (const expected of test.expectEvents ?? [])
      expectEvents(expected, entities.seen(expected.client), known);
    for (const outcome of test.outcome ?? []) await expectOutcome(helper, outcome, known);
  } finally {
    for (const name of ['failCommand', 'onPrimaryTransactionalWrite']) {
      await helper.db('admin').command({ configureFailPoint: name, mode: 'off' });
    }
    await helper.close();
  }
}

async function prepare(client: MongoClient, data: readonly InitialData[]): Promise<void> {
  for (const { databaseName, collectionName, documents, createOptions } of data) {
    const db = client.db(databaseName);
    await db.dropCollection(collectionName);
    if (documents.length === 0 || createOptions !== undefined)
      await db.createCollection(collectionName, createOptions ?? {});
    if (documents.length > 0) await db.collection(collectionName).insertMany(documents);
  }
}

/** Runs an operation; returns the error that was expected of it. */
async function runOne(
  entities: Entities,
  operation: SpecOperation,
  known: Known,
  inCallback: RunAll,
): Promise<unknown> {
  const { expectError, expectResult, saveResultAsEntity, ignoreResultAndError } = operation;
  let result: unknown;
  try {
    result = await runOperation(entities, operation, inCallback);
  } catch (error) {
    if (error instanceof NotInTheRunner) throw error;
    if (ignoreResultAndError === true) return error;
    // Inside of withTransaction the driver has to see its own error, by which it decides whether to try again.
    if (expectError === undefined)
      throw operation.name === 'withTransaction' ? inside(operation, error) : error;
    try {
      expectFailure(expectError, error as Error, known);
    } catch (difference) {
      throw inside(operation, difference);
    }
    return error;
  }
  if (ignoreResultAndError === true) return undefined;
  if (expectError !== undefined) throw inside(operation, new Error('an error was expected'));
  if (saveResultAsEntity !== undefined) entities.set(saveResultAsEntity, result);
  if (expectResult === undefined) return undefined;
  try {
    expectMatch(expectResult, result ?? undefined, known);
  } catch (difference) {
    if (expectResult === null && result === null) return undefined;
    throw inside(operation, difference);
  }
  return undefined;
}

function inside({ name }: SpecOperation, error: unknown): Error {
  const { message, name: kind } = error as Error;
  return new Error(`${name}: ${kind === 'Error' ? '' : `${kind} `}${message}`, { cause: error });
}

function expectFailure(expected: Document, error: Error, known: Known): void {
  const server = error instanceof MongoServerError || 'errorResponse' in error;
  // What a client's bulkWrite failed of lies one level deeper.
  const { code, errorLabels } = (
    error instanceof MongoClientBulkWriteError ? (error.cause ?? error) : error
  ) as Document;
  const labels = new Set<string>(
    errorLabels ?? (error as unknown as { errorLabelSet?: Set<string> }).errorLabelSet ?? [],
  );
  const wrong = (what: string): Error =>
    new Error(
      `${what} was expected of ${error.name} ${code ?? ''} ${error.message} [${[...labels].join(' ')}]`,
    );
  if (expected.isClientError === true && server) throw wrong('an error of the client');
  if (expected.isClientError === false && !server) throw wrong('an error of the server');
  if (
    expected.errorContains !== undefined &&
    !error.message.toLowerCase().includes(String(expected.errorContains).toLowerCase())
  ) {
    throw wrong(`a message with "${expected.errorContains}"`);
  }
  if (expected.errorCode !== undefined && Number(code) !== expected.errorCode)
    throw wrong(`code ${expected.errorCode}`);
  if (expected.errorCodeName !== undefined && codeNameOf(error) !== expected.errorCodeName)
    throw wrong(`${expected.errorCodeName}`);
  for (const label of expected.errorLabelsContain ?? [])
    if (!labels.has(label)) throw wrong(`the label ${label}`);
  for (const label of expected.errorLabelsOmit ?? []) if (labels.has(label)) throw wrong(`no label ${label}`);
  if (expected.errorResponse !== undefined)
    expectMatch(
      expected.errorResponse,
      ((error.cause ?? error) as Document).errorResponse ?? (error as Document).errorResponse,
      known,
    );
  if (expected.expectResult !== undefined) expectPartialResult(expected.expectResult, error, known);
  expectBulkErrors(expected, error, known);
}

function codeNameOf(error: Document): string | undefined {
  return error.codeName ?? error.errorResponse?.codeName ?? error.result?.writeConcernError?.codeName;
}

function expectPartialResult(expected: Document, error: Error, known: Known): void {
  if (error instanceof MongoBulkWriteError) expectMatch(expected, error.result, known);
  else if (error instanceof MongoClientBulkWriteError) {
    expectMatch(
      expected,
      error.partialResult === undefined ? undefined : plainResults(error.partialResult as Document),
      known,
    );
  } else expectMatch(expected, undefined, known);
}

function expectBulkErrors(expected: Document, error: Error, known: Known): void {
  if (expected.writeErrors !== undefined) {
    const found = Object.fromEntries((error as MongoClientBulkWriteError).writeErrors);
    for (const [index, one] of Object.entries(expected.writeErrors)) expectMatch(one, found[index], known);
  }
  if (expected.writeConcernErrors !== undefined) {
    const found = (error as MongoClientBulkWriteError).writeConcernErrors;
    for (const [index, one] of (expected.writeConcernErrors as Document[]).entries())
      expectMatch(one, found[index], known);
  }
}

function expectEvents(expected: ExpectedEvents, seen: readonly Seen[], known: Known): void {
  if ((expected.eventType ?? 'command') !== 'command') {
    if (expected.events.length > 0) throw new NotInTheRunner(`events of kind ${expected.eventType}`);
    return;
  }
  const names = seen.map(({ kind, event }) => `${kind} ${event.commandName}`);
  if (
    seen.length < expected.events.length ||
    (seen.length > expected.events.length && expected.ignoreExtraEvents !== true)
  ) {
    throw new Error(`events: expected ${expected.events.length}, found ${names.join(', ') || 'none'}`);
  }
  for (const [at, one] of expected.events.entries()) {
    const [[kind, about] = ['', {}]] = Object.entries(one) as [string, Document][];
    const found = seen[at];
    if (found === undefined || found.kind !== kind)
      throw new Error(`event ${at}: expected ${kind}, found ${names[at]}`);
    if (about.commandName !== undefined)
      expectMatch(about.commandName, found.event.commandName, known, `event ${at}`);
    if (about.databaseName !== undefined)
      expectMatch(about.databaseName, found.event.databaseName, known, `event ${at}`);
    if (about.command !== undefined && found.kind === 'commandStartedEvent') {
      expectMatch(about.command, withoutHabit(about.command, found.event.command), known, `event ${at}`);
    }
    if (about.reply !== undefined && found.kind === 'commandSucceededEvent') {
      expectMatch(about.reply, found.event.reply, known, `event ${at}`);
    }
  }
}

/** The driver for Node gives each commit and abort with a write concern ten seconds that no test expects; no server has to do with that. */
function withoutHabit(expected: Document, command: Document): Document {
  const { writeConcern } = command;
  const ends = 'commitTransaction' in command || 'abortTransaction' in command;
  if (!ends || writeConcern?.wtimeout !== 10_000 || expected.writeConcern?.wtimeout !== undefined)
    return command;
  const { wtimeout: _, ...others } = writeConcern;
  return { ...command, writeConcern: others };
}

async function expectOutcome(client: MongoClient, outcome: InitialData, known: Known): Promise<void> {
  const { databaseName, collectionName, documents } = outcome;
  const collection = client.db(databaseName).collection(collectionName, { readConcern: { level: 'local' } });
  const found = await collection.find({}, { sort: { _id: 1 } }).toArray();
  try {
    if (found.length !== documents.length)
      throw new Error(`${documents.length} documents expected, ${JSON.stringify(found)} found`);
    for (const [at, doc] of documents.entries()) expectMatch(doc, found[at], known, `document ${at}`, false);
  } catch (difference) {
    throw new Error(`outcome: ${(difference as Error).message}`);
  }
}

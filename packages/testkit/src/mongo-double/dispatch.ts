/**
 * From a command to its answer: who may answer it, what fails on purpose, in which session and transaction it runs, what it waits for
 * before it may be acknowledged, and the labels that tell a driver whether to try again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Document } from 'bson';
import { CommandError, ConnectionCut, codeName, isRetryableCode, isTransientCode } from './command-error.ts';
import { COMMANDS } from './command-table.ts';
import type { Engine } from './engine.ts';
import type { Failure } from './fail-points.ts';
import type { Fault } from './faults.ts';
import { asNumber, truthy } from './numbers.ts';
import { Operation } from './operation.ts';
import { type Session, txnNumberOf } from './sessions.ts';

/** Who asks. */
export interface Asker {
  /** Number of the member that is asked. */
  readonly member: number;
  readonly appName: string | undefined;
}

/** The connection ends without an answer. */
export const CUT = Symbol('cut');

/** What may read a moment of the past. */
const SNAPSHOT_READS = new Set(['find', 'aggregate', 'distinct']);

/** What is acknowledged by a majority when it is asked for. */
const ACKNOWLEDGED = new Set([
  'insert',
  'update',
  'delete',
  'findAndModify',
  'bulkWrite',
  'create',
  'createIndexes',
  'drop',
]);

const ELECTION_MS = 300;
const SLOW_MS = 500;

/** Answers a command. */
export async function dispatch(
  engine: Engine,
  command: Document,
  asker: Asker,
): Promise<Document | typeof CUT> {
  const name = Object.keys(command)[0] ?? '';
  engine.counters.set(name, (engine.counters.get(name) ?? 0) + 1);
  const failure = engine.failPoints.onCommand(name, asker.appName);
  if (failure !== undefined) {
    if (failure.blockMs > 0) await pause(failure.blockMs);
    if (failure.closeConnection) return CUT;
    if (failure.code !== undefined) return labelled(command, failedBy(failure, failure.code), failure.labels);
  }
  const fault = engine.faults.meet(name);
  const early = before(engine, fault);
  if (early !== undefined) return early === CUT ? CUT : labelled(command, { ...early, ...engine.times });
  const answer = await answerTo(engine, command, name, asker);
  if (answer === CUT) return CUT;
  const reply = after(engine, fault, answer);
  if (reply === CUT) return CUT;
  await acknowledge(engine, fault, command, reply);
  if (failure?.writeConcernError !== undefined && reply.ok === 1) {
    reply.writeConcernError = failure.writeConcernError;
    if (failure.labels !== undefined) reply.errorLabels = failure.labels;
  }
  return labelled(command, { ...reply, ...engine.times }, failure?.labels);
}

function failedBy(failure: Failure, code: number): Document {
  const { writeConcernError } = failure;
  return {
    ok: 0,
    errmsg: `Failing command via 'failCommand' failpoint`,
    code,
    codeName: codeName(code),
    ...(writeConcernError === undefined ? {} : { writeConcernError }),
  };
}

function before(engine: Engine, fault: Fault | undefined): Document | typeof CUT | undefined {
  switch (fault?.kind) {
    case 'cut-before':
      engine.faults.happened['cut-before'] += 1;
      return CUT;
    case 'step-down':
      engine.faults.happened['step-down'] += 1;
      engine.stepDown(fault.ms ?? ELECTION_MS);
      return new CommandError('InterruptedDueToReplStateChange', 'operation was interrupted').toReply();
    case 'error':
      engine.faults.happened.error += 1;
      return new CommandError(fault.code ?? 1, 'an error that was ordered').toReply();
    case 'disk-full':
      engine.faults.happened['disk-full'] += 1;
      return new CommandError('OutOfDiskSpace', 'No space left on device').toReply();
    default:
      return undefined;
  }
}

function after(engine: Engine, fault: Fault | undefined, answer: Document): Document | typeof CUT {
  if (fault?.kind === 'cut-after') {
    engine.faults.happened['cut-after'] += 1;
    return CUT;
  }
  if (fault?.kind === 'step-down-after') {
    engine.faults.happened['step-down-after'] += 1;
    engine.stepDown(fault.ms ?? ELECTION_MS);
    return new CommandError('InterruptedDueToReplStateChange', 'operation was interrupted').toReply();
  }
  return answer;
}

/** Of a transaction only the commit waits for the others; reads do not. */
function waitsForMajority(command: Document): boolean {
  const name = Object.keys(command)[0] ?? '';
  return name === 'commitTransaction' || (ACKNOWLEDGED.has(name) && command.autocommit === undefined);
}

/** Waits for the majority, where it is slow, and says so when the client did not want to wait that long. */
async function acknowledge(
  engine: Engine,
  fault: Fault | undefined,
  command: Document,
  reply: Document,
): Promise<void> {
  let delayMs = waitsForMajority(command) ? engine.faults.majorityDelayMs : 0;
  if (fault?.kind === 'slow-majority') {
    engine.faults.happened['slow-majority'] += 1;
    delayMs += fault.ms ?? SLOW_MS;
  }
  const concern = command.writeConcern as Document | undefined;
  const { w } = concern ?? {};
  const wanted = asNumber(w);
  if (wanted !== undefined && wanted > engine.set.hosts.length) {
    const code = 100;
    reply.writeConcernError = {
      code,
      codeName: codeName(code),
      errmsg: 'Not enough data-bearing nodes',
      errInfo: { writeConcern: concern },
    };
    return;
  }
  if (typeof w === 'string' && w !== 'majority') {
    reply.writeConcernError = {
      code: 79,
      codeName: 'UnknownReplWriteConcern',
      errmsg: `No write concern mode named '${w}' found`,
    };
    return;
  }
  if (delayMs <= 0 || wanted === 1) return;
  const patienceMs = asNumber(concern?.wtimeout) || Number.POSITIVE_INFINITY;
  await pause(Math.min(delayMs, patienceMs));
  if (patienceMs < delayMs) {
    reply.writeConcernError = {
      code: 64,
      codeName: 'WriteConcernTimeout',
      errmsg: 'waiting for replication timed out',
      errInfo: { wtimeout: true, writeConcern: concern },
    };
  }
}

async function answerTo(
  engine: Engine,
  command: Document,
  name: string,
  asker: Asker,
): Promise<Document | typeof CUT> {
  const known = COMMANDS[name];
  try {
    if (known === undefined) throw new CommandError('CommandNotFound', `no such command: '${name}'`);
    if (known.anywhere) return await known.run(operationOf(engine, command, asker, undefined));
    refuseIfNotMine(engine, command, known.writes, asker);
    const session = command.lsid === undefined ? undefined : engine.sessions.of(command.lsid);
    if (session === undefined || command.txnNumber === undefined) {
      return await known.run(operationOf(engine, command, asker, session));
    }
    return await session.exclusively(() => inSession(engine, command, asker, session, known));
  } catch (error) {
    if (error instanceof ConnectionCut) return CUT;
    if (error instanceof CommandError) return error.toReply();
    const { message = '', code } = error as NodeJS.ErrnoException;
    return new CommandError('InternalError', `the double failed: ${code ?? ''} ${message}`).toReply();
  }
}

async function inSession(
  engine: Engine,
  command: Document,
  asker: Asker,
  session: Session,
  known: NonNullable<(typeof COMMANDS)[string]>,
): Promise<Document> {
  const number = txnNumberOf(command.txnNumber);
  if (command.autocommit === undefined) {
    session.enter(number);
    const operation = operationOf(engine, command, asker, session, number);
    return known.run(operation);
  }
  const name = Object.keys(command)[0] ?? '';
  if (!known.inTransaction) {
    session.abort();
    throw new CommandError(
      'OperationNotSupportedInTransaction',
      `Cannot run '${name}' in a multi-document transaction.`,
    );
  }
  if (truthy(command.startTransaction)) {
    if (number === session.txnNumber) {
      throw new CommandError(
        50911,
        `Cannot start a transaction at given transaction number ${number} a transaction with the same number is in progress or has been`,
      );
    }
    session.enter(number);
    engine.begin(session, number);
  }
  if (name === 'commitTransaction' && session.committed === number) return { ok: 1 };
  const transaction = session.open(number);
  const operation = operationOf(engine, command, asker, session, undefined, transaction);
  try {
    const reply = await known.run(operation);
    if ('writeErrors' in reply || asNumber(reply.nErrors)) session.abort();
    return reply;
  } catch (error) {
    session.abort();
    throw error;
  }
}

function operationOf(
  engine: Engine,
  command: Document,
  asker: Asker,
  session: Session | undefined,
  retryableNumber?: bigint,
  transaction?: Session['transaction'],
): Operation {
  const name = Object.keys(command)[0] ?? '';
  if (transaction === undefined && command.readConcern?.level === 'snapshot' && !SNAPSHOT_READS.has(name)) {
    throw new CommandError(
      'InvalidOptions',
      `Command ${name} does not support readConcern { level: "snapshot" } outside of a transaction`,
    );
  }
  const past =
    transaction === undefined && command.readConcern?.level === 'snapshot'
      ? engine.viewAt(command)
      : undefined;
  const { appName } = asker;
  return new Operation({
    engine,
    command,
    session,
    transaction,
    retryableNumber,
    appName,
    view: past?.view,
    at: past?.at,
  });
}

/** A secondary reads for those who want it to, and nothing else. */
function refuseIfNotMine(engine: Engine, command: Document, writes: boolean, { member }: Asker): void {
  const { set } = engine;
  if (set.identity.setName === undefined || set.primary === member) return;
  const mode = command.$readPreference?.mode ?? 'primary';
  if (!writes && mode !== 'primary' && command.autocommit === undefined) return;
  const what = { fields: { topologyVersion: set.topologyVersion } };
  if (writes) throw new CommandError('NotWritablePrimary', 'not primary', what);
  throw new CommandError('NotPrimaryNoSecondaryOk', 'not primary and secondaryOk=false', what);
}

/** Adds what tells a driver whether it may try again. `exactly` are the labels of a fail point, which then are the only ones. */
function labelled(command: Document, reply: Document, exactly?: readonly string[]): Document {
  if (exactly !== undefined) return exactly.length > 0 ? { ...reply, errorLabels: exactly } : reply;
  const labels = new Set<string>((reply.errorLabels ?? []) as string[]);
  const name = Object.keys(command)[0] ?? '';
  const ends = name === 'commitTransaction' || name === 'abortTransaction';
  const inTransaction = command.autocommit !== undefined;
  const code = reply.ok === 1 ? undefined : asNumber(reply.code);
  const concernCode = asNumber(reply.writeConcernError?.code);
  if (code !== undefined && inTransaction) {
    const transient = isTransientCode(code) || (isRetryableCode(code) && !ends);
    if (transient && !(name === 'commitTransaction' && reply.writeConcernError !== undefined)) {
      labels.add('TransientTransactionError');
    }
  }
  const retryable = (command.txnNumber !== undefined && !inTransaction) || ends;
  if (
    retryable &&
    ((code !== undefined && isRetryableCode(code)) ||
      (concernCode !== undefined && isRetryableCode(concernCode)))
  ) {
    labels.add('RetryableWriteError');
  }
  return labels.size === 0 ? reply : { ...reply, errorLabels: [...labels] };
}

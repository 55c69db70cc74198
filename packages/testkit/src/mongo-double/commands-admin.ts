/** Commands about the server, its sessions and its transactions. */
import { hostname } from 'node:os';
import { type Document, Long } from 'bson';
import { CommandError } from './command-error.ts';
import { asNumber } from './numbers.ts';
import type { Operation } from './operation.ts';

/** buildInfo */
export function buildInfo({ engine }: Operation): Document {
  const { version } = engine.set.identity;
  return {
    version,
    versionArray: [...version.split('.').map(Number), 0],
    gitVersion: '0000000000000000000000000000000000000000',
    modules: ['kuvert wire double'],
    allocator: 'none',
    bits: 64,
    debug: false,
    maxBsonObjectSize: 16 * 1024 * 1024,
    storageEngines: ['double'],
    ok: 1,
  };
}

/** serverStatus: what a client may look at to learn of the server */
export function serverStatus({ engine }: Operation): Document {
  const { setName, version } = engine.set.identity;
  return {
    host: hostname(),
    version,
    process: 'mongod',
    pid: Long.fromNumber(process.pid),
    uptime: (Date.now() - engine.startedAt) / 1000,
    localTime: new Date(),
    connections: { current: 1, available: 1000 },
    opcounters: Object.fromEntries(engine.counters),
    metrics: { cursor: { open: { total: Long.fromNumber(engine.cursors.count) } } },
    storageEngine: { name: 'double', persistent: true, supportsCommittedReads: true },
    ...(setName === undefined ? {} : { repl: { setName, hosts: engine.set.hosts } }),
    ok: 1,
  };
}

const PARAMETERS: Readonly<Record<string, unknown>> = {
  featureCompatibilityVersion: { version: '8.0' },
  transactionLifetimeLimitSeconds: 60,
  enableTestCommands: true,
  networkMessageCompressors: 'disabled',
  authenticationMechanisms: [],
  journalCommitInterval: 100,
};

/** getParameter */
export function getParameter({ command, name, engine }: Operation): Document {
  const all = command[name] === '*' || command[name]?.allParameters === true;
  const asked = Object.keys(PARAMETERS).filter((parameter) => all || parameter in command);
  if (asked.length === 0) throw new CommandError('InvalidOptions', 'no option found to get');
  const version = { version: engine.set.identity.version.split('.').slice(0, 2).join('.') };
  const value = (parameter: string): unknown =>
    parameter === 'featureCompatibilityVersion' ? version : PARAMETERS[parameter];
  return { ...Object.fromEntries(asked.map((parameter) => [parameter, value(parameter)])), ok: 1 };
}

/** replSetGetStatus and replSetGetConfig */
export function replicaSetStatus({ engine }: Operation): Document {
  const { setName } = engine.set.identity;
  if (setName === undefined) throw new CommandError(76, 'not running with --replSet');
  const members = engine.set.hosts.map((name, _id) => ({
    _id,
    name,
    host: name,
    health: 1,
    votes: 1,
    priority: 1,
    state: engine.set.primary === _id ? 1 : 2,
    stateStr: engine.set.primary === _id ? 'PRIMARY' : 'SECONDARY',
  }));
  const config = {
    _id: setName,
    version: 1,
    term: engine.set.term,
    members,
    writeConcernMajorityJournalDefault: true,
  };
  return { set: setName, date: new Date(), myState: 1, term: engine.set.term, members, config, ok: 1 };
}

/** getDefaultRWConcern */
export function defaultConcerns(): Document {
  return {
    defaultReadConcern: { level: 'local' },
    defaultWriteConcern: { w: 'majority', wtimeout: 0 },
    ok: 1,
  };
}

/** replSetStepDown */
export function stepDown({ engine, command }: Operation): Document {
  engine.stepDown(Math.min((asNumber(command.replSetStepDown) ?? 1) * 1000, 5_000));
  return { ok: 1 };
}

/** endSessions */
export function endSessions({ engine, command }: Operation): Document {
  for (const lsid of (command.endSessions ?? []) as Document[]) engine.sessions.end(lsid);
  return { ok: 1 };
}

/** killSessions and killAllSessions: what is open is aborted */
export function killSessions({ engine, command, name }: Operation): Document {
  const named = (command[name] ?? []) as Document[];
  if (named.length === 0 || name !== 'killSessions') engine.sessions.abortAll();
  else for (const lsid of named) engine.sessions.of(lsid).abort();
  return { ok: 1 };
}

/** commitTransaction; asked again it waits for the same commit and answers the same */
export async function commitTransaction(operation: Operation): Promise<Document> {
  const { session, engine, transaction } = operation;
  if (session === undefined) throw new CommandError('InvalidOptions', 'commitTransaction needs a session');
  if (transaction === undefined) return { ok: 1 };
  transaction.state = 'committed';
  clearTimeout(transaction.expires);
  const note = { session: session.id, txnNumber: String(transaction.number) };
  try {
    await engine.storage.commit(transaction.unit, { durable: operation.durable, note });
  } catch (error) {
    transaction.state = 'aborted';
    throw error;
  }
  session.committed = transaction.number;
  engine.tick();
  return { ok: 1 };
}

/** abortTransaction */
export function abortTransaction({ session }: Operation): Document {
  session?.abort();
  return { ok: 1 };
}

/** connectionStatus: nobody logs in here */
export function connectionStatus(): Document {
  return { authInfo: { authenticatedUsers: [], authenticatedUserRoles: [] }, ok: 1 };
}

/**
 * The wire double: a TCP server that the official MongoDB driver takes for a replica set. For tests only; nothing of a product can be told
 * to use it, because a product is told the address of a server and this one is never started by one. See README.md.
 */
import { Engine } from './engine.ts';
import type { Faults } from './faults.ts';
import { Member } from './member.ts';

export { FAULT_KINDS, type Fault, type FaultKind, type FaultPlan, type Faults } from './faults.ts';

/** How a double is started. */
export interface MongoDoubleOptions {
  /** Of the first member; the others take the ports behind it. 0 or nothing: any that is free. */
  readonly port?: number;
  readonly host?: string;
  /** Where commits are kept; without it they are gone with the double. */
  readonly dataFile?: string;
  /** Members of the set, 1 to 7; one unless told. */
  readonly nodes?: number;
  /** What the server says it is; 8.0.17 unless told. */
  readonly version?: string;
  readonly maxWireVersion?: number;
  /** Name of the set; null for a server that is not in one. */
  readonly setName?: string | null;
}

/** A running double. */
export interface MongoDouble extends AsyncDisposable {
  /** For `MongoClient`, with `replicaSet`. */
  readonly url: string;
  readonly hosts: readonly string[];
  readonly faults: Faults;
  /** The primary becomes a secondary; transactions are aborted; after `electionMs` there is a primary again. */
  stepDown(electionMs?: number): void;
  /** Ends every connection without a word. */
  cutAll(): void;
  /** Ends as a server that is shut down: what was written is in the file. */
  stop(): Promise<void>;
  /** Ends as `kill -9` does: what nobody was told is durable may be gone. */
  kill(): Promise<void>;
}

/** Starts a double. */
export async function startMongoDouble(options: MongoDoubleOptions = {}): Promise<MongoDouble> {
  const {
    port = 0,
    host = '127.0.0.1',
    nodes = 1,
    version = '8.0.17',
    maxWireVersion = 25,
    setName = 'double',
  } = options;
  const identity = { version, maxWireVersion, setName: setName ?? undefined };
  const engine = new Engine({ identity, dataFile: options.dataFile });
  const members = Array.from({ length: nodes }, (_, number) => new Member(engine, number));
  for (const [number, member] of members.entries()) {
    engine.set.hosts.push(await member.listen(port === 0 ? 0 : port + number, host));
  }
  let ended = false;
  const end = async (finish: () => Promise<void> | void): Promise<void> => {
    if (ended) return;
    ended = true;
    engine.sessions.abortAll();
    const closed = members.map((member) => member.close());
    engine.set.stop();
    await finish();
    await Promise.all(closed);
  };
  const query = setName === null ? '?directConnection=true' : `?replicaSet=${setName}`;
  return {
    url: `mongodb://${engine.set.hosts.join(',')}/${query}`,
    hosts: engine.set.hosts,
    faults: engine.faults,
    stepDown: (electionMs = 300) => engine.stepDown(electionMs),
    cutAll: () => {
      for (const member of members) member.cutAll();
    },
    stop: () => end(() => engine.log.close()),
    kill: () => end(() => engine.log.drop()),
    [Symbol.asyncDispose]: () => end(() => engine.log.close()),
  };
}

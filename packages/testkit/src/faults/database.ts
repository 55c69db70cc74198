/**
 * The database of a campaign with `--engine mongodb`, in processes of its own that can be killed: a real `mongod` (`MONGOD_BIN`, or on the
 * PATH) as a replica set of one, else the wire double as a set of three. Only the double produces faults on demand; only of a real one
 * is it worth knowing what a power cut leaves.
 */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { type Document, MongoClient } from 'mongodb';
import type { Child } from '../children.ts';
import type { Fault as DoubleFault } from '../mongo-double/index.ts';
import { PROJECT_ROOT, type Site } from '../site.ts';

const DOUBLE = join(PROJECT_ROOT, 'packages', 'testkit', 'src', 'mongo-double', 'main.ts');
const SET = 'campaign';
const NODES = 3;
const MEET_PATIENCE_MS = 10_000;
const MEET_PAUSE_MS = 20;

/** @see the head of this file */
export class DatabaseUnderFaults {
  /** How it ended where nobody had asked it to. */
  readonly unexpectedEnds: string[] = [];
  readonly #site: Site;
  readonly #folder: () => string;
  readonly #mongod = findMongod();
  #port = 0;
  #child: Child | undefined;
  #mayEnd = false;
  #client: MongoClient | undefined;

  /** @param folder where its data lies, asked at each start */
  constructor(site: Site, folder: () => string) {
    this.#site = site;
    this.#folder = folder;
  }

  /** Whether it is MongoDB's own program. */
  get isReal(): boolean {
    return this.#mongod !== undefined;
  }

  /** In words, for people. */
  get what(): string {
    return this.#mongod === undefined
      ? `the wire double, ${NODES} members`
      : `${this.#mongod}, a replica set of one`;
  }

  /** For `KUVERT_STORE`. */
  get url(): string {
    if (this.isReal) return `mongodb://127.0.0.1:${this.#port}/kuvert?replicaSet=${SET}`;
    const hosts = Array.from({ length: NODES }, (_, at) => `127.0.0.1:${this.#port + at}`);
    return `mongodb://${hosts.join(',')}/kuvert?replicaSet=double`;
  }

  get pid(): number {
    return this.#running.pid;
  }

  /** Starts it, at the same address each time, and waits until it has a primary. */
  async start(): Promise<void> {
    if (this.#port === 0) this.#port = await freePorts(NODES);
    mkdirSync(this.#folder(), { recursive: true });
    const [program, args] = this.#command();
    const child = this.#site.children.start(program, args, {
      cwd: this.#site.folder.path,
      env: this.#site.environment(),
    });
    this.#child = child;
    this.#mayEnd = false;
    child.ended.then(
      ({ code, signal }) => {
        if (!this.#mayEnd && this.#child === child) {
          this.unexpectedEnds.push(`code ${code} signal ${signal}: ${child.stderr.slice(-2_000)}`);
        }
      },
      () => undefined,
    );
    if (this.isReal) await this.#initiate();
    else await child.nextLine();
  }

  signal(signal: NodeJS.Signals): void {
    this.#mayEnd = true;
    this.#running.kill(signal);
  }

  /** Kills it with -9 and waits for its end. */
  async kill(): Promise<void> {
    this.#mayEnd = true;
    this.#running.kill('SIGKILL');
    await this.#running.ended;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await this.#client?.close();
    if (this.#child === undefined) return;
    this.#mayEnd = true;
    this.#child.kill('SIGTERM');
    await this.#child.ended;
  }

  /**
   * Orders faults of the double and waits until they have happened. @returns false when nobody has met one in time; it is taken back then
   */
  async meet(fault: DoubleFault): Promise<boolean> {
    const before = await this.#happened();
    await this.#tell({ order: fault });
    const deadline = performance.now() + MEET_PATIENCE_MS;
    while (performance.now() < deadline) {
      if ((await this.#happened())[fault.kind] !== before[fault.kind]) return true;
      await new Promise((resolve) => setTimeout(resolve, MEET_PAUSE_MS));
    }
    await this.#tell({ clear: true });
    return false;
  }

  /** Lets the disk of the double be full, or its majority be slow, until told otherwise. */
  async set(state: { readonly diskFull?: boolean; readonly majorityDelayMs?: number }): Promise<void> {
    await this.#tell(state);
  }

  async #happened(): Promise<Document> {
    return (await this.#tell({})).happened as Document;
  }

  async #tell(what: Document): Promise<Document> {
    this.#client ??= new MongoClient(`mongodb://127.0.0.1:${this.#port}/?directConnection=true`);
    return this.#client.db('admin').command({ mongoDouble: 1, ...what });
  }

  #command(): [string, string[]] {
    const port = String(this.#port);
    if (this.#mongod === undefined) {
      const data = join(this.#folder(), 'double.log');
      return [process.execPath, [DOUBLE, '--port', port, '--nodes', String(NODES), '--data', data]];
    }
    const where = ['--dbpath', this.#folder(), '--port', port, '--bind_ip', '127.0.0.1'];
    return [this.#mongod, [...where, '--replSet', SET, '--quiet']];
  }

  async #initiate(): Promise<void> {
    const direct = new MongoClient(`mongodb://127.0.0.1:${this.#port}/?directConnection=true`, {
      serverSelectionTimeoutMS: 60_000,
    });
    try {
      const members = [{ _id: 0, host: `127.0.0.1:${this.#port}` }];
      await direct
        .db('admin')
        .command({ replSetInitiate: { _id: SET, members } })
        .catch(ignoreAlreadyInitialized);
    } finally {
      await direct.close();
    }
  }

  get #running(): Child {
    if (this.#child === undefined) throw new Error('the database was never started');
    return this.#child;
  }
}

function ignoreAlreadyInitialized(error: { readonly code?: unknown }): void {
  if (error.code !== 23) throw error;
}

function findMongod(): string | undefined {
  if (process.env.MONGOD_BIN) return process.env.MONGOD_BIN;
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'mongod'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Some ports in a row that are free now, and that no outgoing connection is given while the database is down. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 15_000 + Math.floor(Math.random() * 15_000);
    const free = await Promise.all(Array.from({ length: count }, (_, at) => isFree(first + at)));
    if (free.every(Boolean)) return first;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

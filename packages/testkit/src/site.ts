/**
 * A site is what a journey works with: a temporary folder and the real processes in it, started as people start them. Nothing of
 * it is left when it is closed.
 *
 *     await using site = new Site();
 *     const server = await site.startServer();
 *     const anna = await (await server.tenant('Acme')).person('Anna');
 *     const { json } = await site.kuvert(['whoami', ...anna.asPerson]);
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SERVER_FLAGS } from '@kuvert/closed-process/node-flags';
import { type Child, Children, type Ending, type StartOptions } from './children.ts';
import { Operator } from './operator.ts';
import { makeTenant, type TestTenant } from './people.ts';
import { ReservedPort } from './reserved-port.ts';
import { StoreUnderTest } from './store-under-test.ts';
import { TemporaryFolder } from './temporary-folder.ts';

/** Root of the project. */
export const PROJECT_ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const KUVERT = join(PROJECT_ROOT, 'apps', 'cli', 'bin', 'kuvert.js');
const SERVER = join(PROJECT_ROOT, 'apps', 'server', 'src', 'main.ts');

/** What a command did. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** The same without how far it was, and without what is said of one's place in groups, which whichever command finds it tells. */
  readonly alarms: string;
  /** Lines of the standard output. */
  readonly lines: readonly string[];
  /** The same, read as JSON. */
  readonly json: readonly Record<string, unknown>[];
  /** Code of the error that was told with `--json`. */
  readonly errorCode: string | undefined;
}

/** Where a server works and how it is started. */
export interface ServerOptions {
  readonly dataDir?: string;
  readonly keysDir?: string;
  readonly port?: number;
  readonly opsPort?: number;
  /** Further environment, over everything else. */
  readonly env?: Readonly<Record<string, string>>;
  /** Command in front of the server's own, such as `setpriv`. */
  readonly through?: readonly string[];
}

/** A server process that serves. */
export interface ServerProcess {
  readonly child: Child;
  readonly pid: number;
  readonly url: string;
  readonly opsUrl: string;
  readonly dataDir: string;
  readonly keysDir: string;
  readonly operator: Operator;
  /** What it printed for whoever sets it up; empty where there is an operator. */
  readonly setUpCode: string;
  /** Its log so far. */
  readonly log: string;
  tenant(name: string): Promise<TestTenant>;
  /** Options for starting another one on the same data, keys and ports. */
  readonly again: ServerOptions;
  /** Asks it to end and waits for that. */
  stop(signal?: NodeJS.Signals): Promise<Ending>;
}

/** A folder and processes. */
export class Site implements AsyncDisposable {
  readonly folder = new TemporaryFolder();
  readonly children = new Children();
  readonly #store = new StoreUnderTest(() => this.at('mongodb'));
  readonly #ports: ReservedPort[] = [];

  /** A path in the folder. */
  at(...parts: readonly string[]): string {
    return this.folder.at(...parts);
  }

  /** The environment of everything here: nothing of the settings of whoever runs the tests. */
  environment(options: ServerOptions = {}): Record<string, string | undefined> {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(KUVERT_|npm_|NODE_OPTIONS|VITEST|NODE_ENV)/.test(name),
    );
    const dataDir = options.dataDir ?? this.at('data');
    const address = this.#store.addressFor(dataDir);
    return {
      ...Object.fromEntries(inherited),
      LC_ALL: 'C.UTF-8',
      KUVERT_DATA: dataDir,
      ...(address === undefined ? {} : { KUVERT_STORE: address }),
      KUVERT_KEYS: options.keysDir ?? this.at('keys'),
      KUVERT_PORT: String(options.port ?? 0),
      KUVERT_OPS_PORT: String(options.opsPort ?? 0),
      ...options.env,
    };
  }

  /** Starts a server and waits until it serves. @throws Error with what it said when it does not */
  async startServer(options: ServerOptions = {}): Promise<ServerProcess> {
    await this.#store.start();
    const { port = await this.reservePort(), opsPort = await this.reservePort() } = options;
    const child = this.#launch({ ...options, port, opsPort });
    const ready = await child.until('it serves', () => child.messages.map(readReady).find(Boolean));
    const { url, opsUrl, dataDir, keysDir } = ready;
    const operator = new Operator({ opsUrl, keysDir });
    const home = { url, operator, folder: this.at('people') };
    return {
      child,
      pid: child.pid,
      url,
      opsUrl,
      dataDir,
      keysDir,
      operator,
      get setUpCode() {
        return /Set-up code.*: (\S+)$/m.exec(child.stdout.toString())?.[1] ?? '';
      },
      get log() {
        return child.stderr;
      },
      tenant: (name) => makeTenant(home, name),
      again: { ...options, port: portOf(url), opsPort: portOf(opsUrl) },
      stop(signal = 'SIGTERM') {
        child.kill(signal);
        return child.ended;
      },
    };
  }

  /** A port that nobody else gets as long as this site is there, also between two starts of whoever listens on it. */
  async reservePort(): Promise<number> {
    const port = await ReservedPort.take();
    this.#ports.push(port);
    return port.number;
  }

  /** Starts a server that is expected to refuse, and waits for its end. */
  async refusedServer(options: ServerOptions = {}): Promise<CommandResult> {
    const child = this.#launch(options);
    const served = child.until('it serves', () => child.messages.map(readReady).find(Boolean));
    const result = await Promise.race([
      resultOf(child),
      served.then(
        () => undefined,
        () => resultOf(child),
      ),
    ]);
    if (result !== undefined) return result;
    throw new Error('the server serves, though it should have refused to');
  }

  /** Runs `kuvert` with `--json` to its end. */
  kuvert(args: readonly string[], options: StartOptions = {}): Promise<CommandResult> {
    return resultOf(this.startKuvert(args, options));
  }

  /** Starts `kuvert` with `--json`. */
  startKuvert(args: readonly string[], options: StartOptions = {}): Child {
    return this.children.start(process.execPath, [KUVERT, ...args, '--json'], {
      cwd: this.folder.path,
      env: this.environment(),
      ...options,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.children[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
    for (const port of this.#ports.splice(0)) port[Symbol.dispose]();
    this.folder[Symbol.dispose]();
  }

  #launch(options: ServerOptions): Child {
    const [command = '', ...args] = [...(options.through ?? []), process.execPath, ...SERVER_FLAGS, SERVER];
    return this.children.start(command, args, {
      cwd: this.folder.path,
      env: this.environment(options),
      ipc: true,
    });
  }
}

/** Waits for the end of a command and reads what it said. */
export async function resultOf(child: Child): Promise<CommandResult> {
  const { code } = await child.ended;
  const lines = child.stdout.toString().split('\n').slice(0, -1);
  return {
    code,
    stdout: child.stdout,
    stderr: child.stderr,
    alarms: child.stderr.replace(
      /^\{("progress":|"notice":\{"code":"group_(added|removed|dissolved)").*\n/gm,
      '',
    ),
    lines,
    get json() {
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    errorCode: /"error":\{"code":"([a-z0-9_]+)"/.exec(child.stderr)?.[1],
  };
}

interface Ready {
  readonly url: string;
  readonly opsUrl: string;
  readonly dataDir: string;
  readonly keysDir: string;
}

function readReady(message: unknown): Ready | undefined {
  const ready = message as (Ready & { readonly type?: unknown }) | undefined;
  return ready?.type === 'ready' ? ready : undefined;
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

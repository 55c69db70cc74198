/** The server of a campaign: the real process, started again after each fault on what the fault has left. */
import { join } from 'node:path';
import type { Child } from '../children.ts';
import { Operator } from '../operator.ts';
import { PROJECT_ROOT, type Site } from '../site.ts';
import type { Network } from './network.ts';

const MAIN = join(PROJECT_ROOT, 'apps', 'server', 'src', 'main.ts');
const CLOCK = new URL('./skewed-clock.mjs', import.meta.url).href;

interface Ready {
  readonly type: 'ready';
  readonly url: string;
  readonly opsUrl: string;
}

/** @see the head of this file */
export class ServerUnderFaults {
  readonly clockFile: string;
  /** How the server ended where nobody had asked it to. */
  readonly unexpectedEnds: string[] = [];
  readonly #site: Site;
  readonly #network: Network;
  readonly #dataDir: () => string;
  readonly #keysDir: string;
  readonly #environment: () => Readonly<Record<string, string>>;
  readonly #number: number;
  #child: Child | undefined;
  #mayEnd = false;
  #opsUrl = '';

  constructor(options: {
    site: Site;
    network: Network;
    dataDir: () => string;
    keysDir: string;
    environment: () => Readonly<Record<string, string>>;
    /** Which of several servers it is. */
    number?: number;
  }) {
    this.#site = options.site;
    this.#network = options.network;
    this.#dataDir = options.dataDir;
    this.#keysDir = options.keysDir;
    this.#environment = options.environment;
    this.#number = options.number ?? 0;
    this.clockFile = options.site.at(`server-clock-${this.#number}`);
  }

  get operator(): Operator {
    return new Operator({ opsUrl: this.#opsUrl, keysDir: this.#keysDir });
  }

  get pid(): number {
    return this.#running.pid;
  }

  /** Starts it and waits until it serves. @throws Error when it refuses to */
  async start(): Promise<void> {
    const child = this.launch();
    const ready = await child.until('it serves', () => child.messages.find(isReady));
    this.#opsUrl = ready.opsUrl;
    this.#network.forwardTo(Number(new URL(ready.url).port), this.#number);
  }

  /** Starts it without waiting. */
  launch(): Child {
    // Ports are new each time: while the server is down, an outgoing connection may have taken the old one.
    const env = this.#site.environment({
      dataDir: this.#dataDir(),
      keysDir: this.#keysDir,
      env: { ...this.#environment(), NODE_OPTIONS: `--import=${CLOCK}`, FAULTS_CLOCK_FILE: this.clockFile },
    });
    const child = this.#site.children.start(process.execPath, [MAIN], {
      cwd: this.#site.folder.path,
      env,
      ipc: true,
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
    return child;
  }

  /** Its end is no surprise from now on. */
  letEnd(): void {
    this.#mayEnd = true;
  }

  get ended(): Promise<unknown> {
    return this.#running.ended;
  }

  signal(signal: NodeJS.Signals): void {
    this.#running.kill(signal);
  }

  /** Kills it with -9, standing or not, and waits for its end. */
  async kill(): Promise<void> {
    this.letEnd();
    this.#running.kill('SIGKILL');
    await this.#running.ended;
  }

  /** Asks it to end. @returns how it ended */
  async stop(): Promise<{ code: number | null }> {
    this.letEnd();
    this.#running.kill('SIGTERM');
    return this.#running.ended;
  }

  get #running(): Child {
    if (this.#child === undefined) throw new Error('the server was never started');
    return this.#child;
  }
}

function isReady(message: unknown): message is Ready {
  return (message as { type?: unknown } | undefined)?.type === 'ready';
}

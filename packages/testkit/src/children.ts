/**
 * The processes that a test starts. Each is ended by its pid when the test ends, also when it fails, and when the test's own process
 * ends before that.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';

/** How long a process may take to say what a test waits for. */
const PATIENCE_MS = 240_000;

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a process is started with. */
export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Written to its standard input, which is then closed; without it the input is empty. */
  readonly stdin?: string | Uint8Array;
  /** Keeps the standard input open for {@link Child.write}. */
  readonly keepsInputOpen?: boolean;
  /** Opens Node's IPC channel, whose other end notices when this process dies. */
  readonly ipc?: boolean;
}

/** A process. */
export class Child {
  readonly process: ChildProcess;
  /** Resolves when it has ended and its output is read. */
  readonly ended: Promise<Ending>;
  readonly messages: unknown[] = [];
  #stdout: Buffer[] = [];
  #stderr: Buffer[] = [];
  #linesGiven = 0;
  #ending: Ending | undefined;
  /** All who wait for something that it says. */
  readonly #waiting = new Set<() => void>();

  constructor(command: string, args: readonly string[], options: StartOptions) {
    const stdio: SpawnOptions['stdio'] = options.ipc
      ? ['pipe', 'pipe', 'pipe', 'ipc']
      : ['pipe', 'pipe', 'pipe'];
    this.process = spawn(command, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: options.env ?? process.env,
      stdio,
    });
    this.process.stdin?.on('error', () => undefined);
    if (options.keepsInputOpen !== true) this.process.stdin?.end(options.stdin ?? '');
    this.process.stdout?.on('data', (data: Buffer) => this.#heard(this.#stdout, data));
    this.process.stderr?.on('data', (data: Buffer) => this.#heard(this.#stderr, data));
    this.process.on('message', (message) => {
      this.messages.push(message);
      this.#wake();
    });
    this.ended = new Promise((resolve, reject) => {
      this.process.once('error', reject);
      this.process.once('close', (code, signal) => {
        this.#ending = { code, signal };
        this.#wake();
        resolve({ code, signal });
      });
    });
    this.ended.catch(() => undefined);
  }

  get pid(): number {
    if (this.process.pid === undefined) throw new Error('the process could not be started');
    return this.process.pid;
  }

  /** Everything it has written so far. */
  get stdout(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString();
  }

  /** Sends a signal; does nothing once it has ended. */
  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** Writes to its standard input. */
  write(text: string): void {
    this.process.stdin?.write(text);
  }

  /** The next line of its standard output. @throws Error when it ends or is silent for too long */
  nextLine(): Promise<string> {
    return this.until('another line', () => {
      const lines = this.stdout.toString().split('\n');
      lines.pop();
      if (this.#linesGiven >= lines.length) return undefined;
      const line = lines[this.#linesGiven];
      this.#linesGiven += 1;
      return line;
    });
  }

  /** Waits until `find` finds something in what it has said. @throws Error when it ends before, or takes too long */
  async until<T>(what: string, find: () => T | undefined, patienceMs = PATIENCE_MS): Promise<T> {
    const deadline = AbortSignal.timeout(patienceMs);
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (this.#ending !== undefined) {
        throw new Error(`the process ended before ${what}: ${JSON.stringify(this.#ending)}\n${this.stderr}`);
      }
      if (deadline.aborted) throw new Error(`the process took too long for ${what}\n${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
        deadline.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #heard(into: Buffer[], data: Buffer): void {
    into.push(data);
    this.#wake();
  }
}

/** All processes of one test. */
export class Children implements AsyncDisposable {
  readonly #children = new Set<Child>();
  readonly #endAll = (): void => {
    for (const child of this.#children) child.kill('SIGKILL');
  };

  constructor() {
    process.on('exit', this.#endAll);
  }

  /** Starts a process. */
  start(command: string, args: readonly string[], options: StartOptions = {}): Child {
    const child = new Child(command, args, options);
    this.#children.add(child);
    const forget = () => this.#children.delete(child);
    child.ended.then(forget, forget);
    return child;
  }

  /** Kills what still runs and waits for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const left = [...this.#children];
    this.#endAll();
    await Promise.allSettled(left.map((child) => child.ended));
    process.off('exit', this.#endAll);
  }
}

/** Waits for the end of a process that is no child of ours, such as the grandchild of one that was killed. */
export async function untilGone(pid: number): Promise<void> {
  const deadline = AbortSignal.timeout(PATIENCE_MS);
  while (isAlive(pid)) {
    if (deadline.aborted) throw new Error(`process ${pid} is still there`);
    await once(AbortSignal.timeout(20), 'abort');
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

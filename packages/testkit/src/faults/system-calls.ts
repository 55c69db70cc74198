/** Makes the disk calls of a running process fail or slow, through strace. Both calls, because SQLite takes either (facts §4.3). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A running injection. */
export class Injection implements AsyncDisposable {
  readonly #strace: ReturnType<typeof spawn>;

  private constructor(strace: ReturnType<typeof spawn>) {
    this.#strace = strace;
  }

  /**
   * Attaches to a process and its threads; resolves when it is in force.
   * @param what as strace's `inject` takes it, for example `error=EIO`
   * @returns undefined where attaching is refused
   */
  static async begin(pid: number, what: string): Promise<Injection | undefined> {
    const strace = spawn(
      'strace',
      [
        '-f',
        '-p',
        String(pid),
        '-o',
        '/dev/null',
        '-e',
        'trace=fsync,fdatasync',
        '-e',
        `inject=fsync,fdatasync:${what}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const attached = new Promise<boolean>((resolve) => {
      strace.on('error', () => resolve(false));
      strace.on('close', () => resolve(false));
      strace.stderr?.on('data', (text: Buffer) => {
        if (text.includes('attached')) resolve(true);
      });
    });
    if (await attached) return new Injection(strace);
    strace.kill('SIGKILL');
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#strace.exitCode !== null || this.#strace.signalCode !== null) return;
    const closed = once(this.#strace, 'close');
    this.#strace.kill('SIGTERM');
    await closed;
  }
}

/**
 * What Ctrl-C does to a command that sends: it says what has become of the message, and then ends by the signal. Before the message was written
 * down nothing of it is left; from then on it waits in the profile.
 */
import type { CommandContext } from './command-context.ts';
import { EXIT } from './exit-codes.ts';

/** @see stoppable */
export class Stopping {
  readonly #stop: AbortSignal;
  readonly #stopped: Promise<void>;
  readonly #leave: () => Promise<never>;

  /** @param leave tells that nothing was written down, and ends the process */
  constructor(stop: AbortSignal, leave: () => Promise<never>) {
    this.#stop = stop;
    this.#leave = leave;
    this.#stopped = new Promise((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));
  }

  get isStopped(): boolean {
    return this.#stop.aborted;
  }

  /**
   * Work without which nothing is written down. When it is stopped, the process ends in the middle of it: who waited for it to be put away in
   * order would let it write down what nobody wants any more.
   */
  async orStop<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    return Promise.race([done, this.#stopped.then(() => (isDone ? done : this.#leave()))]);
  }

  /** Work for something that is written down: a stop only ends the waiting. */
  async untilStop(work: Promise<unknown>): Promise<void> {
    work.catch(() => undefined);
    await Promise.race([work, this.#stopped]);
  }
}

/** Runs a command that tells what Ctrl-C has left of it. */
export async function stoppable(
  context: CommandContext,
  work: (stop: Stopping) => Promise<void>,
): Promise<void> {
  const { output } = context;
  const stop = new Stopping(context.stopSignal(), async () => {
    await output.notice('stopped', output.texts.stoppedBefore());
    context.endBySignal();
    return new Promise(() => undefined);
  });
  await work(stop);
  if (stop.isStopped) context.exitCode = EXIT.stopped;
}

/**
 * Questions to the server that nobody waits for, asked when there is reason to: what does not verify has left a notice, and a lost
 * connection asks again with the next welcome. Only {@link Errands.isIdle} tells of them.
 */
import { KuvertError } from '@kuvert/protocol';
import type { Context } from './context.ts';
import type { Connection } from './ports.ts';

/** @see the top of this file */
export class Errands {
  readonly #context: Context;
  readonly #ports: { connection: () => Connection | undefined; onOutgoing: () => void };
  #open = 0;

  /** @param ports.onOutgoing something may have been put into the outbox, or may go on */
  constructor(context: Context, ports: { connection: () => Connection | undefined; onOutgoing: () => void }) {
    this.#context = context;
    this.#ports = ports;
  }

  /** True when none is under way. */
  isIdle(): boolean {
    return this.#open === 0;
  }

  /**
   * Goes on an errand, if there is a connection.
   * @param ended what follows, however it ends
   */
  run(errand: (connection: Connection) => Promise<unknown>, ended?: () => void): void {
    const connection = this.#ports.connection();
    if (connection === undefined) return;
    this.#open++;
    errand(connection)
      .catch((cause: unknown) => {
        if (!(cause instanceof KuvertError)) this.#context.failed(cause);
      })
      .finally(() => {
        this.#open--;
        ended?.();
        this.#ports.onOutgoing();
        this.#context.changed();
      });
  }
}

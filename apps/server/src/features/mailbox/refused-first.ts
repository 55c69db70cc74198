/**
 * Clients submit many messages without waiting for answers. When the server refuses one of them for the moment (no room on the disk, too
 * busy), those behind it are already on their way, and the next moment there may be room: their reader would see them in the
 * wrong order. So what a connection submits for the same recipient is refused too, until what was refused first has come again.
 */
import { KuvertError, type Submit } from '@kuvert/protocol';

/** Recipients that are remembered for one connection; beyond that the order is what it may be. */
const RECIPIENTS_MAX = 1_024;
/** Nobody has to come again: an entry ends so long after the pause that its sender was asked for. */
const GRACE_MS = 5_000;

interface Refused {
  readonly submitId: Submit['submitId'];
  readonly pauseMs: number;
  readonly untilMs: number;
}

/** What one connection was refused. Times are monotonic. */
export class RefusedFirst {
  readonly #byRecipient = new Map<Submit['to'], Refused>();

  /** @throws KuvertError `overloaded` while something earlier for the same recipient is to come again */
  enter({ to, submitId }: Submit, nowMs: number): void {
    const first = this.#byRecipient.get(to);
    if (first === undefined) return;
    if (first.submitId !== submitId && nowMs < first.untilMs) {
      throw new KuvertError('overloaded', { retry: { kind: 'after', ms: first.pauseMs } });
    }
    this.#byRecipient.delete(to);
  }

  /** Notes what a submit that had entered was answered. */
  failed({ to, submitId }: Submit, error: unknown, nowMs: number): void {
    if (!(error instanceof KuvertError) || error.retry.kind !== 'after') return;
    if (this.#byRecipient.has(to) || this.#byRecipient.size >= RECIPIENTS_MAX) return;
    const pauseMs = error.retry.ms;
    this.#byRecipient.set(to, { submitId, pauseMs, untilMs: nowMs + pauseMs + GRACE_MS });
  }
}

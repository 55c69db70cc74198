/**
 * Clients submit many messages without waiting for answers. When the server refuses one of them for the moment (no room on the disk, too
 * busy), those behind it are already on their way, and the next moment there may be room: their reader would see them in the
 * wrong order. So what a connection submits for the same recipient is refused too, until what was refused first has come again: under the
 * same id, or under a new one when the refusal was for the time in the id.
 */
import { equalBytes, KuvertError, type Submit } from '@kuvert/protocol';
import { requestHash } from './submit-records.ts';

/** Recipients that are remembered for one connection; beyond that the order is what it may be. */
const RECIPIENTS_MAX = 1_024;
/** Nobody has to come again: an entry ends so long after the pause that its sender was asked for. */
const GRACE_MS = 5_000;

/** A submit with a wrong time comes again at once; who is behind it may wait this long. */
const TIME_PAUSE_MS = 200;

interface Refused {
  readonly submitId: Submit['submitId'];
  /** Where it will come under a new id: what all else of it is. */
  readonly hash: Uint8Array | undefined;
  readonly pauseMs: number;
  readonly untilMs: number;
}

/** What one connection was refused. Times are monotonic. */
export class RefusedFirst {
  readonly #byRecipient = new Map<Submit['to'], Refused>();

  /** @throws KuvertError `overloaded` while something earlier for the same recipient is to come again */
  enter(submit: Submit, nowMs: number): void {
    const first = this.#byRecipient.get(submit.to);
    if (first === undefined) return;
    if (!isSame(first, submit) && nowMs < first.untilMs) {
      throw new KuvertError('overloaded', { retry: { kind: 'after', ms: first.pauseMs } });
    }
    this.#byRecipient.delete(submit.to);
  }

  /** Notes what a submit that had entered was answered. */
  failed(submit: Submit, error: unknown, nowMs: number): void {
    if (!(error instanceof KuvertError)) return;
    const { submitId, to } = submit;
    const isForTime = error.code === 'submit_too_new' || error.code === 'submit_too_old';
    if (!isForTime && error.retry.kind !== 'after') return;
    if (this.#byRecipient.has(to) || this.#byRecipient.size >= RECIPIENTS_MAX) return;
    const pauseMs = error.retry.kind === 'after' ? error.retry.ms : TIME_PAUSE_MS;
    const hash = isForTime ? requestHash(submit) : undefined;
    this.#byRecipient.set(to, { submitId, hash, pauseMs, untilMs: nowMs + pauseMs + GRACE_MS });
  }
}

function isSame({ submitId, hash }: Refused, submit: Submit): boolean {
  return submitId === submit.submitId || (hash !== undefined && equalBytes(hash, requestHash(submit)));
}

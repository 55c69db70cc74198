/**
 * What is told a moment after the first of it is due, so that more can go along: one timer, while there is a connection; whatever is due
 * without one waits for the next.
 */
import type { Context } from './context.ts';

/** What a batch is of. */
export interface BatchWork {
  /** How long the first of it waits for company. */
  readonly delayMs: () => number;
  /** False when nothing needs to be sent; asked before the operation queue is. */
  readonly hasAny: () => boolean;
  /** Queues all that is due; true when there was any. Runs in the operation queue. */
  readonly queue: () => boolean;
  /** Something was queued for sending. */
  readonly onOutgoing: () => void;
}

/** @see the top of this file */
export class DelayedBatch {
  readonly #context: Context;
  readonly #work: BatchWork;
  #isConnected = false;
  #isSending = false;
  #cancel: (() => void) | undefined;

  constructor(context: Context, work: BatchWork) {
    this.#context = context;
    this.#work = work;
  }

  connected(): void {
    this.#isConnected = true;
  }
  disconnected(): void {
    this.#isConnected = false;
    this.#cancel?.();
    this.#cancel = undefined;
  }
  isIdle(): boolean {
    return this.#cancel === undefined && !this.#isSending;
  }
  /** Something is due. */
  due(): void {
    if (!this.#isConnected || this.#cancel !== undefined) return;
    this.#cancel = this.#context.clock.after(this.#work.delayMs(), () => this.send());
  }
  /** Somebody waits until everything is done: what is due goes now. */
  hurry(): void {
    if (this.#cancel !== undefined) this.send();
  }
  /** What is due goes now, whether or not it was noticed here that something is. */
  send(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (!this.#isConnected || !this.#work.hasAny()) return;
    this.#isSending = true;
    this.#context.operations
      .run(() => this.#work.queue())
      .then((isQueued) => isQueued && this.#work.onOutgoing())
      .catch((cause: unknown) => this.#context.failed(cause))
      .finally(() => {
        this.#isSending = false;
        this.#context.changed();
      });
  }
}

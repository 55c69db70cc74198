/** While messages come in one by one, their acknowledgements wait a moment for company; in large groups, longer. */
import type { FrameHeader } from '@kuvert/crypto/session';
import { queueDueAcks } from './acks.ts';
import { type Context, randomMs } from './context.ts';

/** Longest wait of an acknowledgement while messages come in one by one. */
const ACK_DELAY_MAX_MS = 1_000;
/** In large groups it is longer, so that its writer is not told by a thousand devices in one second. */
const ACK_SPREAD = { perMemberMs: 10, maxMs: 10_000 } as const;

/** @see the top of this file */
export class AckTimer {
  readonly #context: Context;
  readonly #onOutgoing: () => void;
  #cancel: (() => void) | undefined;
  /** The longest wait of acknowledgements that have become due, and of those that a timer runs for. */
  #waitMs = { due: Infinity, running: Infinity };
  #isSending = false;

  /** @param onOutgoing acknowledgements were put into the outbox */
  constructor(context: Context, onOutgoing: () => void) {
    this.#context = context;
    this.#onOutgoing = onOutgoing;
  }

  /** True when no timer runs and nothing is being written. */
  isIdle(): boolean {
    return this.#cancel === undefined && !this.#isSending;
  }
  /** The acknowledgement of this message has become due; {@link AckTimer.start} lets it wait no longer than it may. */
  due(header: FrameHeader): void {
    this.#waitMs.due = Math.min(this.#waitMs.due, longestWaitMs(this.#context, header));
  }
  /** Begins to wait, if anything is due. */
  start(): void {
    const { clock, store } = this.#context;
    const { due, running } = this.#waitMs;
    this.#waitMs.due = Infinity;
    // Nobody who wrote to this person alone waits for a group.
    if (due < running) this.stop();
    if (this.#cancel !== undefined || store.messages.listAcksDue().length === 0) return;
    const waitMs = due === Infinity ? ACK_DELAY_MAX_MS : due;
    this.#waitMs.running = waitMs;
    this.#cancel = clock.after(randomMs(this.#context, waitMs), () => {
      this.#cancel = undefined;
      this.#send();
    });
  }
  /** Waits no more; what is due stays so. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
  /** Somebody waits for idleness: what a timer runs for goes now. */
  hurry(): void {
    if (this.#cancel === undefined) return;
    this.stop();
    this.#send();
  }

  #send(): void {
    this.#isSending = true;
    this.#context.operations
      .run(() => queueDueAcks(this.#context))
      .then(() => this.#onOutgoing())
      .catch((cause: unknown) => this.#context.failed(cause))
      .finally(() => {
        this.#isSending = false;
        this.#context.changed();
      });
  }
}

function longestWaitMs({ store }: Context, header: FrameHeader): number {
  if (header.group === undefined) return ACK_DELAY_MAX_MS;
  const members = store.groups.findByConversation(header.conversation)?.state.members.length ?? 0;
  return Math.max(ACK_DELAY_MAX_MS, Math.min(members * ACK_SPREAD.perMemberMs, ACK_SPREAD.maxMs));
}

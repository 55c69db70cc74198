/**
 * Messages that disappear: the time of what one has written runs from when the server has accepted it, the time of what one has received
 * from when it was read, on all of one's devices. It runs by the server's clock (`server-time.ts`), so neither a wrong clock nor one that is
 * set back keeps a message. What has disappeared leaves its ids alone, so that it is not taken in again.
 */
import type { ConversationId } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { forgetMessage } from './amending.ts';
import type { EntryRow } from './store.ts';

const BATCH_ROWS = 500;
/** No wait is longer, so that a clock that was set is noticed. */
const WAIT_MAX_MS = 60_000;

/** Starts the time of messages that have one. Has to run in a transaction. */
export function startTimers(context: Context, rows: readonly EntryRow[], fromMs: number): void {
  let isNews = false;
  for (const { entryId, timerMs, expiresAtMs, kind } of rows) {
    if (timerMs === undefined || expiresAtMs !== undefined || kind === 'timer') continue;
    context.store.entries.setExpiry(entryId, fromMs + timerMs);
    isNews = true;
  }
  if (isNews) context.timersStarted();
}

/** Takes away what has run out. @returns where it was */
function removeExpired(context: Context): void {
  const { store, serverOffset, changes } = context;
  for (;;) {
    const rows = store.entries.listExpired(serverOffset.now(), BATCH_ROWS);
    if (rows.length === 0) return;
    const touched = new Set<ConversationId>();
    store.transaction(() => {
      for (const row of rows) {
        forgetMessage(context, row, 'removed');
        touched.add(row.conversationId);
      }
    });
    for (const conversationId of touched) changes.entriesOf(conversationId);
  }
}

/** Looks after messages that disappear for as long as the program runs. */
export class Disappearing {
  readonly #context: Context;
  #cancel: (() => void) | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Takes away what has run out and waits for the next. Also to be called when a time has begun to run, or the clock was corrected. */
  look(): void {
    const { store, serverOffset, clock } = this.#context;
    this.stop();
    serverOffset.keep();
    removeExpired(this.#context);
    const next = store.entries.nextExpiry();
    if (next === undefined) return;
    const waitMs = Math.min(Math.max(1, next - serverOffset.now()), WAIT_MAX_MS);
    this.#cancel = clock.after(Math.ceil(waitMs), () => {
      try {
        this.look();
      } catch (cause) {
        // A full disk: the next look comes with the next start.
        this.#context.failed(cause);
      }
    });
  }
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}

/**
 * Files of messages of one's own that have disappeared here. Somebody else may still have to read the message, so the server keeps them. When everybody
 * has read it, its time is over everywhere one such time later: nobody has the key any more, and the server is asked to forget the file. Where not
 * everybody shows what they have read, or a group has other members since, it keeps the file for as long as any other.
 */
import { LIFETIME_MS } from '@kuvert/protocol';
import { type Context, randomMs } from '../context.ts';
import { entriesOf } from '../groups/history.ts';
import { shownReceipt, ticksInGroup } from '../ticks/receipts.ts';
import type { UploadRow } from './store.ts';

const LOOKED_AT = 1_000;
/** Receipts that have come meanwhile are seen by then. */
const LOOK_EVERY_MS = 3_600_000;
/** Asked for at random within this, so that the server does not learn when the last one has read. */
const SPREAD_MS = 3_600_000;
/** By then the server has given a file up by itself. */
const GIVEN_UP_MS = 2 * LIFETIME_MS[1];
/** Whoever has signed a change of a group may have a clock that is wrong by this. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** @see the top of this file */
export class OutlivedFiles {
  readonly #context: Context;
  readonly #hooks: { readonly isConnected: () => boolean; readonly onRemoval: () => void };
  #cancel: (() => void) | undefined;

  /** @param hooks.onRemoval files are to be removed from the server */
  constructor(
    context: Context,
    hooks: { readonly isConnected: () => boolean; readonly onRemoval: () => void },
  ) {
    this.#context = context;
    this.#hooks = hooks;
  }

  /** Looks which files are needed no more, and goes on until {@link OutlivedFiles.stop}. Also to be called when one may have come to be. */
  look(): void {
    this.stop();
    if (!this.#hooks.isConnected()) return;
    try {
      const nextMs = this.#removeDue();
      if (nextMs !== undefined) this.#cancel = this.#context.clock.after(nextMs, () => this.look());
    } catch (cause) {
      // A full disk: the next look comes with the next connection.
      this.#context.failed(cause);
    }
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** @returns after how long there may be more to do; undefined when there is nothing left */
  #removeDue(): number | undefined {
    const { store, serverOffset } = this.#context;
    const uploads = store.uploads.listOutlived(LOOKED_AT);
    if (uploads.length === 0) return undefined;
    const nowMs = Math.floor(serverOffset.now());
    let waitMs = LOOK_EVERY_MS;
    let isDue = false;
    store.transaction(() => {
      for (const upload of uploads) {
        const { attachment, storedAtMs = 0 } = upload;
        const leftMs = (upload.removeAtMs ?? this.#plan(upload, nowMs) ?? Number.MAX_SAFE_INTEGER) - nowMs;
        if (nowMs >= storedAtMs + GIVEN_UP_MS) store.uploads.delete(attachment);
        else if (leftMs > 0) waitMs = Math.min(waitMs, leftMs);
        else {
          store.uploads.setState(attachment, 'remove');
          isDue = true;
        }
      }
    });
    if (isDue) this.#hooks.onRemoval();
    return waitMs;
  }

  /** When the server may forget a file; undefined while somebody may still have to read its message. */
  #plan(upload: UploadRow, nowMs: number): number | undefined {
    if (upload.timerMs === undefined || !this.#isReadByAll(upload)) return undefined;
    const removeAtMs = nowMs + upload.timerMs + randomMs(this.#context, SPREAD_MS);
    this.#context.store.uploads.setRemoval(upload.attachment, removeAtMs);
    return removeAtMs;
  }

  #isReadByAll({ contentId }: UploadRow): boolean {
    const { store } = this.#context;
    const row = store.outbox.findByContentId(contentId);
    if (row?.chain === undefined) return false;
    const { toPerson, toGroup, chain, sentAtMs } = row;
    if (toGroup === undefined) return shownReceipt(this.#context, toPerson, chain) === 'read';
    const isRead = ticksInGroup(this.#context, toGroup, chain).every(({ state }) => state === 'read');
    if (!isRead || store.groups.get(toGroup)?.state.isDissolved !== false) return false;
    // Who has gone since has the message too, and says nothing of it any more.
    return !entriesOf(this.#context, toGroup).some(
      ({ action, atMs }) =>
        (action === 'remove' || action === 'leave') && atMs > sentAtMs - CLOCK_TOLERANCE_MS,
    );
  }
}

/**
 * What was read: it is unread no more, its sender may be told, its time begins to run when it is to disappear, and one's other devices hear
 * of it. All of that happens here, whoever does the reading.
 */
import type { ContentId, ConversationId, DeviceId, ReadState } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { noteReceipt } from '../ticks/receipts.ts';
import { startTimers } from './disappearing.ts';
import type { EntryPlace, EntryRow } from './store.ts';

const CHAINS_MAX = 64;
const CONTENT_IDS_MAX = 256;

/** Everything in a conversation up to a place was read. Has to run in a transaction. */
export function readUpTo(context: Context, conversationId: ConversationId, place: EntryPlace): void {
  noteRead(context, context.store.entries.markRead(conversationId, place));
}

/** Single messages were read. Has to run in a transaction. */
export function readMessages(
  context: Context,
  messages: readonly { readonly messageId: ContentId; readonly senderDevice: DeviceId }[],
): void {
  const { entries } = context.store;
  const rows = messages.flatMap(({ messageId, senderDevice }) => entries.find(messageId, senderDevice));
  noteRead(context, entries.markEachRead(rows.filter((row) => row.isUnread)));
}

function noteRead(context: Context, rows: readonly EntryRow[]): void {
  if (rows.length === 0) return;
  const { store, changes, serverOffset } = context;
  const nowMs = Math.floor(serverOffset.now());
  if (noteReceipt(context, 'read', rows)) context.receiptsDue();
  startTimers(context, rows, nowMs);
  for (const row of rows) {
    if (row.chain !== undefined) store.reading.markDue(row.chain.id, row.senderDevice, nowMs);
    changes.settingsOf(row.conversationId);
  }
  context.ownStateDue();
}

/** What other devices of one's own are to hear of reading, so much as fits at once; it counts as told. */
export function takeDueReading({ store }: Context): ReadState | undefined {
  const due = store.reading.takeDue(CHAINS_MAX);
  if (due.length === 0) return undefined;
  const chains: ReadState['chains'] = [];
  const also: ContentId[] = [];
  for (const { chain, device } of due) {
    const state = store.chains.getFollowed(device, chain)?.state;
    if (state === undefined) continue;
    // Behind a gap only single messages were read for certain: what fills the gap later was not.
    const whole = Math.min(state.seq, (state.lost[0]?.from ?? Number.MAX_SAFE_INTEGER) - 1);
    const seq = Math.min(whole, store.reading.firstUnread(chain) - 1);
    if (seq > 0) chains.push({ chain, seq });
    also.push(...store.reading.listReadBeyond(chain, seq, CONTENT_IDS_MAX - also.length));
  }
  return { at: Math.min(...due.map(({ atMs }) => atMs)), chains, also };
}

/** Takes what another device of one's own has read. Has to run in a transaction. */
export function takeReading(context: Context, told: ReadState): void {
  const { store, changes, serverOffset } = context;
  const rows: EntryRow[] = [];
  for (const { chain, seq } of told.chains) rows.push(...store.reading.markChain(chain, seq, told.at));
  for (const contentId of told.also) rows.push(...store.reading.markSingle(contentId, told.at));
  // A clock that is ahead would let nothing disappear; what was read was read by now.
  startTimers(context, rows, Math.min(told.at, Math.floor(serverOffset.now())));
  for (const row of rows) changes.settingsOf(row.conversationId);
}

/**
 * What was read: it is unread no more, its sender may be told, its time begins to run when it is to disappear, and one's other devices hear
 * of it. All of that happens here, whoever does the reading.
 */
import {
  type ChainId,
  type ContentId,
  type ConversationId,
  type DeviceId,
  READER_VERSION,
  type ReadState,
} from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { hasOtherDevices, queueForOwnDevices } from '../own-lane.ts';
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
  const single: ContentId[] = [];
  for (const { chain, contentId, senderDevice: device, conversationId } of rows) {
    if (chain !== undefined && chain.seq <= readUpToSeq(context, device, chain.id))
      store.reading.markDue(chain.id, device, nowMs);
    else single.push(contentId);
    changes.settingsOf(conversationId);
  }
  context.ownStateDue();
  if (hasOtherDevices(context)) queueSingle(context, single, nowMs);
}

/** Up to which number everything in a chain is here and read. */
function readUpToSeq({ store }: Context, device: DeviceId, chain: ChainId): number {
  const followed = store.chains.getFollowed(device, chain);
  // What was before this device was one of those it is for is here as history, perhaps with holes.
  if (followed === undefined || followed.base > 0) return 0;
  const { state } = followed;
  const whole = Math.min(state.seq, (state.lost[0]?.from ?? Number.MAX_SAFE_INTEGER) - 1);
  return Math.min(whole, store.reading.firstUnread(chain) - 1);
}

/** Messages that no number stands for, because something before them is missing here or unread: told one by one. */
function queueSingle(context: Context, also: readonly ContentId[], at: number): void {
  for (let from = 0; from < also.length; from += CONTENT_IDS_MAX) {
    const read = [{ at, chains: [], also: also.slice(from, from + CONTENT_IDS_MAX) }];
    queueForOwnDevices(context, { content: { kind: 'own-state', minReader: READER_VERSION, read } });
  }
}

/** What other devices of one's own are to hear of reading, so much as fits at once; it counts as told. */
export function takeDueReading(context: Context): ReadState | undefined {
  const due = context.store.reading.takeDue(CHAINS_MAX);
  if (due.length === 0) return undefined;
  const chains = due
    .map(({ chain, device }) => ({ chain, seq: readUpToSeq(context, device, chain) }))
    .filter(({ seq }) => seq > 0);
  return { at: Math.min(...due.map(({ atMs }) => atMs)), chains, also: [] };
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

/**
 * How long new messages of a conversation stay: a setting of all who are in it, which travels as a message. One that never arrives, because it has
 * expired on the server in somebody's absence or they were put back from a copy, would leave them with another time for good. But each message says
 * under which time it was written: when one comes that was written after the present time was set and under another, the device that has set it
 * tells it once more.
 */
import { type ConversationId, KuvertError, READER_VERSION, TIMER_MS } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { loadRecord, saveRecord, VALUES } from '../own-device.ts';
import { queueMessage, recipientOf } from './outgoing.ts';
import { getSetting, writeSetting } from './settings.ts';

/** What is on its way meanwhile was written under the old time too, and says nothing. */
const TELL_AGAIN_AFTER_MS = 3_600_000;

/**
 * Messages that are written from now on disappear so long after they were sent or read; undefined: they stay. True when the others are to be told. Has
 * to run in a transaction.
 * @throws KuvertError `bad_request` for less than a second or more than four years, `not_found`, `group_not_member`, `group_dissolved`
 */
export function changeTimer(
  context: Context,
  conversationId: ConversationId,
  timerMs: number | undefined,
): boolean {
  const isTimer = timerMs === undefined || (timerMs >= TIMER_MS.min && timerMs <= TIMER_MS.max);
  if (!isTimer) throw new KuvertError('bad_request', { details: { field: 'timer' } });
  const recipient = recipientOf(context, conversationId);
  const value = Math.floor(timerMs ?? 0);
  const setting = writeSetting(context, conversationId, 'timer', value);
  if (setting === undefined) return false;
  const entry = { kind: 'timer' as const, content: new Uint8Array(), timerMs: value || undefined };
  queueMessage(context, { ...recipient, content: timerContent(value, setting.stampMs), entry });
  return true;
}

/** Takes note of the time under which somebody else, or another device of one's own, has written. Has to run in a transaction. */
export function noteTimerOf(
  context: Context,
  message: {
    readonly conversationId: ConversationId;
    readonly timerMs: number | undefined;
    readonly atMs: number;
  },
): void {
  const { store, own, serverOffset } = context;
  const { conversationId } = message;
  const setting = store.conversations.getSetting(conversationId, 'timer');
  if (setting?.device !== own.deviceId || message.atMs <= setting.stampMs) return;
  const timerMs = getSetting(context, conversationId, 'timer');
  if (timerMs === (message.timerMs ?? 0)) return;
  const nowMs = serverOffset.now();
  const told = loadRecord<Record<ConversationId, number>>(store.values, VALUES.timersToldAgain) ?? {};
  const lately = Object.entries(told).filter(([, atMs]) => nowMs - atMs < TELL_AGAIN_AFTER_MS);
  if (lately.some(([id]) => id === conversationId)) return;
  const recipient = recipientOrNone(context, conversationId);
  if (recipient === undefined) return;
  queueMessage(context, {
    ...recipient,
    content: { ...timerContent(timerMs, setting.stampMs), isAgain: true },
    entry: { kind: 'removed', content: new Uint8Array(), timerMs: undefined },
  });
  saveRecord(store.values, VALUES.timersToldAgain, {
    ...Object.fromEntries(lately),
    [conversationId]: nowMs,
  });
}

/** @param timerMs 0 for none */
function timerContent(timerMs: number, stamp: number) {
  return { kind: 'timer' as const, minReader: READER_VERSION, timerMs, stamp };
}

/** Nobody, where one cannot write any more. */
function recipientOrNone(context: Context, conversationId: ConversationId) {
  try {
    return recipientOf(context, conversationId);
  } catch (error) {
    if (error instanceof KuvertError) return undefined;
    throw error;
  }
}

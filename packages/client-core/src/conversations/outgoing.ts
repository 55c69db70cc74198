/** Messages of one's own in their conversations. */
import { type ContentId, type PersonId, utf8 } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { conversationAt } from './known.ts';

/** Keeps a message that was put into the outbox, in the same transaction. */
export function keepOutgoing(
  context: Context,
  message: {
    readonly to: string;
    readonly contentId: ContentId;
    readonly text: string;
    readonly sentAtMs: number;
  },
): void {
  const { store, own, changes } = context;
  const conversationId = conversationAt(context, message.to);
  store.entries.add({
    conversationId,
    direction: 'out',
    kind: 'text',
    contentId: message.contentId,
    senderDevice: own.deviceId,
    senderPerson: own.personId,
    content: utf8(message.text),
    atMs: message.sentAtMs,
    writtenAtMs: message.sentAtMs,
    acceptedAtMs: undefined,
    chain: undefined,
    isUnread: false,
    isPrinted: true,
    timerMs: undefined,
  });
  changes.entriesOf(conversationId);
}

/** Tells that the states of messages to a person, or to an address without one, may have changed. */
export function tellOutgoing(context: Context, to: PersonId | string): void {
  const { store, changes } = context;
  const row = store.conversations.findByPerson(to as PersonId) ?? store.conversations.findByMail(to);
  if (row !== undefined) changes.entriesOf(row.conversationId);
}

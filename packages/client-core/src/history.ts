/** What is stored, as people see it. */
import { viewOf } from './conversations/entry-view.ts';
import type { ListedEntry } from './conversations/store.ts';
import type { OutboxRow, Store, StoredMessage } from './store.ts';
import { type ShownContext, shownReceipt } from './ticks/receipts.ts';
import type { HistoryEntry, IncomingMessage, MessageState } from './types.ts';

/** A text may begin with U+FEFF, which belongs to it. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A stored message with its sender's name. */
export function incomingOf(store: Store, message: StoredMessage): IncomingMessage {
  const person = store.directory.getPerson(message.senderPerson);
  return {
    messageId: message.contentId,
    senderDevice: message.senderDevice,
    senderPerson: message.senderPerson,
    from: person?.mail,
    fromName: person?.name,
    sentAtMs: message.sentAtMs,
    kind: message.kind,
    text: message.kind === 'text' ? decoder.decode(message.content) : '',
  };
}

/** How far a row of the outbox has come, as far as it may be shown. */
export function stateOf(context: ShownContext, row: OutboxRow): MessageState {
  const receipt = shownReceipt(context, row.toPerson, row.chain);
  return receipt ?? (row.acceptedAtMs === undefined ? 'queued' : 'accepted');
}

/** Messages of a conversation, or of all, in order of their times, then ids. */
export function historyOf(context: ShownContext, options: { with?: string; limit: number }): HistoryEntry[] {
  const { store } = context;
  const { with: mail, limit } = options;
  if (mail === undefined) return store.entries.listLast(limit).flatMap((row) => historyEntryOf(context, row));
  const personId = store.directory.findPersonByMail(mail)?.personId;
  const row = personId ? store.conversations.findByPerson(personId) : store.conversations.findByMail(mail);
  if (row === undefined) return [];
  return store.entries.listLast(limit, row.conversationId).flatMap((entry) => historyEntryOf(context, entry));
}

function historyEntryOf(context: ShownContext, row: ListedEntry): HistoryEntry[] {
  const { store } = context;
  const entry = viewOf(context, row);
  if (entry.direction === 'system' || entry.kind === 'timer') return [];
  const { messageId, senderDevice, senderPerson, atMs: sentAtMs, text, kind } = entry;
  if (entry.direction === 'in') {
    const person = store.directory.getPerson(senderPerson);
    const from = { from: person?.mail, fromName: person?.name };
    return [{ direction: 'in', messageId, senderDevice, senderPerson, ...from, sentAtMs, kind, text }];
  }
  const conversation = store.conversations.get(entry.conversationId);
  const peer = conversation?.personId && store.directory.getPerson(conversation.personId);
  const to = peer?.mail ?? conversation?.mail ?? '';
  const { state = 'accepted', problem } = entry;
  return [{ direction: 'out', messageId, to, sentAtMs, kind, text, state, ...(problem && { problem }) }];
}

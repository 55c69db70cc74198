/** What is stored, as people see it. */
import { decodeContent } from '@kuvert/protocol';
import type { OutboxRow, Store, StoredMessage } from './store.ts';
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

/** How far a row of the outbox has come. */
export function stateOf(row: OutboxRow): MessageState {
  if (row.deliveredAtMs !== undefined) return 'delivered';
  return row.acceptedAtMs === undefined ? 'queued' : 'accepted';
}

/** Lines of a conversation, or of all, in order of their times, then ids. */
export function historyOf(store: Store, options: { with?: string; limit: number }): HistoryEntry[] {
  const { with: mail, limit } = options;
  const personId = mail === undefined ? undefined : store.directory.findPersonByMail(mail)?.personId;
  const sent = store.outbox.listSent({ ...(personId && { personId }), ...(mail && { mail }), limit });
  const isStranger = mail !== undefined && personId === undefined;
  const received = isStranger ? [] : store.messages.listLast({ ...(personId && { personId }), limit });
  const entries: HistoryEntry[] = [
    ...received.map((message) => ({ ...incomingOf(store, message), direction: 'in' as const })),
    ...sent.map((row) => outgoingOf(store, row)),
  ];
  const order = (a: HistoryEntry, b: HistoryEntry) =>
    a.sentAtMs - b.sentAtMs || (a.messageId < b.messageId ? -1 : 1);
  return entries.sort(order).slice(-limit);
}

function outgoingOf(store: Store, row: OutboxRow): HistoryEntry {
  const content = decodeContent(row.content);
  return {
    direction: 'out',
    messageId: row.contentId,
    to: row.toMail ?? (row.toPerson && store.directory.getPerson(row.toPerson)?.mail) ?? '',
    sentAtMs: row.sentAtMs,
    kind: 'text',
    text: content.kind === 'text' ? content.text : '',
    state: stateOf(row),
    ...(row.problem && { problem: row.problem }),
  };
}

/** What is stored, as people see it. */
import type { ConversationId } from '@kuvert/protocol';
import { detailsOf, onlyDetails } from './conversations/details.ts';
import { viewOf } from './conversations/entry-view.ts';
import { changeOf, shownOf, textOf } from './conversations/shown.ts';
import type { ListedEntry } from './conversations/store.ts';
import type { HistoryLine } from './conversations/types.ts';
import type { OutboxRow, StoredMessage } from './store.ts';
import { type ShownContext, shownReceipt } from './ticks/receipts.ts';
import type { HistoryEntry, IncomingMessage, MessageGroup, MessageState } from './types.ts';

/** A stored message with its sender's name. */
export function incomingOf(context: ShownContext, message: StoredMessage): IncomingMessage {
  const { store } = context;
  const person = store.directory.getPerson(message.senderPerson);
  return {
    messageId: message.contentId,
    senderDevice: message.senderDevice,
    senderPerson: message.senderPerson,
    from: person?.mail,
    fromName: person?.name,
    ...groupOf(context, message.conversationId),
    sentAtMs: message.sentAtMs,
    ...contentOf(context, message),
  };
}

function groupOf({ store }: ShownContext, conversationId: ConversationId): { readonly group?: MessageGroup } {
  const row = store.groups.findByConversation(conversationId);
  return row === undefined ? {} : { group: { groupId: row.groupId, title: row.title } };
}

function contentOf(
  context: ShownContext,
  message: StoredMessage,
): Pick<IncomingMessage, 'kind' | 'text' | 'details' | 'change'> {
  if (message.kind === 'change') return changeView(message);
  const row = { ...message, kind: message.kind, edited: message.edited };
  const content = shownOf(row);
  if (content === undefined) return { kind: 'too-new', text: '' };
  const details = detailsOf(context, row, content);
  return { kind: content.kind, text: textOf(row), ...(Object.keys(details).length > 0 && { details }) };
}

function changeView({
  content,
  senderPerson,
}: StoredMessage): Pick<IncomingMessage, 'kind' | 'text' | 'change'> {
  const change = changeOf(content);
  if (change === undefined) return { kind: 'too-new', text: '' };
  const { kind } = change;
  const { message: messageId, author } =
    'to' in change ? change.to : { message: change.message, author: senderPerson };
  return {
    kind,
    text: kind === 'edit' ? change.text : '',
    change: {
      messageId,
      author,
      ...(kind === 'reaction' && { emoji: change.emoji }),
      ...(kind === 'vote' && { choices: change.choices }),
    },
  };
}

/** How far a row of the outbox has come, as far as it may be shown. */
export function stateOf(context: ShownContext, row: OutboxRow): MessageState {
  const receipt = shownReceipt(context, row.toGroup ?? row.toPerson, row.chain);
  return receipt ?? (row.acceptedAtMs === undefined ? 'queued' : 'accepted');
}

/** Messages and notices of a conversation, or of all, in order of their times, then ids. */
export function historyLinesOf(
  context: ShownContext,
  { limit, ...options }: { conversationId?: ConversationId; withNotices: boolean; limit: number },
): HistoryLine[] {
  return context.store.entries.listLast(limit, options).flatMap((row): HistoryLine[] => {
    const message = historyEntryOf(context, row);
    // A timer that was set is listed among the messages, and is a notice to people.
    if (message.length > 0 || !options.withNotices) return message;
    return [{ direction: 'notice', entry: viewOf(context, row) }];
  });
}

/** Messages of a conversation, or of all, in order of their times, then ids. */
export function historyOf(context: ShownContext, options: { with?: string; limit: number }): HistoryEntry[] {
  const { store } = context;
  const { with: mail, limit } = options;
  if (mail === undefined) return store.entries.listLast(limit).flatMap((row) => historyEntryOf(context, row));
  const personId = store.directory.findPersonByMail(mail)?.personId;
  const row = personId ? store.conversations.findByPerson(personId) : store.conversations.findByMail(mail);
  if (row === undefined) return [];
  return store.entries.listLast(limit, row).flatMap((entry) => historyEntryOf(context, entry));
}

function historyEntryOf(context: ShownContext, row: ListedEntry): HistoryEntry[] {
  const { store } = context;
  const entry = viewOf(context, row);
  if (entry.direction === 'system' || entry.kind === 'timer') return [];
  const { messageId, senderDevice, senderPerson, atMs: sentAtMs, text, kind } = entry;
  const found = onlyDetails(entry);
  const details = Object.keys(found).length > 0 ? { details: found } : {};
  const group = groupOf(context, entry.conversationId);
  if (entry.direction === 'in') {
    const person = store.directory.getPerson(senderPerson);
    const from = { from: person?.mail, fromName: person?.name };
    return [
      {
        direction: 'in',
        messageId,
        senderDevice,
        senderPerson,
        ...from,
        ...group,
        sentAtMs,
        kind,
        text,
        ...details,
      },
    ];
  }
  const conversation = store.conversations.get(entry.conversationId);
  const peer = conversation?.personId && store.directory.getPerson(conversation.personId);
  const to = peer?.mail ?? conversation?.mail ?? '';
  const { state = 'accepted', problem } = entry;
  return [
    {
      direction: 'out',
      messageId,
      to,
      ...group,
      sentAtMs,
      kind,
      text,
      ...details,
      state,
      ...(problem && { problem }),
    },
  ];
}

/**
 * Edits, reactions and votes: records of their own that change how another message is shown. They may come in any order, before the message that
 * they are about, and more than once; what is shown follows from the set of them alone, so all devices end with the same. Of two, the
 * one with the higher stamp holds, then the one with the higher content id. Whoever takes a message back takes its changes with it.
 */
import {
  type ChangeContent,
  type ContentId,
  type ConversationId,
  type DeviceId,
  encodeContent,
  type PersonId,
  utf8,
} from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { forgetSent } from './outgoing.ts';
import { captionOf, changeOf, shownOf } from './shown.ts';
import type { EntryRow, MessageChange } from './store.ts';

/** A change and where it came from. */
export interface ArrivedChange {
  readonly conversationId: ConversationId;
  readonly who: PersonId;
  readonly device: DeviceId;
  readonly contentId: ContentId;
  readonly atMs: number;
  readonly content: ChangeContent;
}

/** Keeps a change. False when it is about something that was taken back. Has to run in a transaction. */
export function takeChange(context: Context, { content, ...arrived }: ArrivedChange): boolean {
  const { store, changes } = context;
  const { target, author } = targetOf(content, arrived.who);
  const rows = messagesOf(context, target, author);
  if (rows.some(({ kind }) => kind === 'deleted' || kind === 'removed')) return false;
  if (rows.length === 0 && store.entries.takeEarlyDeletion(target, author)) {
    // Taken back before it came: it stays so.
    store.entries.addEarlyDeletion(target, author);
    return false;
  }
  // What was said here changes nothing elsewhere, or those who are not here would see something else.
  if (rows.length > 0 && rows.every(({ conversationId }) => conversationId !== arrived.conversationId)) {
    return false;
  }
  const { kind, stamp: stampMs } = content;
  store.changes.add({ ...arrived, target, author, kind, stampMs, content: encodeContent(content) });
  for (const row of rows) settleEdits(context, row);
  changes.entriesOf(arrived.conversationId);
  return true;
}

/** Shows an entry as it was last edited. To be called when it, or an edit of it, has come. Has to run in a transaction. */
export function settleEdits({ store }: Context, row: EntryRow): void {
  const edits = editsOf(store.changes.list(row.contentId, row.senderPerson), row);
  const last = edits.at(-1);
  if (last === undefined) return;
  const content = shownOf(row);
  if (content === undefined || captionOf(content) === undefined) return;
  store.entries.setEdited(row.entryId, utf8(last.content.text));
}

type Edit = Extract<ChangeContent, { kind: 'edit' }>;

/** The edits of a message, in the order in which they hold. */
export function editsOf(
  changes: readonly MessageChange[],
  row: Pick<EntryRow, 'conversationId' | 'senderPerson'>,
): (Omit<MessageChange, 'content'> & { readonly content: Edit })[] {
  return changes
    .filter(({ kind, conversationId }) => kind === 'edit' && conversationId === row.conversationId)
    .filter(({ who }) => who === row.senderPerson)
    .flatMap((change) => {
      const content = changeOf(change.content);
      return content?.kind === 'edit' ? [{ ...change, content }] : [];
    })
    .sort(compareChanges);
}

/** Which of two changes of one kind holds: the later in this order. */
export function compareChanges(
  a: Pick<MessageChange, 'stampMs' | 'contentId'>,
  b: Pick<MessageChange, 'stampMs' | 'contentId'>,
): number {
  return a.stampMs - b.stampMs || (a.contentId < b.contentId ? -1 : Number(a.contentId > b.contentId));
}

/** Of an entry that is shown no more nothing is kept, neither its text nor what was done to it. Has to run in a transaction. */
export function forgetMessage(context: Context, row: EntryRow, as: 'deleted' | 'removed'): void {
  const { store, own } = context;
  store.entries.forget(row.entryId, as);
  if (row.direction === 'out') forgetSent(context, row.contentId);
  for (const change of store.changes.forget(row.contentId, row.senderPerson)) {
    if (change.device !== own.deviceId) continue;
    // What was to be said of a message that its author takes back is not said any more.
    const isWithdrawn = as === 'deleted' && store.outbox.withdraw(change.contentId);
    if (!isWithdrawn) forgetSent(context, change.contentId);
  }
  context.entryGone(row, as);
}

function targetOf(content: ChangeContent, who: PersonId): { target: ContentId; author: PersonId } {
  // Nobody edits what somebody else has written: the author of an edit is the author of what it edits.
  return 'to' in content
    ? { target: content.to.message, author: content.to.author }
    : { target: content.message, author: who };
}

function messagesOf({ store }: Context, contentId: ContentId, author: PersonId): EntryRow[] {
  return store.entries.find(contentId).filter((row) => row.senderPerson === author);
}

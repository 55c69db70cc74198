/** Taking messages back (their author, for everybody) and away (anybody, for themselves). What was deleted leaves its ids, so that it never comes again. */
import { type ContentId, KuvertError, type PersonId, READER_VERSION } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { forgetMessage } from './amending.ts';
import { queueMessage, sideOf } from './outgoing.ts';
import type { EntryRow } from './store.ts';
import type { DeletionScope, EntryId } from './types.ts';

/** As many as one content takes. */
const MESSAGES_MAX = 256;

/**
 * Deletes messages, all or none. Has to run in a transaction. True when something is to be sent.
 * @throws KuvertError `message_unknown`, `not_own_message` (for everybody, and somebody else's)
 */
export function deleteMessages(
  context: Context,
  entryIds: readonly EntryId[],
  scope: DeletionScope,
): boolean {
  const { store, own, changes } = context;
  const rows = entryIds.map((entryId) => {
    const row = store.entries.get(entryId);
    if (row === undefined) throw new KuvertError('message_unknown');
    return row;
  });
  const isEverywhere = scope === 'everywhere';
  const messages: EntryRow[] = [];
  for (const row of rows) {
    if (row.direction === 'system') {
      if (isEverywhere) throw new KuvertError('not_own_message');
      store.entries.forget(row.entryId, 'removed');
    } else if (isEverywhere && row.senderPerson !== own.personId) throw new KuvertError('not_own_message');
    else messages.push(row);
    changes.entriesOf(row.conversationId);
  }
  const sent = messages.filter((row) => !takeBackUnsent(context, row));
  for (const row of sent) {
    forgetMessage(context, row, isEverywhere ? 'deleted' : 'removed');
    if (scope === 'own-devices') store.ownState.addRemoved(row.contentId, row.senderDevice, { isDue: true });
  }
  if (scope === 'own-devices') context.ownStateDue();
  return isEverywhere && tellOthers(context, sent);
}

/**
 * What has not left this device never does, however it is deleted: nobody else has ever seen it, so there is nothing to show in its place, here as
 * little as elsewhere. False for what has left, or may have.
 */
function takeBackUnsent(context: Context, row: EntryRow): boolean {
  const { store, own } = context;
  if (row.senderDevice !== own.deviceId || !store.outbox.withdraw(row.contentId)) return false;
  forgetMessage(context, row, 'deleted');
  store.entries.forget(row.entryId, 'removed');
  return true;
}

/** The others are told, in each conversation. */
function tellOthers(context: Context, rows: readonly EntryRow[]): boolean {
  const { store } = context;
  const byConversation = Map.groupBy(rows, (row) => row.conversationId);
  let isQueued = false;
  for (const [conversationId, deleted] of byConversation) {
    const conversation = store.conversations.get(conversationId);
    const person = conversation?.personId && store.directory.getPerson(conversation.personId);
    const to = person?.mail ?? conversation?.mail;
    if (to === undefined && conversation?.personId === undefined) continue;
    for (let at = 0; at < deleted.length; at += MESSAGES_MAX) {
      const messages = deleted.slice(at, at + MESSAGES_MAX).map((row) => row.contentId);
      const content = { kind: 'delete' as const, minReader: READER_VERSION, messages };
      queueMessage(context, {
        to: to ?? '',
        ...sideOf(conversation?.personId),
        content,
        entry: { kind: 'removed', content: new Uint8Array(), timerMs: undefined },
      });
      isQueued = true;
    }
  }
  return isQueued;
}

/** An author has taken messages back. What has not arrived yet will be as if it had. Has to run in a transaction. */
export function takeBack(context: Context, author: PersonId, contentIds: readonly ContentId[]): void {
  const { store, changes } = context;
  for (const contentId of contentIds) {
    const rows = store.entries.find(contentId).filter((row) => row.senderPerson === author);
    if (rows.length === 0) {
      store.entries.addEarlyDeletion(contentId, author);
      store.changes.forget(contentId, author);
    }
    for (const row of rows) {
      if (row.kind === 'removed') continue;
      forgetMessage(context, row, 'deleted');
      changes.entriesOf(row.conversationId);
    }
  }
}

/** Stored entries as people see them. */
import { isGroupLane } from '../chains/own-chain.ts';
import { type ShownContext, shownReceipt } from '../ticks/receipts.ts';
import type { MessageState } from '../types.ts';
import { detailsOf } from './details.ts';
import { shownOf, textOf } from './shown.ts';
import type { EntryRow, ListedEntry, OutgoingFacts } from './store.ts';
import type { Entry, MessageEntry } from './types.ts';

/** @param row not a removed one */
export function viewOf(context: ShownContext, row: ListedEntry): Entry {
  if (row.direction === 'system') {
    const { entryId, conversationId, direction, atMs } = row;
    const { kind, deviceId, count, code, personId, action, people, role, part, newTitle, successor } =
      row.notice;
    return {
      entryId,
      conversationId,
      direction,
      atMs,
      kind,
      ...(personId && { personId }),
      ...(action && { action }),
      ...(people && { people }),
      ...(role && { role }),
      ...(part && { part }),
      ...(newTitle !== undefined && { newTitle }),
      ...(successor && { successor }),
      ...(deviceId && { deviceId }),
      ...(count !== undefined && { count }),
      ...(code && { code }),
    };
  }
  const { entryId, conversationId, direction, atMs, kind, senderDevice, senderPerson, expiresAtMs, timerMs } =
    row;
  const content = shownOf(row);
  return {
    entryId,
    conversationId,
    direction,
    atMs,
    kind: content?.kind ?? (kind === 'removed' ? 'deleted' : kind === 'content' ? 'too-new' : kind),
    messageId: row.contentId,
    senderDevice,
    senderPerson,
    ...senderOf(context, row),
    text: textOf(row),
    isUnread: row.isUnread,
    ...(content && detailsOf(context, row, content)),
    ...(timerMs !== undefined && { timerMs }),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(direction === 'out' && outgoingOf(context, row, row.outgoing)),
  };
}

/** In a group it has to be said who has written. */
function senderOf({ store }: ShownContext, row: EntryRow): Pick<MessageEntry, 'sender'> {
  if (row.direction === 'out') return {};
  const peer = store.conversations.get(row.conversationId)?.personId;
  if (peer === undefined || !isGroupLane(peer)) return {};
  const person = store.directory.getPerson(row.senderPerson);
  return person === undefined ? {} : { sender: { mail: person.mail, name: person.name } };
}

function outgoingOf(
  context: ShownContext,
  row: EntryRow,
  facts: OutgoingFacts | undefined,
): Pick<MessageEntry, 'state' | 'problem'> {
  const personId = context.store.conversations.get(row.conversationId)?.personId;
  const receipt = shownReceipt(context, personId, facts?.chain ?? row.chain);
  // What another device of one's own has sent was accepted before it came here.
  if (facts === undefined) return { state: receipt ?? 'accepted' };
  const { acceptedAtMs, problem } = facts;
  const state: MessageState = receipt ?? (acceptedAtMs === undefined ? 'queued' : 'accepted');
  return { state, ...(problem && { problem }) };
}

/** Messages of one's own: into the outbox and into their conversation, in one transaction. */
import { createHash } from 'node:crypto';
import { groupConversationId } from '@kuvert/crypto/groups';
import {
  CLASSES,
  type ContentId,
  type ConversationId,
  encodeContent,
  type GroupId,
  type KnownContent,
  KuvertError,
  LABELS,
  makeId,
  type PersonId,
  READER_VERSION,
  type ShownContent,
  utf8,
} from '@kuvert/protocol';
import { isGroupLane } from '../chains/own-chain.ts';
import { type Context, newId } from '../context.ts';
import { requireMember } from '../groups/standing.ts';
import { loadRecord, saveRecord, VALUES } from '../own-device.ts';
import { conversationAt, conversationWith } from './known.ts';
import { getSetting } from './settings.ts';
import { storedForm } from './shown.ts';
import type { EntryKind } from './store.ts';

/** Under which id the copy of a message goes to one's other devices: one that can be found when the message is to be forgotten. */
export function sentCopyId(contentId: ContentId): ContentId {
  const digest = createHash('sha256').update(`${LABELS.sentCopy} ${contentId}`).digest();
  return makeId('content', Uint8Array.from(digest.subarray(0, 16)));
}

/** The text of a message of one's own has gone from its conversation: the outbox keeps it no longer than until the server has it. */
export function forgetSent({ store }: Context, contentId: ContentId): void {
  store.outbox.forgetContent(contentId);
  store.outbox.forgetContent(sentCopyId(contentId));
}

/** Queues a text to an address; it disappears as its conversation says. */
export function queueText(
  context: Context,
  { to, group, text }: { readonly to: string; readonly group?: GroupId; readonly text: string },
): ContentId {
  const timer = getSetting(context, conversationOf(context, { to, group }), 'timer');
  const timerMs = timer === 0 ? undefined : timer;
  const content: KnownContent = {
    kind: 'text',
    minReader: READER_VERSION,
    text,
    ...(timerMs && { timerMs }),
  };
  return queueMessage(context, { to, group, content, entry: { kind: 'text', content: utf8(text), timerMs } });
}

/** Whom the messages of a conversation go to. @throws KuvertError `not_found`, `group_not_member`, `group_dissolved` */
export function recipientOf(
  { store, own }: Context,
  conversationId: ConversationId,
): { readonly to: string; readonly person?: PersonId | undefined; readonly group?: GroupId } {
  const conversation = store.conversations.get(conversationId);
  const { personId } = conversation ?? {};
  const to = (personId && store.directory.getPerson(personId)?.mail) ?? conversation?.mail;
  if (to === undefined && personId === undefined) throw new KuvertError('not_found');
  const side = sideOf(personId);
  if (side.group !== undefined) {
    const state = store.groups.get(side.group)?.state;
    if (state === undefined) throw new KuvertError('group_not_member');
    requireMember(state, own.personId);
  }
  return { to: to ?? '', ...side };
}

/** Queues content that people see; it disappears as its conversation says. */
export function queueShown(context: Context, conversationId: ConversationId, draft: ShownContent): ContentId {
  const timer = getSetting(context, conversationId, 'timer');
  const content = timer === 0 ? draft : { ...draft, timerMs: timer };
  const entry = { ...storedForm(content), timerMs: timer === 0 ? undefined : timer };
  return queueMessage(context, { ...recipientOf(context, conversationId), content, entry });
}

/** Queues content of class `message` to an address and keeps its entry. */
export function queueMessage(
  context: Context,
  message: {
    /** The address, or the person where only that is known. */
    readonly to: string;
    readonly person?: PersonId | undefined;
    /** The group, instead of either. */
    readonly group?: GroupId | undefined;
    readonly content: KnownContent;
    readonly entry: {
      readonly kind: EntryKind;
      readonly content: Uint8Array<ArrayBuffer>;
      readonly timerMs: number | undefined;
    };
  },
): ContentId {
  const { store, own, changes } = context;
  const { to, person, group, content, entry } = message;
  const contentId = newId(context, 'content');
  const sentAtMs = nextSentAt(context);
  const conversationId = conversationOf(context, message);
  store.outbox.add({
    contentId,
    kind: content.kind,
    class: CLASSES.message,
    toMail: to === '' ? undefined : to,
    toPerson: group === undefined ? (person ?? store.directory.findPersonByMail(to)?.personId) : undefined,
    toGroup: group,
    content: encodeContent(content),
    sentAtMs,
  });
  store.entries.add({
    ...entry,
    conversationId,
    direction: 'out',
    contentId,
    senderDevice: own.deviceId,
    senderPerson: own.personId,
    atMs: sentAtMs,
    writtenAtMs: sentAtMs,
    acceptedAtMs: undefined,
    chain: undefined,
    isUnread: false,
    isPrinted: true,
  });
  changes.entriesOf(conversationId);
  return contentId;
}

/** A group stands where a person stands in what is stored of a conversation. */
export function sideOf(peer: PersonId | undefined): {
  readonly person?: PersonId | undefined;
  readonly group?: GroupId;
} {
  return peer !== undefined && isGroupLane(peer) ? { group: peer as GroupId } : { person: peer };
}

function conversationOf(
  context: Context,
  { to, person, group }: { to: string; person?: PersonId | undefined; group?: GroupId | undefined },
): ConversationId {
  if (group !== undefined) return groupConversationId(context.own.tenantId, group);
  return person === undefined ? conversationAt(context, to) : conversationWith(context, person);
}

/** No two messages of a device have one time, so that every reader puts them in the order in which they were written. */
function nextSentAt({ store, serverOffset }: Context): number {
  const last = loadRecord<{ sentAtMs: number }>(store.values, VALUES.lastSent);
  const sentAtMs = Math.max((last?.sentAtMs ?? 0) + 1, serverOffset.now());
  saveRecord(store.values, VALUES.lastSent, { sentAtMs });
  return sentAtMs;
}

/** Tells that the states of messages to a person, or to an address without one, may have changed. */
export function tellOutgoing(context: Context, to: PersonId | string): void {
  const { store, changes } = context;
  const row = store.conversations.findByPerson(to as PersonId) ?? store.conversations.findByMail(to);
  if (row !== undefined) changes.entriesOf(row.conversationId);
}

/**
 * Takes the history from another device of one's own. What is here already stays as it is, except that what was deleted there for everybody
 * is deleted here and what was read there is read here; so a transfer may come twice, in pieces, or to a device that has most of it.
 */
import { conversationIdFor } from '@kuvert/crypto/session';
import {
  type ConversationId,
  type DeviceId,
  decodeHistoryPart,
  type HistoryItem,
  type KnownContent,
  makeId,
  type PersonId,
  READER_VERSION,
} from '@kuvert/protocol';
import { isGroupLane } from '../chains/own-chain.ts';
import type { Context } from '../context.ts';
import { forgetMessage, settleEdits, takeChange } from '../conversations/amending.ts';
import { startTimers } from '../conversations/disappearing.ts';
import { conversationOf, conversationWith } from '../conversations/known.ts';
import { takeSetting } from '../conversations/settings.ts';
import { changeOf } from '../conversations/shown.ts';
import { queueForOwnDevices } from '../own-lane.ts';
import { sendForgotten } from './send-forgotten.ts';

type HistoryContent = Extract<KnownContent, { kind: 'history' }>;

/** Requests of one history, when parts of it did not arrive. */
const TRIES_MAX = 3;
const NOTHING = new Uint8Array();

/** How far a history that was asked for has come. */
export interface HistoryProgress {
  readonly from: DeviceId;
  readonly askedAtMs: number;
  /** Messages that have arrived, and how many there are, as far as that is known. */
  readonly messages: number;
  readonly total: number;
  readonly isComplete: boolean;
}

/** The history that was last asked for. */
export function historyProgress({ store }: Context): HistoryProgress | undefined {
  const incoming = store.transfers.getIncoming();
  if (incoming === undefined) return undefined;
  const { from, askedAtMs, messages, total, parts, partsTotal } = incoming;
  return { from, askedAtMs, messages, total, isComplete: partsTotal !== undefined && parts >= partsTotal };
}

/** Which device is asked: one that may sign, if there is one, because it has been there longest. */
export function chooseSource({ store, own }: Context): DeviceId | undefined {
  const account = store.directory.getAccount(own.personId);
  const others = (account?.list.devices ?? []).filter(
    ({ device }) => device !== own.deviceId && !account?.inactive.includes(device),
  );
  return (others.find(({ role }) => role === 'signer') ?? others[0])?.device;
}

/** The device that was asked is one of one's own no more, or the server delivers nothing to it. */
export function isSourceGone({ store, own }: Context, from: DeviceId): boolean {
  const account = store.directory.getAccount(own.personId);
  const isListed = account?.list.devices.some(({ device }) => device === from) === true;
  return !isListed || account.inactive.includes(from);
}

/** Asks for the history. Has to run in a transaction. */
export function askForHistory(context: Context, from: DeviceId, tries = 1): void {
  const { store, clock, random } = context;
  const transfer = makeId('request', random(16));
  queueForOwnDevices(context, {
    content: { kind: 'history-request', minReader: READER_VERSION, transfer, from },
  });
  const fresh = { transfer, from, askedAtMs: clock.now(), tries };
  store.transfers.putIncoming({ ...fresh, parts: 0, partsTotal: undefined, messages: 0, total: 0 });
}

/** Takes a part. True when there is something new to show. Has to run in a transaction. */
export function takePart(context: Context, sender: DeviceId, content: HistoryContent): boolean {
  const { store, own, clock } = context;
  if (content.to !== own.deviceId) return false;
  const incoming = store.transfers.getIncoming();
  // Nobody is believed a past that was not asked for.
  if (incoming === undefined || incoming.transfer !== content.transfer || incoming.from !== sender)
    return false;
  const part = decodeHistoryPart(content.data);
  for (const person of part?.people ?? []) {
    if (store.directory.getPerson(person.personId) === undefined) store.directory.putPerson(person);
  }
  for (const { person, name, value, stamp: stampMs, device } of part?.settings ?? []) {
    takeSetting(context, { conversationId: conversationOf(context, person), name, value, stampMs, device });
  }
  for (const { senderDevice, chain, from, to } of part?.numbers ?? [])
    store.chains.addExcused(senderDevice, chain, { from, to });
  const items = part?.items ?? [];
  for (const item of items) takeItem(context, sender, item);
  const parts = incoming.parts + 1;
  const partsTotal = content.isLast ? content.part + 1 : incoming.partsTotal;
  const messages = incoming.messages + items.length;
  store.transfers.putIncoming({
    ...incoming,
    heardAtMs: clock.now(),
    parts,
    partsTotal,
    messages,
    total: content.total,
  });
  const isHole = content.isLast && parts < content.part + 1;
  if (isHole && incoming.tries < TRIES_MAX) askForHistory(context, sender, incoming.tries + 1);
  // What is asked for once more may name them as had.
  else if (content.isLast) sendForgotten(context);
  return items.length > 0;
}

function takeItem(context: Context, source: DeviceId, item: HistoryItem): void {
  const { store, own, serverOffset, changes, clock } = context;
  const { peer, direction, senderDevice, contentId, chain, receipt, kind, expiresAtMs } = item;
  if (peer === own.personId || (expiresAtMs !== undefined && expiresAtMs <= serverOffset.now())) return;
  const conversationId = knownConversation(context, item);
  const [present] = store.entries.find(contentId, senderDevice);
  changes.entriesOf(conversationId);
  takeChanges(context, conversationId, item);
  if (receipt !== undefined && chain !== undefined && !isGroupLane(peer)) {
    const range = {
      kind: receipt,
      chain: chain.id,
      first: chain.seq,
      last: chain.seq,
      device: source,
      personId: peer,
    };
    store.receipts.add(range, { atMs: clock.now(), isDue: false });
  }
  if (present !== undefined) {
    if (kind === 'deleted' && present.kind !== 'removed') forgetMessage(context, present, 'deleted');
    if (present.isUnread && !item.isUnread) store.entries.markEachRead([present]);
    return;
  }
  // It was deleted on another device that this one has heard of sooner.
  const isRemoved = store.entries.takeEarlyDeletion(contentId, senderDevice);
  const isTakenBack = store.entries.takeEarlyDeletion(contentId, authorOf(context, item));
  const isGone = isRemoved || isTakenBack;
  const { atMs, writtenAtMs, acceptedAtMs, timerMs } = item;
  const readAtMs = direction === 'in' ? store.reading.findReadAt(contentId, chain) : undefined;
  const isUnread = item.isUnread && readAtMs === undefined;
  store.entries.add({
    conversationId,
    direction,
    kind: isRemoved ? 'removed' : isTakenBack ? 'deleted' : kind,
    contentId,
    senderDevice,
    senderPerson: authorOf(context, item),
    content: isGone ? NOTHING : item.content,
    atMs,
    writtenAtMs,
    acceptedAtMs,
    chain,
    isUnread: direction === 'in' && isUnread && !isGone,
    isPrinted: true,
    timerMs: isGone ? undefined : timerMs,
    ...(expiresAtMs !== undefined && !isGone && { expiresAtMs }),
  });
  if (isGone) {
    store.changes.forget(contentId, authorOf(context, item));
    return;
  }
  const rows = store.entries.find(contentId, senderDevice);
  for (const row of rows) settleEdits(context, row);
  if (expiresAtMs !== undefined) context.timersStarted();
  else if (readAtMs !== undefined) startTimers(context, rows, readAtMs);
}

/** Edits, reactions and votes of a message: those that are here already are not taken twice. */
function takeChanges(context: Context, conversationId: ConversationId, item: HistoryItem): void {
  for (const { contentId, who, device, atMs, content: bytes } of item.changes ?? []) {
    const content = changeOf(bytes);
    if (content !== undefined) {
      takeChange(context, { conversationId, who, device, contentId, atMs, content });
    }
  }
}

/** As `conversationWith`, without asking the store for the name of everybody for each message. */
function knownConversation(context: Context, { peer }: HistoryItem) {
  const { store, own } = context;
  if (isGroupLane(peer)) return conversationOf(context, peer);
  const conversationId = conversationIdFor(own.tenantId, own.personId, peer);
  return store.conversations.get(conversationId) === undefined
    ? conversationWith(context, peer)
    : conversationId;
}

function authorOf({ own }: Context, { direction, peer, author }: HistoryItem): PersonId {
  if (direction === 'out') return own.personId;
  return author ?? (peer as PersonId);
}

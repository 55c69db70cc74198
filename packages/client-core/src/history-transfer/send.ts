/**
 * Gives the history to another device of one's own that has asked for it: part by part through the lane to one's own devices, the newest
 * messages first. Few parts wait in the outbox at a time, and how far it has come is written down with each, so it goes on after a cut.
 */
import { conversationIdFor } from '@kuvert/crypto/session';
import {
  type DeviceId,
  encodeHistoryPart,
  HISTORY_PART_MAX_BYTES,
  type HistoryItem,
  type HistoryNumbers,
  type KnownContent,
  type Person,
  type PersonId,
  READER_VERSION,
} from '@kuvert/protocol';
import { isGroupLane } from '../chains/own-chain.ts';
import type { Context } from '../context.ts';
import { tellName } from '../device-names.ts';
import { tellGroupKeys } from '../groups/tell-keys.ts';
import { queueForOwnDevices } from '../own-lane.ts';
import type { Lane } from '../store.ts';
import { tellAllChoices } from '../trust/own-choices.ts';
import type { OutgoingTransfer } from './store.ts';

/** Parts that wait in the outbox; enough to fill the connection. */
const PARTS_WAITING_MAX = 8;
/** Bytes of content in a part, so that with what is around them the padding (160·2ⁿ) is well used. */
const PART_BYTES = 130_000;
const PART_ITEMS_MAX = 2_000;
/** What an entry takes beside its content. */
const ITEM_BYTES = 70;
/** What a change takes beside its content. */
const CHANGE_BYTES = 64;
/** Changes of one message that are sent along. */
const CHANGES_BYTES_MAX = 100_000;
/** What the name of a person takes, and what a setting takes beside its value. */
const PERSON_BYTES = 80;
const SETTING_BYTES = 120;
/** Ranges of numbers that the first part brings, and what one takes. */
const RANGES_MAX = 3_000;
const RANGE_BYTES = 10;
/** Conversations whose names come first; of all others they come with their messages. */
const STATES_PER_PART = 400;

/**
 * Another device of one's own asks; it is given everything from the newest message on. What it was told beside messages while it was away may
 * have expired as they have, so it is told again. Has to run in a transaction.
 */
export function giveHistory(
  context: Context,
  to: DeviceId,
  request: Extract<KnownContent, { kind: 'history-request' }>,
): void {
  const { store, own, historyDue, ownStateDue } = context;
  if (request.from !== own.deviceId) return;
  const account = store.directory.getAccount(own.personId);
  // It may have asked before it was taken out.
  if (account?.list.devices.some(({ device }) => device === to) !== true) return;
  // Whoever asks is there, whatever was known before: what is sealed for nobody would be gone.
  if (account.inactive.includes(to)) {
    store.directory.putAccount({ ...account, inactive: account.inactive.filter((device) => device !== to) });
  }
  tellName(context, own.deviceId);
  tellAllChoices(context);
  tellGroupKeys(context);
  store.ownState.tellRemovedAgain();
  ownStateDue();
  const total = store.transfers.countMessages();
  const { transfer } = request;
  store.transfers.putOutgoing({ transfer, to, part: 0, beforeEntry: Number.MAX_SAFE_INTEGER, total });
  historyDue();
}

/** Queues the next parts. True when there are any. Runs in the operation queue. */
export function queueParts(context: Context): boolean {
  const { store } = context;
  let isQueued = false;
  while (store.transfers.countPartsWaiting() < PARTS_WAITING_MAX) {
    const [next] = store.transfers.listOutgoing();
    if (next === undefined) return isQueued;
    store.transaction(() => queuePart(context, next));
    isQueued = true;
  }
  return isQueued;
}

function queuePart(context: Context, transfer: OutgoingTransfer): void {
  const { store } = context;
  const { to, part, total } = transfer;
  const states = part === 0 ? listStates(context) : undefined;
  const numbers = part === 0 ? listNumbers(context) : [];
  let size = (states?.size ?? 0) + numbers.length * RANGE_BYTES;
  const items: HistoryItem[] = [];
  let beforeEntry = transfer.beforeEntry;
  let isLast = true;
  for (const row of store.transfers.listMessages(beforeEntry, PART_ITEMS_MAX)) {
    size += row.content.length + ITEM_BYTES;
    for (const { content } of changesOf(store, row).changes ?? []) size += content.length + CHANGE_BYTES;
    // One message alone always fits: it has come through the same door.
    if (size > PART_BYTES && (items.length > 0 || states !== undefined)) {
      isLast = false;
      break;
    }
    beforeEntry = row.entryId;
    const item = itemOf(context, row);
    if (item !== undefined) items.push(item);
  }
  isLast &&= store.transfers.listMessages(beforeEntry, 1).length === 0;
  const { settings = [] } = states ?? {};
  const people = peopleOf(context, [
    ...(states?.peers ?? []),
    ...items.map(({ peer, author }) => author ?? peer),
  ]);
  const data = encodeHistoryPart({ people, settings, read: [], items, numbers });
  const content: KnownContent = {
    kind: 'history',
    minReader: READER_VERSION,
    transfer: transfer.transfer,
    to,
    part,
    isLast,
    total,
    data:
      data.length > HISTORY_PART_MAX_BYTES
        ? encodeHistoryPart({ people: [], settings: [], read: [], items: [], numbers: [] })
        : data,
  };
  queueForOwnDevices(context, { content });
  if (isLast) store.transfers.deleteOutgoing(transfer.transfer);
  else store.transfers.putOutgoing({ ...transfer, part: part + 1, beforeEntry });
}

/**
 * The newest conversations and settings, which the first part brings: conversations have their names at once. Settings for which there is
 * no room, such as long drafts, are told as any change of them is.
 */
function listStates({ store, ownStateDue }: Context) {
  const peers = store.transfers.listPeers().slice(0, STATES_PER_PART);
  let size = peers.length * PERSON_BYTES;
  const settings = store.conversations.listSettings().flatMap((setting) => {
    const { conversationId, name, value, stampMs, device } = setting;
    const person = store.conversations.get(conversationId)?.personId;
    if (person === undefined) return [];
    if (size + value.length > PART_BYTES) {
      store.conversations.putSetting(setting, { isDue: true });
      ownStateDue();
      return [];
    }
    size += value.length + SETTING_BYTES;
    return [{ person, name, value, stamp: stampMs, device }];
  });
  return { peers, settings, size };
}

/**
 * What has come here without being a line in a conversation: whoever asks may have been sent it and lost it, and its number would be missing
 * for ever although what it brought is part of the history. So are the numbers of the copies that this device has sent.
 */
function listNumbers({ store, own }: Context): HistoryNumbers[] {
  const lane = store.chains.getOwn(conversationIdFor(own.tenantId, own.personId, own.personId));
  const sent = lane && { senderDevice: own.deviceId, chain: lane.head.id, from: 1, to: lane.accepted.seq };
  return [...(sent && sent.to > 0 ? [sent] : []), ...store.transfers.listNumbersBeside(RANGES_MAX)];
}

function peopleOf({ store }: Context, ids: readonly Lane[]): Person[] {
  return [...new Set(ids)]
    .filter((id) => !isGroupLane(id))
    .map((personId) => store.directory.getPerson(personId as PersonId))
    .filter((person): person is Person => person !== undefined);
}

/** What was done to it, the last of it where there is more than fits. */
function changesOf(store: Context['store'], row: Row): Pick<HistoryItem, 'changes'> {
  let room = CHANGES_BYTES_MAX;
  const changes = store.changes
    .list(row.contentId, row.senderPerson)
    .filter(({ conversationId }) => conversationId === row.conversationId)
    .sort((a, b) => b.stampMs - a.stampMs)
    .filter(({ content }) => {
      room -= content.length + CHANGE_BYTES;
      return room >= 0;
    })
    .map(({ contentId, who, device, atMs, content }) => ({ contentId, who, device, atMs, content }));
  return changes.length > 0 ? { changes } : {};
}

type Row = ReturnType<Context['store']['transfers']['listMessages']>[number];

/** Undefined for what the server has not accepted yet: its copy goes to all devices when it has. */
function itemOf({ store }: Context, row: Row): HistoryItem | undefined {
  const peer: Lane | undefined = store.conversations.get(row.conversationId)?.personId;
  const acceptedAtMs = row.outgoing?.acceptedAtMs ?? row.acceptedAtMs;
  const { kind } = row;
  if (peer === undefined || acceptedAtMs === undefined || kind === 'removed') return undefined;
  const chain = row.outgoing?.chain ?? row.chain;
  const { direction, contentId, senderDevice, content, atMs, writtenAtMs, isUnread, timerMs, expiresAtMs } =
    row;
  const isGroup = isGroupLane(peer);
  return {
    peer,
    ...(isGroup && { author: row.senderPerson }),
    direction,
    kind,
    contentId,
    senderDevice,
    content,
    atMs,
    writtenAtMs,
    acceptedAtMs,
    chain,
    isUnread,
    receipt:
      direction === 'out' && chain && !isGroup
        ? store.receipts.furthest(peer, chain.id, chain.seq)
        : undefined,
    timerMs,
    expiresAtMs,
    ...changesOf(store, row),
  };
}

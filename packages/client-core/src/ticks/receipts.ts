/**
 * Delivered and read receipts (A3). What people may be shown is written down as ranges of chain numbers and told in batches: together with
 * an acknowledgement that is due anyway, or by itself after a random while, so that the server learns no reading times. What is switched
 * off is not written down, so switching it on again tells nothing of the time before.
 */
import {
  type ChainId,
  type ChainRange,
  CLASSES,
  type ContentId,
  decodeContent,
  encodeContent,
  type GroupId,
  type PersonId,
  READER_VERSION,
  type Receipt,
} from '@kuvert/protocol';
import type { ChainSender } from '../chains/follow.ts';
import { isGroupLane } from '../chains/own-chain.ts';
import { type Context, newId, randomMs } from '../context.ts';
import { tellOutgoing } from '../conversations/outgoing.ts';
import { DelayedBatch } from '../delayed-batch.ts';
import { isFor, tellGroupsOf } from '../groups/ticks.ts';
import type { Lane } from '../store.ts';
import { mayShow } from './settings.ts';
import type { ReceiptKind } from './store.ts';

/** Ranges of one kind in one receipt. */
const RANGES_MAX = 64;
/** A receipt that travels by itself waits this long, at random. */
const DELAY_MIN_MS = 1_000;
const DELAY_SPREAD_MS = 14_000;

const FEATURES = { delivered: 'deliveredReceipts', read: 'readReceipts' } as const;

/** A message that somebody sent, as its receipt names it. */
export interface ReceivedMessage {
  readonly senderPerson: PersonId;
  readonly chain: { readonly id: ChainId; readonly seq: number } | undefined;
}

/** Notes that messages have arrived or were read. True when somebody is to be told. Runs in a transaction. */
export function noteReceipt(
  context: Context,
  kind: ReceiptKind,
  messages: readonly ReceivedMessage[],
): boolean {
  const { store, own, clock } = context;
  let isDue = false;
  for (const { senderPerson: personId, chain } of messages) {
    if (chain === undefined || personId === own.personId) continue;
    if (!mayShow(context, FEATURES[kind], personId)) continue;
    const range = {
      kind,
      chain: chain.id,
      first: chain.seq,
      last: chain.seq,
      device: own.deviceId,
      personId,
    };
    isDue = store.receipts.add(range, { atMs: clock.now(), isDue: true }) || isDue;
  }
  return isDue;
}

/**
 * A device that was put back from a copy sends what waited in it once more, under a new number: what it was told of the earlier one says nothing
 * to it any more. Whatever was told of that is told of this one too. Runs in a transaction.
 */
export function noteReceiptAgain(
  context: Context,
  sender: Pick<ChainSender, 'device' | 'personId'>,
  again: { readonly contentId: ContentId; readonly chain: { readonly id: ChainId; readonly seq: number } },
): void {
  const { store, own } = context;
  const [present] = store.entries.find(again.contentId, sender.device);
  const earlier = present?.chain;
  if (earlier === undefined || (earlier.id === again.chain.id && earlier.seq === again.chain.seq)) return;
  const told = store.receipts
    .listOf(sender.personId, earlier.id, earlier.seq)
    .find(({ device }) => device === own.deviceId)?.kind;
  if (told === undefined) return;
  const message = { senderPerson: sender.personId, chain: again.chain };
  noteReceipt(context, 'delivered', [message]);
  if (told === 'read') noteReceipt(context, 'read', [message]);
}

/** What a person is to be told now; undefined when nothing is. It counts as told. */
export function takeDueReceipt(context: Context, personId: PersonId): Receipt | undefined {
  const { receipts } = context.store;
  const of = (kind: ReceiptKind) => {
    const ranges = receipts.takeDue(personId, kind, RANGES_MAX);
    // It may have been switched off since.
    return ranges.length > 0 && mayShow(context, FEATURES[kind], personId) ? ranges : undefined;
  };
  const delivered = of('delivered');
  const read = of('read');
  if (delivered === undefined && read === undefined) return undefined;
  return { ...(delivered && { delivered }), ...(read && { read }) };
}

/** One receipt that says what several have said, the later ones first where not all has room. */
export function joinReceipts(receipts: readonly (Receipt | undefined)[]): Receipt | undefined {
  const join = (kind: ReceiptKind) => {
    const ranges = new Map<string, ChainRange>();
    for (const range of receipts.flatMap((receipt) => receipt?.[kind] ?? []).reverse()) {
      const known = ranges.get(`${range.chain}/${range.from}`);
      if (known === undefined || known.to < range.to) ranges.set(`${range.chain}/${range.from}`, range);
    }
    return ranges.size > 0 ? [...ranges.values()].slice(0, RANGES_MAX) : undefined;
  };
  const delivered = join('delivered');
  const read = join('read');
  if (delivered === undefined && read === undefined) return undefined;
  return { ...(delivered && { delivered }), ...(read && { read }) };
}

/** Queues receipts for all who are to be told something. True when there were any. */
export function queueDueReceipts(context: Context): boolean {
  const { store, clock } = context;
  return store.transaction(() => {
    let isQueued = false;
    for (const personId of store.receipts.listPeopleDue()) {
      const due = takeDueReceipt(context, personId);
      if (due === undefined) continue;
      isQueued = true;
      const earlier = store.outbox.takeUnsealed(personId, 'receipt').map((content) => decodeContent(content));
      const receipt = joinReceipts([
        ...earlier.map((one) => (one.kind === 'receipt' ? one : undefined)),
        due,
      ]);
      store.outbox.add({
        contentId: newId(context, 'content'),
        kind: 'receipt',
        class: CLASSES.control,
        toMail: undefined,
        toPerson: personId,
        content: encodeContent({ kind: 'receipt', minReader: READER_VERSION, ...receipt }),
        sentAtMs: clock.now(),
      });
    }
    return isQueued;
  });
}

/** Takes what a verified device says of messages of ours. True when something is news. */
export function takeReceipt(context: Context, sender: ChainSender, receipt: Receipt): boolean {
  const { store, clock } = context;
  let isNews = false;
  for (const kind of ['delivered', 'read'] as const) {
    if (!mayShow(context, FEATURES[kind], sender.personId)) continue;
    for (const { chain, from, to } of receipt[kind] ?? []) {
      const own = store.chains.findOwn(chain);
      // Of a chain of ours only its reader can say something, and only of what there is. Others may be of another device of ours.
      if (own !== undefined && !isFor(context, own, sender.personId)) continue;
      const last = own === undefined ? to : Math.min(to, own.head.seq);
      if (last < from) continue;
      const range = { kind, chain, first: from, last, device: sender.device, personId: sender.personId };
      isNews = store.receipts.add(range, { atMs: clock.now(), isDue: false }) || isNews;
    }
  }
  if (isNews) tellOutgoing(context, sender.personId);
  if (isNews) tellGroupsOf(context, [...(receipt.delivered ?? []), ...(receipt.read ?? [])]);
  return isNews;
}

/** What {@link shownReceipt} reads from. */
export type ShownContext = Pick<Context, 'store' | 'policy'> & {
  readonly own: Pick<Context['own'], 'personId'>;
};

/** What may be shown of how far a message of one's own has come at its reader; undefined for nothing. */
export function shownReceipt(
  context: ShownContext,
  personId: Lane | undefined,
  chain: { readonly id: ChainId; readonly seq: number } | undefined,
): ReceiptKind | undefined {
  if (personId === undefined || chain === undefined) return undefined;
  if (isGroupLane(personId)) return shownInGroup(context, personId, chain);
  const furthest = context.store.receipts.furthest(personId, chain.id, chain.seq);
  if (furthest === 'read' && mayShow(context, 'readReceipts', personId)) return 'read';
  return furthest !== undefined && mayShow(context, 'deliveredReceipts', personId) ? 'delivered' : undefined;
}

/** In a group a message has come so far as at the member where it has come least far. */
function shownInGroup(
  context: ShownContext,
  groupId: GroupId,
  chain: { readonly id: ChainId; readonly seq: number },
): ReceiptKind | undefined {
  const ticks = ticksInGroup(context, groupId, chain);
  if (ticks.length === 0 || ticks.some(({ state }) => state === 'accepted')) return undefined;
  return ticks.every(({ state }) => state === 'read') ? 'read' : 'delivered';
}

/** How far a message of one's own has come at each member, as far as they show it. */
export function ticksInGroup(
  context: ShownContext,
  groupId: GroupId,
  chain: { readonly id: ChainId; readonly seq: number },
): { readonly personId: PersonId; readonly state: ReceiptKind | 'accepted' }[] {
  const { members = [] } = context.store.groups.get(groupId)?.state ?? {};
  const others = members.filter(({ person }) => person !== context.own.personId);
  return others.map(({ person: personId }) => ({
    personId,
    state: shownReceipt(context, personId, chain) ?? ('accepted' as const),
  }));
}

/** Sends receipts that travel by themselves, each batch after a random while. What waits for a connection goes with the next one, whose time tells nothing of it. */
export function receiptBatch(context: Context, onOutgoing: () => void): DelayedBatch {
  return new DelayedBatch(context, {
    delayMs: () => DELAY_MIN_MS + randomMs(context, DELAY_SPREAD_MS),
    hasAny: () => context.store.receipts.listPeopleDue().length > 0,
    queue: () => queueDueReceipts(context),
    onOutgoing,
  });
}

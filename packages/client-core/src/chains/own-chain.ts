/** The own end of chains (P3): which head the others are told, and when; and to whom the start of one is news. */
import { type ChainHead, conversationIdFor, startChain } from '@kuvert/crypto/session';
import {
  type ChainId,
  CLASSES,
  type DeviceId,
  encodeContent,
  type GroupId,
  ID_TYPES,
  type PersonId,
  READER_VERSION,
} from '@kuvert/protocol';
import { type Context, newId } from '../context.ts';
import type { Lane, OwnChain } from '../store.ts';
import type { ToldHead } from './follow.ts';

/** After so long without a message the others are told the head of a chain. */
const HEARTBEAT_AFTER_MS = 24 * 3_600_000;
/**
 * While a head is not confirmed it is told again, each time after twice as long, so that one lost heartbeat hides nothing and a device
 * that is away for weeks does not find a heap of them.
 */
const HEARTBEATS_MAX = 5;
const CHAINS_LOOKED_AT = 1_000;

/** A chain before its first message. */
export function beginChain(context: Context, personId: PersonId): OwnChain {
  const { own } = context;
  const conversation = conversationIdFor(own.tenantId, own.personId, personId);
  const head = startChain({ id: newId(context, 'chain'), conversation, senderDevice: own.deviceId });
  const told = { toldSeq: 0, toldAtMs: 0, toldTimes: 0 };
  return { conversation, personId, head, accepted: head, acceptedAtMs: 0, ...told, devices: [] };
}

/**
 * Tells devices that a chain was not for so far where it begins for them: what was before is not missing. Runs in the transaction of the
 * first message that they get.
 * @param before the head before that message
 */
export function tellStart(
  context: Context,
  chain: OwnChain,
  before: ChainHead,
  devices: readonly DeviceId[],
): void {
  // A chain of an earlier release does not say whom it was for.
  if (before.seq === 0 || chain.devices.length === 0) return;
  const added = devices.filter((device) => !chain.devices.includes(device));
  if (added.length > 0) queueHeartbeat(context, chain.personId, before, { for: added });
}

/**
 * The head to tell: up to where the server has accepted everything, since what it has not accepted yet cannot be missing.
 * Marks it as told.
 */
export function tellHead(context: Context, chain: OwnChain | undefined): ToldHead | undefined {
  if (chain === undefined || chain.accepted.seq === 0) return undefined;
  const { id, seq, link } = chain.accepted;
  if (seq !== chain.toldSeq) {
    context.store.chains.putOwn({ ...chain, toldSeq: seq, toldAtMs: context.clock.now(), toldTimes: 0 });
  }
  return { chain: id, seq, link };
}

/** Queues a heartbeat for each chain whose last messages are a day old and of which the others may not know. True when any was. */
export function queueHeartbeats(context: Context): boolean {
  const { store, clock } = context;
  const nowMs = clock.now();
  return store.transaction(() => {
    let isQueued = false;
    for (const chain of store.chains.listUnconfirmed(CHAINS_LOOKED_AT)) {
      const { accepted, toldSeq } = chain;
      const isTold = accepted.seq === toldSeq;
      const sinceMs = isTold ? Math.max(chain.toldAtMs, chain.acceptedAtMs) : chain.acceptedAtMs;
      const times = isTold ? chain.toldTimes : 0;
      if (times >= HEARTBEATS_MAX || nowMs - sinceMs < HEARTBEAT_AFTER_MS * 2 ** times) continue;
      isQueued = true;
      queueHeartbeat(context, chain.personId, accepted);
      store.chains.putOwn({ ...chain, toldSeq: accepted.seq, toldAtMs: nowMs, toldTimes: times + 1 });
    }
    return isQueued;
  });
}

function queueHeartbeat(
  context: Context,
  to: Lane,
  { id, seq, link }: ChainHead,
  start?: { readonly for: readonly DeviceId[] },
): void {
  const told = { chain: id, seq, link };
  const facts = start === undefined ? {} : { startFor: [...start.for] };
  context.store.outbox.add({
    contentId: newId(context, 'content'),
    kind: 'heartbeat',
    class: CLASSES.control,
    toMail: undefined,
    ...recipient(to),
    content: encodeContent({ kind: 'heartbeat', minReader: READER_VERSION, ...told, ...facts }),
    sentAtMs: context.clock.now(),
  });
}

/** True for the lane of a group. */
export function isGroupLane(lane: Lane): lane is GroupId {
  return lane.startsWith(`${ID_TYPES.group.prefix}_`);
}

function recipient(lane: Lane): { toPerson: PersonId | undefined; toGroup: GroupId | undefined } {
  return isGroupLane(lane) ? { toPerson: undefined, toGroup: lane } : { toPerson: lane, toGroup: undefined };
}

/** Moves the accepted end of a chain over everything that the server has accepted without a gap. */
export function advanceAccepted({ store }: Context, id: ChainId): void {
  const chain = store.chains.findOwn(id);
  if (chain === undefined) return;
  let { accepted, acceptedAtMs } = chain;
  for (;;) {
    const next = store.outbox.findByChain(id, accepted.seq + 1);
    if (next?.chain === undefined || next.acceptedAtMs === undefined) break;
    accepted = { id, seq: next.chain.seq, link: next.chain.linkAfter };
    acceptedAtMs = next.acceptedAtMs;
  }
  if (accepted.seq > chain.accepted.seq) store.chains.putOwn({ ...chain, accepted, acceptedAtMs });
}

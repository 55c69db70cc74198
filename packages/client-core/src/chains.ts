/**
 * What the chains tell (P3): a message that is missing, a withheld tail, a history that somebody has changed. A gap becomes a
 * notice only when nothing is left in the mailbox that could close it, and the notice goes when the gap does.
 */
import {
  type ChainEntry,
  type ChainHead,
  type ChainState,
  checkChain,
  checkChainHead,
  conversationIdFor,
  followChain,
  startChain,
} from '@kuvert/crypto/session';
import { CLASSES, type DeviceId, encodeContent, type PersonId, READER_VERSION } from '@kuvert/protocol';
import { type Context, newId } from './context.ts';
import type { FollowedChain, OwnChain } from './store.ts';

/** After so long without a message the others are told the head of a chain. */
const HEARTBEAT_AFTER_MS = 24 * 3_600_000;
const GAPS_LOOKED_AT = 1_000;

/** Who sent something, as verified. */
export interface ChainSender {
  readonly device: DeviceId;
  readonly personId: PersonId;
}

/** The `head` or heartbeat as content carries it. */
export interface ToldHead {
  readonly chain: ChainHead['id'];
  readonly seq: number;
  readonly link: Uint8Array<ArrayBuffer>;
}

/** The chain of a sender as far as it is known here. */
function followed(context: Context, sender: ChainSender, id: ChainEntry['id']): FollowedChain {
  const known = context.store.chains.getFollowed(sender.device, id);
  if (known !== undefined) return known;
  const { tenantId, personId: ownPerson } = context.own;
  const conversation = conversationIdFor(tenantId, ownPerson, sender.personId);
  const state = followChain(startChain({ id, conversation, senderDevice: sender.device }));
  return { senderDevice: sender.device, personId: sender.personId, state, headSeq: 0, noticed: 0 };
}

/** Takes a message into its chain. False when it contradicts what came before: then it is not to be shown. */
export function takeIntoChain(
  context: Context,
  sender: ChainSender,
  entry: ChainEntry,
  commitment: Uint8Array,
): boolean {
  const chain = followed(context, sender, entry.id);
  const { finding, state } = checkChain(chain.state, entry, commitment);
  if (finding === 'forked') return false;
  context.store.chains.putFollowed({ ...chain, state });
  return true;
}

/** Compares with the head that the sender names. False when the two histories differ. */
export function takeToldHead(context: Context, sender: ChainSender, told: ToldHead): boolean {
  if (told.seq === 0) return true;
  const chain = followed(context, sender, told.chain);
  const { finding } = checkChainHead(chain.state, { id: told.chain, seq: told.seq, link: told.link });
  if (finding === 'forked') return false;
  if (told.seq > chain.headSeq) context.store.chains.putFollowed({ ...chain, headSeq: told.seq });
  return true;
}

/** Looks at all gaps when the mailbox is empty: new ones become notices, closed ones take theirs back. */
export function reportGaps(context: Context): void {
  const { store, clock } = context;
  store.transaction(() => {
    for (const chain of store.chains.listOpenGaps(GAPS_LOOKED_AT)) {
      const count = countMissing(chain.state, chain.headSeq);
      if (count === chain.noticed) continue;
      const { senderDevice: deviceId, personId } = chain;
      if (count === 0) store.notices.withdraw({ kind: 'messages_missing', deviceId });
      else store.notices.add({ kind: 'messages_missing', atMs: clock.now(), personId, deviceId, count });
      store.chains.putFollowed({ ...chain, noticed: count });
    }
  });
}

/** How many numbers of a chain are missing, given-up gaps and the tail up to a named head included. */
function countMissing(state: ChainState, headSeq: number): number {
  let count = state.lost.reduce((sum, range) => sum + range.to - range.from + 1, 0);
  let last = state.seq;
  for (const early of state.ahead) {
    count += early.seq - last - 1;
    last = early.seq;
  }
  return count + Math.max(0, headSeq - last);
}

/**
 * The head to tell: up to where the server has accepted everything, since what it has not accepted yet cannot be missing.
 * Marks it as told.
 */
export function tellHead(context: Context, chain: OwnChain | undefined): ToldHead | undefined {
  if (chain === undefined || chain.accepted.seq === 0) return undefined;
  const { id, seq, link } = chain.accepted;
  if (seq !== chain.toldSeq) context.store.chains.putOwn({ ...chain, toldSeq: seq });
  return { chain: id, seq, link };
}

/** Queues a heartbeat for each chain whose last messages are a day old and whose head nobody was told. True when any was. */
export function queueHeartbeats(context: Context): boolean {
  const { store, clock } = context;
  return store.transaction(() => {
    const due = store.chains.listUntold(clock.now() - HEARTBEAT_AFTER_MS);
    for (const chain of due) {
      const head = tellHead(context, chain);
      if (head === undefined) continue;
      store.outbox.add({
        contentId: newId(context, 'content'),
        kind: 'heartbeat',
        class: CLASSES.control,
        toMail: undefined,
        toPerson: chain.personId,
        content: encodeContent({ kind: 'heartbeat', minReader: READER_VERSION, ...head }),
        sentAtMs: clock.now(),
      });
    }
    return due.length > 0;
  });
}

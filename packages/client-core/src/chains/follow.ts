/**
 * Following the chains of others (P3): every message takes its number, every named head is compared. What does not fit is not shown
 * as genuine; what is missing is told in `gaps.ts`.
 */
import {
  type ChainEntry,
  type ChainFinding,
  type ChainHead,
  type ChainState,
  checkChain,
  checkChainHead,
  conversationIdFor,
  followChain,
  startChain,
} from '@kuvert/crypto/session';
import type { ConversationId, DeviceId, PersonId } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import type { FollowedChain, SettledLegs, Store } from '../store.ts';

/** Messages of one moment are written down as if they were a millisecond apart, so the last of many is a little ahead. */
const WRITTEN_AHEAD_MS = 1_000;

/** Who sent something, as verified. */
export interface ChainSender {
  readonly device: DeviceId;
  readonly personId: PersonId;
  /** Where, if it is not between the two of us. */
  readonly conversation?: ConversationId;
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
  const conversation = sender.conversation ?? conversationIdFor(tenantId, ownPerson, sender.personId);
  const state = followChain(startChain({ id, conversation, senderDevice: sender.device }));
  const { device: senderDevice, personId } = sender;
  return { senderDevice, personId, state, headSeq: 0, noticed: 0, late: 0, base: 0, lifetimeMs: 0 };
}

/** Takes a message into its chain. False when it contradicts what came before: then it is not to be shown. */
export function takeIntoChain(
  context: Context,
  sender: ChainSender,
  message: {
    readonly entry: ChainEntry;
    readonly commitment: Uint8Array;
    readonly lifetimeMs: number;
    /** When its sender wrote it, and when the server took it, by the server's clock. */
    readonly writtenAtMs: number;
    readonly acceptedAtMs: number;
  },
): boolean {
  const { store } = context;
  const { entry, commitment } = message;
  const chain = followed(context, sender, entry.id);
  // It was sent before this device was one of those it was for, and has come because another asked for it again.
  if (entry.seq <= chain.base) return true;
  const { finding, state } = checkChain(chain.state, entry, commitment);
  if (finding === 'forked') return false;
  const late = chain.late + (isLate(context, sender, { ...message, chain, finding }) ? 1 : 0);
  const lifetimeMs = Math.max(chain.lifetimeMs, message.lifetimeMs);
  store.chains.putFollowed({ ...chain, state, late, lifetimeMs });
  return true;
}

/**
 * Whether a message has come late for no good reason. One that was asked for again comes when it comes, and of one that was told to be
 * missing, its coming is told by the notice's going.
 */
function isLate(
  { store, serverOffset }: Context,
  sender: ChainSender,
  message: Parameters<typeof takeIntoChain>[2] & {
    readonly chain: FollowedChain;
    readonly finding: ChainFinding;
  },
): boolean {
  const { chain, finding, entry, writtenAtMs, acceptedAtMs } = message;
  // Without a number missing the next message is what was asked for; with one, what comes behind a later one.
  const isNewest = chain.state.ahead.every((early) => early.seq < entry.seq);
  if (finding === 'gap' && isNewest) {
    // Or what was written before the leg that was set aside was accepted, and was sent after that.
    const sentAgainAtMs = acceptedAtMs - serverOffset.ms;
    settle(store, sender, { writtenAtMs: writtenAtMs - WRITTEN_AHEAD_MS, sentAgainAtMs });
    return false;
  }
  const isRepair = settle(store, sender, 'oldest');
  return finding === 'reordered' && !isRepair && chain.noticed === 0;
}

/** Compares with the head that the sender names. False when the two histories differ. */
export function takeToldHead(context: Context, sender: ChainSender, told: ToldHead): boolean {
  if (told.seq === 0) return true;
  const chain = followed(context, sender, told.chain);
  if (told.seq < chain.base) return true;
  const { finding } = checkChainHead(chain.state, { id: told.chain, seq: told.seq, link: told.link });
  if (finding === 'forked') return false;
  // Everything is there: whatever could not be opened has come in another way.
  if (finding === 'ok' && isWhole(chain.state)) settle(context.store, sender, 'all');
  if (told.seq > chain.headSeq) context.store.chains.putFollowed({ ...chain, headSeq: told.seq });
  return true;
}

/** The sender says after which message this device is one of those that the chain is for. */
export function takeStart(context: Context, sender: ChainSender, told: ToldHead): void {
  const chain = followed(context, sender, told.chain);
  if (told.seq <= chain.base || told.seq <= chain.state.seq) return;
  const ahead = chain.state.ahead.filter((early) => early.seq > told.seq);
  const first = ahead[0];
  // What has come already must follow from the start.
  if (first?.seq === told.seq + 1 && !Buffer.from(first.before).equals(told.link)) return;
  let state: ChainState = { ...followChain({ id: told.chain, seq: told.seq, link: told.link }), ahead };
  for (const early of ahead) {
    if (early.seq !== state.seq + 1) break;
    state = { ...state, seq: early.seq, link: early.after, ahead: state.ahead.slice(1) };
  }
  context.store.chains.putFollowed({ ...chain, state, base: told.seq });
}

/** What could not be opened has come in another way. True when there was something. */
function settle(store: Store, { device: deviceId }: ChainSender, which: SettledLegs): boolean {
  const isSettled = store.repairs.settleOpen(deviceId, which);
  if (isSettled && store.repairs.countOpen(deviceId, Number.MAX_SAFE_INTEGER) === 0) {
    store.notices.withdraw({ kind: 'undecryptable', deviceId });
  }
  return isSettled;
}

function isWhole(state: ChainState): boolean {
  return state.ahead.length === 0 && state.lost.length === 0;
}

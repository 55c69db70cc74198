/** The part of the port that keeps chains: one's own and those of others, with their gaps (P3). */
import type { ChainHead, ChainState } from '@kuvert/crypto/session';
import type { ChainId, ConversationId, DeviceId, PersonId } from '@kuvert/protocol';
import type { Lane } from '../outbox-store.ts';

/** The sender's end of the chain to one conversation. */
export interface OwnChain {
  readonly conversation: ConversationId;
  /** Whom it is for: a person or a group. */
  readonly personId: Lane;
  readonly head: ChainHead;
  /** Up to here the server has accepted everything. */
  readonly accepted: ChainHead;
  readonly acceptedAtMs: number;
  /** The head that the others were last told, when, and how often by heartbeats alone. */
  readonly toldSeq: number;
  readonly toldAtMs: number;
  readonly toldTimes: number;
  /** The devices that its last message was sealed for; of all others its start is to be told. */
  readonly devices: readonly DeviceId[];
}

/** Another device's chain. */
export interface FollowedChain {
  readonly senderDevice: DeviceId;
  readonly personId: PersonId;
  readonly state: ChainState;
  /** Highest number that the sender has named as its head. */
  readonly headSeq: number;
  /** How many missing messages a notice has told about. */
  readonly noticed: number;
  /** How many have come after later ones and were not told yet. */
  readonly late: number;
  /** Up to this number nothing was meant for this device. */
  readonly base: number;
  /** The longest time that the server may keep one of its messages, as far as they say; 0 while unknown. */
  readonly lifetimeMs: number;
}

/** What the server said about expired envelopes: how many are not accounted for yet, and when they were accepted. */
export interface Tombstone {
  readonly id: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

/** Chains (P3). */
export interface ChainStore {
  getOwn(conversation: ConversationId): OwnChain | undefined;
  findOwn(chain: ChainId): OwnChain | undefined;
  putOwn(chain: OwnChain): void;
  /** The next message to anybody begins a new chain. */
  forgetOwn(): void;
  /** Own chains of which not everything that was accepted has been acknowledged, or whose head the others were not told. */
  listUnconfirmed(limit: number): OwnChain[];
  getFollowed(senderDevice: DeviceId, chain: ChainId): FollowedChain | undefined;
  putFollowed(chain: FollowedChain): void;
  listFollowed(personId: PersonId, limit: number): FollowedChain[];
  /** Chains with a gap, or with a notice of one, or with something that came late. */
  listOpenGaps(limit: number): FollowedChain[];
  /** Numbers that the server has said to have expired, and that was believed. */
  listExcused(senderDevice: DeviceId, chain: ChainId): { readonly from: number; readonly to: number }[];
  addExcused(
    senderDevice: DeviceId,
    chain: ChainId,
    range: { readonly from: number; readonly to: number },
  ): void;
  addTombstone(tombstone: Omit<Tombstone, 'id'>): void;
  /** Tombstones that still excuse something, oldest first. */
  listTombstones(limit: number): Tombstone[];
  /** So many of them are used up. */
  useTombstone(id: number, count: number): void;
}

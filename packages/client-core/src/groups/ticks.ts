/** How far messages to a group have come: at which members, and whether any device still lacks them. */
import { type GroupState, memberOf } from '@kuvert/crypto/groups';
import { type ChainId, type DeviceId, dropOldest, type GroupId, type PersonId } from '@kuvert/protocol';
import { isGroupLane } from '../chains/own-chain.ts';
import type { Context } from '../context.ts';
import { activeDevices } from '../directory.ts';
import type { OwnChain } from '../store.ts';

/** True for a person who may say something of an own chain: whom it is for, or a member of the group that it is for. */
export function isFor({ store }: Pick<Context, 'store'>, chain: OwnChain, person: PersonId): boolean {
  if (!isGroupLane(chain.personId)) return chain.personId === person;
  return memberOf(store.groups.get(chain.personId)?.state, person) !== undefined;
}

/** Chains to groups of which devices have said how far they have them, by id. */
export type AcknowledgedChains = Map<ChainId, GroupId>;

/** Chains of which it is remembered who has least. */
const REMEMBERED_MAX = 64;

/** A device that has least of a chain, and how much that is. */
interface Laggard {
  readonly personId: PersonId;
  readonly device: DeviceId;
  readonly seq: number;
  /** Of the group, when it was looked for. */
  readonly state: GroupState;
}

/**
 * What all devices of all members have of a chain need not be kept for anybody any more. Hundreds acknowledge each message, one after the other: all
 * members are gone through only when the one who has least has said something new, which is seldom.
 */
export class GroupSettling {
  readonly #context: Context;
  readonly #laggards = new Map<ChainId, Laggard>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Looks at chains of which something was acknowledged. Has to run in the transaction that has noted it. */
  settle(chains: AcknowledgedChains): void {
    const { store, clock } = this.#context;
    for (const [chain, groupId] of chains) {
      const everywhere = this.#leastOf(chain, groupId);
      // Also where it is known from before: what was written down of it may have been taken back.
      if (everywhere > 0) store.outbox.acknowledgeChain(chain, everywhere, groupId, clock.now());
    }
  }

  /** Up to where everybody has a chain; 0 where there is nobody. */
  #leastOf(chain: ChainId, groupId: GroupId): number {
    const { store } = this.#context;
    const state = store.groups.get(groupId)?.state;
    if (state === undefined) return 0;
    const known = this.#laggards.get(chain);
    if (known !== undefined && this.#stillLags(chain, known, state)) return known.seq;
    const laggard = this.#find(chain, state);
    this.#laggards.delete(chain);
    if (laggard === undefined) return 0;
    this.#laggards.set(chain, laggard);
    dropOldest(this.#laggards, REMEMBERED_MAX);
    return laggard.seq;
  }

  #stillLags(chain: ChainId, { personId, device, seq, state }: Laggard, present: GroupState): boolean {
    const { store } = this.#context;
    if (state !== present || store.groups.getAck(chain, device) !== seq) return false;
    const account = store.directory.getAccount(personId);
    return account !== undefined && activeDevices(account).includes(device);
  }

  #find(chain: ChainId, state: GroupState): Laggard | undefined {
    const { store, own } = this.#context;
    const acks = store.groups.listAcks(chain);
    let least: Laggard | undefined;
    for (const { person: personId } of state.members) {
      const account = store.directory.getAccount(personId);
      for (const device of account === undefined ? [] : activeDevices(account)) {
        const seq = acks.get(device) ?? 0;
        if (device !== own.deviceId && seq < (least?.seq ?? Number.MAX_SAFE_INTEGER)) {
          least = { personId, device, seq, state };
        }
      }
      if (least?.seq === 0) break;
    }
    return least;
  }
}

/** Tells that the states of messages to groups may have changed, also of those that another device of one's own has sent. */
export function tellGroupsOf(
  { store, changes }: Context,
  ranges: readonly { readonly chain: ChainId }[],
): void {
  for (const { chain } of ranges) {
    const own = store.chains.findOwn(chain);
    const conversation = own === undefined ? store.entries.findSentBy(chain) : own.conversation;
    if (conversation !== undefined) changes.entriesOf(conversation);
  }
}

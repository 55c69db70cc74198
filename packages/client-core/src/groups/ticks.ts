/** How far messages to a group have come: at which members, and whether any device still lacks them. */
import { memberOf } from '@kuvert/crypto/groups';
import type { ChainId, GroupId, PersonId } from '@kuvert/protocol';
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

/**
 * What all devices of all members have of these chains need not be kept for anybody any more. All members are gone through, hundreds of whom
 * acknowledge the same messages: so it is asked once for all that came together. Has to run in the transaction that has noted what they said.
 */
export function settleInGroups({ store, own, clock }: Context, chains: AcknowledgedChains): void {
  for (const [chain, groupId] of chains) {
    const members = store.groups.get(groupId)?.state.members ?? [];
    const acks = store.groups.listAcks(chain);
    let everywhere = Number.MAX_SAFE_INTEGER;
    for (const { person } of members) {
      const account = store.directory.getAccount(person);
      for (const device of account === undefined ? [] : activeDevices(account)) {
        if (device !== own.deviceId) everywhere = Math.min(everywhere, acks.get(device) ?? 0);
      }
      if (everywhere === 0) break;
    }
    if (everywhere > 0 && everywhere < Number.MAX_SAFE_INTEGER)
      store.outbox.acknowledgeChain(chain, everywhere, groupId, clock.now());
  }
}

/** Tells that the states of messages to groups may have changed. */
export function tellGroupsOf(
  { store, changes }: Context,
  ranges: readonly { readonly chain: ChainId }[],
): void {
  for (const { chain } of ranges) {
    const own = store.chains.findOwn(chain);
    if (own !== undefined && isGroupLane(own.personId)) changes.entriesOf(own.conversation);
  }
}

/** How far messages to a group have come: at which members, and whether any device still lacks them. */
import { memberOf } from '@kuvert/crypto/groups';
import type { ChainId, DeviceId, GroupId, PersonId } from '@kuvert/protocol';
import { isGroupLane } from '../chains/own-chain.ts';
import type { Context } from '../context.ts';
import { activeDevices } from '../directory.ts';
import type { OwnChain } from '../store.ts';

/** True for a person who may say something of an own chain: whom it is for, or a member of the group that it is for. */
export function isFor({ store }: Pick<Context, 'store'>, chain: OwnChain, person: PersonId): boolean {
  if (!isGroupLane(chain.personId)) return chain.personId === person;
  return memberOf(store.groups.get(chain.personId)?.state, person) !== undefined;
}

/**
 * A device has everything of the chain to a group up to a number. What all devices of all members have need not be kept for anybody any more.
 * Has to run in a transaction.
 */
export function acknowledgeInGroup(
  { store, own, clock }: Context,
  groupId: GroupId,
  ack: { readonly chain: ChainId; readonly seq: number; readonly device: DeviceId },
): void {
  store.groups.putAck(ack.chain, ack.device, ack.seq);
  const members = store.groups.get(groupId)?.state.members ?? [];
  const acks = store.groups.listAcks(ack.chain);
  let everywhere = Number.MAX_SAFE_INTEGER;
  for (const { person } of members) {
    const account = store.directory.getAccount(person);
    for (const device of account === undefined ? [] : activeDevices(account)) {
      if (device !== own.deviceId) everywhere = Math.min(everywhere, acks.get(device) ?? 0);
    }
  }
  if (everywhere > 0 && everywhere < Number.MAX_SAFE_INTEGER) {
    store.outbox.acknowledgeChain(ack.chain, everywhere, groupId, clock.now());
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

/** Whether one may still write to a group and change it: each way of being out of it has a sentence of its own for people. */
import { type GroupState, memberOf } from '@kuvert/crypto/groups';
import { KuvertError, type PersonId } from '@kuvert/protocol';

/** @throws KuvertError `group_dissolved` when the group is over for everybody, `group_not_member` for who is not in it (any more) */
export function requireMember(state: GroupState, person: PersonId): void {
  if (state.isDissolved) throw new KuvertError('group_dissolved');
  if (memberOf(state, person) === undefined) throw new KuvertError('group_not_member');
}

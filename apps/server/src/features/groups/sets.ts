/** Keeping `group-sets` in step with logs and with the devices of members, in the transactions that change either. */
import { groupSetHash } from '@kuvert/crypto/groups';
import { deviceSetHash } from '@kuvert/crypto/identity';
import { type DeviceId, type GroupId, KuvertError, type PersonId } from '@kuvert/protocol';
import type { Store, Tx } from '../../store/index.ts';
import type { ChangedSet, DeviceService } from '../devices/index.ts';
import { type GroupSetRow, groupMemberships, groupSets, type MemberSet } from './collections.ts';

type TenantTx = Tx<'tenant'>;

/** @see the top of this file */
export interface GroupSets {
  /** The set as it is; undefined when there is none. */
  read(tx: TenantTx, group: GroupId): Promise<GroupSetRow | undefined>;
  /**
   * Puts the set of these members in the place of the one before. Devices are read only of who is new.
   * @throws KuvertError `no_device` for somebody who has not enrolled
   */
  replace(
    tx: TenantTx,
    next: {
      readonly group: GroupId;
      readonly epoch: number;
      readonly head: Uint8Array<ArrayBuffer>;
      readonly people: readonly PersonId[];
    },
  ): Promise<GroupSetRow>;
  /** Nothing can be sent any more. */
  remove(tx: TenantTx, group: GroupId): Promise<void>;
  /** The devices of a person have changed: in all of their groups. @returns which */
  devicesChanged(tx: TenantTx, personId: PersonId, set: ChangedSet): Promise<readonly GroupId[]>;
}

/** @see GroupSets */
export function createGroupSets(deps: { readonly store: Store; readonly devices: DeviceService }): GroupSets {
  const { store, devices } = deps;

  async function find(tx: TenantTx, group: GroupId) {
    const { rows } = await tx.list(groupSets, { equals: [group], order: 'desc', limit: 1 });
    return rows[0];
  }

  async function write(tx: TenantTx, group: GroupId, set: Omit<GroupSetRow, 'hash'>): Promise<GroupSetRow> {
    const before = await find(tx, group);
    const row = { ...set, hash: groupSetHash(set.head, set.members) };
    if (before !== undefined) tx.delete(groupSets, ...before.key);
    tx.apply(store.ops.insert(groupSets, [group, (before?.key[1] ?? 0) + 1], row));
    return row;
  }

  async function memberSet(tx: TenantTx, person: PersonId): Promise<MemberSet> {
    const found = await devices.readSet(tx, person);
    if (found === undefined) throw new KuvertError('no_device');
    return memberOf(person, found);
  }

  return {
    read: async (tx, group) => (await find(tx, group))?.value,

    async replace(tx, { group, epoch, head, people }) {
      const known = new Map((await find(tx, group))?.value.members.map((member) => [member.person, member]));
      const members: MemberSet[] = [];
      for (const person of people) members.push(known.get(person) ?? (await memberSet(tx, person)));
      return write(tx, group, { epoch, head, members });
    },

    async remove(tx, group) {
      const before = await find(tx, group);
      if (before !== undefined) tx.delete(groupSets, ...before.key);
    },

    async devicesChanged(tx, personId, set) {
      const memberships = await tx.find(groupMemberships, personId);
      const changed: GroupId[] = [];
      for (const { group, until } of memberships?.groups ?? []) {
        if (until !== null) continue;
        const before = await find(tx, group);
        if (before === undefined) continue;
        const { epoch, head, members } = before.value;
        const own = memberOf(personId, set);
        const next = members.map((member) => (member.person === personId ? own : member));
        await write(tx, group, { epoch, head, members: next });
        changed.push(group);
      }
      return changed;
    },
  };
}

function memberOf(
  person: PersonId,
  set: { readonly listHash: Uint8Array; readonly devices: readonly DeviceId[] },
): MemberSet {
  return {
    person,
    deviceSet: deviceSetHash(set.listHash as Uint8Array<ArrayBuffer>, set.devices),
    devices: set.devices,
  };
}

/**
 * Which devices a message to a group must reach, kept in memory so that the hot path reads nothing. Like the directory of devices: an entry may
 * be out of date at any moment, so whoever decides by it puts its `gate` into the commit and forgets the entry when the gate fails.
 */
import { type DeviceId, type GroupId, idToBytes, type PersonId, type TenantId } from '@kuvert/protocol';
import type { CommitOp, Store, TenantScope } from '../../store/index.ts';
import { groupSets, type MemberSet } from './collections.ts';

/** The current devices of a group. */
export interface GroupSet {
  readonly group: GroupId;
  readonly epoch: number;
  /** What a submit must name. */
  readonly hash: Uint8Array;
  readonly people: ReadonlySet<PersonId>;
  readonly members: readonly MemberSet[];
  /** All devices with their 17 bytes. */
  readonly devices: readonly { readonly deviceId: DeviceId; readonly bytes: Uint8Array }[];
  /** Makes a commit fail (`missing`) when the set has changed since. */
  readonly gate: CommitOp;
}

/** @see GroupSet */
export interface GroupDirectory {
  /** What is in memory, without waiting. */
  peek(tenantId: TenantId, group: GroupId): GroupSet | undefined;
  /** Reads and remembers; undefined for a group that is dissolved, of another tenant or does not exist. */
  load(scope: TenantScope, group: GroupId): Promise<GroupSet | undefined>;
  /** To be called when a gate failed or a group was changed. */
  forget(tenantId: TenantId, group: GroupId): void;
}

/** Devices in memory at most, over all groups. */
const DEVICES_MAX = 400_000;

/** @see GroupDirectory */
export function createGroupDirectory(store: Store): GroupDirectory {
  const byTenant = new Map<TenantId, Map<GroupId, GroupSet>>();
  let count = 0;

  function forget(tenantId: TenantId, group: GroupId): void {
    const sets = byTenant.get(tenantId);
    count -= sets?.get(group)?.devices.length ?? 0;
    sets?.delete(group);
  }

  /** Any entry goes: which one does not matter, since every entry can be read again. */
  function makeRoom(): void {
    for (const [tenantId, sets] of byTenant) {
      for (const group of sets.keys()) {
        if (count <= DEVICES_MAX) return;
        forget(tenantId, group);
      }
    }
  }

  return {
    peek: (tenantId, group) => byTenant.get(tenantId)?.get(group),

    async load(scope, group) {
      const { rows } = await scope.list(groupSets, { equals: [group], order: 'desc', limit: 1 });
      const row = rows[0];
      forget(scope.tenant, group);
      if (row === undefined) return undefined;
      const { epoch, hash, members } = row.value;
      const set: GroupSet = {
        group,
        epoch,
        hash,
        members,
        people: new Set(members.map(({ person }) => person)),
        devices: members.flatMap(({ devices }) =>
          devices.map((deviceId) => ({ deviceId, bytes: idToBytes(deviceId) })),
        ),
        gate: store.ops.mustExist(groupSets, row.storedKey),
      };
      const sets = byTenant.get(scope.tenant) ?? new Map<GroupId, GroupSet>();
      byTenant.set(scope.tenant, sets);
      count += set.devices.length;
      makeRoom();
      sets.set(group, set);
      return set;
    },

    forget,
  };
}

/**
 * Which devices a message to a person must reach, kept in memory so that the hot path reads nothing. An entry may be out of
 * date at any moment: whoever decides by it puts its `gate` into the commit, and forgets the entry when the gate fails.
 */
import { deviceSetHash } from '@kuvert/crypto/identity';
import { type DeviceId, idToBytes, type PersonId, type TenantId } from '@kuvert/protocol';
import type { CommitOp, Store, TenantScope } from '../../store/index.ts';
import { activeDevices, deviceSets } from './collections.ts';

/** The current devices of a person. */
export interface DeviceSet {
  readonly personId: PersonId;
  readonly listHash: Uint8Array;
  /** Active devices with their 17 bytes. */
  readonly devices: readonly { readonly deviceId: DeviceId; readonly bytes: Uint8Array }[];
  /** What clients compare with what they know. */
  readonly hash: Uint8Array<ArrayBuffer>;
  /** Makes a commit fail (`missing`) when the set has changed since. */
  readonly gate: CommitOp;
}

/** @see DeviceSet */
export interface DeviceDirectory {
  /** What is in memory, without waiting. */
  peek(tenantId: TenantId, personId: PersonId): DeviceSet | undefined;
  /** Reads and remembers; undefined for somebody who never enrolled, is of another tenant or does not exist. */
  load(scope: TenantScope, personId: PersonId): Promise<DeviceSet | undefined>;
  /** To be called when a gate failed or a set was changed. */
  forget(tenantId: TenantId, personId: PersonId): void;
  /** Makes a commit fail (`missing`) when the device has been revoked since. */
  activeGate(deviceId: DeviceId | Uint8Array): CommitOp;
}

const ENTRIES_MAX = 100_000;

/** @see DeviceDirectory */
export function createDeviceDirectory(store: Store): DeviceDirectory {
  const byTenant = new Map<TenantId, Map<PersonId, DeviceSet>>();
  let count = 0;

  function forget(tenantId: TenantId, personId: PersonId): void {
    if (byTenant.get(tenantId)?.delete(personId) === true) count--;
  }

  /** Any entry goes: which one does not matter, since every entry can be read again. */
  function makeRoom(): void {
    for (const [tenantId, entries] of byTenant) {
      for (const personId of entries.keys()) {
        forget(tenantId, personId);
        return;
      }
      byTenant.delete(tenantId);
    }
  }

  return {
    peek: (tenantId, personId) => byTenant.get(tenantId)?.get(personId),

    async load(scope, personId) {
      const { rows } = await scope.list(deviceSets, { equals: [personId], order: 'desc', limit: 1 });
      const row = rows[0];
      if (row === undefined) return undefined;
      const set: DeviceSet = {
        personId,
        listHash: row.value.listHash,
        devices: row.value.devices.map((deviceId) => ({ deviceId, bytes: idToBytes(deviceId) })),
        hash: deviceSetHash(row.value.listHash, row.value.devices),
        gate: store.ops.mustExist(deviceSets, row.storedKey),
      };
      forget(scope.tenant, personId);
      if (count >= ENTRIES_MAX) makeRoom();
      const entries = byTenant.get(scope.tenant) ?? new Map<PersonId, DeviceSet>();
      byTenant.set(scope.tenant, entries);
      entries.set(personId, set);
      count++;
      return set;
    },

    forget,

    activeGate: (deviceId) => store.ops.mustExist(activeDevices, [deviceId as DeviceId]),
  };
}

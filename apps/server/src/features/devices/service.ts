/** The rules of devices after their enrolment: who has which, and revocation. */
import {
  type AccountRecord,
  type DeviceId,
  DeviceList,
  decodeCbor,
  KuvertError,
  type PersonId,
  type Signed,
  type TenantId,
} from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import { type NoteEffect, UNNOTED } from '../../effects.ts';
import type { RowOf, Store, TenantScope, Tx } from '../../store/index.ts';
import type { AuditRecords } from '../audit/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { accounts, activeDevices, deviceSets, devices, deviceTenants } from './collections.ts';
import type { DeviceDirectory } from './directory.ts';
import { devicesIn } from './locking.ts';
import type { PrekeyStock } from './prekey-stock.ts';

/** What is to be done when a device was revoked, after the commit; may be called again for the same device. */
export type RevocationListener = (scope: TenantScope, deviceId: DeviceId) => Promise<void>;

/** The devices of a person as they are after a change. */
export interface ChangedSet {
  /** Hash of the signed list. */
  readonly listHash: Uint8Array;
  /** Devices of it that are delivered to. */
  readonly devices: readonly DeviceId[];
}

/** What else changes in the commit that changes a person's devices. */
export type SetListener = (tx: Tx<'tenant'>, personId: PersonId, set: ChangedSet) => Promise<void>;

/** A person's record, and which of the listed devices are delivered to. */
export interface AccountAnswer {
  readonly account: AccountRecord;
  readonly active: DeviceId[];
  /** Listed devices that were revoked; told to their own person. */
  readonly revoked?: DeviceId[];
  /** Where it was asked for a device that its person has taken out: the lists since the last one that holds it. */
  readonly former?: Signed[];
}

/** What other features, the channel and the operator may ask of devices. */
export interface DeviceService {
  /** Record and active devices of a person. @throws KuvertError `not_found`, also for a person who has not enrolled */
  accountOf(scope: TenantScope, personId: PersonId): Promise<AccountAnswer>;
  /** The same for a device of that person, with what an administrator has revoked. @throws KuvertError `not_found` */
  ownAccount(scope: TenantScope, personId: PersonId): Promise<AccountAnswer>;
  /** The same for whoever owns a device, revoked ones included. @throws KuvertError `not_found` */
  ownerAccount(scope: TenantScope, deviceId: DeviceId): Promise<AccountAnswer>;
  /** Account and active devices of a person in one snapshot; undefined for a person who has not enrolled. */
  readAccount(
    tx: Tx<'tenant'>,
    personId: PersonId,
  ): Promise<{ account: Omit<AccountRecord, 'authority'>; active: readonly DeviceId[] } | undefined>;
  /** The identity key of an active device, in a transaction that conflicts with its revocation and lock. @throws KuvertError `device_not_accepted`, `person_locked` */
  requireActive(tx: Tx<'tenant'>, deviceId: DeviceId): Promise<{ identityKey: Uint8Array<ArrayBuffer> }>;
  /** A linked device has brought its first prekeys: from the commit on it is delivered to. */
  markReady(tx: Tx<'tenant'>, deviceId: DeviceId): Promise<void>;
  /** After the commit of a change of somebody's devices: tells those that are connected. */
  announce(scope: TenantScope, personId: PersonId): Promise<void>;
  /** `deviceSetHash` of a person, for the welcome. */
  setHashOf(scope: TenantScope, personId: PersonId): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Takes a device out within a transaction; {@link DeviceService.retired} is to be called after the commit. */
  retire(tx: Tx<'tenant'>, deviceId: DeviceId): Promise<void>;
  /** Takes all devices of a person out within a transaction; {@link DeviceService.retired} is to be called for each after the commit. */
  retireAll(tx: Tx<'tenant'>, personId: PersonId): Promise<readonly DeviceId[]>;
  /** Ends the connection of a retired device and removes what lay there for it. */
  retired(scope: TenantScope, deviceId: DeviceId): Promise<void>;
  /** For the channel: undefined for an unknown tenant, an unknown device and a revoked one alike. */
  findForChannel(
    tenantId: TenantId,
    deviceId: DeviceId,
  ): Promise<
    | {
        personId: PersonId;
        noiseStatic: Uint8Array;
        /** Why it is refused all the same, for whoever has the device's key. */
        refusal: 'person_locked' | 'tenant_suspended' | undefined;
      }
    | undefined
  >;
  /** Scopes in which there is, or was, a device with this id. For the operator. */
  scopesOf(deviceId: DeviceId): Promise<readonly TenantScope[]>;
  /** Takes a device out for good. May be repeated. @throws KuvertError `not_found` */
  revoke(deviceId: DeviceId): Promise<void>;
  /** The same in one tenant. @returns false when it has no such device */
  revokeIn(scope: TenantScope, deviceId: DeviceId, note?: NoteEffect<'tenant'>): Promise<boolean>;
  /** Whose device it is, revoked ones included. @throws KuvertError `not_found` */
  personOf(scope: TenantScope, deviceId: DeviceId): Promise<PersonId>;
  /** The devices in a person's list, revoked ones that are still in it included. */
  devicesOf(scope: TenantScope, personId: PersonId): Promise<RowOf<typeof devices>[]>;
  /** The set of a person in a transaction that conflicts with its change; undefined for somebody who has not enrolled. */
  readSet(tx: Tx<'tenant'>, personId: PersonId): Promise<ChangedSet | undefined>;
  /** The key with which a listed device signs, 33 bytes. */
  signingKeyOf(
    tx: Tx<'tenant'>,
    personId: PersonId,
    deviceId: DeviceId,
  ): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Registers what else changes with the devices of a person, in the same commit. */
  whenSetChanges(listener: SetListener): void;
  /** To be called in every transaction that writes another set. */
  setChanged: SetListener;
  /** Registers what else is to be done at a revocation; it is done again after a crash. */
  whenRevoked(listener: RevocationListener): void;
  /** Goes on with revocations that a crash interrupted. To be called at start, after all listeners are there. */
  resume(tenantId: TenantId): Promise<void>;
}

/** @see DeviceService */
export function createDeviceService(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly tenants: TenantService;
  readonly directory: DeviceDirectory;
  readonly prekeys: PrekeyStock;
  readonly audit: AuditRecords;
  /** Ends a device's connection at once. */
  readonly closeDevice: (tenantId: TenantId, deviceId: DeviceId, code: 'device_not_accepted') => void;
  /** Tells a device, if it is connected, that the devices of its person have changed. */
  readonly tellChanged: (tenantId: TenantId, deviceId: DeviceId, deviceSet: Uint8Array<ArrayBuffer>) => void;
}): DeviceService {
  const { store, clock, tenants, directory, prekeys, audit, closeDevice, tellChanged } = deps;
  const listeners: RevocationListener[] = [];
  const setListeners: SetListener[] = [];

  const setChanged: SetListener = async (tx, personId, set) => {
    for (const listener of setListeners) await listener(tx, personId, set);
  };

  /** Steps after the commit: they change nothing that anybody may still rely on, so they may be done late or twice. */
  async function cleanUp(scope: TenantScope, deviceId: DeviceId): Promise<void> {
    for (const listener of listeners) await listener(scope, deviceId);
    await scope.write(async (tx) => {
      const device = await tx.get(devices, deviceId);
      tx.put(devices, { ...device, cleanup: null });
    });
  }

  async function scopesOf(deviceId: DeviceId): Promise<readonly TenantScope[]> {
    const { rows } = await store.operator().list(deviceTenants, { equals: [deviceId], limit: 100 });
    return rows.map((row) => store.tenant(row.tenantId));
  }

  async function accountOf(scope: TenantScope, personId: PersonId): Promise<AccountAnswer> {
    const row = await scope.get(accounts, personId);
    const { authority } = await tenants.profile(scope);
    const { rows } = await scope.list(deviceSets, { equals: [personId], order: 'desc', limit: 1 });
    return {
      account: { ...recordOf(row), authority },
      active: [...(rows[0]?.value.devices ?? [])],
    };
  }

  async function ownAccount(scope: TenantScope, personId: PersonId): Promise<AccountAnswer> {
    const answer = await accountOf(scope, personId);
    // The stored list was checked when it came.
    const list = DeviceList.parse(decodeCbor(answer.account.deviceList.bytes));
    const inactive = list.devices.filter(({ device }) => !answer.active.includes(device));
    const rows = await Promise.all(inactive.map(({ device }) => scope.find(devices, device)));
    const revoked = rows.flatMap((row) => (row?.state === 'revoked' ? [row.deviceId] : []));
    return { ...answer, ...(revoked.length > 0 && { revoked }) };
  }

  async function retire(tx: Tx<'tenant'>, deviceId: DeviceId): Promise<void> {
    const device = await tx.get(devices, deviceId);
    tx.put(devices, { ...device, state: 'revoked', revokedAt: clock.nowMs(), cleanup: 'pending' });
    tx.delete(activeDevices, deviceId);
    await prekeys.remove(tx, deviceId);
  }

  async function retired(scope: TenantScope, deviceId: DeviceId): Promise<void> {
    closeDevice(scope.tenant, deviceId, 'device_not_accepted');
    await cleanUp(scope, deviceId);
  }

  async function announce(scope: TenantScope, personId: PersonId): Promise<void> {
    directory.forget(scope.tenant, personId);
    const set = await directory.load(scope, personId);
    if (set === undefined) return;
    for (const { deviceId } of set.devices) tellChanged(scope.tenant, deviceId, set.hash);
  }

  /** Marks one device revoked. @returns false when the tenant has no such device */
  async function revokeIn(
    scope: TenantScope,
    deviceId: DeviceId,
    note: NoteEffect<'tenant'> = UNNOTED.tenant,
  ): Promise<boolean> {
    const personId = await scope.write(async (tx) => {
      const device = await tx.find(devices, deviceId);
      if (device === undefined) return undefined;
      await note(tx, {});
      if (device.state === 'revoked') return device.personId;
      await retire(tx, deviceId);
      const after = { personId: device.personId };
      audit.inTenant(tx, scope.tenant, { action: 'device.revoked', object: deviceId, after });
      const { rows } = await tx.list(deviceSets, { equals: [device.personId] });
      for (const { key, value } of rows) {
        tx.delete(deviceSets, ...key);
        const left = value.devices.filter((other) => other !== deviceId);
        tx.apply(store.ops.insert(deviceSets, [key[0], key[1] + 1], { ...value, devices: left }));
        await setChanged(tx, device.personId, { ...value, devices: left });
      }
      return device.personId;
    });
    if (personId === undefined) return false;
    directory.forget(scope.tenant, personId);
    await retired(scope, deviceId);
    await announce(scope, personId);
    return true;
  }

  /** What others need to check what a person has signed (account and list, keys alone) stays. */
  async function retireAll(tx: Tx<'tenant'>, personId: PersonId): Promise<readonly DeviceId[]> {
    const out = await devicesIn(tx, personId);
    for (const deviceId of out) await retire(tx, deviceId);
    const { rows } = await tx.list(deviceSets, { equals: [personId] });
    for (const { key, value } of rows) {
      tx.delete(deviceSets, ...key);
      tx.apply(store.ops.insert(deviceSets, [key[0], key[1] + 1], { ...value, devices: [] }));
      await setChanged(tx, personId, { ...value, devices: [] });
    }
    return out;
  }

  return {
    accountOf,
    ownAccount,

    async ownerAccount(scope, deviceId) {
      const { personId } = await scope.get(devices, deviceId);
      const answer = await accountOf(scope, personId);
      if (holds(answer.account.deviceList, deviceId)) return answer;
      const { formerLists = [] } = await scope.get(accounts, personId);
      const lists = formerLists.map(({ list }) => list);
      const last = lists.findLastIndex((list) => holds(list, deviceId));
      return { ...answer, ...(last >= 0 && { former: lists.slice(last) }) };
    },

    async readAccount(tx, personId) {
      const row = await tx.find(accounts, personId);
      if (row === undefined) return undefined;
      const { rows } = await tx.list(deviceSets, { equals: [personId], limit: 1 });
      return {
        account: recordOf(row),
        active: rows[0]?.value.devices ?? [],
      };
    },

    async requireActive(tx, deviceId) {
      const device = await tx.find(devices, deviceId);
      if (device?.state !== 'active') throw new KuvertError('device_not_accepted');
      // Read here so that it conflicts with a lock.
      if ((await tx.find(activeDevices, deviceId)) === undefined) throw new KuvertError('person_locked');
      return { identityKey: device.identityKey };
    },

    async markReady(tx, deviceId) {
      const { personId } = await tx.get(devices, deviceId);
      const { rows } = await tx.list(deviceSets, { equals: [personId] });
      for (const { key, value } of rows) {
        tx.delete(deviceSets, ...key);
        const ready = [...value.devices, deviceId];
        tx.apply(store.ops.insert(deviceSets, [key[0], key[1] + 1], { ...value, devices: ready }));
        await setChanged(tx, personId, { ...value, devices: ready });
      }
    },

    async readSet(tx, personId) {
      const { rows } = await tx.list(deviceSets, { equals: [personId], order: 'desc', limit: 1 });
      return rows[0]?.value;
    },

    async signingKeyOf(tx, personId, deviceId) {
      const row = await tx.find(accounts, personId);
      // The stored list was checked when it came.
      const list = row && DeviceList.parse(decodeCbor(row.deviceList.bytes));
      return list?.devices.find(({ device }) => device === deviceId)?.receiptKey;
    },

    setChanged,
    whenSetChanges: (listener) => {
      setListeners.push(listener);
    },

    announce,

    async setHashOf(scope, personId) {
      const set = directory.peek(scope.tenant, personId) ?? (await directory.load(scope, personId));
      return set?.hash;
    },

    retire,
    retireAll,
    retired,

    async findForChannel(tenantId, deviceId) {
      // Asked together, and all of it in any case: the time does not tell which tenants and devices there are.
      const scope = store.tenant(tenantId);
      const [state, device, gate] = await Promise.all([
        tenants.stateOf(tenantId),
        unlessNoTenant(scope.find(devices, deviceId)),
        unlessNoTenant(scope.find(activeDevices, deviceId)),
      ]);
      if (state === undefined || device?.state !== 'active') return undefined;
      const { personId, noiseStatic } = device;
      const isLocked = gate === undefined;
      const refusal = isLocked ? 'person_locked' : state === 'suspended' ? 'tenant_suspended' : undefined;
      return { personId, noiseStatic, refusal };
    },

    scopesOf,

    async revoke(deviceId) {
      let found = false;
      for (const scope of await scopesOf(deviceId)) if (await revokeIn(scope, deviceId)) found = true;
      if (!found) throw new KuvertError('not_found');
    },

    revokeIn,

    async personOf(scope, deviceId) {
      return (await scope.get(devices, deviceId)).personId;
    },

    async devicesOf(scope, personId) {
      const account = await scope.find(accounts, personId);
      if (account === undefined) return [];
      const listed = DeviceList.parse(decodeCbor(account.deviceList.bytes)).devices;
      const rows = await Promise.all(listed.map(({ device }) => scope.find(devices, device)));
      return rows.filter((row) => row !== undefined);
    },

    whenRevoked: (listener) => {
      listeners.push(listener);
    },

    async resume(tenantId) {
      const scope = store.tenant(tenantId);
      for (;;) {
        const { rows } = await scope.list(devices, { index: 'byCleanup', equals: ['pending'], limit: 100 });
        if (rows.length === 0) return;
        for (const { deviceId } of rows) await cleanUp(scope, deviceId);
      }
    },
  };
}

/** A tenant that there is not has no rows. */
export async function unlessNoTenant<T>(row: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await row;
  } catch (error) {
    if (error instanceof KuvertError && error.code === 'not_found') return undefined;
    throw error;
  }
}

/** The list was checked when it came. */
function holds({ bytes }: Signed, deviceId: DeviceId): boolean {
  return DeviceList.parse(decodeCbor(bytes)).devices.some(({ device }) => device === deviceId);
}

function recordOf(row: RowOf<typeof accounts>): Omit<AccountRecord, 'authority'> {
  const { personId: person, account, deviceList, changes } = row;
  return { person, account, deviceList, ...(changes && { changes }) };
}

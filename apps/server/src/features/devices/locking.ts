/**
 * Locking people out for a while. A locked person keeps everything: devices stay in their list and messages go on being stored for them. What goes is the gate of each of their
 * devices (`active-devices`), so that nothing that a device has under way is committed after the lock, and their connections; it all comes back when they are let in again.
 */
import { type DeviceId, DeviceList, decodeCbor, type PersonId } from '@kuvert/protocol';
import type { NoteEffect } from '../../effects.ts';
import type { Store, TenantScope, Tx } from '../../store/index.ts';
import type { PeopleService } from '../people/index.ts';
import { accounts, activeDevices, devices } from './collections.ts';

/** @see the head of this file */
export interface Locking {
  /** May be repeated. @throws KuvertError `not_found` */
  lock(scope: TenantScope, personId: PersonId, note: NoteEffect<'tenant'>): Promise<void>;
  /** May be repeated. @throws KuvertError `not_found` */
  unlock(scope: TenantScope, personId: PersonId, note: NoteEffect<'tenant'>): Promise<void>;
}

/** @see Locking */
export function createLocking(deps: {
  readonly store: Pick<Store, 'ops'>;
  readonly people: Pick<PeopleService, 'setLocked'>;
  /** Ends what a device has under way, here and at other servers. */
  readonly onLocked: (scope: TenantScope, deviceId: DeviceId) => void;
}): Locking {
  const { store, people, onLocked } = deps;
  return {
    async lock(scope, personId, note) {
      const locked = await scope.write(async (tx) => {
        const isNew = await people.setLocked(tx, personId, true);
        const own = await devicesIn(tx, personId);
        if (!isNew) return own;
        for (const deviceId of own) tx.delete(activeDevices, deviceId);
        await note(tx, { object: personId });
        return own;
      });
      // Also when they were locked already: whoever crashed in between asks again.
      for (const deviceId of locked) onLocked(scope, deviceId);
    },

    async unlock(scope, personId, note) {
      await scope.write(async (tx) => {
        if (!(await people.setLocked(tx, personId, false))) return;
        for (const deviceId of await devicesIn(tx, personId))
          tx.apply(store.ops.insert(activeDevices, [deviceId], new Uint8Array(0)));
        await note(tx, { object: personId });
      });
    },
  };
}

/** The devices in a person's list that were not revoked. */
export async function devicesIn(tx: Tx<'tenant'>, personId: PersonId): Promise<DeviceId[]> {
  const account = await tx.find(accounts, personId);
  if (account === undefined) return [];
  // The stored list was checked when it came.
  const listed = DeviceList.parse(decodeCbor(account.deviceList.bytes)).devices;
  const rows = await Promise.all(listed.map(({ device }) => tx.find(devices, device)));
  return rows.flatMap((row) => (row?.state === 'active' ? [row.deviceId] : []));
}

/**
 * A container that was restored or copied shows by its counter (wire.md §3): it counts up at every connect, before it connects, so a step back or
 * the same count again means that two devices, or two times of one device, hold the same keys. One-time prekeys that others might take now could have been used before, so
 * they are made void, and the device is told to bring new ones.
 */
import type { DeviceId } from '@kuvert/protocol';
import type { Store, TenantScope } from '../../store/index.ts';
import { deviceStates } from './collections.ts';
import type { PrekeyStock } from './prekey-stock.ts';
import { type DeviceService, unlessNoTenant } from './service.ts';

/** @see createStateCounters */
export interface StateCounters {
  /** The counter with which a device connected last; undefined for one that never has, also for an unknown tenant. */
  find(scope: TenantScope, deviceId: DeviceId): Promise<number | undefined>;
  /** Notes the counter of a device that connects. @param known what {@link StateCounters.find} gave for it @returns true when it has not grown */
  note(
    scope: TenantScope,
    deviceId: DeviceId,
    counters: { readonly known: number | undefined; readonly now: number },
  ): Promise<boolean>;
}

/** @see the top of this file */
export function createStateCounters(deps: {
  readonly store: Pick<Store, 'ops'>;
  readonly devices: Pick<DeviceService, 'requireActive'>;
  readonly prekeys: Pick<PrekeyStock, 'voidOneTime'>;
}): StateCounters {
  const { store, devices, prekeys } = deps;

  async function note(
    scope: TenantScope,
    deviceId: DeviceId,
    { known, now: stateCounter }: { readonly known: number | undefined; readonly now: number },
  ): Promise<boolean> {
    const row = store.ops.put(deviceStates, [deviceId], stateCounter);
    // A client that does not count says 0 for good.
    const isUncounted = stateCounter === 0 && known === 0;
    if (known === undefined || stateCounter > known || isUncounted) {
      // Nobody waits for this: a counter that a crash took away is lower than the device's, which is no step back.
      if (!isUncounted) void scope.commit([row]).catch(() => undefined);
      return false;
    }
    await scope.write(async (tx) => {
      await devices.requireActive(tx, deviceId);
      await prekeys.voidOneTime(tx, deviceId);
      tx.apply(row);
    });
    return true;
  }

  return {
    find: async (scope, deviceId) => (await unlessNoTenant(scope.find(deviceStates, deviceId)))?.value,
    note,
  };
}

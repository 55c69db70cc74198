/**
 * A container that was restored or copied shows by its counter (wire.md §3): it counts up at every connect, before it connects, so a step back or
 * the same count again means that two devices, or two times of one device, hold the same keys. One-time prekeys that others might take now could have been used before, so
 * they are made void, and the device is told to bring new ones.
 */
import type { DeviceId } from '@kuvert/protocol';
import type { Store, TenantScope } from '../../store/index.ts';
import { deviceStates } from './collections.ts';
import type { PrekeyStock } from './prekey-stock.ts';
import type { DeviceService } from './service.ts';

/** Notes the counter of a device that connects. @returns true when it has not grown */
export type NoteState = (scope: TenantScope, deviceId: DeviceId, stateCounter: number) => Promise<boolean>;

/** @see NoteState */
export function createNoteState(deps: {
  readonly store: Pick<Store, 'ops'>;
  readonly devices: Pick<DeviceService, 'requireActive'>;
  readonly prekeys: Pick<PrekeyStock, 'voidOneTime'>;
}): NoteState {
  const { store, devices, prekeys } = deps;
  return async (scope, deviceId, stateCounter) => {
    const known = (await scope.find(deviceStates, deviceId))?.value;
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
  };
}

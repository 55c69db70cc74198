/**
 * Devices that are connected and behind are waited for, because they are emptying their mailbox; one that acknowledges nothing is not doing
 * that, and whoever writes to its person is not held up by it any longer than this (wire.md §4). It begins with the first refusal and ends with
 * the next acknowledgement, on whichever connection: connecting anew buys no time.
 */
import type { DeviceId, TenantId } from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import { ACKNOWLEDGEMENT_WAIT_MS } from './limits.ts';

/** @see createPatience */
export interface Patience {
  /** A submit has found no room in the mailbox of this device, which is connected. @returns whether it was waited for long enough */
  isOver(tenantId: TenantId, deviceId: DeviceId): boolean;
  /** The device has acknowledged something, or is gone. */
  reset(tenantId: TenantId, deviceId: DeviceId): void;
}

/** @see the top of this file */
export function createPatience(clock: Pick<Clock, 'monotonicMs'>): Patience {
  const sinceMs = new Map<string, number>();
  return {
    isOver(tenantId, deviceId) {
      const name = tenantId + deviceId;
      const nowMs = clock.monotonicMs();
      const since = sinceMs.get(name) ?? nowMs;
      sinceMs.set(name, since);
      return nowMs - since >= ACKNOWLEDGEMENT_WAIT_MS;
    },
    reset(tenantId, deviceId) {
      // Nearly always there is nobody, and this is asked for every row.
      if (sinceMs.size > 0) sinceMs.delete(tenantId + deviceId);
    },
  };
}

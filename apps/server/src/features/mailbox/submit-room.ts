/**
 * Room in mailboxes for the rows of a submit, and their place: behind everything that is there. What is not known of a mailbox since the
 * start, or since this server took over a connection, is looked up before anything is counted in.
 */
import { type DeviceId, ID_BYTES, KuvertError } from '@kuvert/protocol';
import type { TenantScope } from '../../store/index.ts';
import { mailboxRows } from './collections.ts';
import type { RowIds } from './rows.ts';
import type { Usage } from './usage.ts';

/** Devices that a refusal names at the most. */
const DEVICES_NAMED_MAX = 64;

/** A row that needs room. */
interface Sized {
  readonly deviceId: DeviceId;
  readonly row: Uint8Array;
}

/** @see createRoom */
export interface Room {
  /** Looks into mailboxes that were not written to since the start. What is in them stays before what comes. */
  load(scope: TenantScope, devices: readonly DeviceId[]): Promise<void>;
  /**
   * What a device has sent through another server a moment ago comes before what it sends here: its rows may have later ids, for
   * that server's clock may be ahead, and its hints may still be on their way.
   * @param met devices to which the connection has sent something here; grows
   */
  meet(scope: TenantScope, met: Set<DeviceId>, devices: readonly DeviceId[]): Promise<void>;
  /**
   * Counts in the rows that have room. A device without room is dormant, unless it is connected and only has to catch up.
   * @throws KuvertError `mailbox_full` with {devices}, with nothing counted in
   */
  reserve<Leg extends Sized>(
    scope: TenantScope,
    legs: readonly Leg[],
  ): { readonly stored: Leg[]; readonly dormant: DeviceId[] };
  /** Rows that were counted in are not stored after all. */
  release(scope: TenantScope, legs: readonly Sized[]): void;
}

/** @see the top of this file */
export function createRoom(deps: {
  readonly usage: Usage;
  readonly rowIds: RowIds;
  /** True for a device that is connected to this server, has no room, and may still make some. */
  readonly isWaitedFor: (scope: TenantScope, deviceId: DeviceId) => boolean;
  /** Something may be stored for these devices that was never handed over. */
  readonly onDoubt: (scope: TenantScope, devices: readonly DeviceId[]) => void;
}): Room {
  const { usage, rowIds, isWaitedFor, onDoubt } = deps;

  function release(scope: TenantScope, legs: readonly Sized[]): void {
    for (const leg of legs) usage.release(scope.tenant, leg.deviceId, leg.row.length);
  }

  return {
    release,

    async load(scope, devices) {
      for (const deviceId of devices) {
        const last = await usage.load(scope, deviceId);
        if (last !== undefined) rowIds.goBeyond(last.subarray(ID_BYTES));
      }
    },

    async meet(scope, met, devices) {
      const strangers = devices.filter((device) => !met.has(device));
      for (const device of strangers) met.add(device);
      try {
        for (const device of strangers) {
          const { rows } = await scope.list(mailboxRows, { equals: [device], order: 'desc', limit: 1 });
          for (const { storedKey } of rows) rowIds.goBeyond(storedKey.subarray(ID_BYTES));
        }
      } catch (error) {
        for (const device of strangers) met.delete(device);
        throw error;
      }
      if (strangers.length > 0) onDoubt(scope, strangers);
    },

    reserve<Leg extends Sized>(scope: TenantScope, legs: readonly Leg[]) {
      const stored: Leg[] = [];
      const dormant: DeviceId[] = [];
      for (const leg of legs) {
        if (usage.reserve(scope.tenant, leg.deviceId, leg.row.length)) stored.push(leg);
        else dormant.push(leg.deviceId);
      }
      const busy = dormant.filter((device) => isWaitedFor(scope, device));
      if (busy.length > 0) {
        release(scope, stored);
        throw new KuvertError('mailbox_full', { details: { devices: busy.slice(0, DEVICES_NAMED_MAX) } });
      }
      return { stored, dormant };
    },
  };
}

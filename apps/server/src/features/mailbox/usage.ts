/**
 * How full mailboxes are, in memory: counted once from the store when a mailbox is first written to after a start, then kept up
 * with. Only a limit hangs on it, so it may be off by what was under way while it was counted.
 */
import type { DeviceId, TenantId } from '@kuvert/protocol';
import type { TenantScope } from '../../store/index.ts';
import { dormantDevices, mailboxRows } from './collections.ts';
import { MAILBOX_MAX } from './limits.ts';

interface Fill {
  rows: number;
  bytes: number;
  isDormant: boolean;
}

/** @see createUsage */
export interface Usage {
  /** True when the fill is in memory and {@link reserve} needs no {@link load}. */
  knows(tenantId: TenantId, deviceId: DeviceId): boolean;
  /** Counts. @returns the stored key of the last row, if there is one */
  load(scope: TenantScope, deviceId: DeviceId): Promise<Uint8Array | undefined>;
  /** Counts a row that is about to be stored. @returns false when there is no room for it, or the device is dormant */
  reserve(tenantId: TenantId, deviceId: DeviceId, bytes: number): boolean;
  /** True for a device that the store says is dormant, as far as this process knows. */
  isDormant(tenantId: TenantId, deviceId: DeviceId): boolean;
  /** The device has become dormant. */
  setDormant(tenantId: TenantId, deviceId: DeviceId): void;
  /** Counts a row that is gone, or was not stored after all; `bytes` is of all of them where there are several. */
  release(tenantId: TenantId, deviceId: DeviceId, bytes: number, rows?: number): void;
  /** Forgets what was counted of a device, of a whole tenant, or of all: it is counted again when needed. */
  forget(tenantId?: TenantId, deviceId?: DeviceId): void;
}

/** Rows of up to 408 kB: a page of them must not be large. */
const COUNT_PAGE_ROWS = 64;

/** @see Usage */
export function createUsage(): Usage {
  const byTenant = new Map<TenantId, Map<DeviceId, Fill>>();
  const find = (tenantId: TenantId, deviceId: DeviceId) => byTenant.get(tenantId)?.get(deviceId);

  return {
    knows: (tenantId, deviceId) => find(tenantId, deviceId) !== undefined,

    async load(scope, deviceId) {
      const isDormant = (await scope.find(dormantDevices, deviceId)) !== undefined;
      const fill: Fill = { rows: 0, bytes: 0, isDormant };
      let last: Uint8Array | undefined;
      let cursor: string | undefined;
      do {
        const page = await scope.list(mailboxRows, {
          equals: [deviceId],
          limit: COUNT_PAGE_ROWS,
          ...(cursor === undefined ? {} : { cursor }),
        });
        for (const row of page.rows) {
          fill.rows++;
          fill.bytes += row.value.length;
          last = row.storedKey;
        }
        cursor = page.next;
      } while (cursor !== undefined && fill.rows < MAILBOX_MAX.rows);
      const devices = byTenant.get(scope.tenant) ?? new Map<DeviceId, Fill>();
      byTenant.set(scope.tenant, devices);
      // Two that count at the same time: the first one's count has been kept up with since.
      if (!devices.has(deviceId)) devices.set(deviceId, fill);
      return last;
    },

    reserve(tenantId, deviceId, bytes) {
      const fill = find(tenantId, deviceId);
      if (fill === undefined) return true;
      if (fill.isDormant || fill.rows >= MAILBOX_MAX.rows || fill.bytes + bytes > MAILBOX_MAX.bytes)
        return false;
      fill.rows++;
      fill.bytes += bytes;
      return true;
    },

    isDormant: (tenantId, deviceId) => find(tenantId, deviceId)?.isDormant === true,

    setDormant(tenantId, deviceId) {
      const fill = find(tenantId, deviceId);
      if (fill !== undefined) fill.isDormant = true;
    },

    release(tenantId, deviceId, bytes, rows = 1) {
      const fill = find(tenantId, deviceId);
      if (fill === undefined) return;
      fill.rows = Math.max(0, fill.rows - rows);
      fill.bytes = Math.max(0, fill.bytes - bytes);
    },

    forget(tenantId, deviceId) {
      if (tenantId === undefined) byTenant.clear();
      else if (deviceId === undefined) byTenant.delete(tenantId);
      else byTenant.get(tenantId)?.delete(deviceId);
    },
  };
}

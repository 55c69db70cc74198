/** The door of `attachments`. */

import type { DeviceId, TenantId } from '@kuvert/protocol';
import type { Blobs } from '../../blobs/index.ts';
import type { Clock, Random } from '../../clock.ts';
import { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import type { Store } from '../../store/index.ts';
import type { DeviceService } from '../devices/index.ts';
import type { ExchangeService } from '../pools/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { createCapabilities } from './capability.ts';
import { attachmentKeys, attachments, attachmentUsage } from './collections.ts';
import { ATTACHMENT_CREATES, LEFTOVER_MS } from './limits.ts';
import { attachmentDeviceRoutes } from './routes.device.ts';
import { addAttachmentRoutes } from './routes.http.ts';
import { createAttachmentService } from './service.ts';
import { Transfers } from './transfers.ts';

/** Every handle of this feature, for the opening of the store. */
export const attachmentCollections = [attachments, attachmentUsage, attachmentKeys] as const;

/** Wires the feature. */
export function createAttachmentsFeature(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly tenants: TenantService;
  readonly devices: DeviceService;
  /** Of the feature `pools`: asked whenever somebody wants what another has uploaded (C9). */
  readonly exchange: Pick<ExchangeService, 'requireBetween'>;
  readonly blobs: Blobs;
  readonly tenantBytesMax: number;
  readonly onStored: Parameters<typeof createAttachmentService>[0]['onStored'];
  readonly onLimit: (device: { tenantId: string; deviceId: string }) => void;
}) {
  const { store, clock, tenants, devices } = deps;
  const capabilities = createCapabilities({ ...deps, isTenant: (tenantId) => tenants.exists(tenantId) });
  const creates = new LeakyBuckets({
    limit: ATTACHMENT_CREATES,
    clock,
    onClosed: (key) => {
      const [tenantId = '', deviceId = ''] = key.split(' ');
      deps.onLimit({ tenantId, deviceId });
    },
  });
  const service = createAttachmentService({
    ...deps,
    capabilities,
    creates,
    scopeOf: (tenantId) => store.tenant(tenantId),
  });
  const transfers = new Transfers();
  devices.whenRevoked(async ({ tenant }, device) => transfers.cut(tenant, device));
  const sweptAtMs = new Map<TenantId, number>();
  return {
    service,
    deviceRoutes: attachmentDeviceRoutes(service),
    addHttpRoutes: (app: Parameters<typeof addAttachmentRoutes>[0]) =>
      addAttachmentRoutes(app, {
        attachments: service,
        transfers,
        capabilities,
        personOf: async ({ tenantId, deviceId }) => {
          const device = await devices.findForChannel(tenantId, deviceId);
          return device?.refusal === undefined ? device?.personId : undefined;
        },
      }),
    /** Ends what a device that was revoked, here or at another server, still moves. */
    deviceGone: (tenantId: TenantId, device: DeviceId) => transfers.cut(tenantId, device),
    /** The same for all devices of a tenant that was suspended. */
    tenantGone: (tenantId: TenantId) => transfers.cutTenant(tenantId),
    /** Removes up to `limit` attachments whose time is over and, now and then, what a crash has left. @returns how many */
    async sweep(tenantId: TenantId, limit: number): Promise<number> {
      const scope = store.tenant(tenantId);
      const last = sweptAtMs.get(tenantId);
      if (last === undefined || clock.monotonicMs() - last >= LEFTOVER_MS) {
        sweptAtMs.set(tenantId, clock.monotonicMs());
        await service.sweepLeftovers(scope);
      }
      return service.sweep(scope, limit);
    },
  };
}

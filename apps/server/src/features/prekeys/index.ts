/** The door of `prekeys`. */
import type { Connections } from '../../channel/connection.ts';
import type { Clock } from '../../clock.ts';
import type { ServerMetrics } from '../../metrics/server-metrics.ts';
import type { Store, TenantScope } from '../../store/index.ts';
import type { DeviceService } from '../devices/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { ExchangeService } from '../pools/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { lastingPrekeys, oneTimePrekeys, prekeyTakes, takeCounters, takenPrekeys } from './collections.ts';
import { prekeyDeviceRoutes } from './routes.device.ts';
import { createPrekeyService } from './service.ts';
import type { DevicePrekeys } from './stock.ts';

export { createPrekeyStock, type DevicePrekeys } from './stock.ts';

/** Every handle of this feature, for the opening of the store. */
export const prekeyCollections = [
  lastingPrekeys,
  oneTimePrekeys,
  takenPrekeys,
  prekeyTakes,
  takeCounters,
] as const;

/** Wires the feature. `stock` is what the feature `devices` was given too. */
export function createPrekeysFeature(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly tenants: TenantService;
  readonly people: PeopleService;
  readonly devices: DeviceService;
  readonly stock: DevicePrekeys;
  readonly exchange: Pick<ExchangeService, 'requireBetween'>;
  readonly connections: Pick<Connections, 'find'>;
  readonly metrics: Pick<ServerMetrics, 'prekeysLow'>;
  /** A limit on takes was reached. */
  readonly onLimit: () => void;
}) {
  const { connections } = deps;
  const service = createPrekeyService({
    ...deps,
    isOnline: (tenantId, deviceId) => connections.find(tenantId, deviceId) !== undefined,
    tellLow: (tenantId, deviceId, counts) => {
      deps.metrics.prekeysLow.add();
      connections.find(tenantId, deviceId)?.sendEvent('prekeysLow', counts);
    },
  });
  return {
    service,
    deviceRoutes: prekeyDeviceRoutes(service, deps.exchange),
    /** Removes up to `limit` rows of each kind that nobody needs any more. @returns how many */
    async sweep(scope: TenantScope, limit: number): Promise<number> {
      const nowMs = deps.clock.nowMs();
      let removed = 0;
      for (const handle of [prekeyTakes, takeCounters, takenPrekeys]) {
        removed += await scope.expire(handle, nowMs, limit);
      }
      return removed;
    },
  };
}

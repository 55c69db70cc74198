/** The door of `devices`. */

import type { DeviceId, TenantId } from '@kuvert/protocol';
import type { Connections } from '../../channel/connection.ts';
import type { Clock, Random } from '../../clock.ts';
import { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import type { Store, TenantScope } from '../../store/index.ts';
import type { AuditRecords } from '../audit/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { PoolService } from '../pools/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { ATTEMPT_LIMITS, createTokenAttempts } from './attempts.ts';
import {
  accounts,
  activeDevices,
  deviceSets,
  deviceStates,
  devices,
  deviceTenants,
  enrolmentTokens,
  linkAnswers,
  linkTenants,
  tokenAttempts,
} from './collections.ts';
import { createDeviceDirectory } from './directory.ts';
import { createEnrolment } from './enrolment.ts';
import { createLinking } from './linking.ts';
import { createLocking } from './locking.ts';
import type { PrekeyStock } from './prekey-stock.ts';
import { deviceAdminRoutes } from './routes.admin.ts';
import { deviceDeviceRoutes, deviceEnrolmentRoutes } from './routes.device.ts';
import { deviceOperatorRoutes } from './routes.operator.ts';
import { createDeviceService } from './service.ts';
import { createStateCounters } from './state-counter.ts';
import { createTokens } from './tokens.ts';

export type { DeviceDirectory, DeviceSet } from './directory.ts';
export type { PrekeyStock } from './prekey-stock.ts';
export type { ChangedSet, DeviceService } from './service.ts';
export { unlessNoTenant } from './service.ts';

/** Every handle of this feature, for the opening of the store. */
export const deviceCollections = [
  enrolmentTokens,
  tokenAttempts,
  accounts,
  devices,
  deviceTenants,
  activeDevices,
  deviceSets,
  deviceStates,
  linkAnswers,
  linkTenants,
] as const;

/** Wires the feature. */
export function createDevicesFeature(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly tenants: TenantService;
  readonly people: PeopleService;
  readonly pools: PoolService;
  /** `createPrekeyStock(store)` of the feature `prekeys`. */
  readonly prekeys: PrekeyStock;
  readonly connections: Pick<Connections, 'closeDevice' | 'find'>;
  /** The server's Noise static public key, 32 bytes. */
  readonly serverStatic: Uint8Array;
  readonly audit: AuditRecords;
  /** A device's person was locked out: ends what the device has under way, here and at other servers. */
  readonly onLocked: (tenantId: TenantId, deviceId: DeviceId) => void;
  /** A limit of `ATTEMPT_LIMITS` was reached. */
  readonly onLimit: (limit: 'enrolmentToken' | 'enrolmentAddress' | 'deviceLists') => void;
}) {
  const directory = createDeviceDirectory(deps.store);
  const attempts = createTokenAttempts({ ...deps, onLimit: () => deps.onLimit('enrolmentToken') });
  const tokens = createTokens({ ...deps, attempts });
  const addresses = new LeakyBuckets({
    limit: ATTEMPT_LIMITS.perAddress,
    clock: deps.clock,
    onClosed: () => deps.onLimit('enrolmentAddress'),
  });
  const service = createDeviceService({
    ...deps,
    directory,
    closeDevice: (tenantId, deviceId, code) => deps.connections.closeDevice(tenantId, deviceId, code),
    tellChanged: (tenantId, deviceId, deviceSet) =>
      deps.connections.find(tenantId, deviceId)?.sendEvent('devicesChanged', { deviceSet }),
  });
  const locking = createLocking({
    ...deps,
    onLocked: (scope, deviceId) => deps.onLocked(scope.tenant, deviceId),
  });
  const enrolment = createEnrolment({ ...deps, tokens, devices: service });
  const linking = createLinking({ ...deps, devices: service, onLimit: () => deps.onLimit('deviceLists') });
  return {
    service,
    directory,
    stateCounters: createStateCounters({ ...deps, devices: service }),
    deviceRoutes: deviceDeviceRoutes(service, linking),
    enrolmentRoutes: deviceEnrolmentRoutes(enrolment, linking, addresses),
    operatorRoutes: deviceOperatorRoutes({ devices: service, tokens }),
    adminRoutes: deviceAdminRoutes({ ...deps, devices: service, tokens, locking }),
    /** Removes up to `limit` rows that nobody needs any more. @returns how many */
    async sweep(scope: TenantScope, limit: number): Promise<number> {
      const nowMs = deps.clock.nowMs();
      const tokenRows = await scope.expire(enrolmentTokens, nowMs, limit);
      const answerRows = await scope.expire(linkAnswers, nowMs, limit);
      await deps.store.operator().expire(linkTenants, nowMs, limit);
      return tokenRows + answerRows + (await scope.expire(tokenAttempts, nowMs, limit));
    },
  };
}

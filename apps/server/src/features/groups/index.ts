/** The door of `groups`. */

import type { DeviceId, GroupId, TenantId } from '@kuvert/protocol';
import type { Connections } from '../../channel/connection.ts';
import type { Clock } from '../../clock.ts';
import type { ServerMetrics } from '../../metrics/server-metrics.ts';
import type { Store, TenantScope } from '../../store/index.ts';
import type { DeviceService } from '../devices/index.ts';
import type { ExchangeService } from '../pools/index.ts';
import { groupEntries, groupKeyCopies, groupMemberships, groupSets, groups } from './collections.ts';
import { createGroupDirectory } from './directory.ts';
import { groupDeviceRoutes } from './routes.device.ts';
import { createGroupService } from './service.ts';
import { createGroupSets } from './sets.ts';

export type { GroupDirectory, GroupSet } from './directory.ts';

/** Every handle of this feature, for the opening of the store. */
export const groupCollections = [groups, groupEntries, groupMemberships, groupKeyCopies, groupSets] as const;

/** Wires the feature. */
export function createGroupsFeature(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly devices: DeviceService;
  readonly exchange: ExchangeService;
  readonly connections: Pick<Connections, 'find'>;
  readonly metrics: Pick<ServerMetrics, 'groupChanges'>;
  /** A fault in telling devices, which hear of it when they connect. */
  readonly onError: (error: unknown) => void;
}) {
  const { store, clock, devices, connections, metrics } = deps;
  const directory = createGroupDirectory(store);
  const sets = createGroupSets({ store, devices });
  const service = createGroupService({
    ...deps,
    directory,
    sets,
    onChanged: () => metrics.groupChanges.add(),
    tell(scope, told, change) {
      tell(scope.tenant, told, change);
      store.hints?.publish({ space: scope.tenant, device: change.group, kind: 'group', visit: change.epoch });
    },
  });
  function tell(
    tenantId: TenantId,
    told: Iterable<DeviceId>,
    change: { group: GroupId; epoch: number },
  ): void {
    for (const device of told) connections.find(tenantId, device)?.sendEvent('groupChanged', change);
  }
  devices.whenSetChanges(async (tx, personId, set) => {
    await sets.devicesChanged(tx, personId, set);
  });
  devices.whenRevoked((scope, device) => service.deviceGone(scope, device));
  return {
    service,
    directory,
    deviceRoutes: groupDeviceRoutes(service),
    /** Another server has taken an entry: whoever is connected here, and was a member or is one now, is told. */
    changedElsewhere(tenantId: TenantId, group: GroupId, epoch: number): void {
      const told = new Set(directory.peek(tenantId, group)?.devices.map(({ deviceId }) => deviceId));
      directory
        .load(store.tenant(tenantId), group)
        .then((set) => {
          for (const { deviceId } of set?.devices ?? []) told.add(deviceId);
          tell(tenantId, told, { group, epoch });
        })
        .catch(deps.onError);
    },
    /** Removes up to `limit` rows that nobody needs any more. @returns how many */
    sweep: (scope: TenantScope, limit: number): Promise<number> =>
      scope.expire(groupKeyCopies, clock.nowMs(), limit),
  };
}

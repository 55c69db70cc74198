/** The door of `people`. */
import { people, personTenants } from './collections.ts';
import { createProbes, type Prober } from './probes.ts';
import { type PoolsOfPeople, peopleAdminRoutes } from './routes.admin.ts';
import { type ExchangeBetween, peopleDeviceRoutes } from './routes.device.ts';
import { peopleOperatorRoutes } from './routes.operator.ts';
import { createPeopleService } from './service.ts';

export type { PeopleService } from './service.ts';

/** Every handle of this feature, for the opening of the store. */
export const peopleCollections = [people, personTenants] as const;

/** Wires the feature. */
export function createPeopleFeature(
  deps: Parameters<typeof createPeopleService>[0] & {
    /** A device asks for addresses that nobody has. */
    readonly onLimit: (device: Prober) => void;
  },
) {
  const service = createPeopleService(deps);
  return {
    service,
    /** @param pools of the feature `pools`, which is made after this one */
    deviceRoutes: (pools: PoolsOfPeople, exchange: ExchangeBetween) =>
      peopleDeviceRoutes(service, createProbes(deps), pools, exchange),
    operatorRoutes: peopleOperatorRoutes(service),
    /** @param pools of the feature `pools`, which is made after this one */
    adminRoutes: (pools: PoolsOfPeople) => peopleAdminRoutes(service, pools, deps.store),
  };
}

/** The door of `pools`. */
import type { Clock, Random } from '../../clock.ts';
import type { Store } from '../../store/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { poolMembers, pools } from './collections.ts';
import { createExchange } from './exchange.ts';
import { poolAdminRoutes } from './routes.admin.ts';
import { exchangeOperatorRoutes } from './routes.operator.ts';
import { PoolService } from './service.ts';

export type { ExchangeService } from './exchange.ts';
export type { PoolService } from './service.ts';

/** Every handle of this feature, for the opening of the store. */
export const poolCollections = [pools, poolMembers] as const;

/** Wires the feature. */
export function createPoolsFeature(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly tenants: TenantService;
  readonly people: PeopleService;
}) {
  const service = new PoolService(deps);
  const exchange = createExchange(deps);
  return {
    service,
    /** Who may talk to whom. */
    exchange,
    operatorRoutes: exchangeOperatorRoutes(exchange, deps.people, deps.store),
    adminRoutes: poolAdminRoutes(service, deps.store),
  };
}

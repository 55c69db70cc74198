/** Operator calls about who may talk to whom. */
import { defineOperatorRoutes } from '../../http/operator-routes.ts';
import type { Store } from '../../store/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { ExchangeService } from './exchange.ts';

/** @see operatorCalls */
export const exchangeOperatorRoutes = (
  exchange: ExchangeService,
  people: Pick<PeopleService, 'tenantOf'>,
  store: Store,
) =>
  defineOperatorRoutes({
    exchangeWhy: async ({ from, to }) => exchange.why(store.tenant(await people.tenantOf(from)), from, to),
  });

/** Operator calls about tenants. */
import { defineOperatorRoutes } from '../../http/operator-routes.ts';
import type { TenantService } from './service.ts';

/** @see operatorCalls */
export const tenantOperatorRoutes = (tenants: TenantService) =>
  defineOperatorRoutes({
    installation: async () => ({ tenants: await tenants.count() }),
    tenantCreate: async ({ name }) => ({ tenantId: await tenants.create(name) }),
  });

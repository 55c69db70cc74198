/** The door of `tenants`. */
import { tenantProfiles, tenants } from './collections.ts';
import { tenantAdminRoutes } from './routes.admin.ts';
import { tenantOperatorRoutes } from './routes.operator.ts';
import { createTenantService } from './service.ts';

export type { TenantProfile, TenantService } from './service.ts';

/** Every handle of this feature, for the opening of the store. */
export const tenantCollections = [tenants, tenantProfiles] as const;

/** Wires the feature. */
export function createTenantsFeature(deps: Parameters<typeof createTenantService>[0]) {
  const service = createTenantService(deps);
  return {
    service,
    operatorRoutes: tenantOperatorRoutes(service),
    adminRoutes: tenantAdminRoutes(service, deps.store),
  };
}

/** The door of `erasure`. */
import type { PersonId, TenantId } from '@kuvert/protocol';
import { unfinishedErasures } from './collections.ts';
import { erasureAdminRoutes } from './routes.admin.ts';
import { createErasureService } from './service.ts';

/** Every handle of this feature, for the opening of the store. */
export const erasureCollections = [unfinishedErasures] as const;

/** Wires the feature. */
export function createErasureFeature(deps: Parameters<typeof createErasureService>[0]) {
  const service = createErasureService(deps);
  return {
    service,
    adminRoutes: erasureAdminRoutes(service, deps.store),
    /** Who is not there cannot be asked to be erased. */
    checks: {
      async 'people.erase'({ tenantId, personId }: { tenantId: TenantId; personId: PersonId }) {
        await deps.people.row(deps.store.tenant(tenantId), personId);
      },
    },
  };
}

/** The operation that erases a person. */
import { defineAdminRoutes } from '../../http/admin/admin-routes.ts';
import type { Store } from '../../store/index.ts';
import type { ErasureService } from './service.ts';

/** @see ADMIN_OPERATIONS */
export const erasureAdminRoutes = (erasure: ErasureService, store: Pick<Store, 'tenant'>) =>
  defineAdminRoutes({
    'people.erase': async ({ params, noted }) => {
      await erasure.erase(store.tenant(params.tenantId), params.personId, noted.tenant);
      return { result: undefined };
    },
  });

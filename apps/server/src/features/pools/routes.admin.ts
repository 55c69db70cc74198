/** Operations on pools. */
import { versionOf } from '../../effects.ts';
import { defineAdminRoutes, isoTime } from '../../http/admin/admin-routes.ts';
import type { Store } from '../../store/index.ts';
import type { PoolRow, PoolService } from './service.ts';

const PAGE = 100;

/** @see ADMIN_OPERATIONS */
export const poolAdminRoutes = (pools: PoolService, store: Pick<Store, 'tenant'>) =>
  defineAdminRoutes({
    'pools.list': async ({ params, query }) => {
      const { cursor, limit = PAGE } = query;
      const page = await pools.list(store.tenant(params.tenantId), { cursor, limit });
      return { result: { pools: page.rows.map(shown), next: page.next } };
    },

    'pools.create': async ({ params, body, noted }) => {
      const { name, features = {} } = body;
      const row = await pools.create(
        store.tenant(params.tenantId),
        { name, features },
        (made) => (tx, effect) => noted.tenant(tx, { ...effect, answer: shown(made) }),
      );
      return { result: shown(row) };
    },

    'pools.get': async ({ params }) => {
      const row = await pools.get(store.tenant(params.tenantId), params.poolId);
      return { result: shown(row), etag: versionOf(row) };
    },

    'pools.change': async ({ params, body, ifMatch, noted }) => {
      const scope = store.tenant(params.tenantId);
      const row = await pools.change(scope, params.poolId, { ...body, ifMatch, note: noted.tenant });
      return { result: shown(row), etag: versionOf(row) };
    },

    'pools.join': async ({ params, noted }) => {
      await pools.join(store.tenant(params.tenantId), params, noted.tenant);
      return { result: undefined };
    },

    'pools.leave': async ({ params, noted }) => {
      await pools.leave(store.tenant(params.tenantId), params, noted.tenant);
      return { result: undefined };
    },
  });

function shown({ createdAt, ...pool }: PoolRow) {
  return { ...pool, createdAt: isoTime(createdAt) };
}

/** Operations on tenants. */

import { versionOf } from '../../effects.ts';
import type { AdminRoutes } from '../../http/admin/admin-routes.ts';
import { defineAdminRoutes, isoTime } from '../../http/admin/admin-routes.ts';
import type { Store } from '../../store/index.ts';
import type { TenantFacts, TenantService, TenantSettings } from './service.ts';

const PAGE = 100;

/** @see ADMIN_OPERATIONS */
export const tenantAdminRoutes = (tenants: TenantService, store: Pick<Store, 'tenant'>) =>
  defineAdminRoutes({
    'tenants.list': async ({ query }) => {
      const page = await tenants.page({ cursor: query.cursor, limit: query.limit ?? PAGE });
      return { result: { tenants: page.tenants.map(shown), next: page.next } };
    },

    'tenants.create': async ({ body, noted }) => {
      const made: TenantFacts[] = [];
      await tenants.create(body.name, (facts) => {
        made.push(facts);
        return (tx, effect) => noted.operator(tx, { ...effect, answer: shown(facts) });
      });
      return { result: shown(made[0] as TenantFacts) };
    },

    'tenants.suspend': async ({ params, noted }) => {
      await tenants.suspend(params.tenantId, noted.operator);
      return { result: undefined };
    },

    'tenants.resume': async ({ params, noted }) => {
      await tenants.resume(params.tenantId, noted.operator);
      return { result: undefined };
    },

    'tenants.get': async ({ params }) => {
      const settings = await tenants.settings(store.tenant(params.tenantId));
      return answerOf(await tenants.facts(params.tenantId), settings);
    },

    'tenants.change': async ({ params, body, ifMatch, noted }) => {
      const { name, settings: given } = body;
      const settings = await tenants.change(
        store.tenant(params.tenantId),
        {
          ...(name === undefined ? {} : { name }),
          ...(given?.features === undefined ? {} : { features: given.features }),
        },
        { ifMatch, note: noted.tenant },
      );
      return answerOf(await tenants.facts(params.tenantId), settings);
    },
  } satisfies AdminRoutes);

function shown({ tenantId, name, createdAtMs, suspendedAtMs }: TenantFacts) {
  return {
    tenantId,
    name,
    createdAt: isoTime(createdAtMs),
    suspendedAt: suspendedAtMs === null ? null : isoTime(suspendedAtMs),
  };
}

function answerOf(facts: TenantFacts, settings: TenantSettings) {
  const { features } = settings;
  return { result: { ...shown(facts), settings: { features } }, etag: versionOf(settings) };
}

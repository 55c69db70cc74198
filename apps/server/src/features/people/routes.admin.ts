/** Operations on people. */
import type { PersonId, PoolId, TenantId } from '@kuvert/protocol';
import { versionOf } from '../../effects.ts';
import { defineAdminRoutes, isoTime } from '../../http/admin/admin-routes.ts';
import type { Store, TenantScope } from '../../store/index.ts';
import type { PeopleService, PersonRow } from './service.ts';

const PAGE = 100;

/** What of pools is asked here; the feature `pools` knows people, so it cannot be imported. */
export interface PoolsOfPeople {
  members(
    scope: TenantScope,
    poolId: PoolId,
    page: { cursor: string | undefined; limit: number },
  ): Promise<{ personIds: PersonId[]; next: string | undefined }>;
  /** @throws KuvertError `feature_denied` */
  requireFeature(scope: TenantScope, personId: PersonId, feature: 'directory'): Promise<void>;
  features(
    scope: TenantScope,
    personId: PersonId,
  ): Promise<{ feature: 'directory' | 'further-devices'; isAllowed: boolean; decidedBy: PoolId[] }[]>;
}

/** @see ADMIN_OPERATIONS */
export const peopleAdminRoutes = (
  people: PeopleService,
  pools: PoolsOfPeople,
  store: Pick<Store, 'tenant'>,
) => {
  const scopeOf = ({ tenantId }: { tenantId: TenantId }) => store.tenant(tenantId);
  return defineAdminRoutes({
    'people.list': async ({ params, query }) => {
      const { limit = PAGE, cursor, q: words, mail } = query;
      const { rows, next } = await people.search(scopeOf(params), { limit, cursor, words, mail });
      return { result: { people: rows.map(shown), next } };
    },

    'people.create': async ({ params, body, noted }) => {
      const made: PersonRow[] = [];
      await people.add({ tenantId: params.tenantId, ...body }, (row) => {
        made.push(row);
        return (tx, effect) => noted.tenant(tx, { ...effect, answer: shown(row) });
      });
      return { result: shown(made[0] as PersonRow) };
    },

    'people.get': async ({ params }) => {
      const row = await people.row(scopeOf(params), params.personId);
      return { result: shown(row), etag: versionOf(row) };
    },

    'people.change': async ({ params, body, ifMatch, noted }) => {
      const change = { ...body, ifMatch, note: noted.tenant };
      const row = await people.change(scopeOf(params), params.personId, change);
      return { result: shown(row), etag: versionOf(row) };
    },

    'people.features': async ({ params }) => {
      const scope = scopeOf(params);
      await people.row(scope, params.personId);
      return { result: { features: await pools.features(scope, params.personId) } };
    },

    'pools.people': async ({ params, query }) => {
      const scope = scopeOf(params);
      const { limit = PAGE, cursor } = query;
      const { personIds, next } = await pools.members(scope, params.poolId, { limit, cursor });
      const rows = await Promise.all(personIds.map((personId) => people.row(scope, personId)));
      return { result: { people: rows.map(shown), next } };
    },
  });
};

function shown({ createdAt, lockedAt, ...person }: PersonRow) {
  const locked = lockedAt === undefined ? null : isoTime(lockedAt);
  return { ...person, createdAt: isoTime(createdAt), lockedAt: locked };
}

/** Operations about who administers what: roles, invitations, programs. */
import { type AdministratorId, KuvertError, type PoolId, type TenantId } from '@kuvert/protocol';
import type { Grant, GrantScope, Role } from '@kuvert/protocol/admin';
import type { Noted } from '../../effects.ts';
import { defineAdminRoutes, isoTime, type SignedIn, signedIn } from '../../http/admin/admin-routes.ts';
import type { Store } from '../../store/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { INSTALLATION, requireGivable } from './grants.ts';
import type { IntegrationRow } from './integrations.ts';
import type { MadeInvitation } from './invitations.ts';
import type { AdministratorService } from './service.ts';

type Listed = Awaited<ReturnType<AdministratorService['grants']['list']>>[number];

/** Whether a pool is there. */
interface Pools {
  get(scope: ReturnType<Store['tenant']>, poolId: PoolId): Promise<unknown>;
}

/** @see ADMIN_OPERATIONS */
export const roleAdminRoutes = (parts: {
  readonly administrators: AdministratorService;
  readonly tenants: TenantService;
  readonly pools: Pools;
  readonly store: Pick<Store, 'tenant'>;
}) => {
  const { administrators, tenants, pools, store } = parts;
  const { grants, invitations, integrations } = administrators;

  /** @throws KuvertError `not_found` for a pool that this tenant does not have */
  async function grantOf(tenantId: TenantId, { role, poolId }: AskedRole): Promise<Grant> {
    if (poolId !== undefined) await pools.get(store.tenant(tenantId), poolId);
    return {
      role,
      scope: poolId === undefined ? { kind: 'tenant', tenantId } : { kind: 'pool', tenantId, poolId },
    };
  }

  async function invite(
    grant: Grant,
    mail: string,
    how: { readonly kind: 'invitation' | 'first'; readonly noted: Noted },
  ) {
    const { kind, noted } = how;
    const made = await invitations.make(
      { grant, mail, kind },
      (facts) => (tx, effect) => noted.operator(tx, { ...effect, answer: shownInvitation(facts) }),
    );
    return { result: shownInvitation(made) };
  }

  const routes = defineAdminRoutes({
    'tenants.appoint': async ({ params, body, noted }) => {
      await tenants.facts(params.tenantId);
      const scope = { kind: 'tenant', tenantId: params.tenantId } as const;
      return invite({ role: 'tenant-admin', scope }, body.mail, { kind: 'first', noted });
    },

    'operators.list': async () => ({
      result: { administrators: (await grants.list(INSTALLATION)).map(shownAdministrator) },
    }),

    'operators.invite': async ({ caller, body, noted }) => {
      const grant: Grant = { role: 'operator', scope: { kind: 'installation' } };
      requireGivable(signedIn(caller).grants, grant);
      return invite(grant, body.mail, { kind: 'invitation', noted });
    },

    'operators.take': async ({ params, noted }) => {
      const grant: Grant = { role: 'operator', scope: { kind: 'installation' } };
      await grants.take({ administratorId: params.administratorId, grant }, noted.operator);
      return { result: undefined };
    },

    'administrators.list': async ({ params }) => ({
      result: { administrators: (await grants.list(params.tenantId)).map(shownAdministrator) },
    }),

    'administrators.invite': async ({ caller, params, body, noted }) => {
      const grant = await grantOf(params.tenantId, body);
      requireGivable(signedIn(caller).grants, grant);
      return invite(grant, body.mail, { kind: 'invitation', noted });
    },

    'administrators.grant': async ({ caller, params, body, noted }) => {
      const grant = await grantOf(params.tenantId, body);
      const { administratorId } = params;
      await grants.grant(signedIn(caller).grants, { administratorId, grant }, noted.operator);
      return { result: undefined };
    },

    'administrators.take': async ({ params, body, noted }) => {
      const { administratorId, tenantId } = params;
      const grant = { role: body.role, scope: scopeOf(tenantId, body.poolId) };
      await grants.take({ administratorId, grant }, noted.operator);
      return { result: undefined };
    },

    'administrators.reset': async ({ caller, params, noted }) => {
      const { tenantId: place, administratorId } = params;
      const made = await invitations.reset(signedIn(caller), { place, administratorId }, noted.operator);
      return { result: shownInvitation(made) };
    },

    'operators.reset': async ({ caller, params, noted }) => {
      const asked = { place: INSTALLATION, administratorId: params.administratorId } as const;
      const made = await invitations.reset(signedIn(caller), asked, noted.operator);
      return { result: shownInvitation(made) };
    },

    'administrators.sign-out': async ({ params, noted }) => {
      await grants.signOut(params.tenantId, params.administratorId, noted.operator);
      return { result: undefined };
    },

    'invitations.list': async ({ params }) => ({
      result: {
        invitations: (await invitations.list(params.tenantId)).map((row) => ({
          invitationId: row.invitationId,
          mail: row.mail,
          grants: row.grants,
          expiresAt: isoTime(row.expiresAt),
        })),
      },
    }),

    'invitations.withdraw': async ({ params, noted }) => {
      await invitations.withdraw(params.tenantId, params.invitationId, noted.operator);
      return { result: undefined };
    },

    'invitations.join': async ({ caller, body, noted }) => {
      await invitations.join(body.code, signedIn(caller).administratorId, noted.operator);
      return { result: undefined };
    },

    'integrations.list': async ({ params }) => ({
      result: { integrations: (await integrations.list(params.tenantId)).map(shownIntegration) },
    }),

    'integrations.create': async ({ caller, params, body, noted }) => {
      const answerOf = (row: IntegrationRow, key: string) => ({ ...shownIntegration(row), key });
      const { row, key } = await integrations.create(
        signedIn(caller).grants,
        { ...params, ...body },
        (...made) =>
          (tx, effect) =>
            noted.operator(tx, { ...effect, answer: answerOf(...made) }),
      );
      return { result: answerOf(row, key) };
    },

    'integrations.revoke': async ({ params, noted }) => {
      await integrations.revoke(params.tenantId, params.integrationId, noted.operator);
      return { result: undefined };
    },
  });

  /** What nobody could approve is not asked of anybody. */
  const checks = {
    'administrators.invite': async (params: InTenant, body: AskedRole, by: SignedIn) =>
      requireGivable(by.grants, await grantOf(params.tenantId, body)),
    'administrators.grant': async (params: InTenant & Whom, body: AskedRole, by: SignedIn) => {
      requireGivable(by.grants, await grantOf(params.tenantId, body));
      const here = await grants.list(params.tenantId);
      if (!here.some(({ administratorId }) => administratorId === params.administratorId))
        throw new KuvertError('not_found');
    },
  };
  return { routes, checks };
};

interface InTenant {
  readonly tenantId: TenantId;
}
interface Whom {
  readonly administratorId: AdministratorId;
}
interface AskedRole {
  readonly role: Role;
  readonly poolId?: PoolId | undefined;
}

function shownInvitation({ invitationId, code, expiresAtMs }: MadeInvitation) {
  return { invitationId, code, expiresAt: isoTime(expiresAtMs) };
}

function shownAdministrator({ administratorId, name, mail, createdAt, here }: Listed) {
  return { administratorId, name, mail, createdAt: isoTime(createdAt), grants: here };
}

function shownIntegration(row: IntegrationRow) {
  const { integrationId, name, permissions, lastUsedAt } = row;
  return {
    integrationId,
    name,
    permissions: permissions as never,
    createdAt: isoTime(row.createdAt),
    expiresAt: isoTime(row.expiresAt),
    lastUsedAt: lastUsedAt === null ? null : isoTime(lastUsedAt),
  };
}

/** Where in a tenant a role counts: for the people of one pool, else everywhere. */
function scopeOf(tenantId: TenantId, poolId: PoolId | undefined): GrantScope {
  return poolId === undefined ? { kind: 'tenant', tenantId } : { kind: 'pool', tenantId, poolId };
}

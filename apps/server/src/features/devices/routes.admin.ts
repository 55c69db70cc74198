/** Operations on devices and enrolment tokens, of a whole tenant and of one pool. */
import { type DeviceId, KuvertError, type PersonId, type PoolId, type TenantId } from '@kuvert/protocol';
import type { NoteEffect } from '../../effects.ts';
import { defineAdminRoutes, isoTime } from '../../http/admin/admin-routes.ts';
import type { Store, TenantScope } from '../../store/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { Locking } from './locking.ts';
import type { DeviceService } from './service.ts';
import type { Tokens } from './tokens.ts';

/** Whether somebody is in a pool. */
interface Membership {
  requireMember(scope: TenantScope, poolId: PoolId, personId: PersonId): Promise<void>;
}

interface PersonAsked {
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  readonly poolId?: PoolId;
}

/** @see ADMIN_OPERATIONS */
export const deviceAdminRoutes = (parts: {
  readonly devices: DeviceService;
  readonly tokens: Tokens;
  readonly locking: Locking;
  readonly people: PeopleService;
  readonly pools: Membership;
  readonly store: Pick<Store, 'tenant'>;
}) => {
  const { devices, tokens, locking, people, pools, store } = parts;

  /** The tenant's scope, once it is sure that the person is where the path says. */
  async function scopeWith({ tenantId, personId, poolId }: PersonAsked): Promise<TenantScope> {
    const scope = store.tenant(tenantId);
    await people.row(scope, personId);
    if (poolId !== undefined) await pools.requireMember(scope, poolId, personId);
    return scope;
  }

  async function makeToken(asked: PersonAsked, purpose: 'enrol' | 'reset', note: NoteEffect<'tenant'>) {
    await scopeWith(asked);
    const { token, expiresAtMs } = await tokens.create(
      asked.personId,
      purpose,
      (made) => (tx, effect) => note(tx, { ...effect, answer: shownToken(made) }),
    );
    return { result: shownToken({ token, expiresAtMs }) };
  }

  async function listDevices(asked: PersonAsked) {
    const rows = await devices.devicesOf(await scopeWith(asked), asked.personId);
    return {
      result: {
        devices: rows.map(({ deviceId, state, enrolledAt, revokedAt }) => ({
          deviceId,
          state,
          enrolledAt: isoTime(enrolledAt),
          revokedAt: revokedAt === null ? null : isoTime(revokedAt),
        })),
      },
    };
  }

  async function revoke(scope: TenantScope, deviceId: DeviceId, note: NoteEffect<'tenant'>) {
    if (!(await devices.revokeIn(scope, deviceId, note))) throw new KuvertError('not_found');
    return { result: undefined };
  }

  async function lock(asked: PersonAsked, change: 'lock' | 'unlock', note: NoteEffect<'tenant'>) {
    await locking[change](await scopeWith(asked), asked.personId, note);
    return { result: undefined };
  }

  return defineAdminRoutes({
    'people.lock': ({ params, noted }) => lock(params, 'lock', noted.tenant),
    'people.unlock': ({ params, noted }) => lock(params, 'unlock', noted.tenant),
    'pools.lock': ({ params, noted }) => lock(params, 'lock', noted.tenant),
    'pools.unlock': ({ params, noted }) => lock(params, 'unlock', noted.tenant),
    'tokens.create': ({ params, noted }) => makeToken(params, 'enrol', noted.tenant),
    'pools.tokens': ({ params, noted }) => makeToken(params, 'enrol', noted.tenant),
    'people.reset': ({ params, noted }) => makeToken(params, 'reset', noted.tenant),
    'devices.list': ({ params }) => listDevices(params),
    'pools.devices': ({ params }) => listDevices(params),
    'devices.revoke': ({ params, noted }) =>
      revoke(store.tenant(params.tenantId), params.deviceId, noted.tenant),
    'pools.revoke': async ({ params, noted }) => {
      const scope = store.tenant(params.tenantId);
      await pools.requireMember(scope, params.poolId, await devices.personOf(scope, params.deviceId));
      return revoke(scope, params.deviceId, noted.tenant);
    },
  });
};

function shownToken({ token, expiresAtMs }: { readonly token: string; readonly expiresAtMs: number }) {
  return { token, expiresAt: isoTime(expiresAtMs) };
}

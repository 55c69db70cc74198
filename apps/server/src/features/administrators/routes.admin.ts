/** Operations about signing in and about oneself. */
import { KuvertError } from '@kuvert/protocol';
import { PERMISSIONS, type Permission, type Role } from '@kuvert/protocol/admin';
import { STEP_UP_MS } from '../../http/admin/admin-api.ts';
import { type AdminCaller, defineAdminRoutes } from '../../http/admin/admin-routes.ts';
import { sessionCookie } from '../../http/admin/credentials.ts';
import { totpUri } from './one-time-codes.ts';
import type { AdministratorService } from './service.ts';

/** @see ADMIN_OPERATIONS */
export const administratorAdminRoutes = (administrators: AdministratorService) =>
  defineAdminRoutes({
    'installation.get': async () => ({
      result: { product: 'Kuvert', apiVersions: ['v1'], isSetUp: await administrators.isSetUp() },
    }),

    'invitations.open': async ({ body }) => {
      const { code, password, name, mail } = body;
      if (name === undefined || mail === undefined)
        throw new KuvertError('bad_request', { details: { field: 'mail' } });
      const { totpSecret } = await administrators.invitations.open(code, { name, mail, password });
      return { result: { mail, totpSecret, totpUri: totpUri(totpSecret, mail) } };
    },

    'invitations.accept': async ({ body, address }) => {
      const { administrator, recoveryCodes } = await administrators.invitations.accept(body.code, body.totp);
      const session = await administrators.sessions.begin(administrator, address, { factor: 'totp' });
      const { result, setCookie } = tokenAnswer(session, body.cookie);
      return { result: { ...result, recoveryCodes }, ...(setCookie === undefined ? {} : { setCookie }) };
    },

    'sessions.create': async ({ body, address }) =>
      tokenAnswer(await administrators.signIn({ ...body, address }), body.cookie),

    'sessions.step-up': async ({ body, caller, address }) => ({
      result: { until: isoTime(await administrators.stepUp(present(caller), body.totp, address)) },
    }),

    'sessions.list': async ({ caller }) => {
      const { administratorId, sessionId } = present(caller);
      const sessions = await administrators.sessions.list(administratorId);
      return {
        result: {
          sessions: sessions.map((row) => ({
            sessionId: row.sessionId,
            createdAt: isoTime(row.createdAt),
            lastSeenAt: isoTime(row.lastSeenAt),
            address: row.address,
            isCurrent: row.sessionId === sessionId,
          })),
        },
      };
    },

    'sessions.end': async ({ caller, params }) => {
      await administrators.sessions.end(present(caller), params.sessionId);
      return { result: undefined };
    },

    me: async ({ caller }) => {
      const { administratorId, sessionId, grants, stepUpAtMs } = present(caller);
      const { name, mail, recoveryHashes } = await administrators.get(administratorId);
      return {
        result: {
          administratorId,
          name,
          mail,
          sessionId,
          grants: grants.map((grant) => ({ ...grant, permissions: permissionsOf(grant.role) })),
          stepUpUntil: isoTime(stepUpAtMs + STEP_UP_MS),
          recoveryCodesLeft: recoveryHashes.length,
        },
      };
    },
  });

function permissionsOf(role: Role): Permission[] {
  const all = Object.entries(PERMISSIONS) as [Permission, { roles: readonly Role[] }][];
  return all.filter(([, { roles }]) => roles.includes(role)).map(([permission]) => permission);
}

/** In a browser the token is out of reach of scripts. */
function tokenAnswer(session: { token: string; endsAtMs: number }, cookie: boolean) {
  const expiresAt = isoTime(session.endsAtMs);
  return cookie
    ? { result: { expiresAt }, setCookie: sessionCookie(session.token) }
    : { result: { token: session.token, expiresAt } };
}

/** The table lets nobody through to these who has not signed in. */
function present(caller: AdminCaller | undefined): AdminCaller {
  if (caller === undefined) throw new KuvertError('unauthenticated');
  return caller;
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

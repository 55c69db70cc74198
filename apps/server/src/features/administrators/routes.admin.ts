/** Operations about signing in and about oneself. */
import { KuvertError } from '@kuvert/protocol';
import { permissionsOf } from '@kuvert/protocol/admin';
import { defineAdminRoutes, isoTime, signedIn } from '../../http/admin/admin-routes.ts';
import { STEP_UP_MS } from '../../http/admin/calls.ts';
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
      if (name === undefined) throw new KuvertError('bad_request', { details: { field: 'name' } });
      const opened = await administrators.invitations.open(code, { name, mail, password });
      return { result: { ...opened, totpUri: totpUri(opened.totpSecret, opened.mail) } };
    },

    'invitations.accept': async ({ body, address }) => {
      const { administrator, recoveryCodes } = await administrators.invitations.accept(
        body.code,
        body.totp,
        address,
      );
      const session = await administrators.sessions.begin(administrator, address, { factor: 'totp' });
      const { result, setCookie } = tokenAnswer(session, body.cookie);
      return { result: { ...result, recoveryCodes }, ...(setCookie === undefined ? {} : { setCookie }) };
    },

    'sessions.create': async ({ body, address }) =>
      tokenAnswer(await administrators.signIn({ ...body, address }), body.cookie),

    'sessions.step-up': async ({ body, caller, address }) => ({
      result: { until: isoTime(await administrators.stepUp(signedIn(caller), body.totp, address)) },
    }),

    'sessions.list': async ({ caller }) => {
      const { administratorId, sessionId } = signedIn(caller);
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
      await administrators.sessions.end(signedIn(caller), params.sessionId);
      return { result: undefined };
    },

    me: async ({ caller }) => {
      const { administratorId, sessionId, grants, stepUpAtMs } = signedIn(caller);
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

/** In a browser the token is out of reach of scripts. */
export function tokenAnswer(session: { token: string; endsAtMs: number }, cookie: boolean) {
  const expiresAt = isoTime(session.endsAtMs);
  return cookie
    ? { result: { expiresAt }, setCookie: sessionCookie(session.token) }
    : { result: { token: session.token, expiresAt } };
}

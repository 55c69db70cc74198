/** Operations about signing in and about oneself. */
import { KuvertError } from '@kuvert/protocol';
import { permissionsOf } from '@kuvert/protocol/admin';
import { defineAdminRoutes, isoTime, signedIn } from '../../http/admin/admin-routes.ts';
import { STEP_UP_MS } from '../../http/admin/calls.ts';
import { sessionCookie } from '../../http/admin/credentials.ts';
import { totpUri } from './one-time-codes.ts';
import type { Passkeys } from './passkeys.ts';
import { strengthOf } from './password-strength.ts';
import type { AdministratorService } from './service.ts';

/** @see ADMIN_OPERATIONS */
export const administratorAdminRoutes = (
  administrators: AdministratorService,
  passkeys: Pick<Passkeys, 'list'>,
) =>
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

    'invitations.check-password': async ({ body, address, language }) => {
      const { code, password, name, mail } = body;
      const asked = { password, name, mail, address };
      return { result: strengthOf(await administrators.invitations.checkPassword(code, asked), language) };
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

    'sessions.create': async ({ body, address }) => {
      const { passwordDue, ...session } = await administrators.signIn({ ...body, address });
      const { result, ...cookie } = tokenAnswer(session, body.cookie);
      return { result: { ...result, ...(passwordDue && { passwordDue }) }, ...cookie };
    },

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

    'password.check': async ({ body, caller, address, language }) => {
      const judgement = await administrators.ownPassword.check(signedIn(caller), body.newPassword, address);
      return { result: strengthOf(judgement, language) };
    },

    'password.change': async ({ body, caller, address }) => {
      await administrators.ownPassword.change(signedIn(caller), { ...body, address });
      return { result: undefined };
    },

    me: async ({ caller }) => {
      const { administratorId, sessionId, grants, elsewhere, stepUpAtMs, passwordDue } = signedIn(caller);
      const account = await administrators.get(administratorId);
      const { name, mail, recoveryHashes, passwordSetAt } = account;
      const expiresAtMs = await administrators.ownPassword.expiresAtMs(account);
      return {
        result: {
          administratorId,
          name,
          mail,
          sessionId,
          grants: grants.map((grant) => ({ ...grant, permissions: permissionsOf(grant.role) })),
          stepUpUntil: isoTime(stepUpAtMs + STEP_UP_MS),
          recoveryCodesLeft: recoveryHashes.length,
          passkeys: (await passkeys.list({ administratorId })).length,
          passkeysOnly: await administrators.rules.wantsPasskeys([...grants, ...elsewhere]),
          password: {
            chosenAt: isoTime(passwordSetAt),
            expiresAt: expiresAtMs === undefined ? null : isoTime(expiresAtMs),
            due: passwordDue ?? null,
          },
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

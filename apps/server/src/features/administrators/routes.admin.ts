/** Operations about signing in and about oneself. */
import { KuvertError } from '@kuvert/protocol';
import { permissionsOf } from '@kuvert/protocol/admin';
import { defineAdminRoutes, isoTime, signedIn } from '../../http/admin/admin-routes.ts';
import { STEP_UP_MS } from '../../http/admin/calls.ts';
import { deviceCookie, sessionCookie } from '../../http/admin/credentials.ts';
import { KNOWN_DEVICE_LIMITS } from './known-devices.ts';
import { totpUri } from './one-time-codes.ts';
import type { Passkeys } from './passkeys.ts';
import { strengthOf } from './password-strength.ts';
import type { AdministratorService } from './service.ts';
import type { BegunSession } from './sessions.ts';

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

    'invitations.accept': async ({ body, address, deviceCookie }) => {
      const { administrator, recoveryCodes } = await administrators.invitations.accept(
        body.code,
        body.totp,
        address,
      );
      const session = await administrators.sessions.begin(administrator, address, {
        factor: 'totp',
        device: { shown: deviceCookie },
      });
      const { result, ...cookies } = tokenAnswer(session, body.cookie);
      return { result: { ...result, recoveryCodes }, ...cookies };
    },

    'sessions.create': async ({ body, address, deviceCookie }) => {
      const deviceToken = body.deviceToken ?? deviceCookie;
      const { passwordDue, ...session } = await administrators.signIn({ ...body, address, deviceToken });
      const { result, ...cookies } = tokenAnswer(session, body.cookie);
      return { result: { ...result, ...(passwordDue && { passwordDue }) }, ...cookies };
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

/** In a browser the tokens are out of reach of scripts. */
export function tokenAnswer({ token, endsAtMs, deviceToken }: BegunSession, cookie: boolean) {
  const expiresAt = isoTime(endsAtMs);
  if (!cookie) return { result: { token, expiresAt, deviceToken } };
  const device = deviceToken === undefined ? [] : [deviceCookie(deviceToken, KNOWN_DEVICE_LIMITS.keptMs)];
  return { result: { expiresAt }, setCookies: [sessionCookie(token), ...device] };
}

/** Operations about passkeys: one's own, and signing in with one. */
import { defineAdminRoutes, isoTime, signedIn } from '../../http/admin/admin-routes.ts';
import type { Passkeys } from './passkeys.ts';
import { tokenAnswer } from './routes.admin.ts';

/** @see ADMIN_OPERATIONS */
export const passkeyAdminRoutes = (passkeys: Passkeys) =>
  defineAdminRoutes({
    'passkeys.begin': async ({ caller }) => ({
      result: { options: { ...(await passkeys.begin(signedIn(caller))) } },
    }),

    'passkeys.create': async ({ caller, body }) => ({
      result: { passkeyId: await passkeys.create(signedIn(caller), body) },
    }),

    'passkeys.list': async ({ caller }) => ({
      result: {
        passkeys: (await passkeys.list(signedIn(caller))).map((row) => ({
          passkeyId: row.passkeyId,
          name: row.name,
          createdAt: isoTime(row.createdAt),
          lastUsedAt: row.lastUsedAt === null ? null : isoTime(row.lastUsedAt),
          isSynced: row.isSynced,
        })),
      },
    }),

    'passkeys.delete': async ({ caller, params }) => {
      await passkeys.remove(signedIn(caller), params.passkeyId);
      return { result: undefined };
    },

    'passkey-step-up.begin': async ({ caller }) => ({
      result: { options: { ...(await passkeys.beginStepUp(signedIn(caller))) } },
    }),

    'passkey-step-up.finish': async ({ caller, body, address }) => ({
      result: { until: isoTime(await passkeys.stepUp(signedIn(caller), body.credential, address)) },
    }),

    'passkey-sign-in.begin': async ({ address }) => ({
      result: { options: { ...(await passkeys.beginSignIn(address)) } },
    }),

    'passkey-sign-in.finish': async ({ body, address, deviceCookie }) => {
      const from = { address, deviceToken: body.deviceToken ?? deviceCookie };
      return tokenAnswer(await passkeys.signIn(body.credential, from), body.cookie);
    },
  });

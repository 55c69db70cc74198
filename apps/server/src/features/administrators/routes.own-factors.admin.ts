/** Operations with which somebody replaces their own authenticator app or recovery codes. */
import { defineAdminRoutes, signedIn } from '../../http/admin/admin-routes.ts';
import { totpUri } from './one-time-codes.ts';
import type { OwnFactors } from './own-factors.ts';

/** @see ADMIN_OPERATIONS */
export const ownFactorAdminRoutes = (factors: OwnFactors) =>
  defineAdminRoutes({
    'authenticator.begin': async ({ caller }) => {
      const { totpSecret, mail } = await factors.beginAuthenticator(signedIn(caller));
      return { result: { totpSecret, totpUri: totpUri(totpSecret, mail) } };
    },

    'authenticator.change': async ({ caller, body }) => {
      await factors.changeAuthenticator(signedIn(caller), body.totp);
      return { result: undefined };
    },

    'recovery-codes.renew': async ({ caller }) => ({
      result: { recoveryCodes: await factors.renewRecoveryCodes(signedIn(caller)) },
    }),
  });

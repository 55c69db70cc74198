/** Operations with which terminals have browsers show or make passkeys. */
import { defineAdminRoutes, isoTime, signedIn } from '../../http/admin/admin-routes.ts';
import type { BegunRequest, BrowserRequests } from './browser-requests.ts';

/** @see ADMIN_OPERATIONS */
export const browserAdminRoutes = (requests: BrowserRequests) =>
  defineAdminRoutes({
    'browser-sign-in.begin': async ({ address }) => begun(await requests.begin({ kind: 'sign-in', address })),

    'browser-sign-in.finish': async ({ body, address }) => {
      const { token, endsAtMs } = await requests.finishSignIn(body, address);
      return { result: { token, expiresAt: isoTime(endsAtMs) } };
    },

    'browser-step-up.begin': async ({ caller, address }) =>
      begun(await requests.begin({ kind: 'step-up', caller: signedIn(caller), address })),

    'browser-step-up.finish': async ({ caller, body }) => ({
      result: { until: isoTime(await requests.finishStepUp(signedIn(caller), body)) },
    }),

    'passkeys.add-in-browser': async ({ caller, body, address }) =>
      begun(
        await requests.begin({ kind: 'add-passkey', caller: signedIn(caller), name: body.name, address }),
      ),

    'browser-page.open': async ({ body, address }) => {
      const { kind, address: from, options } = await requests.open(body.code, address);
      return { result: { kind, address: from, options: { ...options } } };
    },

    'browser-page.answer': async ({ body, address }) => {
      const answer = await requests.answer(body.code, body.credential, address);
      return { result: answer === undefined ? {} : { answer } };
    },
  });

function begun({ code, page, expiresAtMs }: BegunRequest) {
  return { result: { code, page, expiresAt: isoTime(expiresAtMs) } };
}

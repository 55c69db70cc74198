/** Operations about from where and how administrators come in. */
import { PASSWORD_AGE_DEVIATION, type Permission } from '@kuvert/protocol/admin';
import { versionOf } from '../../effects.ts';
import { defineAdminRoutes, signedIn } from '../../http/admin/admin-routes.ts';
import { INSTALLATION, type Place } from './grants.ts';
import type { SignInRules, SignInRulesOfPlace } from './sign-in-rules.ts';

/** @see ADMIN_OPERATIONS */
export const signInRulesAdminRoutes = (rules: SignInRules) => {
  const change = async (
    request: Pick<
      Parameters<Parameters<typeof defineAdminRoutes>[0]['sign-in-rules.change'] & object>[0],
      'caller' | 'address' | 'ifMatch' | 'noted' | 'body' | 'language'
    >,
    where: { readonly place: Place; readonly permission: Permission },
  ) => {
    const { administratorId, grants } = signedIn(request.caller);
    const { address, ifMatch, body, noted } = request;
    const by = { administratorId, grants, address };
    const given = {
      ...(body.networks === undefined ? {} : { networks: body.networks }),
      ...(body.passkeysOnly === undefined ? {} : { passkeysOnly: body.passkeysOnly }),
      ...(body.passwordMaxAgeDays === undefined ? {} : { passwordMaxAgeDays: body.passwordMaxAgeDays }),
    };
    const changed = await rules.change(by, { ...where, change: given, ifMatch }, noted.operator);
    return answerOf(changed, request.language);
  };

  return defineAdminRoutes({
    'sign-in-rules.get': async ({ params, language }) => answerOf(await rules.of(params.tenantId), language),
    'sign-in-rules.change': (request) =>
      change(request, { place: request.params.tenantId, permission: 'administrators.change' }),
    'operator-sign-in-rules.get': async ({ language }) => answerOf(await rules.of(INSTALLATION), language),
    'operator-sign-in-rules.change': (request) =>
      change(request, { place: INSTALLATION, permission: 'operators.change' }),
  });
};

function answerOf(rules: SignInRulesOfPlace, language: 'en' | 'de') {
  const { from, [language]: says } = PASSWORD_AGE_DEVIATION;
  const deviation = { setting: 'passwordMaxAgeDays' as const, from: [...from], says };
  const deviations = rules.passwordMaxAgeDays === null ? [] : [deviation];
  return { result: { ...rules, deviations }, etag: versionOf(rules) };
}

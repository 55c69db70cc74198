/** Operations about from where and how administrators come in. */
import type { Permission } from '@kuvert/protocol/admin';
import { versionOf } from '../../effects.ts';
import { defineAdminRoutes, signedIn } from '../../http/admin/admin-routes.ts';
import { INSTALLATION, type Place } from './grants.ts';
import type { SignInRules, SignInRulesOfPlace } from './sign-in-rules.ts';

/** @see ADMIN_OPERATIONS */
export const signInRulesAdminRoutes = (rules: SignInRules) => {
  const change = async (
    request: Pick<
      Parameters<Parameters<typeof defineAdminRoutes>[0]['sign-in-rules.change'] & object>[0],
      'caller' | 'address' | 'ifMatch' | 'noted' | 'body'
    >,
    where: { readonly place: Place; readonly permission: Permission },
  ) => {
    const { administratorId, grants } = signedIn(request.caller);
    const { address, ifMatch, body, noted } = request;
    const by = { administratorId, grants, address };
    const given = {
      ...(body.networks === undefined ? {} : { networks: body.networks }),
      ...(body.passkeysOnly === undefined ? {} : { passkeysOnly: body.passkeysOnly }),
    };
    return answerOf(await rules.change(by, { ...where, change: given, ifMatch }, noted.operator));
  };

  return defineAdminRoutes({
    'sign-in-rules.get': async ({ params }) => answerOf(await rules.of(params.tenantId)),
    'sign-in-rules.change': (request) =>
      change(request, { place: request.params.tenantId, permission: 'administrators.change' }),
    'operator-sign-in-rules.get': async () => answerOf(await rules.of(INSTALLATION)),
    'operator-sign-in-rules.change': (request) =>
      change(request, { place: INSTALLATION, permission: 'operators.change' }),
  });
};

function answerOf(rules: SignInRulesOfPlace) {
  return { result: rules, etag: versionOf(rules) };
}

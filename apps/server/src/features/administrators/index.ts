/** The door of `administrators`. */
import type { Clock, Random } from '../../clock.ts';
import type { Store } from '../../store/index.ts';
import type { AuditRecords } from '../audit/index.ts';
import type { PoolService } from '../pools/index.ts';
import type { TenantService } from '../tenants/index.ts';
import { BrowserRequests } from './browser-requests.ts';
import {
  administratorPlaces,
  administrators,
  adminSessions,
  browserRequests,
  integrations,
  invitations,
  knownDevices,
  passkeyChallenges,
  passkeys,
  signInFailures,
  signInRules,
} from './collections.ts';
import { OwnFactors } from './own-factors.ts';
import { Passkeys } from './passkeys.ts';
import { administratorAdminRoutes } from './routes.admin.ts';
import { browserAdminRoutes } from './routes.browser.admin.ts';
import { administratorOperatorRoutes } from './routes.operator.ts';
import { ownFactorAdminRoutes } from './routes.own-factors.admin.ts';
import { passkeyAdminRoutes } from './routes.passkeys.admin.ts';
import { roleAdminRoutes } from './routes.roles.admin.ts';
import { signInRulesAdminRoutes } from './routes.sign-in-rules.admin.ts';
import { AdministratorService } from './service.ts';

export { INSTALLATION, type Place, placeOfScope } from './places.ts';

/** Every handle of this feature, for the opening of the store. */
export const administratorCollections = [
  administrators,
  administratorPlaces,
  adminSessions,
  browserRequests,
  integrations,
  invitations,
  knownDevices,
  passkeyChallenges,
  passkeys,
  signInFailures,
  signInRules,
] as const;

/** Wires the feature. */
export function createAdministratorsFeature(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditRecords;
  readonly tenants: TenantService;
  readonly pools: PoolService;
  /** Where the server's pages come from; undefined where no public address is set. */
  readonly publicOrigin?: string | undefined;
  /** A file of passwords known from breaches (`breached-passwords.ts`). */
  readonly breachedPasswordsFile?: string | undefined;
  /** Somebody tries too often to sign in. */
  readonly onLimit: () => void;
}) {
  const service = new AdministratorService(deps);
  const { publicOrigin, ...rest } = deps;
  const { sessions, rules, delays } = service;
  const parts = { sessions, rules, delays };
  const own = new Passkeys({ ...rest, publicOrigin, ...parts });
  const roles = roleAdminRoutes({ ...deps, administrators: service });
  return {
    service,
    adminRoutes: {
      ...administratorAdminRoutes(service, own),
      ...ownFactorAdminRoutes(new OwnFactors({ ...rest, sessions })),
      ...passkeyAdminRoutes(own),
      ...browserAdminRoutes(new BrowserRequests({ ...rest, publicOrigin, sessions, passkeys: own })),
      ...signInRulesAdminRoutes(service.rules),
      ...roles.routes,
    },
    checks: roles.checks,
    operatorRoutes: administratorOperatorRoutes({ ...deps, invitations: service.invitations }),
    /** Removes up to `limit` rows of each kind that nobody needs any more. @returns how many */
    async sweep(limit: number): Promise<number> {
      const nowMs = deps.clock.nowMs();
      const scope = deps.store.operator();
      let removed = 0;
      for (const one of [
        adminSessions,
        browserRequests,
        integrations,
        invitations,
        knownDevices,
        passkeyChallenges,
        signInFailures,
      ])
        removed += await scope.expire(one, nowMs, limit);
      return removed;
    },
  };
}

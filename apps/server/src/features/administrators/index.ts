/** The door of `administrators`. */
import type { Clock, Random } from '../../clock.ts';
import type { Store } from '../../store/index.ts';
import type { AuditRecords } from '../audit/index.ts';
import { administrators, adminSessions, invitations, signInFailures } from './collections.ts';
import { administratorAdminRoutes } from './routes.admin.ts';
import { AdministratorService } from './service.ts';

/** Every handle of this feature, for the opening of the store. */
export const administratorCollections = [administrators, adminSessions, invitations, signInFailures] as const;

/** Wires the feature. */
export function createAdministratorsFeature(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditRecords;
  /** Somebody tries too often to sign in. */
  readonly onLimit: () => void;
}) {
  const service = new AdministratorService(deps);
  return { service, adminRoutes: administratorAdminRoutes(service) };
}

/** What has administrators of its own. */
import type { TenantId } from '@kuvert/protocol';
import type { GrantScope } from '@kuvert/protocol/admin';

/** The installation as a place. */
export const INSTALLATION = 'installation';
/** A tenant or the installation: what has administrators of its own. */
export type Place = TenantId | typeof INSTALLATION;

/** The place that a grant belongs to, however narrow it is. */
export function placeOfScope(scope: GrantScope): Place {
  return scope.kind === 'installation' ? INSTALLATION : scope.tenantId;
}

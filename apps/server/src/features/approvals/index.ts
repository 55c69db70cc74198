/** The door of `approvals`. */
import type { AdministratorId } from '@kuvert/protocol';
import { approvals, tenantApprovals } from './collections.ts';
import { approvalAdminRoutes } from './routes.admin.ts';
import { ApprovalService } from './service.ts';

/** Every handle of this feature, for the opening of the store. */
export const approvalCollections = [approvals, tenantApprovals] as const;

/** Wires the feature. */
export function createApprovalsFeature(
  deps: ConstructorParameters<typeof ApprovalService>[0] & {
    /** What somebody is called; null for somebody whose account is gone. */
    readonly nameOf: (administratorId: AdministratorId) => Promise<string | null>;
  },
) {
  const service = new ApprovalService(deps);
  return { service, adminRoutes: approvalAdminRoutes(service, deps.nameOf) };
}

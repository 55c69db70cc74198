/** The door of `mailbox`. */
import type { AuditRecords } from '../audit/index.ts';
import {
  dormantDevices,
  groupBodies,
  mailboxRows,
  submitDayKeys,
  submitRecords,
  tombstones,
} from './collections.ts';
import { mailboxDeviceRoutes } from './routes.device.ts';
import { mailboxOperatorRoutes } from './routes.operator.ts';
import { createMailboxService } from './service.ts';

export { dormantDevices };

/** Every handle of this feature, for the opening of the store. */
export const mailboxCollections = [
  mailboxRows,
  groupBodies,
  tombstones,
  dormantDevices,
  submitRecords,
  submitDayKeys,
] as const;

/** Wires the feature. */
export function createMailboxFeature(
  deps: Parameters<typeof createMailboxService>[0] & { readonly audit: AuditRecords },
) {
  const service = createMailboxService(deps);
  return {
    service,
    mailboxRoutes: mailboxDeviceRoutes(service),
    operatorRoutes: mailboxOperatorRoutes({ ...deps, mailbox: service }),
  };
}

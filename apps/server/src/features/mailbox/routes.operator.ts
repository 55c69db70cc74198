/** Operator calls about mailboxes. */
import { defineOperatorRoutes } from '../../http/operator-routes.ts';
import type { AuditRecords } from '../audit/index.ts';
import type { DeviceService } from '../devices/index.ts';
import type { MailboxService } from './service.ts';

/** @see operatorCalls */
export const mailboxOperatorRoutes = (parts: {
  readonly mailbox: MailboxService;
  readonly devices: Pick<DeviceService, 'scopesOf'>;
  readonly audit: AuditRecords;
}) =>
  defineOperatorRoutes({
    mailboxPeek: async ({ deviceId, limit }) => {
      const values = await parts.mailbox.peek(deviceId, limit);
      // Sealed as they are, the tenant is to know that somebody looked.
      const tenants = (await parts.devices.scopesOf(deviceId)).map(({ tenant }) => tenant);
      await parts.audit.note([...tenants, 'operator'], { action: 'mailbox.peeked', object: deviceId });
      return {
        envelopes: values.map((value) => ({
          sizeBytes: value.length,
          hex: Buffer.from(value).toString('hex'),
        })),
      };
    },
  });

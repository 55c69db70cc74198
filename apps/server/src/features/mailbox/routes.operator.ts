/** Operator calls about mailboxes. */
import { defineOperatorRoutes } from '../../http/operator-routes.ts';
import type { MailboxService } from './service.ts';

/** @see operatorCalls */
export const mailboxOperatorRoutes = (mailbox: MailboxService) =>
  defineOperatorRoutes({
    mailboxPeek: async ({ deviceId, limit }) => {
      const values = await mailbox.peek(deviceId, limit);
      return {
        envelopes: values.map((value) => ({
          sizeBytes: value.length,
          hex: Buffer.from(value).toString('hex'),
        })),
      };
    },
  });

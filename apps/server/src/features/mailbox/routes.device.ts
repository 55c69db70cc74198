/** The records of fixed layout on the device channel: submit, deliver, ack. */
import type { MailboxRoutes } from '../../channel/routes.ts';
import type { MailboxService } from './service.ts';

/** @see MailboxRoutes */
export const mailboxDeviceRoutes = (mailbox: MailboxService): MailboxRoutes => ({
  onSubmit: (connection, submit, record) => mailbox.submit(connection, submit, record),
  onAck: (connection, upTo) => mailbox.acknowledge(connection, upTo),
  onReady: (connection) => mailbox.connected(connection),
});

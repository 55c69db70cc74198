/** What devices ask about attachments on their channel. */
import { defineDeviceRoutes } from '../../channel/routes.ts';
import type { AttachmentService } from './service.ts';

/** @see METHODS */
export const attachmentDeviceRoutes = (attachments: AttachmentService) =>
  defineDeviceRoutes({
    'attachments.create': (caller, upload) => attachments.create(caller, upload),
    'attachments.finish': (caller, upload) => attachments.finish(caller, upload),
    'attachments.open': (caller, { attachment }) => attachments.open(caller, attachment),
    'attachments.remove': async (caller, { attachment }) => {
      await attachments.remove(caller, attachment);
      return {};
    },
  });

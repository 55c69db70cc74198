/** What devices may ask about groups. */
import { defineDeviceRoutes } from '../../channel/routes.ts';
import type { GroupService } from './service.ts';

/** @see METHODS */
export const groupDeviceRoutes = (groups: GroupService) =>
  defineDeviceRoutes({
    'groups.change': (caller, change) => groups.change(caller, change),
    'groups.log': (caller, request) => groups.log(caller, request),
    'groups.list': (caller, { skip }) => groups.list(caller, skip),
    'groups.devices': (caller, { group }) => groups.devicesOf(caller, group),
  });

/** What devices, and people with a token, may ask about devices. */
import { defineDeviceRoutes, defineEnrolmentRoutes } from '../../channel/routes.ts';
import type { Enrolment } from './enrolment.ts';
import type { DeviceService } from './service.ts';

/** @see METHODS */
export const deviceDeviceRoutes = (devices: DeviceService) =>
  defineDeviceRoutes({
    'devices.list': async ({ scope }, { personId }) => ({
      account: await devices.accountOf(scope, personId),
    }),
    'devices.owner': async ({ scope }, { deviceId }) => ({
      account: await devices.ownerAccount(scope, deviceId),
    }),
  });

/** @see METHODS */
export const deviceEnrolmentRoutes = (enrolment: Enrolment) =>
  defineEnrolmentRoutes({
    'enrolment.open': async (_caller, proof) => {
      const { person, tenant } = await enrolment.open(proof);
      return { person, tenantName: tenant.name, root: tenant.root, authority: tenant.authority };
    },
    'enrolment.finish': async (_caller, request) => ({ account: await enrolment.finish(request) }),
  });

/** What devices, and people with a token, may ask about devices. */
import { KuvertError } from '@kuvert/protocol';
import { defineDeviceRoutes, defineEnrolmentRoutes } from '../../channel/routes.ts';
import type { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import { isOwnAddress } from '../../loopback.ts';
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
export const deviceEnrolmentRoutes = (enrolment: Enrolment, failures: LeakyBuckets) =>
  defineEnrolmentRoutes({
    'enrolment.open': async ({ address }, proof) => {
      const { person, tenant } = await counted(failures, address, () => enrolment.open(proof));
      return { person, tenantName: tenant.name, root: tenant.root, authority: tenant.authority };
    },
    'enrolment.finish': async ({ address }, request) => ({
      account: await counted(failures, address, () => enrolment.finish(request)),
    }),
  });

/** Counts attempts without a valid token by address. This machine itself is none: there a proxy or a test stands for many. */
async function counted<T>(failures: LeakyBuckets, address: string, attempt: () => Promise<T>): Promise<T> {
  if (isOwnAddress(address)) return attempt();
  // Counted before, so that attempts at the same time cannot all find room.
  failures.take(address);
  let isFailure = false;
  try {
    return await attempt();
  } catch (error) {
    isFailure = error instanceof KuvertError && error.code === 'token_not_valid';
    throw error;
  } finally {
    if (!isFailure) failures.giveBack(address, 1);
  }
}

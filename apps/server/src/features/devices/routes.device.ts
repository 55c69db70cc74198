/** What devices, and people with a token, may ask about devices. */
import { type DeviceId, KuvertError, type MethodName } from '@kuvert/protocol';
import { actAs } from '../../acting.ts';
import { defineDeviceRoutes, defineEnrolmentRoutes } from '../../channel/routes.ts';
import type { LeakyBuckets } from '../../limits/leaky-buckets.ts';
import { isOwnAddress } from '../../loopback.ts';
import type { Enrolment } from './enrolment.ts';
import type { Linking } from './linking.ts';
import type { DeviceService } from './service.ts';

/** @see METHODS */
export const deviceDeviceRoutes = (devices: DeviceService, linking: Linking) =>
  defineDeviceRoutes({
    'devices.list': (caller, { personId }) =>
      personId === caller.personId
        ? devices.ownAccount(caller.scope, personId)
        : devices.accountOf(caller.scope, personId),
    'devices.owner': ({ scope }, { deviceId }) => devices.ownerAccount(scope, deviceId),
    'devices.publish': async (caller, request) => {
      await actAsDevice(caller.deviceId, 'devices.publish', () => linking.publish(caller, request));
      return {};
    },
  });

/** @see METHODS */
export const deviceEnrolmentRoutes = (enrolment: Enrolment, linking: Linking, failures: LeakyBuckets) =>
  defineEnrolmentRoutes({
    // Not counted: a device asks again and again while it waits, and its names cannot be guessed.
    'linking.fetch': async (_caller, { linkId }) => {
      const answer = await linking.fetch(linkId);
      return answer === undefined ? {} : { answer };
    },
    'enrolment.open': async ({ address }, proof) => {
      const { person, tenant, mustLink, reset } = await counted(failures, address, () =>
        enrolment.open(proof),
      );
      return {
        person,
        tenantName: tenant.name,
        root: tenant.root,
        authority: tenant.authority,
        ...(mustLink && { mustLink }),
        ...(reset && { reset }),
      };
    },
    'enrolment.finish': async ({ address }, request) => {
      const { account, changes } = await counted(failures, address, () =>
        actAsDevice(request.deviceId, 'enrolment.finish', () => enrolment.finish(request)),
      );
      return { account, ...(changes && { changes }) };
    },
  });

/** What a device does with its own person's devices is recorded under its id. Of devices no address is kept, there as little as anywhere. */
function actAsDevice<T>(actor: DeviceId, via: MethodName, work: () => Promise<T>): Promise<T> {
  return actAs({ actor, address: undefined, via, requestId: undefined }, work);
}

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

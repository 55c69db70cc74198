/** Devices of a person, as signed by that person's account key. */
import { z } from 'zod';
import { AccountRecord } from './identity.ts';
import { method } from './method.ts';
import { idSchema } from './schemas.ts';

/** Certificates and device list of a person. Error `not_found`, also for a person who has not enrolled. */
export const devicesList = method({
  name: 'devices.list',
  access: 'device',
  params: z.object({ personId: idSchema('person') }),
  result: z.object({ account: AccountRecord }),
});

/** Certificates and device list of whoever owns a device; recipients ask before they open a first message. */
export const devicesOwner = method({
  name: 'devices.owner',
  access: 'device',
  params: z.object({ deviceId: idSchema('device') }),
  result: z.object({ account: AccountRecord }),
});

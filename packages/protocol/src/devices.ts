/** Devices of a person, as signed by that person's account key, and the linking of further ones. */
import { z } from 'zod';
import { AccountRecord, Signed } from './identity.ts';
import { method } from './method.ts';
import { bytesSchema, idSchema } from './schemas.ts';

/** How many devices a person may have: as many as a submit has legs for one person, and a device list has entries. */
export const DEVICES_MAX = 16;

/**
 * A person's record, and which of the listed devices the server delivers to: a device that was only just linked is not ready yet, and one
 * that an administrator has revoked stays in the list until a signer signs the next.
 */
const accountAnswer = z.object({
  account: AccountRecord,
  active: z.array(idSchema('device')).max(DEVICES_MAX),
});

/** Certificates and device list of a person. Error `not_found`, also for a person who has not enrolled. */
export const devicesList = method({
  name: 'devices.list',
  access: 'device',
  params: z.object({ personId: idSchema('person') }),
  result: accountAnswer.extend({
    /** To their own person only: listed devices that an administrator has revoked, so that a signer takes them out of the list. */
    revoked: z.array(idSchema('device')).max(DEVICES_MAX).optional(),
  }),
});

/** Earlier versions of a device list that are kept, for as long as something may lie in a mailbox that a device of theirs has sent. */
export const FORMER_LISTS_MAX = 32;

/** Certificates and device list of whoever owns a device; recipients ask before they open a first message. */
export const devicesOwner = method({
  name: 'devices.owner',
  access: 'device',
  params: z.object({ deviceId: idSchema('device') }),
  result: accountAnswer.extend({
    /**
     * Of a device that its person has taken out: the lists from the last one that holds it up to the one before the present one. Each is named by
     * the hash in the next, so whoever never saw the device in a list can tell whose was what it had sent before.
     */
    former: z.array(Signed).max(FORMER_LISTS_MAX).optional(),
  }),
});

/** How long an answer to a device that is being linked waits to be fetched, and how old the code that it shows may be. */
export const LINK_LIFETIME_MS = 10 * 60_000;

/** Under which name the answer for a device that is being linked lies on the server; known to those who have seen its code. */
const linkId = bytesSchema(16);

/**
 * Publishes the next version of the caller's own device list, signed by the account key: `version` and `prevHash` follow the present one,
 * else `devices_changed`. Devices that it leaves out are revoked by the same commit. One that it adds is registered with the sealed answer
 * that it will fetch (`linking.fetch`); it counts once it has uploaded its prekeys. Repeating it gives the same answer.
 * Errors `device_list_invalid`, `device_limit`, `devices_changed`, `link_used`.
 */
export const devicesPublish = method({
  name: 'devices.publish',
  access: 'device',
  params: z.object({
    deviceList: Signed,
    /** Puts another account key in the place of the present one: signed by the present one; the list is signed by the new one. */
    succession: z.object({ accountKey: bytesSchema(33), statement: Signed }).optional(),
    link: z.object({ linkId, answer: bytesSchema({ min: 1, max: 32_768 }) }).optional(),
  }),
  result: z.object({}),
});

/** Asks whether a signer has approved this new device. Nobody else can read the answer. */
export const linkingFetch = method({
  name: 'linking.fetch',
  access: 'enrolment',
  params: z.object({ linkId }),
  result: z.object({ answer: bytesSchema({ min: 1, max: 32_768 }).optional() }),
});

/** Enrolment of a device with a one-time token over Noise NK (wire.md §3). */
import { z } from 'zod';
import { KEY_CHANGES_MAX, KeyChange, Signed } from './identity.ts';
import { method } from './method.ts';
import { Person } from './people.ts';
import { PrekeyUpload } from './prekeys.ts';
import { bytesSchema, displayName, idSchema, uint32 } from './schemas.ts';

/** What is inside an enrolment token; its text form is made and read by `encodeToken` and `decodeToken`. */
export interface EnrolmentToken {
  readonly tenantId: z.infer<typeof tokenProof>['tenantId'];
  readonly tokenId: z.infer<typeof tokenProof>['tokenId'];
  /** 32 random bytes; the server stores only a hash. */
  readonly secret: Uint8Array;
  /** The server's Noise static public key, 32 bytes: the pin (B4). */
  readonly serverStatic: Uint8Array;
  /** SHA-256 of the tenant root's public key under its label, 32 bytes. */
  readonly rootHash: Uint8Array;
}

const tokenProof = z.object({
  tenantId: idSchema('tenant'),
  tokenId: idSchema('enrolmentToken'),
  secret: bytesSchema(32),
});

/** First step: the token is checked, not yet used up, and the device learns for whom it enrols. */
export const enrolmentOpen = method({
  name: 'enrolment.open',
  access: 'enrolment',
  params: tokenProof,
  result: z.object({
    person: Person,
    tenantName: displayName,
    /** The tenant root's public key with algorithm byte; the client compares its hash with the token's. */
    root: bytesSchema(33),
    authority: Signed,
    /** The person has a device already: this one has to be linked by it. */
    mustLink: z.boolean().optional(),
    /** The organisation has reset the account: the new list and key follow these. */
    reset: z.object({ version: uint32, listHash: bytesSchema(32), accountKey: bytesSchema(33) }).optional(),
  }),
});

/**
 * Second step: uses the token up and registers the device, in one commit. Repeating it with the same token and the
 * same device list gives the same answer, so a lost answer loses no token.
 */
export const enrolmentFinish = method({
  name: 'enrolment.finish',
  access: 'enrolment',
  params: tokenProof.extend({
    deviceId: idSchema('device'),
    accountKey: bytesSchema(33),
    deviceList: Signed,
    prekeys: PrekeyUpload,
  }),
  result: z.object({ account: Signed, changes: z.array(KeyChange).max(KEY_CHANGES_MAX).optional() }),
});

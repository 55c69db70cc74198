/** Prekeys (PQXDH): what a device publishes and what others take to start a session with it. */
import { z } from 'zod';
import { AccountRecord } from './identity.ts';
import { method } from './method.ts';
import { bytesSchema, idSchema } from './schemas.ts';

/** libsignal key ids fit in 24 bits; 0 is not used. */
const keyId = z.number().int().min(1).max(0xffffff);

/** A one-time EC prekey: serialised Curve25519 public key. */
export const OneTimePrekey = z.object({ id: keyId, publicKey: bytesSchema(33) });
export type OneTimePrekey = z.infer<typeof OneTimePrekey>;

/** The signed EC prekey; the signature is libsignal's, by the device's identity key over the serialised key. */
export const SignedPrekey = OneTimePrekey.extend({ signature: bytesSchema(64) });
export type SignedPrekey = z.infer<typeof SignedPrekey>;

/** A Kyber1024 prekey, one-time or last resort, signed like a signed prekey. */
export const KyberPrekey = z.object({ id: keyId, publicKey: bytesSchema(1569), signature: bytesSchema(64) });
export type KyberPrekey = z.infer<typeof KyberPrekey>;

/** How many one-time keys a device keeps on the server, and when it refills them. */
export const PREKEY_STOCK = { ec: 100, kyber: 20, refillBelowEc: 50, refillBelowKyber: 10 } as const;

/** What a device publishes at enrolment: everything. */
export const PrekeyUpload = z.object({
  signed: SignedPrekey,
  lastResort: KyberPrekey,
  oneTime: z.array(OneTimePrekey).max(PREKEY_STOCK.ec),
  kyber: z.array(KyberPrekey).max(PREKEY_STOCK.kyber),
});
export type PrekeyUpload = z.infer<typeof PrekeyUpload>;

/** What to start a session with one device takes. `kyberIsLastResort` says that no one-time Kyber key was left. */
export const PrekeyBundle = z.object({
  device: idSchema('device'),
  signed: SignedPrekey,
  oneTime: OneTimePrekey.optional(),
  kyber: KyberPrekey,
  kyberIsLastResort: z.boolean(),
});
export type PrekeyBundle = z.infer<typeof PrekeyBundle>;

/** How many one-time keys are left on the server. */
export const PrekeyCounts = z.object({ ec: z.number().int().min(0), kyber: z.number().int().min(0) });
export type PrekeyCounts = z.infer<typeof PrekeyCounts>;

/**
 * Takes bundles for all devices of a person at once: each one-time key is given out once. Repeatable for ten minutes by
 * (caller, requestId) with the same answer. `account` and `bundles` come from one snapshot. Errors `not_found`, `no_device`, `rate_limited`.
 */
export const prekeysTake = method({
  name: 'prekeys.take',
  access: 'device',
  params: z.object({ personId: idSchema('person'), requestId: idSchema('request') }),
  result: z.object({ account: AccountRecord, bundles: z.array(PrekeyBundle).max(16) }),
});

/** Adds one-time keys (up to the stock; more are dropped) and, when given, replaces signed and last-resort keys. */
export const prekeysUpload = method({
  name: 'prekeys.upload',
  access: 'device',
  params: PrekeyUpload.partial(),
  result: z.object({ counts: PrekeyCounts }),
});

/** How many one-time keys the calling device has left. */
export const prekeysCount = method({
  name: 'prekeys.count',
  access: 'device',
  params: z.object({}),
  result: z.object({ counts: PrekeyCounts }),
});

/**
 * Who vouches for whom (wire.md §2): tenant root → authority → account key → device list → device. Each statement
 * travels as the byte string that was signed and is decoded only after its signature held.
 */
import { z } from 'zod';
import { bytesSchema, idSchema, timeMs } from './schemas.ts';

/** Algorithm byte in front of every public key and signature; room for hybrid post-quantum suites. */
export const KEY_ALGORITHMS = { ed25519: 1, signalCurve25519: 2, x25519: 3 } as const;

/** The largest statement is an entry of a group's log that names 256 people and has a new key, with title and picture under it. */
const STATEMENT_BYTES_MAX = 20_480;

/** A signed statement: algorithm byte, the exact bytes that were signed (without label), and the signature. */
export const Signed = z.object({
  alg: z.literal(KEY_ALGORITHMS.ed25519),
  bytes: bytesSchema({ min: 1, max: STATEMENT_BYTES_MAX }),
  signature: bytesSchema(64),
});
export type Signed = z.infer<typeof Signed>;

/** An Ed25519 public key with its algorithm byte in front: 33 bytes. */
const ed25519PublicKey = bytesSchema(33);

/** The root's statement that this authority may certify account keys of the tenant. */
export const AuthorityCertificate = z.object({
  v: z.literal(1),
  tenant: idSchema('tenant'),
  authorityKey: ed25519PublicKey,
  issuedAt: timeMs,
});
export type AuthorityCertificate = z.infer<typeof AuthorityCertificate>;

/**
 * The authority's statement that this is the account key of a person: the first one, one that the key before it vouches for, or one that
 * the organisation has reset because all signers were lost.
 */
export const AccountCertificate = z.object({
  v: z.literal(1),
  tenant: idSchema('tenant'),
  person: idSchema('person'),
  accountKey: ed25519PublicKey,
  kind: z.enum(['first', 'succession', 'reset']),
  /** The key that this one follows; absent in the first one. */
  previousKey: ed25519PublicKey.optional(),
  issuedAt: timeMs,
});
export type AccountCertificate = z.infer<typeof AccountCertificate>;

/** An account key's statement that another one follows it. */
export const AccountSuccession = z.object({
  v: z.literal(1),
  tenant: idSchema('tenant'),
  person: idSchema('person'),
  from: ed25519PublicKey,
  to: ed25519PublicKey,
  issuedAt: timeMs,
});
export type AccountSuccession = z.infer<typeof AccountSuccession>;

/** One change of an account key: the authority's certificate of the new key, and in a succession the statement of the old one. */
export const KeyChange = z.object({ certificate: Signed, succession: Signed.optional() });
export type KeyChange = z.infer<typeof KeyChange>;

/** As many changes as are kept and handed out, the last ones. */
export const KEY_CHANGES_MAX = 16;

/** One device in a device list. */
export const ListedDevice = z.object({
  device: idSchema('device'),
  /** libsignal identity key, serialised (33 bytes, type byte 0x05 first). */
  identityKey: bytesSchema(33),
  /** X25519 public key of the device channel. */
  noiseStatic: bytesSchema(32),
  /** Ed25519 public key, with algorithm byte, that will sign wipe receipts (E5). */
  receiptKey: ed25519PublicKey,
  /** libsignal registration id, 1 to 16,380. */
  registrationId: z.number().int().min(1).max(16_380),
  suites: z.array(z.number().int().min(1).max(255)).min(1).max(8),
  role: z.enum(['signer', 'linked']),
  addedAt: timeMs,
});
export type ListedDevice = z.infer<typeof ListedDevice>;

/** A person's devices, signed by the account key; version 1 is made at enrolment, each later one names the hash of the one before. */
export const DeviceList = z.object({
  v: z.literal(1),
  tenant: idSchema('tenant'),
  person: idSchema('person'),
  version: z.number().int().min(1).max(0xffffffff),
  /** Hash of the version before; 32 zero bytes in version 1. */
  prevHash: bytesSchema(32),
  accountKey: ed25519PublicKey,
  issuedAt: timeMs,
  devices: z.array(ListedDevice).max(16),
});
export type DeviceList = z.infer<typeof DeviceList>;

/** All that a client needs to verify a person's devices from the pinned tenant root down. */
export const AccountRecord = z.object({
  person: idSchema('person'),
  authority: Signed,
  account: Signed,
  deviceList: Signed,
  /** How the account key came to follow others, oldest first; absent while it is the first one. */
  changes: z.array(KeyChange).max(KEY_CHANGES_MAX).optional(),
});
export type AccountRecord = z.infer<typeof AccountRecord>;

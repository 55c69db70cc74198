/**
 * Signed statements (wire.md §1): what was signed travels as a byte string, the signature is over `label ‖
 * bytes`, and nothing is decoded before its signature held.
 */
import { createHash } from 'node:crypto';
import {
  type CborValue,
  concatBytes,
  type DeviceId,
  decodeCbor,
  dropOldest,
  encodeCbor,
  idToBytes,
  KEY_ALGORITHMS,
  KuvertError,
  LABELS,
  Signed,
  utf8,
} from '@kuvert/protocol';
import { signBytes, verifyBytes } from './signing-key.ts';

/** The labels that statements are signed under; each belongs to one kind of statement and one key. */
export type StatementLabel =
  | 'authorityCertificate'
  | 'accountCertificate'
  | 'accountSuccession'
  | 'deviceList'
  | 'groupEntry';

const PUBLIC_KEY_BYTES = 33;
const SIGNATURE_BYTES = 64;
/** Signatures that were seen to hold, by the digest of what they are over: lists come again with each answer, an authority's certificate with everybody's. */
const held = new Set<string>();
const HELD_MAX = 4_096;

/** What a statement must look like once decoded; every zod schema is one. */
export interface StatementSchema<T> {
  safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false };
}

/** Signs bytes that are already encoded. @throws RangeError when `privateKey` is not 32 bytes */
export function signStatement(label: StatementLabel, privateKey: Uint8Array, bytes: Uint8Array): Signed {
  return {
    alg: KEY_ALGORITHMS.ed25519,
    bytes: Uint8Array.from(bytes),
    signature: signBytes(privateKey, signedMessage(label, bytes)),
  };
}

/** Encodes a statement deterministically and signs it. */
export function signValue(label: StatementLabel, privateKey: Uint8Array, value: CborValue): Signed {
  return signStatement(label, privateKey, encodeCbor(value));
}

/**
 * Verifies a statement, then decodes it: strict CBOR, then `schema`.
 * @throws KuvertError `identity_not_trusted` for a signature, encoding or shape that does not hold
 */
export function openStatement<T>(
  label: StatementLabel,
  schema: StatementSchema<T>,
  signed: Signed,
  publicKey: Uint8Array,
): T {
  const shape = Signed.safeParse(signed);
  if (!shape.success) throw new KuvertError('identity_not_trusted');
  const { bytes, signature } = shape.data;
  if (!isSigned(publicKey, signedMessage(label, bytes), signature)) {
    throw new KuvertError('identity_not_trusted');
  }
  let value: unknown;
  try {
    value = decodeCbor(bytes);
  } catch (cause) {
    throw new KuvertError('identity_not_trusted', { cause });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new KuvertError('identity_not_trusted');
  return parsed.data;
}

/**
 * SHA-256 of the tenant root's public key (33 bytes) under its label; stands in enrolment tokens (wire.md
 * §3).
 */
export function rootHash(rootPublicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  return labelledHash(LABELS.rootHash, rootPublicKey);
}

/**
 * SHA-256 of a device list's signed bytes under its label. The signature is not part of it, so a list that is
 * signed again without a change keeps its hash. Take it only of lists whose signature was verified.
 */
export function listHash(signedList: Pick<Signed, 'bytes'>): Uint8Array<ArrayBuffer> {
  return labelledHash(LABELS.listHash, signedList.bytes);
}

/** SHA-256 of a device list's hash and those of its devices that the server delivers to: changes with either. */
export function deviceSetHash(hash: Uint8Array, active: readonly DeviceId[]): Uint8Array<ArrayBuffer> {
  const devices = [...active].sort().map((device) => idToBytes(device));
  return labelledHash(LABELS.deviceSet, concatBytes(hash, ...devices));
}

function labelledHash(label: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(label).update(bytes).digest());
}

/** True where the signature holds, also because it was seen to hold before. */
function isSigned(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  // Two of the three are of one length, so no other three give the same digest.
  const name = createHash('sha256').update(publicKey).update(signature).update(message).digest('base64');
  if (held.has(name)) return true;
  if (!verifyBytes(publicKey, message, signature)) return false;
  held.add(name);
  dropOldest(held, HELD_MAX);
  return true;
}

function signedMessage(label: StatementLabel, bytes: Uint8Array): Uint8Array {
  return concatBytes(utf8(LABELS[label]), bytes);
}

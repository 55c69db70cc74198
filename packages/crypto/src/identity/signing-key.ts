/**
 * Ed25519 keys as raw bytes (RFC 8032). node:crypto wants key objects, so raw bytes are put behind the fixed
 * DER prefixes of RFC 8410. Public keys carry their algorithm byte in front, so that a hybrid suite can
 * follow (wire.md §1).
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { concatBytes, KEY_ALGORITHMS } from '@kuvert/protocol';

const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const SEED_BYTES = 32;
const PUBLIC_KEY_BYTES = 33;

/** An Ed25519 key pair: `publicKey` 33 bytes (algorithm byte 1, then 32), `privateKey` the 32-byte seed. */
export interface SigningKey {
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly privateKey: Uint8Array<ArrayBuffer>;
}

/** Makes a signing key from the system's randomness. */
export function generateSigningKey(): SigningKey {
  return signingKeyFromSeed(Uint8Array.from(randomBytes(SEED_BYTES)));
}

/**
 * The signing key of a 32-byte seed, as it comes back from where it was kept. @throws RangeError on another
 * length
 */
export function signingKeyFromSeed(seed: Uint8Array): SigningKey {
  const spki = createPublicKey(loadSeed(seed)).export({ format: 'der', type: 'spki' });
  return {
    publicKey: concatBytes(Uint8Array.of(KEY_ALGORITHMS.ed25519), spki.subarray(PUBLIC_PREFIX.length)),
    privateKey: Uint8Array.from(seed),
  };
}

/** Signature (64 bytes) of `message`. */
export function signBytes(privateKey: Uint8Array, message: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(sign(null, message, loadSeed(privateKey)));
}

/**
 * True when `signature` is by `publicKey` (33 bytes) over `message`; false also for a key or signature that
 * is none.
 */
export function verifyBytes(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || publicKey[0] !== KEY_ALGORITHMS.ed25519) return false;
  try {
    const der = Buffer.concat([PUBLIC_PREFIX, publicKey.subarray(1)]);
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    return verify(null, message, key, signature);
  } catch {
    return false;
  }
}

function loadSeed(seed: Uint8Array): KeyObject {
  if (seed.length !== SEED_BYTES) throw new RangeError('an Ed25519 private key is a seed of 32 bytes');
  const der = Buffer.concat([PRIVATE_PREFIX, seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return key;
}

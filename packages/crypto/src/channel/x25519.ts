/**
 * X25519 (RFC 7748) on raw 32-byte keys. node:crypto wants key objects, so raw private bytes are put behind
 * the fixed DER prefix of RFC 8410 and public ones into a JWK; that works on every runtime that has X25519 at all.
 */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { ChannelError } from './channel-error.ts';

/** Bytes of a public key, a private key and a shared secret. */
export const DH_BYTES = 32;

const PRIVATE_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** An X25519 key pair as raw bytes, 32 each. */
export interface StaticKeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

/** A key pair that is ready for use: the private half as key object, the public half as sent. */
export interface LoadedKeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: Uint8Array;
}

/** Makes a long-term key pair for the channel (the server's, or a device's at enrolment). */
export function generateStaticKeyPair(): StaticKeyPair {
  const { privateKey } = generateKeyPairSync('x25519');
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  const pair = {
    publicKey: rawPublicKey(privateKey),
    privateKey: Uint8Array.from(der.subarray(PRIVATE_PREFIX.length)),
  };
  der.fill(0);
  return pair;
}

/** Makes a key pair for one handshake. */
export function generateEphemeral(): LoadedKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return { privateKey, publicKey: rawBytesOf(publicKey) };
}

/**
 * Loads a raw private key and computes its public half.
 * @throws ChannelError `malformed` on a wrong length.
 */
export function loadPrivateKey(privateKey: Uint8Array): LoadedKeyPair {
  if (privateKey.length !== DH_BYTES) throw new ChannelError('malformed', 'a private key is 32 bytes');
  const der = Buffer.concat([PRIVATE_PREFIX, privateKey]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return { privateKey: key, publicKey: rawPublicKey(key) };
}

/** Pairs that were loaded: a server uses one for all its connections, and loading it costs as much as a shared secret. */
const loadedPairs = new WeakMap<StaticKeyPair, LoadedKeyPair>();

/**
 * Loads a key pair, once. The public half is computed again, because a pair whose halves do not belong together
 * would give a handshake that fails at the other end, where nobody can tell why.
 * @throws ChannelError `malformed` when the halves do not belong together
 */
export function loadKeyPair(pair: StaticKeyPair): LoadedKeyPair {
  const known = loadedPairs.get(pair);
  if (known !== undefined) return known;
  const loaded = loadPrivateKey(pair.privateKey);
  if (Buffer.compare(loaded.publicKey, pair.publicKey) !== 0) {
    throw new ChannelError('malformed', 'the halves of a key pair do not belong together');
  }
  loadedPairs.set(pair, loaded);
  return loaded;
}

/**
 * The shared secret of a private and a raw public key. A public key of low order would make it all zero,
 * whatever the private key is, so that is refused (RFC 7748 §6.1; Noise rev 34 §12.1 leaves it open).
 * @throws ChannelError `weak_key`
 */
export function sharedSecret(privateKey: KeyObject, publicKey: Uint8Array): Buffer {
  if (publicKey.length !== DH_BYTES) throw new ChannelError('malformed', 'a public key is 32 bytes');
  let secret: Buffer;
  try {
    // As JWK, because reading DER takes three times as long.
    const x = Buffer.from(publicKey.buffer, publicKey.byteOffset, publicKey.length).toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' });
    secret = diffieHellman({ privateKey, publicKey: key });
  } catch (cause) {
    throw new ChannelError('weak_key', 'a public key gives no shared secret', { cause });
  }
  if (secret.every((byte) => byte === 0)) throw new ChannelError('weak_key', 'a shared secret is all zero');
  return secret;
}

function rawPublicKey(privateKey: KeyObject): Uint8Array {
  return rawBytesOf(createPublicKey(privateKey));
}

/** As JWK, because exporting as DER takes twenty times as long. */
function rawBytesOf(publicKey: KeyObject): Uint8Array {
  return Uint8Array.from(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
}

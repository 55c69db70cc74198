/** The three primitives that sealing rests on, from node:crypto. Tested with the Wycheproof vectors. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';

/** AES-256-GCM keys and all keys derived here, in bytes. */
export const KEY_BYTES = 32;
/** Length of the GCM tag that stands at the end of a ciphertext. */
export const TAG_BYTES = 16;
/** Length of a GCM nonce. */
export const NONCE_BYTES = 12;

/** Bytes that do not open: wrong key, wrong place, or altered. */
export class NotOpenedError extends Error {
  override readonly name = 'NotOpenedError';
}

/** AES-256-GCM; the tag follows the ciphertext. */
export function aeadSeal(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad);
  const body = cipher.update(plaintext);
  const end = cipher.final();
  const sealed = new Uint8Array(body.length + end.length + TAG_BYTES);
  sealed.set(body);
  sealed.set(end, body.length);
  sealed.set(cipher.getAuthTag(), body.length + end.length);
  return sealed;
}

/** Opens what {@link aeadSeal} made. @throws NotOpenedError */
export function aeadOpen(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (sealed.length < TAG_BYTES) throw new NotOpenedError('shorter than a tag');
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const body = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch (cause) {
    throw new NotOpenedError('the tag does not fit', { cause });
  }
  return new Uint8Array(body);
}

/** HKDF-SHA256 (RFC 5869). */
export function hkdf(
  inputKey: Uint8Array,
  options: { readonly salt: Uint8Array; readonly info: Uint8Array; readonly bytes: number },
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hkdfSync('sha256', inputKey, options.salt, options.info, options.bytes));
}

/** HMAC-SHA256 (RFC 2104). */
export function hmac(key: Uint8Array, message: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHmac('sha256', key).update(message).digest());
}

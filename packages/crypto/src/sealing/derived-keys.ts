/** Keys that come out of a tenant's data key, each under a label of its own so that no two uses share a key. */
import { concatBytes, LABELS } from '@kuvert/protocol';
import { framed } from './framing.ts';
import { hkdf, hmac, KEY_BYTES } from './primitives.ts';

const NO_SALT = new Uint8Array(0);
/** First byte of every blind entry, raised when blind keys are rotated. */
const BLIND_KEY_VERSION = 1;
/** 128 bits of the HMAC are kept: enough against collisions by chance, and an attacker without the key can make none. */
const BLIND_ENTRY_BYTES = 16;

function derive(
  dataKey: Uint8Array,
  label: string,
  ...context: readonly (Uint8Array | string)[]
): Uint8Array<ArrayBuffer> {
  return hkdf(dataKey, { salt: NO_SALT, info: framed(label, ...context), bytes: KEY_BYTES });
}

/** The key of a tenant's database file. */
export function fileKey(dataKey: Uint8Array): Uint8Array<ArrayBuffer> {
  return derive(dataKey, LABELS.fileKey);
}

/** The key that page markers of a tenant are authenticated with. */
export function cursorKey(dataKey: Uint8Array): Uint8Array<ArrayBuffer> {
  return derive(dataKey, LABELS.cursor);
}

/** The key of one blind index: per tenant, collection and field, so that equal values elsewhere look different. */
export function blindKey(dataKey: Uint8Array, collection: string, field: string): Uint8Array<ArrayBuffer> {
  return derive(dataKey, LABELS.blindIndex, collection, field);
}

/** What stands in a blind index for a text: key version (1 byte) ‖ 16 bytes of HMAC-SHA256. */
export function blindEntry(key: Uint8Array, text: Uint8Array): Uint8Array<ArrayBuffer> {
  return concatBytes(new Uint8Array([BLIND_KEY_VERSION]), hmac(key, text).subarray(0, BLIND_ENTRY_BYTES));
}

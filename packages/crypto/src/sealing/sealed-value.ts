/**
 * Sealing of single fields (wire.md §5): data key of a subject → record key for one value → AES-256-GCM.
 *
 *     sealed value = version 1 (1 byte) ‖ data key id (8) ‖ salt (16) ‖ ciphertext ‖ tag (16)
 *
 * The record key is derived with the fresh salt of this value and used once, so the GCM nonce is zero. Place (tenant,
 * collection, key, field) goes into the derivation and the associated data: a value moved elsewhere does not open.
 */
import { randomBytes } from 'node:crypto';
import { concatBytes, LABELS } from '@kuvert/protocol';
import { framed } from './framing.ts';
import { aeadOpen, aeadSeal, hkdf, KEY_BYTES, NONCE_BYTES, NotOpenedError, TAG_BYTES } from './primitives.ts';

/** Length of the id of a data key. */
export const DATA_KEY_ID_BYTES = 8;
const SALT_BYTES = 16;
const VERSION = 1;
const HEAD_BYTES = 1 + DATA_KEY_ID_BYTES + SALT_BYTES;
const ZERO_NONCE = new Uint8Array(NONCE_BYTES);

/** How much longer a sealed value is than what it holds. */
export const SEALED_OVERHEAD_BYTES = HEAD_BYTES + TAG_BYTES;

/** The key of a subject (tenant, person, conversation) with its id. */
export interface DataKey {
  readonly id: Uint8Array;
  readonly key: Uint8Array;
}

/** Where a value stands. */
export interface SealedPlace {
  /** Bytes that name the tenant. */
  readonly tenant: Uint8Array;
  readonly collection: string;
  /** The stored key of the row. */
  readonly key: Uint8Array;
  readonly field: string;
}

/** A new data key. */
export function makeDataKey(): DataKey {
  return { id: new Uint8Array(randomBytes(DATA_KEY_ID_BYTES)), key: new Uint8Array(randomBytes(KEY_BYTES)) };
}

function placeBytes(place: SealedPlace): Uint8Array<ArrayBuffer> {
  return framed(place.tenant, place.collection, place.key, place.field);
}

function recordKey(dataKey: DataKey, place: Uint8Array, salt: Uint8Array): Uint8Array {
  const info = concatBytes(framed(LABELS.recordKey), place);
  return hkdf(dataKey.key, { salt, info, bytes: KEY_BYTES });
}

/** Seals one value for one place. */
export function sealValue(
  dataKey: DataKey,
  place: SealedPlace,
  plaintext: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const salt = new Uint8Array(randomBytes(SALT_BYTES));
  const where = placeBytes(place);
  const sealed = aeadSeal(recordKey(dataKey, where, salt), ZERO_NONCE, where, plaintext);
  return concatBytes(new Uint8Array([VERSION]), dataKey.id, salt, sealed);
}

/** The id of the data key that sealed a value. @throws NotOpenedError when it is no sealed value of a known version */
export function sealedWith(sealed: Uint8Array): Uint8Array {
  if (sealed.length < SEALED_OVERHEAD_BYTES || sealed[0] !== VERSION)
    throw new NotOpenedError('not a sealed value');
  return sealed.subarray(1, 1 + DATA_KEY_ID_BYTES);
}

/** Opens a value at its place. @throws NotOpenedError */
export function openValue(dataKey: DataKey, place: SealedPlace, sealed: Uint8Array): Uint8Array<ArrayBuffer> {
  const id = sealedWith(sealed);
  if (Buffer.compare(id, dataKey.id) !== 0) throw new NotOpenedError('sealed under another data key');
  const where = placeBytes(place);
  const salt = sealed.subarray(1 + DATA_KEY_ID_BYTES, HEAD_BYTES);
  return aeadOpen(recordKey(dataKey, where, salt), ZERO_NONCE, where, sealed.subarray(HEAD_BYTES));
}

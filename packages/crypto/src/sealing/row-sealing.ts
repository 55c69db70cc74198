/**
 * Sealing of whole rows, for an engine whose database has no encrypted files of its own (docs/decisions/0007). Everything but keys and
 * ids is inside; where a row stands goes into the associated data, so that a row put in another's place does not open.
 *
 *     sealed row = version 1 (1 byte) ‖ salt (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16)
 *
 * The key of a row is HKDF(space key, salt). A process seals many rows under one salt of its own, so that the derivation is not paid for
 * each row; nonces are random, and a salt is given up long before two of them could be the same.
 */
import { randomBytes } from 'node:crypto';
import { concatBytes, LABELS } from '@kuvert/protocol';
import { framed } from './framing.ts';
import {
  aeadOpen,
  aeadSeal,
  hkdf,
  hmac,
  KEY_BYTES,
  NONCE_BYTES,
  NotOpenedError,
  TAG_BYTES,
} from './primitives.ts';

const VERSION = 1;
const SALT_BYTES = 16;
const HEAD_BYTES = 1 + SALT_BYTES + NONCE_BYTES;
/** Random nonces of 96 bits: after so many under one key the chance that two are the same is below 2⁻⁵⁵. */
const ROWS_PER_SALT = 2 ** 20;
/** Derived keys kept for reading; one is 48 bytes. */
const SALTS_MAX = 4_096;
const NONCE_POOL = 512;
/** 128 bits of the HMAC, as in blind indexes. */
const PART_BYTES = 16;

/** How much longer a sealed row is than what it holds. */
export const SEALED_ROW_OVERHEAD_BYTES = HEAD_BYTES + TAG_BYTES;

/** Seals and opens the rows of one space. */
export class RowSealer {
  readonly #spaceKey: Uint8Array;
  readonly #keys = new Map<string, Uint8Array>();
  #writing: { readonly salt: Uint8Array; readonly key: Uint8Array; left: number } | undefined;
  #nonces = new Uint8Array(0);
  #nonceAt = 0;

  /** @param spaceKey 32 bytes, of this space alone */
  constructor(spaceKey: Uint8Array) {
    this.#spaceKey = spaceKey;
  }

  /** @param place bytes that name collection and row; needed again to open */
  seal(place: Uint8Array, plaintext: Uint8Array): Uint8Array<ArrayBuffer> {
    const { salt, key } = this.#writingKey();
    const nonce = this.#nonce();
    const sealed = aeadSeal(key, nonce, place, plaintext);
    return concatBytes(new Uint8Array([VERSION]), salt, nonce, sealed);
  }

  /** @throws NotOpenedError */
  open(place: Uint8Array, sealed: Uint8Array): Uint8Array<ArrayBuffer> {
    if (sealed.length < SEALED_ROW_OVERHEAD_BYTES || sealed[0] !== VERSION)
      throw new NotOpenedError('not a sealed row');
    const key = this.#keyOf(sealed.subarray(1, 1 + SALT_BYTES));
    return aeadOpen(key, sealed.subarray(1 + SALT_BYTES, HEAD_BYTES), place, sealed.subarray(HEAD_BYTES));
  }

  #writingKey(): { readonly salt: Uint8Array; readonly key: Uint8Array } {
    if (this.#writing === undefined || this.#writing.left-- <= 0) {
      const salt = new Uint8Array(randomBytes(SALT_BYTES));
      this.#writing = { salt, key: this.#keyOf(salt), left: ROWS_PER_SALT - 1 };
    }
    return this.#writing;
  }

  #nonce(): Uint8Array {
    if (this.#nonceAt >= this.#nonces.length) {
      this.#nonces = new Uint8Array(randomBytes(NONCE_BYTES * NONCE_POOL));
      this.#nonceAt = 0;
    }
    this.#nonceAt += NONCE_BYTES;
    return this.#nonces.subarray(this.#nonceAt - NONCE_BYTES, this.#nonceAt);
  }

  #keyOf(salt: Uint8Array): Uint8Array {
    const name = Buffer.from(salt).toString('latin1');
    let key = this.#keys.get(name);
    if (key === undefined) {
      key = hkdf(this.#spaceKey, { salt, info: framed(LABELS.rowKey), bytes: KEY_BYTES });
      const [oldest] = this.#keys.keys();
      if (this.#keys.size >= SALTS_MAX && oldest !== undefined) this.#keys.delete(oldest);
      this.#keys.set(name, key);
    }
    return key;
  }
}

/** The key under which parts of one index of a space are hidden. */
export function indexPartKey(
  spaceKey: Uint8Array,
  collection: string,
  index: string,
): Uint8Array<ArrayBuffer> {
  return hkdf(spaceKey, {
    salt: new Uint8Array(0),
    info: framed(LABELS.indexPart, collection, index),
    bytes: KEY_BYTES,
  });
}

/** What stands in an index for a text or byte string: 16 bytes, equal for equal values. */
export function hiddenPart(key: Uint8Array, part: Uint8Array): Uint8Array<ArrayBuffer> {
  return hmac(key, part).slice(0, PART_BYTES);
}

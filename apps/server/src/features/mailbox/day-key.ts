/** The key that hides, for a day, whose submits the records are (wire.md §4). */
import { hash } from 'node:crypto';
import { ID_BYTES, LABELS, utf8 } from '@kuvert/protocol';

const HASH_BYTES = 32;
const LABEL = utf8(LABELS.submitRecord);
const BLOCK_BYTES = 64;

/**
 * HMAC-SHA256 (RFC 2104) under one key over messages of one length, with both padded keys lying ready. Made of two digests in one call each,
 * because an HMAC object of Node's costs more than twice as much, for each submit.
 */
export class DayKey {
  readonly #inner = Buffer.alloc(BLOCK_BYTES + LABEL.length + 2 * ID_BYTES);
  readonly #outer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES);

  /** @param key at most 64 bytes */
  constructor(key: Uint8Array) {
    for (let i = 0; i < BLOCK_BYTES; i++) {
      this.#inner[i] = (key[i] ?? 0) ^ 0x36;
      this.#outer[i] = (key[i] ?? 0) ^ 0x5c;
    }
    this.#inner.set(LABEL, BLOCK_BYTES);
  }

  /** The HMAC of label, device and submit id, as text of one character a byte. */
  macOf(deviceBytes: Uint8Array, submitId: Uint8Array): string {
    this.#inner.set(deviceBytes, BLOCK_BYTES + LABEL.length);
    this.#inner.set(submitId, BLOCK_BYTES + LABEL.length + ID_BYTES);
    this.#outer.write(hash('sha256', this.#inner, 'latin1'), BLOCK_BYTES, 'latin1');
    return hash('sha256', this.#outer, 'latin1');
  }
}

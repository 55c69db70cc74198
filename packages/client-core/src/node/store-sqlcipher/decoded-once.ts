/**
 * What rows hold in CBOR, decoded once as long as the bytes stay the same: the members of a large group are asked for with every message, and
 * decoding a thousand of them takes longer than sealing it. Bytes are compared, so whatever a transaction takes back is noticed.
 */
import { decodeCbor } from '@kuvert/protocol';

const KEPT_MAX = 64;

/** @see the top of this file. What it gives is shared and must not be changed. */
export class DecodedOnce<T> {
  readonly #kept = new Map<string, { readonly bytes: Uint8Array; readonly value: T }>();

  /** @param name of the row */
  of(name: string, bytes: Uint8Array): T {
    const kept = this.#kept.get(name);
    if (kept !== undefined && Buffer.compare(kept.bytes, bytes) === 0) return kept.value;
    const value = decodeCbor(bytes) as unknown as T;
    this.#kept.delete(name);
    this.#kept.set(name, { bytes, value });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_MAX) break;
      this.#kept.delete(oldest);
    }
    return value;
  }
}

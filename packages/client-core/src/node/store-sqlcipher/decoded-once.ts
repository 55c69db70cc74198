/**
 * What rows hold in CBOR, read and decoded once as long as its digest stays the same: the members of a large group are asked for with every message,
 * and reading and decoding a thousand of them takes longer than sealing it. The digest is of the bytes, so whatever a transaction takes back is noticed.
 */
import { createHash } from 'node:crypto';
import { decodeCbor, dropOldest, equalBytes } from '@kuvert/protocol';

const KEPT_MAX = 64;

/** The digest under which bytes are kept: SHA-256. */
export function digestOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(bytes).digest());
}

/** @see the top of this file. What it gives is shared and must not be changed. */
export class DecodedOnce<T> {
  readonly #kept = new Map<string, { readonly digest: Uint8Array; readonly value: T }>();

  /**
   * @param row.name one value is kept for each
   * @param row.read gives the bytes of this digest; called only where another one, or none, was decoded last
   */
  of(row: { readonly name: string; readonly digest: Uint8Array; readonly read: () => Uint8Array }): T {
    const { name, digest } = row;
    const kept = this.#kept.get(name);
    if (kept !== undefined && equalBytes(kept.digest, digest)) return kept.value;
    const value = decodeCbor(row.read()) as unknown as T;
    this.#kept.delete(name);
    this.#kept.set(name, { digest, value });
    dropOldest(this.#kept, KEPT_MAX);
    return value;
  }
}

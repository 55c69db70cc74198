/** What is kept of tokens, keys and codes in their place. They are random and long, or few tries are allowed, so one plain hash is enough. */
import { createHash } from 'node:crypto';
import { utf8 } from '@kuvert/protocol';

/** SHA-256 over a label (`LABELS`), so that what was hashed for one purpose fits no other, and a text. */
export function secretHash(label: string, text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(utf8(label)).update(text).digest());
}

import { createHash } from 'node:crypto';

/** SHA-256 of a leg as it travels: the name under which a device asks for it again. */
export function legHash(leg: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(leg).digest());
}

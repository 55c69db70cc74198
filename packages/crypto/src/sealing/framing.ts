import { concatBytes, utf8 } from '@kuvert/protocol';

/** Joins parts so that no two lists of parts give the same bytes: each has its length (4 bytes, big-endian) before it. */
export function framed(...parts: readonly (Uint8Array | string)[]): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  for (const part of parts) {
    const bytes = typeof part === 'string' ? utf8(part) : part;
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length);
    pieces.push(length, bytes);
  }
  return concatBytes(...pieces);
}

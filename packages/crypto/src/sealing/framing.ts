/** Joins parts so that no two lists of parts give the same bytes: each has its length (4 bytes, big-endian) before it. */
export function framed(...parts: readonly (Uint8Array | string)[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const part of parts) size += 4 + (typeof part === 'string' ? Buffer.byteLength(part) : part.length);
  // Written straight into its place: this is made several times for each sealed value that is read.
  const bytes = new Uint8Array(size);
  const view = Buffer.from(bytes.buffer);
  let at = 0;
  for (const part of parts) {
    let length: number;
    if (typeof part === 'string') length = view.write(part, at + 4);
    else {
      length = part.length;
      bytes.set(part, at + 4);
    }
    at = view.writeUInt32BE(length, at) + length;
  }
  return bytes;
}

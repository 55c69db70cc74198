/** Counters that guard secrets, as rows of a binary collection: an unsigned 32-bit number. */
export const counterCodec = {
  encode(count: number): Uint8Array {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, count);
    return bytes;
  },
  decode: (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0),
};

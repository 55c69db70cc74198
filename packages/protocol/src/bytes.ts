/** Byte-string helpers that run on every platform (no node: imports). */

const SLAB_BYTES = 16_384;
/** What is longer gets memory of its own. */
const SLICE_BYTES_MAX = 2_048;
let slab = new ArrayBuffer(0);
let slabAt = 0;

/**
 * Zeroed bytes for what lives about as long as its neighbours: a record, a row, a frame. They are cut from larger pieces, because memory of
 * its own for each costs more than filling it, and its collection as much again. A piece lives as long as the last of its slices,
 * so what is kept for long must be copied.
 */
export function sliceBytes(length: number): Uint8Array<ArrayBuffer> {
  if (length > SLICE_BYTES_MAX) return new Uint8Array(length);
  if (slabAt + length > slab.byteLength) {
    slab = new ArrayBuffer(SLAB_BYTES);
    slabAt = 0;
  }
  const slice = new Uint8Array(slab, slabAt, length);
  // The next one begins at a multiple of eight.
  slabAt = (slabAt + length + 7) & ~7;
  return slice;
}

/**
 * Writes 32 bits, big-endian. By hand where bytes are few: V8 keeps up to 64 of them among its objects, and a `DataView` of them moves them out into
 * memory of their own, with four allocations.
 */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Reads 32 bits, big-endian. @see putU32 */
export function u32At(bytes: Uint8Array, at: number): number {
  const low =
    ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  return (bytes[at] as number) * 2 ** 24 + low;
}

/** Writes 48 bits, big-endian: a time in Unix milliseconds. @see putU32 */
export function putU48(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  putU32(bytes, at + 2, value % 2 ** 32);
}

/** Reads 48 bits, big-endian. @see putU48 */
export function u48At(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  return high * 2 ** 32 + u32At(bytes, at + 2);
}

/** Joins byte strings into a new one. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** True when both hold the same bytes. Not constant-time: for public values only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Gives the memory of large bytes back at once, where it is a piece of its own and nobody else holds it. Left to the collector, tens of megabytes that
 * a stream has brought make it look through the whole heap every few of them, and each new piece is made of fresh pages.
 * @param bytes empty from now on
 */
export function discardBytes({ buffer, byteLength }: Uint8Array): void {
  const isWhole = buffer instanceof ArrayBuffer && byteLength > 0 && buffer.byteLength === byteLength;
  if (isWhole) buffer.transfer(0);
}

const encoder = new TextEncoder();

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/**
 * Values of keys and indexes as bytes whose order is the order of the values ("memcomparable"), so that every engine is an
 * ordered space of bytes. Each value says what it is and where it ends, so the bytes of leading values are a prefix of the
 * bytes of the whole, and no two lists of values give the same bytes.
 *
 *     false 0x08 · true 0x09 · integer 0x10 ‖ 8 bytes, sign flipped · id 0x20 ‖ 17 bytes
 *     bytes 0x30 ‖ escaped ‖ 0x00 0x01 · text 0x40 ‖ escaped UTF-8 ‖ 0x00 0x01        (0x00 inside is 0x00 0xff)
 */
import { ID_TYPES, type Id, type IdType, idToBytes, isId, KuvertError, utf8 } from '@kuvert/protocol';
import type { KeyValue } from './collection.ts';

const TAG = { false: 0x08, true: 0x09, integer: 0x10, id: 0x20, bytes: 0x30, text: 0x40 } as const;
/** Keys and index entries longer than this are refused: an engine keeps them in pages of 4 KiB. */
const TUPLE_BYTES_MAX = 1024;

const TYPE_BY_PREFIX = new Map<string, IdType>();
for (const [type, { prefix }] of Object.entries(ID_TYPES)) TYPE_BY_PREFIX.set(prefix, type as IdType);

/** The bytes of a list of values. @throws KuvertError `too_large` when they are over {@link TUPLE_BYTES_MAX} */
export function encodeTuple(values: readonly KeyValue[]): Uint8Array<ArrayBuffer> {
  const into = new Uint8Array(TUPLE_BYTES_MAX);
  let at = 0;
  for (const value of values) at = writeValue(value, into, at);
  return into.slice(0, at);
}

function writeValue(value: KeyValue, into: Uint8Array, at: number): number {
  if (typeof value === 'boolean') return writeRaw(value ? TAG.true : TAG.false, new Uint8Array(0), into, at);
  if (typeof value === 'number') return writeRaw(TAG.integer, integerBytes(value), into, at);
  if (typeof value !== 'string') return writeEscaped(TAG.bytes, value, into, at);
  const type = value[2] === '_' ? TYPE_BY_PREFIX.get(value.slice(0, 2)) : undefined;
  // Text and bytes of an id stand for one another exactly, so it does no harm when a plain text happens to be an id.
  if (type !== undefined && isId(type, value))
    return writeRaw(TAG.id, idToBytes(value as Id<IdType>), into, at);
  return writeEscaped(TAG.text, utf8(value), into, at);
}

function writeRaw(tag: number, bytes: Uint8Array, into: Uint8Array, at: number): number {
  if (at + 1 + bytes.length > into.length) throw new KuvertError('too_large');
  into[at] = tag;
  into.set(bytes, at + 1);
  return at + 1 + bytes.length;
}

function writeEscaped(tag: number, bytes: Uint8Array, into: Uint8Array, start: number): number {
  let at = start;
  let zeros = 0;
  for (const byte of bytes) if (byte === 0) zeros++;
  if (at + 3 + bytes.length + zeros > into.length) throw new KuvertError('too_large');
  into[at++] = tag;
  for (const byte of bytes) {
    into[at++] = byte;
    if (byte === 0) into[at++] = 0xff;
  }
  into[at++] = 0;
  into[at++] = 1;
  return at;
}

/** Two's complement with the sign bit flipped: negative numbers come first. */
function integerBytes(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) throw new Error('a key or index value that is no safe integer');
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, Math.floor(value / 0x1_0000_0000));
  view.setUint32(4, value - Math.floor(value / 0x1_0000_0000) * 0x1_0000_0000);
  bytes[0] = (bytes[0] ?? 0) ^ 0x80;
  return bytes;
}

/** One value of an encoded tuple. */
export interface TuplePart {
  readonly bytes: Uint8Array;
  /** False for texts and byte strings, of which an engine may keep nothing but a hash. */
  readonly isOrdered: boolean;
}

/** First byte of an entry of a blind index (`blindEntry` of `@kuvert/crypto/sealing`), which is a hash already. */
const BLIND_ENTRY = 0x01;

/** Takes a tuple, or a blind entry, apart; undefined when the bytes end in the middle of a value. */
export function splitTuple(bytes: Uint8Array): readonly TuplePart[] | undefined {
  if (bytes[0] === BLIND_ENTRY) return [{ bytes, isOrdered: true }];
  const parts: TuplePart[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at];
    const isOrdered = tag !== TAG.text && tag !== TAG.bytes;
    const end = isOrdered
      ? at + (WIDTHS.get(tag ?? 0) ?? Number.POSITIVE_INFINITY)
      : endOfEscaped(bytes, at + 1);
    if (end === undefined || end > bytes.length) return undefined;
    parts.push({ bytes: bytes.subarray(at, end), isOrdered });
    at = end;
  }
  return parts;
}

const WIDTHS = new Map<number, number>([
  [TAG.false, 1],
  [TAG.true, 1],
  [TAG.integer, 9],
  [TAG.id, 18],
]);

function endOfEscaped(bytes: Uint8Array, start: number): number | undefined {
  for (let at = start; at + 1 < bytes.length; at++) {
    if (bytes[at] !== 0) continue;
    if (bytes[at + 1] === 1) return at + 2;
    at++;
  }
  return undefined;
}

/** The least bytes that are greater than all bytes with this prefix; undefined when there are none. */
export function afterPrefix(prefix: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] ?? 0;
    if (byte !== 0xff) {
      const next = prefix.slice(0, i + 1);
      next[i] = byte + 1;
      return next;
    }
  }
  return undefined;
}

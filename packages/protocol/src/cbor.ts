/**
 * Strict CBOR (RFC 8949) for control messages and for everything that is signed or hashed (wire.md §1): no duplicate
 * keys, nesting of at most eight levels checked before decoding, integers within ±2⁵³, no tags, no floats that hide
 * integers, no indefinite lengths, no trailing bytes. Encoding is deterministic (keys ordered by length, then bytes),
 * so one value has one byte string.
 */
import { decode, encode, rfc8949EncodeOptions, type Token, Tokenizer } from 'cborg';

/** What a control message may be made of. */
export type CborValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly CborValue[]
  | { readonly [key: string]: CborValue | undefined };

/** Bytes that are not the strict CBOR described above. */
export class InvalidCborError extends Error {
  override name = 'InvalidCborError';
}

/** How deep arrays and maps may be nested. */
export const CBOR_DEPTH_MAX = 8;

const DETERMINISTIC = { ...rfc8949EncodeOptions, ignoreUndefinedProperties: true };

/**
 * Encodes deterministically. Properties that are `undefined` are left out. The result is a copy with a buffer of its
 * own: the library hands out views of a pool, which would travel whole when posted to a thread.
 */
export function encodeCbor(value: CborValue): Uint8Array<ArrayBuffer> {
  return new Uint8Array(encode(value, DETERMINISTIC));
}

const STRICT = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
  useMaps: false,
  tags: [],
  retainStringBytes: true,
};

const exactText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The library's own text decoding replaces invalid UTF-8 and drops a leading U+FEFF; both would change content. Its byte
 * strings are sometimes Node's Buffer, whose `slice` means something else; here they are always plain copies.
 */
class ExactTokenizer extends Tokenizer {
  override next(): Token {
    const token = super.next();
    if (token.byteValue !== undefined) token.value = exactText.decode(token.byteValue);
    else if (token.value instanceof Uint8Array) token.value = new Uint8Array(token.value);
    return token;
  }
}

/** Decodes strictly. @throws InvalidCborError with a reason that holds nothing of the content. */
export function decodeCbor(bytes: Uint8Array): CborValue {
  checkShape(bytes);
  try {
    return decode(bytes, { ...STRICT, tokenizer: new ExactTokenizer(bytes, STRICT) }) as CborValue;
  } catch (cause) {
    throw new InvalidCborError('not strict CBOR', { cause });
  }
}

/**
 * Walks the heads of all items before anything is built: depth, tags, declared lengths against what is there, map keys
 * that are text and not `__proto__`.
 */
function checkShape(bytes: Uint8Array): void {
  const open: { left: number; map: boolean }[] = [];
  let at = 0;
  do {
    const first = bytes[at];
    if (first === undefined) throw new InvalidCborError('CBOR ends in the middle of an item');
    const major = first >> 5;
    const info = first & 31;
    const extra = info < 24 ? 0 : info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : info === 27 ? 8 : -1;
    if (extra < 0) throw new InvalidCborError('CBOR of indefinite or reserved length');
    if (at + 1 + extra > bytes.length) throw new InvalidCborError('CBOR ends in the middle of an item');
    let length = info < 24 ? info : 0;
    for (let i = 1; i <= extra; i++) length = length * 256 + (bytes[at + i] ?? 0);
    at += 1 + extra;
    const parent = open[open.length - 1];
    const isKey = parent?.map === true && parent.left % 2 === 0;
    if (isKey && major !== 3) throw new InvalidCborError('a CBOR map key that is not text');
    if (major === 6) throw new InvalidCborError('a CBOR tag');
    if (major === 2 || major === 3) {
      if (length > bytes.length - at) throw new InvalidCborError('a CBOR length beyond the end');
      if (isKey && length === 9 && isProto(bytes, at))
        throw new InvalidCborError('a CBOR map key that is not allowed');
      at += length;
    }
    if (parent !== undefined) parent.left--;
    if ((major === 4 || major === 5) && length > 0) {
      const items = major === 5 ? length * 2 : length;
      if (items > bytes.length - at) throw new InvalidCborError('a CBOR length beyond the end');
      if (open.length + 1 >= CBOR_DEPTH_MAX + 1) throw new InvalidCborError('CBOR nested too deeply');
      open.push({ left: items, map: major === 5 });
    }
    while (open.length > 0 && open[open.length - 1]?.left === 0) open.pop();
  } while (open.length > 0);
  if (at !== bytes.length) throw new InvalidCborError('bytes after the end of the CBOR item');
}

const PROTO = '__proto__';
function isProto(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < PROTO.length; i++) if (bytes[at + i] !== PROTO.charCodeAt(i)) return false;
  return true;
}

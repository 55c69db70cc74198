/**
 * One order for all BSON values. {@link sortKey} turns a value into a string of characters 0–255 whose order as a string is MongoDB's
 * order of the values: comparison of query operators, sorting, index keys and equality all rest on it. An encoding is never the beginning
 * of another one, so that the parts of a compound key can be joined, and turned round one by one for descending parts.
 */
import type { Document, Long, Timestamp } from 'bson';

/** First character of an encoding: the class of types that compare with each other (MongoDB's "type bracket"). */
const BRACKET = {
  minKey: 10,
  null: 20,
  number: 30,
  string: 60,
  object: 70,
  array: 80,
  binary: 90,
  objectId: 100,
  bool: 110,
  date: 120,
  timestamp: 130,
  regex: 140,
  code: 160,
  maxKey: 200,
} as const;

/** Sorts behind every key that begins with what it is appended to. */
export const AFTER_ALL = '\u0100';

const scratch = new DataView(new ArrayBuffer(8));

/** The name BSON classes give themselves, or undefined for plain JavaScript values. */
export function bsonClass(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null
    ? ((value as { _bsontype?: string })._bsontype ?? undefined)
    : undefined;
}

/** Whether it is an embedded document, and not one of BSON's own types. */
export function isPlain(value: unknown): value is Document {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !(value instanceof RegExp) &&
    bsonClass(value) === undefined
  );
}

/** Whether it is one of BSON's four numbers. */
export function isNumeric(value: unknown): boolean {
  if (typeof value === 'number' || typeof value === 'bigint') return true;
  const name = bsonClass(value);
  return name === 'Int32' || name === 'Double' || name === 'Long' || name === 'Decimal128';
}

/** The encoding of a value; undefined counts as null, as it does in an index. */
export function sortKey(value: unknown): string {
  if (value === null || value === undefined) return String.fromCharCode(BRACKET.null);
  switch (typeof value) {
    case 'string':
      return String.fromCharCode(BRACKET.string) + text(value);
    case 'number':
    case 'bigint':
      return String.fromCharCode(BRACKET.number) + number(value);
    case 'boolean':
      return String.fromCharCode(BRACKET.bool, value ? 1 : 0);
    default:
      return ofObject(value);
  }
}

function ofObject(value: unknown): string {
  if (Array.isArray(value)) {
    return `${String.fromCharCode(BRACKET.array)}${value.map(sortKey).join('')}\0`;
  }
  if (value instanceof Date) return String.fromCharCode(BRACKET.date) + signed64(BigInt(value.getTime()));
  if (value instanceof RegExp) {
    return String.fromCharCode(BRACKET.regex) + text(value.source) + text(value.flags);
  }
  const known = value as Document;
  switch (bsonClass(value)) {
    case 'Int32':
    case 'Double':
      return String.fromCharCode(BRACKET.number) + number(Number(known.value));
    case 'Long':
      return String.fromCharCode(BRACKET.number) + number((value as Long).toBigInt());
    case 'Decimal128':
      return String.fromCharCode(BRACKET.number) + number(Number(String(value)));
    case 'ObjectId':
      return String.fromCharCode(BRACKET.objectId) + latin(known.id as Uint8Array);
    case 'Binary': {
      const bytes = (known.buffer as Uint8Array).subarray(0, known.position as number);
      const size = bytes.byteLength;
      return (
        String.fromCharCode(
          BRACKET.binary,
          size >>> 24,
          (size >>> 16) & 255,
          (size >>> 8) & 255,
          size & 255,
          known.sub_type as number,
        ) + latin(bytes)
      );
    }
    case 'Timestamp': {
      const big = (value as Timestamp).toBigInt();
      return String.fromCharCode(BRACKET.timestamp) + signed64(BigInt.asUintN(64, big) - (1n << 63n));
    }
    case 'BSONRegExp':
      return (
        String.fromCharCode(BRACKET.regex) + text(known.pattern as string) + text(known.options as string)
      );
    case 'BSONSymbol':
      return String.fromCharCode(BRACKET.string) + text(String(known.value));
    case 'MinKey':
      return String.fromCharCode(BRACKET.minKey);
    case 'MaxKey':
      return String.fromCharCode(BRACKET.maxKey);
    case 'Code':
      return String.fromCharCode(BRACKET.code) + text(String(known.code));
    default:
      return ofDocument(known);
  }
}

/** Documents compare field by field: first the type, then the name, then the value. */
function ofDocument(value: Document): string {
  let key = String.fromCharCode(BRACKET.object);
  for (const [name, field] of Object.entries(value)) {
    const encoded = sortKey(field);
    key += encoded[0] + text(name) + encoded;
  }
  return `${key}\0`;
}

/** Numbers of all types compare by value; the last two characters hold what a 64-bit integer has beyond the nearest double. */
function number(value: number | bigint): string {
  const near = Number(value);
  scratch.setFloat64(0, near === 0 ? 0 : near);
  if (Number.isNaN(near)) scratch.setBigUint64(0, 0n);
  else {
    const bits = scratch.getBigUint64(0);
    scratch.setBigUint64(0, bits >> 63n === 1n ? ~bits & 0xffff_ffff_ffff_ffffn : bits | (1n << 63n));
  }
  const rest = 0x8000 + (typeof value === 'bigint' ? Number(value - BigInt(near)) : 0);
  return scratchBytes() + String.fromCharCode(rest >>> 8, rest & 255);
}

function signed64(value: bigint): string {
  scratch.setBigUint64(0, BigInt.asUintN(64, value + (1n << 63n)));
  return scratchBytes();
}

function scratchBytes(): string {
  let bytes = '';
  for (let at = 0; at < 8; at += 1) bytes += String.fromCharCode(scratch.getUint8(at));
  return bytes;
}

function latin(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** UTF-8, where a zero is followed by 255 and the end is two zeros. */
function text(value: string): string {
  return `${Buffer.from(value, 'utf8').toString('latin1').replaceAll('\0', '\0\u00ff')}\0\0`;
}

/** Turns the order of an encoding round. */
export function inverted(key: string): string {
  let turned = '';
  for (let at = 0; at < key.length; at += 1) turned += String.fromCharCode(255 - key.charCodeAt(at));
  return turned;
}

/** Negative, zero or positive. */
export function compareValues(a: unknown, b: unknown): number {
  const left = sortKey(a);
  const right = sortKey(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Whether two values are equal: 1 and 1.0 are, null and a missing field too. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a === 'string' && typeof b === 'string') return a === b;
  return sortKey(a) === sortKey(b);
}

/** Whether `<` and `>` of a query compare the two at all. */
export function comparable(a: unknown, b: unknown): boolean {
  return sortKey(a).charCodeAt(0) === sortKey(b).charCodeAt(0);
}

const TYPE_NUMBERS: Readonly<Record<string, number>> = {
  double: 1,
  string: 2,
  object: 3,
  array: 4,
  binData: 5,
  undefined: 6,
  objectId: 7,
  bool: 8,
  date: 9,
  null: 10,
  regex: 11,
  symbol: 14,
  javascript: 13,
  int: 16,
  timestamp: 17,
  long: 18,
  decimal: 19,
  minKey: -1,
  maxKey: 127,
};

const CLASS_TYPES: Readonly<Record<string, string>> = {
  Int32: 'int',
  Double: 'double',
  Long: 'long',
  Decimal128: 'decimal',
  ObjectId: 'objectId',
  Binary: 'binData',
  Timestamp: 'timestamp',
  BSONRegExp: 'regex',
  BSONSymbol: 'symbol',
  Code: 'javascript',
  MinKey: 'minKey',
  MaxKey: 'maxKey',
};

/** The name of a value's type, as `$type` and `bsonType` write it. */
export function typeName(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'long';
  if (typeof value === 'number') {
    return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? 'int' : 'double';
  }
  if (Array.isArray(value)) return 'array';
  if (value instanceof Date) return 'date';
  if (value instanceof RegExp) return 'regex';
  return CLASS_TYPES[bsonClass(value) ?? ''] ?? 'object';
}

/** Whether a value has a type, given by number or name (`number` for all four numbers). */
export function hasType(value: unknown, type: unknown): boolean {
  const name = typeName(value);
  if (type === 'number') return isNumeric(value);
  return typeof type === 'string' ? name === type : TYPE_NUMBERS[name] === Number(String(type));
}

/** Whether `$type` knows this name or number. */
export function isTypeName(type: unknown): boolean {
  return type === 'number' || (typeof type === 'string' && type in TYPE_NUMBERS) || isNumeric(type);
}

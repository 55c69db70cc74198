/**
 * Ids: 17 bytes, a type byte and 16 bytes (random, or time-ordered for submit ids), written as text
 * `prefix_base32checksum` (wire.md §1). A parser accepts one type only, so that a device id can never pass for a
 * person id, neither on the wire nor in code (CVE-2022-39250 is what happens otherwise).
 *
 * Text form: prefix, `_`, then 29 characters of lower-case Crockford base32 over 16 id bytes and a CRC-16 of the
 * type byte and the id bytes. The checksum catches typing errors; it is no protection against an attacker.
 */

import { putU48 } from './bytes.ts';

/** Every type of id with its type byte and text prefix. Both are part of the wire format and never reused. */
export const ID_TYPES = {
  tenant: { byte: 0x01, prefix: 'tn' },
  person: { byte: 0x02, prefix: 'pe' },
  device: { byte: 0x03, prefix: 'de' },
  group: { byte: 0x04, prefix: 'gr' },
  pool: { byte: 0x05, prefix: 'po' },
  content: { byte: 0x06, prefix: 'ms' },
  submit: { byte: 0x07, prefix: 'su' },
  enrolmentToken: { byte: 0x08, prefix: 'et' },
  request: { byte: 0x09, prefix: 'rq' },
  conversation: { byte: 0x0a, prefix: 'cv' },
  chain: { byte: 0x0b, prefix: 'ch' },
  installation: { byte: 0x0c, prefix: 'in' },
  administrator: { byte: 0x0d, prefix: 'ad' },
  session: { byte: 0x0e, prefix: 'se' },
  auditEntry: { byte: 0x0f, prefix: 'au' },
  attachment: { byte: 0x10, prefix: 'at' },
  integration: { byte: 0x11, prefix: 'ig' },
  invitation: { byte: 0x12, prefix: 'iv' },
  approval: { byte: 0x13, prefix: 'ap' },
  passkey: { byte: 0x1c, prefix: 'pk' },
} as const;

export type IdType = keyof typeof ID_TYPES;

declare const idBrand: unique symbol;
/** An id of one type in text form. Made only by {@link parseId}, {@link idFromBytes} and {@link makeId}. */
export type Id<T extends IdType> = string & { readonly [idBrand]: T };

export type TenantId = Id<'tenant'>;
export type PersonId = Id<'person'>;
export type DeviceId = Id<'device'>;
export type GroupId = Id<'group'>;
export type ContentId = Id<'content'>;
export type SubmitId = Id<'submit'>;
export type EnrolmentTokenId = Id<'enrolmentToken'>;
export type RequestId = Id<'request'>;
export type ConversationId = Id<'conversation'>;
export type ChainId = Id<'chain'>;
export type InstallationId = Id<'installation'>;
export type AdministratorId = Id<'administrator'>;
export type SessionId = Id<'session'>;
export type PasskeyId = Id<'passkey'>;
export type AuditEntryId = Id<'auditEntry'>;
export type AttachmentId = Id<'attachment'>;
export type PoolId = Id<'pool'>;
/** A program that may use the administration API. */
export type IntegrationId = Id<'integration'>;
export type InvitationId = Id<'invitation'>;
/** A request that somebody else has to approve. */
export type ApprovalId = Id<'approval'>;

/** Size of an id on the wire, type byte included. */
export const ID_BYTES = 17;

/** A text or byte string that is not an id of the expected type. */
export class InvalidIdError extends Error {
  override name = 'InvalidIdError';
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i;
const TEXT_CHARACTERS = 29;
const UNDERSCORE = 0x5f;

const TYPE_BY_BYTE: (IdType | undefined)[] = [];
for (const [type, { byte }] of Object.entries(ID_TYPES)) TYPE_BY_BYTE[byte] = type as IdType;

const CRC_TABLE = new Uint16Array(256);
for (let i = 0; i < 256; i++) {
  let crc = i << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  CRC_TABLE[i] = crc & 0xffff;
}

/** CRC-16/CCITT-FALSE, polynomial 0x1021, start value 0xffff. */
function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (CRC_TABLE[(crc >> 8) ^ byte] ?? 0);
  return crc;
}

/** The 17 bytes of an id as they stand on the wire and in keys. */
export function idToBytes<T extends IdType>(id: Id<T>): Uint8Array<ArrayBuffer> {
  const type = ID_TYPES[typeOf(id)];
  return decodeText(type.byte, id.slice(type.prefix.length + 1));
}

/** The same for who only reads them: ids that are answered again and again are not decoded each time. */
export function readonlyIdBytes<T extends IdType>(id: Id<T>): Readonly<Uint8Array> {
  let bytes = RECENT_BYTES.get(id);
  if (bytes === undefined) {
    bytes = idToBytes(id);
    if (RECENT_BYTES.size >= RECENT.length) RECENT_BYTES.clear();
    RECENT_BYTES.set(id, bytes);
  }
  return bytes;
}

/** Reads 17 bytes as an id of `type`. @throws InvalidIdError for another length or type byte. */
export function idFromBytes<T extends IdType>(type: T, bytes: Uint8Array): Id<T> {
  if (bytes.length !== ID_BYTES || bytes[0] !== ID_TYPES[type].byte) {
    throw new InvalidIdError(`not the bytes of a ${type} id`);
  }
  const place = placeOf(bytes);
  const known = RECENT[place];
  if (known !== undefined && sameId(known.bytes, bytes)) return known.text as Id<T>;
  const text = writeText(bytes);
  // `slice` of a Buffer would be a view of memory that somebody else may fill anew.
  RECENT[place] = { bytes: Uint8Array.from(bytes), text };
  return text as Id<T>;
}

/** The same from the middle of a record, which must have 17 bytes there. One that was read lately takes no memory. @throws InvalidIdError */
export function idAt<T extends IdType>(type: T, bytes: Uint8Array, at: number): Id<T> {
  const known = RECENT[placeOf(bytes, at)];
  if (known !== undefined && bytes[at] === ID_TYPES[type].byte && sameId(known.bytes, bytes, at)) {
    return known.text as Id<T>;
  }
  return idFromBytes(type, bytes.subarray(at, at + ID_BYTES));
}

/**
 * Ids that were read lately, each at the place that its last bytes say. A server reads the same ones again and again, and a text that is
 * the same object each time is found in a map without being compared.
 */
const RECENT: ({ readonly bytes: Uint8Array; readonly text: string } | undefined)[] = new Array(4_096).fill(
  undefined,
);

/** The other way round. */
const RECENT_BYTES = new Map<string, Uint8Array>();

/** Its last bytes are random in ids of every type. */
function placeOf(bytes: Uint8Array, at = 0): number {
  return (((bytes[at + ID_BYTES - 2] ?? 0) << 8) | (bytes[at + ID_BYTES - 1] ?? 0)) & (RECENT.length - 1);
}

function sameId(id: Uint8Array, bytes: Uint8Array, at = 0): boolean {
  for (let i = 0; i < ID_BYTES; i++) if (id[i] !== bytes[at + i]) return false;
  return true;
}

const CODES: number[] = [];

/** Made at once from the codes of its characters: added up, each character would be a string of its own. */
function writeText(bytes: Uint8Array): string {
  const { prefix } = ID_TYPES[TYPE_BY_BYTE[bytes[0] ?? 0] as IdType];
  const sum = crc16(bytes);
  let at = 0;
  for (; at < prefix.length; at++) CODES[at] = prefix.charCodeAt(at);
  CODES[at++] = UNDERSCORE;
  let buffer = 0;
  let bits = 0;
  for (let i = 1; i < ID_BYTES + 2; i++) {
    const byte = i < ID_BYTES ? (bytes[i] ?? 0) : i === ID_BYTES ? sum >> 8 : sum & 0xff;
    buffer = ((buffer << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      CODES[at++] = ALPHABET.charCodeAt((buffer >> bits) & 31);
    }
  }
  CODES[at++] = ALPHABET.charCodeAt((buffer << (5 - bits)) & 31);
  CODES.length = at;
  return String.fromCharCode.apply(undefined, CODES);
}

/** Reads the text form of an id of `type`. @throws InvalidIdError for another type, alphabet, length or checksum. */
export function parseId<T extends IdType>(type: T, text: string): Id<T> {
  const { byte, prefix } = ID_TYPES[type];
  if (!text.startsWith(`${prefix}_`)) throw new InvalidIdError(`not a ${type} id`);
  decodeText(byte, text.slice(prefix.length + 1));
  return text as Id<T>;
}

/** True when `text` is a well-formed id of `type`. */
export function isId<T extends IdType>(type: T, text: string): text is Id<T> {
  try {
    parseId(type, text);
    return true;
  } catch {
    return false;
  }
}

/** An id of `type` from 16 bytes of the caller's source of randomness. */
export function makeId<T extends IdType>(type: T, random16: Uint8Array): Id<T> {
  if (random16.length !== 16) throw new InvalidIdError('an id is made of 16 bytes');
  const bytes = new Uint8Array(ID_BYTES);
  bytes[0] = ID_TYPES[type].byte;
  bytes.set(random16, 1);
  return idFromBytes(type, bytes);
}

/**
 * A submit id: 6 bytes of Unix time in milliseconds, then 10 random bytes, so that the server can file its record of
 * the submit by the hour (wire.md §4).
 */
export function makeSubmitId(timeMs: number, random10: Uint8Array): SubmitId {
  return makeTimedId('submit', timeMs, random10);
}

/** The id of a row that is to lie among others by its time: 6 bytes of Unix time in milliseconds, then 10 random bytes (wire.md §1). */
export function makeTimedId<T extends 'submit' | 'auditEntry'>(
  type: T,
  timeMs: number,
  random10: Uint8Array,
): Id<T> {
  if (random10.length !== 10) throw new InvalidIdError('an id with a time takes 10 random bytes');
  const bytes = new Uint8Array(16);
  putU48(bytes, 0, timeMs);
  bytes.set(random10, 6);
  return makeId(type, bytes);
}

/** The time that the maker of a submit id put into it, Unix milliseconds. */
export function submitIdTimeMs(id: SubmitId): number {
  return submitBytesTimeMs(idToBytes(id));
}

/** The same, from the 17 bytes of a submit id. */
export function submitBytesTimeMs(bytes: Uint8Array): number {
  let timeMs = 0;
  for (let i = 1; i < 7; i++) timeMs = timeMs * 0x100 + (bytes[i] ?? 0);
  return timeMs;
}

const TYPE_BY_PREFIX = new Map(
  Object.entries(ID_TYPES).map(([type, entry]) => [entry.prefix as string, type as IdType]),
);

function typeOf<T extends IdType>(id: Id<T>): T {
  const type = TYPE_BY_PREFIX.get(id.slice(0, id.indexOf('_')));
  if (type === undefined) throw new InvalidIdError('an id with an unknown prefix');
  return type as T;
}

function decodeText(typeByte: number, text: string): Uint8Array<ArrayBuffer> {
  if (text.length !== TEXT_CHARACTERS) throw new InvalidIdError('an id of the wrong length');
  const bytes = new Uint8Array(ID_BYTES + 2);
  bytes[0] = typeByte;
  let buffer = 0;
  let bits = 0;
  let at = 1;
  for (let i = 0; i < text.length; i++) {
    const value = VALUES[text.charCodeAt(i)] ?? -1;
    if (value < 0) throw new InvalidIdError('an id with a character outside its alphabet');
    buffer = ((buffer << 5) | value) & 0xffff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (buffer >> bits) & 0xff;
    }
  }
  if ((buffer & ((1 << bits) - 1)) !== 0) throw new InvalidIdError('an id in a form that is not canonical');
  const sum = ((bytes[ID_BYTES] ?? 0) << 8) | (bytes[ID_BYTES + 1] ?? 0);
  const id = bytes.slice(0, ID_BYTES);
  if (crc16(id) !== sum) throw new InvalidIdError('an id with a wrong checksum');
  return id;
}

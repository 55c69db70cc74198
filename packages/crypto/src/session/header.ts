/**
 * The frame's header on the wire (wire.md §4): deterministic CBOR, a map with one-letter keys, ids as their
 * 17 bytes.
 *
 *   v version 1 · t tenant · c conversation · p sender's person · d sender's device · m contentId · k kind ·
 *   s sentAtMs · l lifetimeMs · h chain [id, seq, link] · o own list [version, hash] · e peer's list [version, hash] ·
 *   y policyHash · r refs [contentId …] · a attachments [bytes …] · x names of fields that a reader must know
 *
 * A reader ignores keys it does not know, unless `x` names them: then it is too old for the message.
 */
import {
  type CborValue,
  type ChainId,
  type ContentId,
  type ConversationId,
  type DeviceId,
  decodeCbor,
  encodeCbor,
  type Id,
  type IdType,
  idFromBytes,
  idToBytes,
  type PersonId,
  type TenantId,
} from '@kuvert/protocol';
import { SessionError } from './session-error.ts';

/** Where a message stands in its sender's chain; see `chain.ts`. */
export interface ChainEntry {
  readonly id: ChainId;
  /** 1, 2, 3 … within the chain. */
  readonly seq: number;
  /** The link up to the message before; the chain's start link in seq 1. 32 bytes. */
  readonly link: Uint8Array<ArrayBuffer>;
}

/** Version and hash (32 bytes) of a device list, as `VerifiedAccount` has them. */
export interface ListHead {
  readonly version: number;
  readonly hash: Uint8Array<ArrayBuffer>;
}

/** What the sender says of a message, sealed with it and covered by the commitment. */
export interface FrameHeader {
  readonly v: 1;
  readonly tenant: TenantId;
  readonly conversation: ConversationId;
  readonly senderPerson: PersonId;
  readonly senderDevice: DeviceId;
  readonly contentId: ContentId;
  /**
   * Kind of the content in the body, e.g. `text`; 1 to 64 characters. Readers compare it with the content's
   * own.
   */
  readonly kind: string;
  /** Unix time in milliseconds by the sender's clock, corrected by the server's offset. */
  readonly sentAtMs: number;
  /** How long after `sentAtMs` the message may wait to be delivered. */
  readonly lifetimeMs: number;
  /** Absent in ephemeral and control messages, which take no number. */
  readonly chain?: ChainEntry;
  /**
   * The device lists that the sender held of itself and of the peer, so that two honest clients notice a
   * split view.
   */
  readonly lists: { readonly own: ListHead; readonly peer: ListHead };
  /** Hash of the policy that the sender acts under, 32 bytes. */
  readonly policyHash?: Uint8Array<ArrayBuffer>;
  /** Messages that this one refers to, at most 16. */
  readonly refs?: readonly ContentId[];
  /** Reserved: attachment pointers, at most 32 of at most 1,024 bytes. */
  readonly attachments?: readonly Uint8Array<ArrayBuffer>[];
}

const HASH_BYTES = 32;
const KNOWN_KEYS = new Set('vtcpdmkslhoeyrax');

/** @throws SessionError `malformed` for values outside the limits above, which is a fault of the caller */
export function encodeHeader(header: FrameHeader): Uint8Array<ArrayBuffer> {
  const bytes = encodeCbor({
    v: header.v,
    t: idToBytes(header.tenant),
    c: idToBytes(header.conversation),
    p: idToBytes(header.senderPerson),
    d: idToBytes(header.senderDevice),
    m: idToBytes(header.contentId),
    k: header.kind,
    s: header.sentAtMs,
    l: header.lifetimeMs,
    h: header.chain && [idToBytes(header.chain.id), header.chain.seq, header.chain.link],
    o: [header.lists.own.version, header.lists.own.hash],
    e: [header.lists.peer.version, header.lists.peer.hash],
    y: header.policyHash,
    r: header.refs?.map((ref) => idToBytes(ref)),
    a: header.attachments,
  });
  // Whatever this writes, every reader must accept: reading it back is the cheapest way to be sure.
  decodeHeader(bytes);
  return bytes;
}

/** @throws SessionError `malformed`, `too-new` */
export function decodeHeader(bytes: Uint8Array): FrameHeader {
  const map = readMap(bytes);
  if (map.v !== 1) throw new SessionError('too-new', 'a header of a later version');
  for (const name of map.x === undefined ? [] : list(map.x, 16)) {
    if (typeof name !== 'string' || !KNOWN_KEYS.has(name)) {
      throw new SessionError('too-new', 'a header with a field that this release does not know but must');
    }
  }
  return {
    v: 1,
    tenant: id('tenant', map.t),
    conversation: id('conversation', map.c),
    senderPerson: id('person', map.p),
    senderDevice: id('device', map.d),
    contentId: id('content', map.m),
    kind: shortText(map.k),
    sentAtMs: integer(map.s, 0, 8.64e15),
    lifetimeMs: integer(map.l, 0, 8.64e15),
    ...(map.h === undefined ? {} : { chain: chainEntry(map.h) }),
    lists: { own: listHead(map.o), peer: listHead(map.e) },
    ...(map.y === undefined ? {} : { policyHash: byteString(map.y, HASH_BYTES, HASH_BYTES) }),
    ...(map.r === undefined ? {} : { refs: list(map.r, 16).map((ref) => id('content', ref)) }),
    ...(map.a === undefined
      ? {}
      : { attachments: list(map.a, 32).map((pointer) => byteString(pointer, 1, 1024)) }),
  };
}

function readMap(bytes: Uint8Array): { readonly [key: string]: CborValue | undefined } {
  let value: CborValue;
  try {
    value = decodeCbor(bytes);
  } catch (cause) {
    throw new SessionError('malformed', 'a header that is not strict CBOR', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
    throw new SessionError('malformed', 'a header that is not a map');
  }
  return value as { readonly [key: string]: CborValue };
}

function chainEntry(value: CborValue | undefined): ChainEntry {
  const [chainId, seq, link] = list(value, 3);
  return {
    id: id('chain', chainId),
    seq: integer(seq, 1, 0xffffffff),
    link: byteString(link, HASH_BYTES, HASH_BYTES),
  };
}

function listHead(value: CborValue | undefined): ListHead {
  const [version, hash] = list(value, 2);
  return { version: integer(version, 1, 0xffffffff), hash: byteString(hash, HASH_BYTES, HASH_BYTES) };
}

function id<T extends IdType>(type: T, value: CborValue | undefined): Id<T> {
  try {
    return idFromBytes(type, byteString(value, 17, 17));
  } catch (cause) {
    throw cause instanceof SessionError ? cause : wrong(cause);
  }
}

function list(value: CborValue | undefined, max: number): readonly CborValue[] {
  if (!Array.isArray(value) || value.length > max) throw wrong();
  return value as readonly CborValue[];
}

function byteString(value: CborValue | undefined, min: number, max: number): Uint8Array<ArrayBuffer> {
  if (!(value instanceof Uint8Array) || value.length < min || value.length > max) throw wrong();
  return Uint8Array.from(value);
}

function integer(value: CborValue | undefined, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) throw wrong();
  return value;
}

function shortText(value: CborValue | undefined): string {
  if (typeof value !== 'string' || value.length < 1 || value.length > 64) throw wrong();
  return value;
}

function wrong(cause?: unknown): SessionError {
  return new SessionError(
    'malformed',
    'a header field that is missing or wrong',
    cause === undefined ? {} : { cause },
  );
}

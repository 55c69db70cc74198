/**
 * The frame's header on the wire (wire.md §4): deterministic CBOR, a map with one-letter keys, ids as their
 * 17 bytes.
 *
 *   v version 1 · t tenant · c conversation · p sender's person · d sender's device · m contentId · k kind ·
 *   s sentAtMs · l lifetimeMs · h chain [id, seq, link] · o own list [version, hash] · e peer's list [version, hash] ·
 *   y policyHash · r refs [contentId …] · a attachments [bytes …] · x names of fields that a reader must know
 *
 * A reader ignores keys it does not know, unless `x` names them: then it is too old for the message.
 *
 * In a group the header is an array, so that a short text fits into 320 bytes; tenant and person are known from the sender's device, and of
 * hashes the first 16 bytes stand there:
 *
 *   [2, conversation, sender's device, contentId, kind, sentAtMs, lifetime in hours, [chain id, seq, link], [own list version, hash 16],
 *   [epoch of the membership log, hash of its entry 16], map with y, r, a, x as above]; the map is left out when it is empty, the chain is
 *   null in what takes no number
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
  readonly lists: { readonly own: ListHead; readonly peer?: ListHead };
  /** In a group: the last entry of the membership log that the sender knew, its number and the first 16 bytes of its hash. */
  readonly group?: { readonly epoch: number; readonly hash: Uint8Array<ArrayBuffer> };
  /** Hash of the policy that the sender acts under, 32 bytes. */
  readonly policyHash?: Uint8Array<ArrayBuffer>;
  /** Messages that this one refers to, at most 16. */
  readonly refs?: readonly ContentId[];
  /** Reserved: attachment pointers, at most 32 of at most 1,024 bytes. */
  readonly attachments?: readonly Uint8Array<ArrayBuffer>[];
}

const HASH_BYTES = 32;
/** Of a hash in a group's header. */
const SHORT_HASH_BYTES = 16;
const HOUR_MS = 3_600_000;
const GROUP_FORM = 2;
const KNOWN_KEYS = new Set('vtcpdmkslhoeyrax');

/** @throws SessionError `malformed` for values outside the limits above, which is a fault of the caller */
export function encodeHeader(header: FrameHeader): Uint8Array<ArrayBuffer> {
  if (header.group !== undefined) return encodeGroupHeader(header, header.group);
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
    e: header.lists.peer && [header.lists.peer.version, header.lists.peer.hash],
    y: header.policyHash,
    r: header.refs?.map((ref) => idToBytes(ref)),
    a: header.attachments,
  });
  // Whatever this writes, every reader must accept: reading it back is the cheapest way to be sure.
  decodeHeader(bytes);
  return bytes;
}

/** What a group's header leaves out, because the sender's device says it. */
export interface KnownSender {
  readonly tenant: TenantId;
  readonly senderPerson: PersonId;
}

function encodeGroupHeader(
  header: FrameHeader,
  group: NonNullable<FrameHeader['group']>,
): Uint8Array<ArrayBuffer> {
  const { chain, lists, tenant, senderPerson } = header;
  const rest = {
    y: header.policyHash,
    r: header.refs?.map((ref) => idToBytes(ref)),
    a: header.attachments,
  };
  const hasRest = Object.values(rest).some((value) => value !== undefined);
  const bytes = encodeCbor([
    GROUP_FORM,
    idToBytes(header.conversation),
    idToBytes(header.senderDevice),
    idToBytes(header.contentId),
    header.kind,
    header.sentAtMs,
    Math.ceil(header.lifetimeMs / HOUR_MS),
    chain ? [idToBytes(chain.id), chain.seq, chain.link] : null,
    [lists.own.version, lists.own.hash.slice(0, SHORT_HASH_BYTES)],
    [group.epoch, group.hash.slice(0, SHORT_HASH_BYTES)],
    ...(hasRest ? [rest] : []),
  ]);
  decodeHeader(bytes, { tenant, senderPerson });
  return bytes;
}

function decodeGroupHeader(parts: readonly CborValue[], known: KnownSender): FrameHeader {
  if (parts[0] !== GROUP_FORM) throw new SessionError('too-new', 'a header of a later version');
  const [, conversation, device, contentId, kind, sentAtMs, hours, chain, own, group, more] = parts;
  const rest = more === undefined ? {} : asMap(more);
  requireKnown(rest.x);
  const head = shortHead(group);
  return {
    v: 1,
    ...known,
    conversation: id('conversation', conversation),
    senderDevice: id('device', device),
    contentId: id('content', contentId),
    kind: shortText(kind),
    sentAtMs: integer(sentAtMs, 0, 8.64e15),
    lifetimeMs: integer(hours, 0, 1e9) * HOUR_MS,
    ...(chain === null ? {} : { chain: chainEntry(chain) }),
    lists: { own: shortHead(own) },
    group: { epoch: head.version, hash: head.hash },
    ...furtherFields(rest),
  };
}

function shortHead(value: CborValue | undefined): ListHead {
  const [version, hash] = list(value, 2);
  return {
    version: integer(version, 1, 0xffffffff),
    hash: byteString(hash, SHORT_HASH_BYTES, SHORT_HASH_BYTES),
  };
}

function furtherFields(map: {
  readonly [key: string]: CborValue | undefined;
}): Pick<FrameHeader, 'policyHash' | 'refs' | 'attachments'> {
  return {
    ...(map.y === undefined ? {} : { policyHash: byteString(map.y, HASH_BYTES, HASH_BYTES) }),
    ...(map.r === undefined ? {} : { refs: list(map.r, 16).map((ref) => id('content', ref)) }),
    ...(map.a === undefined
      ? {}
      : { attachments: list(map.a, 32).map((pointer) => byteString(pointer, 1, 1024)) }),
  };
}

function requireKnown(names: CborValue | undefined): void {
  for (const name of names === undefined ? [] : list(names, 16)) {
    if (typeof name !== 'string' || !KNOWN_KEYS.has(name)) {
      throw new SessionError('too-new', 'a header with a field that this release does not know but must');
    }
  }
}

/**
 * @param known of the sender, where the message may be one of a group
 * @throws SessionError `malformed`, `too-new`
 */
export function decodeHeader(bytes: Uint8Array, known?: KnownSender): FrameHeader {
  const value = readValue(bytes);
  if (Array.isArray(value)) {
    if (known === undefined) throw new SessionError('malformed', 'a header of a group in another place');
    return decodeGroupHeader(value as readonly CborValue[], known);
  }
  const map = asMap(value);
  if (map.v !== 1) throw new SessionError('too-new', 'a header of a later version');
  requireKnown(map.x);
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
    ...furtherFields(map),
  };
}

function readValue(bytes: Uint8Array): CborValue {
  try {
    return decodeCbor(bytes);
  } catch (cause) {
    throw new SessionError('malformed', 'a header that is not strict CBOR', { cause });
  }
}

function asMap(value: CborValue): { readonly [key: string]: CborValue | undefined } {
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

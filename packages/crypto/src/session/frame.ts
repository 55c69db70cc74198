/**
 * The inner frame (wire.md §4): what the ratchet carries, or the shared body. Layout, big-endian:
 *
 *   k_f 32 | header length u16 | body length u32 | header | body | zeros up to the bucket
 *
 * Buckets are 160·2ⁿ bytes and hold the frame as a whole, so that its size tells no more than the bucket.
 * There is exactly one frame for given parts: a larger bucket or padding other than zeros is refused, because
 * bytes that nobody looks at are a place to hide things in. k_f and the commitment C exist from the first
 * message on; the archive needs them.
 */
import { createHash, createHmac } from 'node:crypto';
import {
  type ConversationId,
  concatBytes,
  idToBytes,
  LABELS,
  makeId,
  type PersonId,
  type TenantId,
} from '@kuvert/protocol';
import { decodeHeader, encodeHeader, type FrameHeader, type KnownSender } from './header.ts';
import { SessionError } from './session-error.ts';

export type { ChainEntry, FrameHeader, KnownSender, ListHead } from './header.ts';

/** The smallest bucket; each further one is twice as large. */
const FRAME_BUCKET_BYTES = 160;
/** The largest bucket, 160·2¹¹: 256 KiB of text and a header fit. */
export const FRAME_BYTES_MAX = 327_680;

const KEY_BYTES = 32;
const PREFIX_BYTES = KEY_BYTES + 2 + 4;

/** A frame ready to be packed, and the commitment with which the sender's chain goes on. */
export interface BuiltFrame {
  /** Padded to 160·2ⁿ bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** C, 32 bytes. */
  readonly commitment: Uint8Array<ArrayBuffer>;
}

/** A frame as read. */
export interface ParsedFrame {
  /** k_f, 32 bytes. */
  readonly frankingKey: Uint8Array<ArrayBuffer>;
  readonly header: FrameHeader;
  /** Encoded content. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** C, 32 bytes, computed from what was read. */
  readonly commitment: Uint8Array<ArrayBuffer>;
}

/**
 * Builds a frame. `frankingKey` is 32 random bytes, used for this one frame.
 * @throws SessionError `malformed` for a header outside its limits or a frame above {@link FRAME_BYTES_MAX}
 */
export function buildFrame(parts: {
  readonly frankingKey: Uint8Array;
  readonly header: FrameHeader;
  readonly body: Uint8Array;
}): BuiltFrame {
  const { frankingKey, body } = parts;
  if (frankingKey.length !== KEY_BYTES) throw new SessionError('malformed', 'a franking key is 32 bytes');
  const header = encodeHeader(parts.header);
  const size = bucketFor(PREFIX_BYTES + header.length + body.length);
  if (header.length > 0xffff || size > FRAME_BYTES_MAX) {
    throw new SessionError('malformed', 'a frame that is larger than the largest bucket');
  }
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set(frankingKey);
  view.setUint16(KEY_BYTES, header.length);
  view.setUint32(KEY_BYTES + 2, body.length);
  bytes.set(header, PREFIX_BYTES);
  bytes.set(body, PREFIX_BYTES + header.length);
  return { bytes, commitment: commitmentOf(frankingKey, header, body) };
}

/**
 * Reads a frame.
 * @param known of the sender, where the frame may be one of a group
 * @throws SessionError `malformed`, `too-new`
 */
export function parseFrame(bytes: Uint8Array, known?: KnownSender): ParsedFrame {
  if (bytes.length < FRAME_BUCKET_BYTES || bytes.length > FRAME_BYTES_MAX) {
    throw new SessionError('malformed', 'a frame of a size that is no bucket');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bodyAt = PREFIX_BYTES + view.getUint16(KEY_BYTES);
  const end = bodyAt + view.getUint32(KEY_BYTES + 2);
  if (end > bytes.length) throw new SessionError('malformed', 'a frame with a length beyond its end');
  if (bucketFor(end) !== bytes.length) throw new SessionError('malformed', 'a frame in the wrong bucket');
  for (let at = end; at < bytes.length; at++) {
    if (bytes[at] !== 0) throw new SessionError('malformed', 'a frame whose padding is not zero');
  }
  const frankingKey = bytes.slice(0, KEY_BYTES) as Uint8Array<ArrayBuffer>;
  const header = bytes.subarray(PREFIX_BYTES, bodyAt);
  const body = bytes.slice(bodyAt, end) as Uint8Array<ArrayBuffer>;
  return {
    frankingKey,
    header: decodeHeader(header, known),
    body,
    commitment: commitmentOf(frankingKey, header, body),
  };
}

/** C = HMAC-SHA256(k_f, "kuvert/frank/1" ‖ u32 length of the header ‖ header ‖ body), 32 bytes. */
export function commitmentOf(
  frankingKey: Uint8Array,
  headerBytes: Uint8Array,
  body: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, headerBytes.length);
  const hmac = createHmac('sha256', frankingKey).update(LABELS.frank).update(length);
  return Uint8Array.from(hmac.update(headerBytes).update(body).digest());
}

/**
 * The conversation of two people, the same from both sides and never told to the server: the first 16 bytes of
 * SHA-256("kuvert/conversation/1" ‖ tenant ‖ lower person id ‖ higher person id), ids as their 17 bytes.
 */
export function conversationIdFor(tenant: TenantId, personA: PersonId, personB: PersonId): ConversationId {
  const persons = [idToBytes(personA), idToBytes(personB)].sort(Buffer.compare);
  const hash = createHash('sha256').update(LABELS.conversation);
  const digest = hash.update(concatBytes(idToBytes(tenant), ...persons)).digest();
  return makeId('conversation', digest.subarray(0, 16));
}

function bucketFor(size: number): number {
  let bucket = FRAME_BUCKET_BYTES;
  while (bucket < size) bucket *= 2;
  return bucket;
}

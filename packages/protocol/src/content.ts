/**
 * What people and clients say to each other, inside the end-to-end encrypted frame: a kind, the oldest reader version
 * that can show it, and the fields of that kind. A reader that does not know the kind, or is older than `minReader`,
 * keeps the content and says "your app is too old for this message".
 */
import { z } from 'zod';
import { type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { bytesSchema, idSchema, uint32 } from './schemas.ts';

/** The content version that this release can show. */
export const READER_VERSION = 1;

/** Longest text: code points and UTF-8 bytes. */
export const TEXT_LIMITS = { codePointsMax: 60_000, bytesMax: 240_000 } as const;

/** A text that people read. Every code point is kept as it is, NUL and line ends included. */
export const TextContent = z.object({ kind: z.literal('text'), minReader: uint32, text: z.string() });

/**
 * Acknowledges, once and cumulatively, what arrived from the addressed device: never shown, never switched off (wire.md §4).
 * `seq` is the highest number of the chain without a gap below it; `also` lists content ids beyond it. `head` is the
 * present end of the acknowledging device's own chain to the same conversation, so that a withheld tail is noticed.
 */
export const AckContent = z.object({
  kind: z.literal('ack'),
  minReader: uint32,
  chains: z.array(z.object({ chain: idSchema('chain'), seq: uint32, link: bytesSchema(32) })).max(64),
  also: z.array(idSchema('content')).max(256),
  head: z.object({ chain: idSchema('chain'), seq: uint32, link: bytesSchema(32) }).optional(),
});

/** Asks the addressed device to send again what could not be opened: SHA-256 of the legs as they arrived. */
export const RetryRequestContent = z.object({
  kind: z.literal('retry-request'),
  minReader: uint32,
  legs: z.array(bytesSchema(32)).max(64),
});

/** Tells a device the present head of a chain, so that a withheld tail is noticed. */
export const HeartbeatContent = z.object({
  kind: z.literal('heartbeat'),
  minReader: uint32,
  chain: idSchema('chain'),
  seq: uint32,
  link: bytesSchema(32),
});

const known = z.discriminatedUnion('kind', [TextContent, AckContent, RetryRequestContent, HeartbeatContent]);
/** The schema of every kind that this release knows. */
export const CONTENT_SCHEMAS = known.options;
const envelope = z.looseObject({ kind: z.string().min(1).max(64), minReader: uint32 });

/** Content of a kind that this release knows. */
export type KnownContent = z.infer<typeof known>;
/** Content that only a newer reader can show; the original bytes are kept. */
export interface TooNewContent {
  readonly kind: 'too-new';
  readonly originalKind: string;
  readonly bytes: Uint8Array;
}
export type Content = KnownContent | TooNewContent;

/** Bytes that are no content at all. */
export class InvalidContentError extends Error {
  override name = 'InvalidContentError';
}

/** Encodes content of a known kind. */
export function encodeContent(content: KnownContent): Uint8Array<ArrayBuffer> {
  return encodeCbor(content as CborValue);
}

/** Decodes content; an unknown kind or a higher `minReader` gives {@link TooNewContent}. @throws InvalidContentError */
export function decodeContent(bytes: Uint8Array): Content {
  let value: unknown;
  try {
    value = decodeCbor(bytes);
  } catch (cause) {
    throw new InvalidContentError('content that is not CBOR', { cause });
  }
  const outer = envelope.safeParse(value);
  if (!outer.success) throw new InvalidContentError('content without kind or minReader');
  const isKnown = known.options.some((option) => option.shape.kind.value === outer.data.kind);
  if (!isKnown || outer.data.minReader > READER_VERSION) {
    return { kind: 'too-new', originalKind: outer.data.kind, bytes };
  }
  const parsed = known.safeParse(value);
  if (!parsed.success) throw new InvalidContentError('content with missing or wrong fields');
  return parsed.data;
}

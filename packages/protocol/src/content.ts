/**
 * What people and clients say to each other, inside the end-to-end encrypted frame: a kind, the oldest reader version
 * that can show it, and the fields of that kind. A reader that does not know the kind, or is older than `minReader`,
 * keeps the content and says "your app is too old for this message".
 */
import { z } from 'zod';
import { type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { GroupKeysContent, SenderKeyContent } from './content-group.ts';
import {
  HistoryContent,
  HistoryRequestContent,
  OwnChoicesContent,
  OwnStateContent,
  SentContent,
} from './content-own.ts';
import { CHANGE_SCHEMAS, SHOWN_SCHEMAS, TIMER_MS } from './content-shown.ts';
import { bytesSchema, deviceName, idSchema, timeMs, uint32 } from './schemas.ts';

/** The content version that this release can show. */
export const READER_VERSION = 1;

const timerMs = z.number().int().min(TIMER_MS.min).max(TIMER_MS.max);

/**
 * From now on messages of this conversation disappear so long after they were sent or read; 0: they stay. Of two, the one with the higher
 * stamp holds on both sides, then the one of the higher device id. `isAgain`: somebody seems not to know it, and who does is not shown it once more.
 */
export const TimerContent = z.object({
  kind: z.literal('timer'),
  minReader: uint32,
  timerMs: z.union([z.literal(0), timerMs]),
  stamp: timeMs,
  isAgain: z.literal(true).optional(),
});

/** Takes messages of the same author back: whoever has them forgets what was in them. */
export const DeleteContent = z.object({
  kind: z.literal('delete'),
  minReader: uint32,
  messages: z.array(idSchema('content')).min(1).max(256),
});

/** Messages `from` to `to` of a chain, both included. */
export const ChainRange = z
  .object({ chain: idSchema('chain'), from: uint32.min(1), to: uint32 })
  .refine(({ from, to }) => from <= to);
export type ChainRange = z.infer<typeof ChainRange>;

/**
 * What the people who sent these messages may be shown: that they have arrived, that they were read. Ranges grow as long as nothing
 * lies between, so a later receipt says what a lost one has said. What is switched off is left out (A3).
 */
const receiptFields = {
  delivered: z.array(ChainRange).max(64).optional(),
  read: z.array(ChainRange).max(64).optional(),
};
export const Receipt = z.object(receiptFields);
export type Receipt = z.infer<typeof Receipt>;

/** A receipt by itself; those that are due together with an acknowledgement travel inside of it. */
export const ReceiptContent = z.object({ kind: z.literal('receipt'), minReader: uint32, ...receiptFields });

/** Somebody writes in this conversation, or has stopped. Ephemeral: it ends by itself when it is not said again. */
export const TypingContent = z.object({
  kind: z.literal('typing'),
  minReader: uint32,
  state: z.enum(['writing', 'stopped']),
  /** In a group that both are in, and not to the one who is told. */
  group: idSchema('group').optional(),
});

/** Somebody is there, or has gone. Ephemeral. `asks`: the other side is asked to say so too. */
export const PresenceContent = z.object({
  kind: z.literal('presence'),
  minReader: uint32,
  state: z.enum(['present', 'away']),
  asks: z.boolean(),
});

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
  receipt: Receipt.optional(),
});

/** Asks the addressed device to send again what could not be opened: SHA-256 of the legs as they arrived. */
export const RetryRequestContent = z.object({
  kind: z.literal('retry-request'),
  minReader: uint32,
  legs: z.array(bytesSchema(32)).max(64),
});

/**
 * Tells the present head of a chain, so that a withheld tail is noticed. With `startFor` it is the head after which the chain is for
 * these devices too: what came before was never meant for them.
 */
export const HeartbeatContent = z.object({
  kind: z.literal('heartbeat'),
  minReader: uint32,
  chain: idSchema('chain'),
  seq: uint32,
  link: bytesSchema(32),
  startFor: z.array(idSchema('device')).max(16).optional(),
});

/** What one's own devices call one of them; the later one holds. Only ever sent to one's own devices. */
export const DeviceNameContent = z.object({
  kind: z.literal('device-name'),
  minReader: uint32,
  device: idSchema('device'),
  name: deviceName,
  atMs: timeMs,
});

/**
 * The private half of a new account key for those devices of one's own that may sign, sealed to each of them. Only ever sent to one's own
 * devices.
 */
export const AccountKeyContent = z.object({
  kind: z.literal('account-key'),
  minReader: uint32,
  copies: z
    .array(z.object({ device: idSchema('device'), sealed: bytesSchema({ min: 1, max: 256 }) }))
    .max(16),
});

/** A device of one's own that may sign, and has not got the present account key, asks those that have. Only ever sent to one's own devices. */
export const AccountKeyRequestContent = z.object({
  kind: z.literal('account-key-request'),
  minReader: uint32,
});

/** A device of one's own that may not sign asks those that may to revoke one. Only ever sent to one's own devices. */
export const RevokeRequestContent = z.object({
  kind: z.literal('revoke-request'),
  minReader: uint32,
  device: idSchema('device'),
});

const known = z.discriminatedUnion('kind', [
  ...SHOWN_SCHEMAS,
  ...CHANGE_SCHEMAS,
  AckContent,
  ReceiptContent,
  RetryRequestContent,
  HeartbeatContent,
  TypingContent,
  PresenceContent,
  DeviceNameContent,
  AccountKeyContent,
  AccountKeyRequestContent,
  RevokeRequestContent,
  TimerContent,
  DeleteContent,
  SentContent,
  OwnStateContent,
  OwnChoicesContent,
  HistoryRequestContent,
  HistoryContent,
  SenderKeyContent,
  GroupKeysContent,
]);
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

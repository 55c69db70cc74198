/**
 * What people put into a conversation, beside plain text, and what they do to it afterwards. The first half is shown as a message of its own; the
 * second half (edit, reaction, vote, the end of a poll) changes how another one is shown. Sizes are in bytes of UTF-8 and hold on both sides:
 * what is larger is refused by the one who writes and by the one who reads.
 */
import { z } from 'zod';
import { ATTACHMENT_LIMITS } from './attachments.ts';
import { utf8 } from './bytes.ts';
import { bytesSchema, idSchema, timeMs, uint32 } from './schemas.ts';

/** Limits of content, in bytes of UTF-8 or in counts. */
export const CONTENT_LIMITS = {
  mentions: 100,
  links: 4,
  urlBytes: 2_048,
  titleBytes: 400,
  descriptionBytes: 1_200,
  previewBytes: 32_768,
  waveformPoints: 128,
  fileNameBytes: 255,
  emojiBytes: 64,
  nameBytes: 400,
  addresses: 16,
  pollOptions: 16,
  pollQuestionBytes: 1_200,
  pollOptionBytes: 400,
} as const;

/** Longest text: code points and UTF-8 bytes. */
export const TEXT_LIMITS = { codePointsMax: 60_000, bytesMax: 240_000 } as const;

/** How long messages may stay before they disappear: a second to four years. */
export const TIMER_MS = { min: 1_000, max: 4 * 365 * 86_400_000 } as const;
const timerMs = z.number().int().min(TIMER_MS.min).max(TIMER_MS.max);

/** Text of at most so many bytes; one without lone surrogates, which have no bytes. */
const text = (bytesMax: number) =>
  z.string().refine((value) => value.isWellFormed() && utf8(value).length <= bytesMax, 'too long');
/** The same with something in it, on one line. */
const line = (bytesMax: number) =>
  text(bytesMax).refine(
    (value) => /^[^\p{Cc}\p{Zl}\p{Zp}]*\S[^\p{Cc}\p{Zl}\p{Zp}]*$/u.test(value),
    'not a line',
  );

/** Another message: the id that its author's device gave it, and the author, because only both together name one message. */
export const MessageRef = z.object({ message: idSchema('content'), author: idSchema('person') });
export type MessageRef = z.infer<typeof MessageRef>;

/** A person who is named in a text: `length` UTF-16 units from `start` on. */
const mention = z.object({ person: idSchema('person'), start: uint32, length: uint32 });
/** @see mention */
export type Mention = z.infer<typeof mention>;
const mentions = z.array(mention).max(CONTENT_LIMITS.mentions).optional();

/** A small picture, made by the sender and sealed with the message. */
const preview = z.object({
  type: z.enum(['image/jpeg', 'image/png']),
  width: z.number().int().min(1).max(4_096),
  height: z.number().int().min(1).max(4_096),
  bytes: bytesSchema({ min: 1, max: CONTENT_LIMITS.previewBytes }),
});
/** @see preview */
export type Preview = z.infer<typeof preview>;

/** What a link leads to, as the sender saw it: nobody who reads the message fetches anything. */
const linkPreview = z.object({
  url: text(CONTENT_LIMITS.urlBytes).refine(
    (url) => /^https?:\/\/[^\s\p{Cc}]+$/u.test(url),
    'not a web address',
  ),
  title: text(CONTENT_LIMITS.titleBytes),
  description: text(CONTENT_LIMITS.descriptionBytes).optional(),
  preview: preview.optional(),
});
/** @see linkPreview */
export type LinkPreview = z.infer<typeof linkPreview>;

/** Where a file lies and how it is opened: whoever has this can read it, and nobody else. */
export const AttachmentPointer = z.object({
  attachment: idSchema('attachment'),
  key: bytesSchema(32),
  sizeBytes: z.number().int().min(0).max(ATTACHMENT_LIMITS.fileBytesMax),
  /** Hash of the file: what people are shown. */
  sha256: bytesSchema(32),
  /** Size and hash of what the server keeps. */
  sealedBytes: z.number().int().min(1).max(ATTACHMENT_LIMITS.sealedBytesMax),
  sealedSha256: bytesSchema(32),
  /** As the sender's system had it; readers make a harmless name of it. */
  name: text(CONTENT_LIMITS.fileNameBytes),
  mediaType: z
    .string()
    .max(127)
    .regex(/^[\w.+-]+\/[\w.+-]+$/),
});
export type AttachmentPointer = z.infer<typeof AttachmentPointer>;

const shown = { minReader: uint32, replyTo: MessageRef.optional(), timerMs: timerMs.optional() };
const caption = { text: text(TEXT_LIMITS.bytesMax).optional(), mentions };
const side = z.number().int().min(1).max(100_000);
const duration = z.number().int().min(0).max(86_400_000);

/** A text that people read. Every code point is kept as it is, NUL and line ends included. */
export const TextContent = z.object({
  kind: z.literal('text'),
  minReader: uint32,
  text: z.string(),
  /** How long after it was sent or read it disappears. */
  timerMs: timerMs.optional(),
  replyTo: MessageRef.optional(),
  mentions,
  links: z.array(linkPreview).max(CONTENT_LIMITS.links).optional(),
});

/** A file of any kind. */
export const FileContent = z.object({
  kind: z.literal('file'),
  ...shown,
  ...caption,
  file: AttachmentPointer,
  preview: preview.optional(),
});

/** A picture. */
export const PictureContent = z.object({
  kind: z.literal('picture'),
  ...shown,
  ...caption,
  file: AttachmentPointer,
  width: side.optional(),
  height: side.optional(),
  preview: preview.optional(),
});

/** A video. */
export const VideoContent = z.object({
  kind: z.literal('video'),
  ...shown,
  ...caption,
  file: AttachmentPointer,
  width: side.optional(),
  height: side.optional(),
  durationMs: duration.optional(),
  preview: preview.optional(),
});

/** A message that was spoken. */
export const VoiceContent = z.object({
  kind: z.literal('voice'),
  ...shown,
  file: AttachmentPointer,
  durationMs: duration.optional(),
  /** How loud it is over its length, 0 to 255. */
  waveform: bytesSchema({ min: 1, max: CONTENT_LIMITS.waveformPoints }).optional(),
});

/** A place on earth. */
export const LocationContent = z.object({
  kind: z.literal('location'),
  ...shown,
  /** Degrees times ten million: about a centimetre. */
  latitudeE7: z.number().int().min(-900_000_000).max(900_000_000),
  longitudeE7: z.number().int().min(-1_800_000_000).max(1_800_000_000),
  accuracyM: z.number().int().min(0).max(1_000_000).optional(),
  label: line(CONTENT_LIMITS.titleBytes).optional(),
});

/** Somebody's card; `person` when it is a colleague. */
export const ContactContent = z.object({
  kind: z.literal('contact'),
  ...shown,
  name: line(CONTENT_LIMITS.nameBytes),
  person: idSchema('person').optional(),
  mails: z.array(line(254)).max(CONTENT_LIMITS.addresses),
  phones: z.array(line(64)).max(CONTENT_LIMITS.addresses),
  organisation: line(CONTENT_LIMITS.nameBytes).optional(),
});

/** A question with answers to choose from. */
export const PollContent = z.object({
  kind: z.literal('poll'),
  ...shown,
  question: line(CONTENT_LIMITS.pollQuestionBytes),
  options: z.array(line(CONTENT_LIMITS.pollOptionBytes)).min(2).max(CONTENT_LIMITS.pollOptions),
  /** More than one answer may be chosen. */
  isMultiple: z.boolean(),
});

/** Another text for a message of the same author. All that were ever written stay readable; the one with the highest stamp is shown. */
export const EditContent = z.object({
  kind: z.literal('edit'),
  minReader: uint32,
  message: idSchema('content'),
  text: text(TEXT_LIMITS.bytesMax),
  mentions,
  stamp: timeMs,
});

/** What somebody feels about a message; empty takes it back. The highest stamp of a person holds. */
export const ReactionContent = z.object({
  kind: z.literal('reaction'),
  minReader: uint32,
  to: MessageRef,
  emoji: text(CONTENT_LIMITS.emojiBytes).refine(
    (value) => /^[^\p{Cc}\p{Zl}\p{Zp}]*$/u.test(value),
    'not a sign',
  ),
  stamp: timeMs,
});

/** What somebody answers to a poll; empty takes it back. The highest stamp of a person holds. */
export const VoteContent = z.object({
  kind: z.literal('vote'),
  minReader: uint32,
  to: MessageRef,
  choices: z
    .array(
      z
        .number()
        .int()
        .min(0)
        .max(CONTENT_LIMITS.pollOptions - 1),
    )
    .max(CONTENT_LIMITS.pollOptions),
  stamp: timeMs,
});

/** The author of a poll ends it: later votes do not count. */
export const PollEndContent = z.object({
  kind: z.literal('poll-end'),
  minReader: uint32,
  message: idSchema('content'),
  stamp: timeMs,
});

/** Kinds that are shown as a message of their own. */
export const SHOWN_SCHEMAS = [
  TextContent,
  FileContent,
  PictureContent,
  VideoContent,
  VoiceContent,
  LocationContent,
  ContactContent,
  PollContent,
] as const;

/** Kinds that change how another message is shown. */
export const CHANGE_SCHEMAS = [EditContent, ReactionContent, VoteContent, PollEndContent] as const;

export type ShownContent = z.infer<(typeof SHOWN_SCHEMAS)[number]>;
export type ChangeContent = z.infer<(typeof CHANGE_SCHEMAS)[number]>;

const SHOWN_KINDS: readonly string[] = SHOWN_SCHEMAS.map(({ shape }) => shape.kind.value);
const CHANGE_KINDS: readonly string[] = CHANGE_SCHEMAS.map(({ shape }) => shape.kind.value);

/** True for content that is shown as a message of its own. */
export function isShown<C extends { readonly kind: string }>(
  content: C,
): content is Extract<C, { kind: ShownContent['kind'] }> {
  return SHOWN_KINDS.includes(content.kind);
}

/** True for content that changes how another message is shown. */
export function isChange<C extends { readonly kind: string }>(
  content: C,
): content is Extract<C, { kind: ChangeContent['kind'] }> {
  return CHANGE_KINDS.includes(content.kind);
}

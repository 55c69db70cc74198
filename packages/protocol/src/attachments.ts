/**
 * Files on their way: what is asked on the device channel, and how the bytes travel beside it over HTTPS. A device names an attachment, is
 * given a capability for it (one device, one attachment, one direction, some hours), moves the sealed bytes with it, and says on the channel
 * what they are to be.
 *
 *     POST  /v1/attachment  authorization, upload-next, a small file and its SHA-256  → upload-next, stored
 *     HEAD  /v1/attachment  authorization: Kuvert <capability>                        → upload-offset
 *     PATCH /v1/attachment  authorization, upload-offset, bytes from there on         → upload-offset, durable
 *     GET   /v1/attachment  authorization, range: bytes=<from>-                       → the bytes from there on
 *
 * A small file goes in one request, with a capability that was asked for before there was a file: `attachments.create` gives one, and each such
 * request the next. It says all that `attachments.create` and `attachments.finish` say of others.
 *
 * Upload follows the core of tus 1.0 (HEAD, PATCH, `Upload-Offset`); download is plain HTTP with ranges.
 */
import { z } from 'zod';
import { method } from './method.ts';
import { bytesSchema, idSchema, timeMs } from './schemas.ts';

/** Where sealed bytes are sent to and fetched from. */
export const ATTACHMENT_PATH = '/v1/attachment';
/** Scheme of the `authorization` header that carries a capability. */
export const CAPABILITY_SCHEME = 'Kuvert';
/** Media type of a piece of an upload. */
export const UPLOAD_TYPE = 'application/offset+octet-stream';
/** Header that says where in the upload a piece begins, or how far it has come. */
export const UPLOAD_OFFSET_HEADER = 'upload-offset';
/** Header that names the attachment after this one, and in the answer has the capability for it. */
export const UPLOAD_NEXT_HEADER = 'upload-next';
/** A SHA-256 stands behind a file that comes in one request. */
export const UPLOAD_HASH_BYTES = 32;

/** Sizes in bytes. */
export const ATTACHMENT_LIMITS = {
  /** Largest file that can be sent. */
  fileBytesMax: 2 ** 31,
  /** Largest sealed file: the largest file, padded, with header and tags. */
  sealedBytesMax: 2 ** 31 + 2 ** 20,
  /** Largest piece of an upload. */
  pieceBytesMax: 16 * 1_048_576,
  /** Largest sealed file that goes in one request. */
  wholeBytesMax: 4 * 1_048_576,
} as const;

/** A capability: a text for the `authorization` header. */
export const capability = z
  .string()
  .max(256)
  .regex(/^[A-Za-z0-9_-]+$/);

const sealedBytes = z.number().int().min(1).max(ATTACHMENT_LIMITS.sealedBytesMax);

/**
 * Begins an upload, or goes on with it: the device chooses the id, so asking again after a lost answer changes nothing. Errors
 * `attachment_quota`, `attachment_too_large`, `id_reused`, `rate_limited`.
 */
export const attachmentsCreate = method({
  name: 'attachments.create',
  access: 'device',
  params: z.object({
    attachment: idSchema('attachment'),
    sizeBytes: sealedBytes,
    /** What the next small file will be called. */
    next: idSchema('attachment').optional(),
  }),
  result: z.object({
    capability,
    /** For that one to be sent in one request. */
    next: capability.optional(),
    /** So much of it is durable on the server. */
    offset: z.number().int().min(0),
    /** It was finished before. */
    isStored: z.boolean(),
  }),
});

/**
 * All bytes are there: the server compares their hash, keeps them for recipients, and from now on changes nothing in them. May be repeated,
 * and then lets them live longer. Errors `attachment_offset` with {offset}, `attachment_damaged` (begin anew), `not_found`.
 */
export const attachmentsFinish = method({
  name: 'attachments.finish',
  access: 'device',
  params: z.object({ attachment: idSchema('attachment'), sha256: bytesSchema(32) }),
  result: z.object({ expiresAt: timeMs }),
});

/**
 * Asks for the capability to download. Errors `attachment_gone`, also for what was never there, `exchange_refused` for who may not talk to
 * whoever uploaded it.
 */
export const attachmentsOpen = method({
  name: 'attachments.open',
  access: 'device',
  params: z.object({ attachment: idSchema('attachment') }),
  result: z.object({ capability, sizeBytes: sealedBytes, sha256: bytesSchema(32), expiresAt: timeMs }),
});

/** The person who uploaded an attachment takes it back. Nothing happens to what is not theirs, and nobody is told so. */
export const attachmentsRemove = method({
  name: 'attachments.remove',
  access: 'device',
  params: z.object({ attachment: idSchema('attachment') }),
  result: z.object({}),
});

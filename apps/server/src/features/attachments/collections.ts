/** What is stored of attachments; their bytes are in `blobs/`. */
import { bytesSchema, idSchema, timeMs } from '@kuvert/protocol';
import { z } from 'zod';
import { collection } from '../../store/index.ts';

/** One attachment, from its first byte until it expires. */
export const attachments = collection('attachments', {
  document: z.object({
    attachment: idSchema('attachment'),
    /** Who uploads it: the device may go on, the person may take it back, and both have it counted. */
    device: idSchema('device'),
    person: idSchema('person'),
    sizeBytes: z.int().min(1),
    /** Hash of the sealed bytes once all are there; no byte changes after that. */
    sha256: bytesSchema(32).nullable(),
    createdAt: timeMs,
    expiresAt: timeMs,
  }),
  key: ['attachment'],
  indexes: { byExpiry: ['expiresAt'] },
});

/** Bytes that attachments take, finished or not: of a tenant (`subject` is its id) and of each device. */
export const attachmentUsage = collection('attachment-usage', {
  document: z.object({ subject: z.string().max(64), bytes: z.int().min(0), count: z.int().min(0) }),
  key: ['subject'],
});

/** The key of the tenant's capabilities. */
export const attachmentKeys = collection('attachment-keys', {
  document: z.object({ name: z.literal('capabilities'), key: bytesSchema(32) }),
  key: ['name'],
  sealed: ['key'],
});

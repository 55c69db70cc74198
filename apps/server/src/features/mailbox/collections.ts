/** What is stored of messages on their way. */
import { bytesSchema, timeMs } from '@kuvert/protocol';
import { z } from 'zod';
import { binaryCollection, bytesPart, collection, idPart } from '../../store/index.ts';

/** Envelopes by device and row id (`rows.ts`), oldest first. */
export const mailboxRows = binaryCollection('mailbox-rows', {
  key: [idPart('device'), bytesPart(16)],
  expires: true,
});

/** What a submit was answered, by second and a keyed hash of (device, submit id) (`submit-records.ts`). */
export const submitRecords = binaryCollection('submit-records', {
  key: [bytesPart(4), bytesPart(12)],
  expires: true,
});

/** The keys of those hashes, one for each day; without the day's key a record names nobody. */
export const submitDayKeys = collection('submit-day-keys', {
  document: z.object({
    /** Days since 1970, UTC. */
    day: z.int().min(0),
    key: bytesSchema(32),
    expiresAt: timeMs,
  }),
  key: ['day'],
  sealed: ['key'],
  retention: 'expiresAt',
});

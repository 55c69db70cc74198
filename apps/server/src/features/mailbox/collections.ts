/** What is stored of messages on their way. */
import { bytesSchema, timeMs } from '@kuvert/protocol';
import { z } from 'zod';
import { binaryCollection, bytesPart, collection, idPart } from '../../store/index.ts';

/** Envelopes by device and row id (`rows.ts`), oldest first. */
export const mailboxRows = binaryCollection('mailbox-rows', {
  key: [idPart('device'), bytesPart(16)],
  expires: true,
  shortLived: true,
});

/**
 * Messages to groups, each kept once, by the row id that all rows pointing to it have: the bytes that a row of its own would have. In the
 * mailboxes of members lie rows of one byte ({@link POINTER_ROW}).
 */
export const groupBodies = binaryCollection('group-bodies', {
  key: [bytesPart(16)],
  expires: true,
  shortLived: true,
});

/** The value of a mailbox row whose bytes lie in {@link groupBodies} under the same row id. */
export const POINTER_ROW: Uint8Array = Uint8Array.of(2);

/** How many envelopes to a device are gone, and when the first and the last of them were accepted. */
export interface Tombstone {
  readonly count: number;
  readonly fromMs: number;
  readonly toMs: number;
  /** They went before their time, because the device was dormant; `count` is of those that lay there, not of those that were never stored. */
  readonly isDormant: boolean;
}

/** Tombstones by device and an id like those of rows (`expiry.ts`). */
export const tombstones = binaryCollection('tombstones', {
  key: [idPart('device'), bytesPart(16)],
  codec: {
    encode({ count, fromMs, toMs, isDormant }: Tombstone): Uint8Array {
      const bytes = new Uint8Array(isDormant ? 25 : 24);
      const view = new DataView(bytes.buffer);
      for (const [i, value] of [count, fromMs, toMs].entries()) view.setFloat64(8 * i, value);
      return bytes;
    },
    decode(bytes): Tombstone {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const times = { fromMs: view.getFloat64(8), toMs: view.getFloat64(16) };
      return { count: view.getFloat64(0), ...times, isDormant: bytes.length > 24 };
    },
  },
});

/** Devices that are dormant, with the time since when (`dormancy.ts`). Each submit that counts on it checks that the row is still there. */
export const dormantDevices = binaryCollection('dormant-devices', {
  key: [idPart('device')],
  gate: true,
  codec: {
    encode(sinceMs: number): Uint8Array {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setFloat64(0, sinceMs);
      return bytes;
    },
    decode: (bytes): number => new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0),
  },
});

/** Widths of the two parts of a submit record's key. */
export const TIME_BYTES = 6;
export const MAC_BYTES = 12;

/** What a submit was answered, by time and a keyed hash of (device, submit id) (`submit-records.ts`). They go by time too, from the first on. */
export const submitRecords = binaryCollection('submit-records', {
  key: [bytesPart(TIME_BYTES), bytesPart(MAC_BYTES)],
  clustered: true,
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

/** Every limit of attachments beyond `ATTACHMENT_LIMITS` of the protocol, in one place. docs/limits.md shows them. */
import { LIFETIME_MS } from '@kuvert/protocol';
import type { BucketLimit } from '../../limits/leaky-buckets.ts';

/** What attachments of a device, and of a whole tenant, may take on the server. A tenant's bytes are `KUVERT_ATTACHMENT_GB`. */
export const ATTACHMENTS_MAX = {
  deviceBytes: 20 * 2 ** 30,
  deviceCount: 10_000,
} as const;

/** New attachments of one device. */
export const ATTACHMENT_CREATES: BucketLimit = { burst: 500, perSecond: 1 };

/** Transfers of one device at once, and of a process. */
export const TRANSFERS_MAX = { perDevice: 8, all: 2_000 } as const;

/** How long a capability is good. */
export const CAPABILITY_MS = 6 * 3_600_000;

/** An upload that nobody goes on with is given up after this, counted from the last time it was asked for: always longer than a capability. */
export const UNFINISHED_MS = 48 * 3_600_000;

/**
 * How much longer than a message an attachment stays: the message is submitted after its attachment was finished, and clients finish again
 * what has waited for longer than a day.
 */
export const EXPIRY_MARGIN_MS = 2 * 86_400_000;
/** How long a file is kept from when it was finished, or finished again. */
export const KEPT_MS = LIFETIME_MS[1] + EXPIRY_MARGIN_MS;

/** A file without a row is a leftover of a crash once it is so old. */
export const LEFTOVER_MS = 3_600_000;

/** A transfer whose peer takes or brings nothing for so long is ended; an upload that brings less than {@link TRANSFER_IDLE_BYTES} too. */
export const TRANSFER_IDLE_MS = 30_000;
/** Less than any line that people use brings in {@link TRANSFER_IDLE_MS}. */
export const TRANSFER_IDLE_BYTES = 4_096;

/** What is hashed and written at once of an upload: two hold a file of 1 MiB with all that sealing adds. Each one under way holds two such buffers. */
export const PIECE_BYTES = 513 * 1_024;

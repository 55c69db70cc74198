/** Every limit of the mailbox beyond the sizes in `MAILBOX_LIMITS` of the protocol, in one place. docs/limits.md shows them. */
import type { BucketLimit } from '../../limits/leaky-buckets.ts';

/** What one device's mailbox may hold. */
export const MAILBOX_MAX = { rows: 10_000, bytes: 64 * 1_048_576 } as const;

/**
 * A device that is connected, over that and acknowledges nothing is waited for so long: two refusals, after each of which a submit comes again
 * a minute later. Then it is dormant like one that is away.
 */
export const ACKNOWLEDGEMENT_WAIT_MS = 120_000;

/** So old is a pointer without a body when it is certain that nothing will come to it: its server died, or gave the message up. */
export const ORPHAN_MS = 3_600_000;

/** Submits of one connection that may be under way. Those of the whole server are the business of `limits/admission.ts`. */
export const CONNECTION_SUBMITS_OPEN_MAX = 1_024;

/**
 * What may flow in the long run. A burst is what a full mailbox holds, so that thousands of lines from a script go through at once; what
 * flows on is far above what a person writes or a bot reports, and far below what a loop gone wild makes of it.
 */
export const TRAFFIC = {
  /** Submits of one device to one person. */
  pairSubmits: { burst: 10_000, perSecond: 50 },
  /** Signs of writing and of being there (class `ephemeral`) of one device to one person; they take nothing from messages. */
  pairEphemerals: { burst: 30, perSecond: 1 },
  /** Bytes of envelopes to one person, of all senders, counted for each of their devices. */
  recipientBytes: { burst: 128 * 1_048_576, perSecond: 65_536 },
} as const satisfies Record<string, BucketLimit>;

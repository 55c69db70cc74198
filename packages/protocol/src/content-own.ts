/** What the devices of one person say to each other. Nobody else's word is taken for any of it. */
import { z } from 'zod';
import { bytesSchema, idSchema, timeMs, uint32 } from './schemas.ts';

const chainEntry = z.object({ chain: idSchema('chain'), seq: uint32 });

/**
 * A copy of what this device has sent to somebody, once the server has accepted it. `content` is the content as it was sent; `chain` is its
 * place in the sender's chain, by which receipts name it.
 */
export const SentContent = z.object({
  kind: z.literal('sent'),
  minReader: uint32,
  to: idSchema('person'),
  contentId: idSchema('content'),
  sentAt: timeMs,
  acceptedAt: timeMs,
  chain: chainEntry.optional(),
  content: bytesSchema({ min: 1, max: 256 * 1024 }),
});

/** A setting of the conversation with a person or of a group. Of two the one with the higher stamp holds, then the one of the higher device id. */
export const SettingState = z.object({
  person: z.union([idSchema('person'), idSchema('group')]),
  name: z.string().min(1).max(32),
  /** The value as CBOR, so that a device keeps and passes on what it does not know yet. */
  value: bytesSchema({ min: 1, max: 256 * 1024 }),
  stamp: timeMs,
  device: idSchema('device'),
});

/** What was read: everything of a chain up to `seq`, and single messages beyond a gap. */
export const ReadState = z.object({
  /** When, by the server's clock: the time of disappearing messages runs from then on. */
  at: timeMs,
  chains: z.array(chainEntry).max(64),
  also: z.array(idSchema('content')).max(256),
});

export type ReadState = z.infer<typeof ReadState>;

/** State that own devices share. It may be told any number of times and in any order. */
export const OwnStateContent = z.object({
  kind: z.literal('own-state'),
  minReader: uint32,
  settings: z.array(SettingState).max(256).optional(),
  read: z.array(ReadState).max(64).optional(),
  /** Messages that were deleted on all devices of one's own. */
  removed: z
    .array(z.object({ device: idSchema('device'), contentId: idSchema('content') }))
    .max(256)
    .optional(),
});

/** What a person has chosen: settings of what others see, and whose account keys were compared or accepted. The latest stamp holds. */
export const OwnChoicesContent = z.object({
  kind: z.literal('own-choices'),
  minReader: uint32,
  settings: z
    .array(
      z.object({
        name: z.string().min(1).max(32),
        /** For the conversation with one person. */
        person: idSchema('person').optional(),
        value: z.string().min(1).max(32).optional(),
        stamp: timeMs,
      }),
    )
    .max(64),
  trust: z
    .array(
      z.object({
        person: idSchema('person'),
        verifiedKey: bytesSchema(33).optional(),
        verifiedAt: timeMs.optional(),
        acceptedKey: bytesSchema(33).optional(),
        stamp: timeMs,
      }),
    )
    .max(64),
});

/** A device asks another one of its person for what was said before, and for what it has missed. */
export const HistoryRequestContent = z.object({
  kind: z.literal('history-request'),
  minReader: uint32,
  transfer: idSchema('request'),
  /** Which device is to answer; the others have nothing to do. */
  from: idSchema('device'),
});

/** Bytes of history in one part: the longest message and what is around it fit into a frame. */
export const HISTORY_PART_MAX_BYTES = 300_000;

/**
 * A part of the history, the newest entries first: CBOR of its own, so that what cannot be read by an older device is passed over as a
 * whole. It travels sealed like everything between devices, so the server learns a number of envelopes and their size.
 */
export const HistoryContent = z.object({
  kind: z.literal('history'),
  minReader: uint32,
  transfer: idSchema('request'),
  to: idSchema('device'),
  /** 0, 1, 2 … */
  part: uint32,
  isLast: z.boolean(),
  /** Messages of the whole transfer, as counted at its beginning. */
  total: uint32,
  data: bytesSchema({ min: 1, max: HISTORY_PART_MAX_BYTES }),
});

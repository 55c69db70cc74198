/** What devices tell each other about groups, pairwise; the messages of a group are content like any other. */
import { z } from 'zod';
import { bytesSchema, idSchema, uint32 } from './schemas.ts';

/** A group key and its number in the membership log. */
const groupKey = z.object({ number: uint32.min(1), key: bytesSchema(32) });

/**
 * The sender key of the sending device for a group, from its next message on, and where its chain stands then (P3); 0 for whom the chain was before,
 * because for them it goes on. Who joins later learns nothing of what was before. `key` is the present group key, for devices that were not there when it was made.
 */
export const SenderKeyContent = z.object({
  kind: z.literal('sender-key'),
  minReader: uint32,
  group: idSchema('group'),
  /** The epoch that the sender knows. */
  epoch: uint32,
  key: groupKey,
  /** libsignal's SenderKeyDistributionMessage. */
  distribution: bytesSchema({ min: 1, max: 1_024 }),
  chain: z.object({ chain: idSchema('chain'), seq: uint32, link: bytesSchema(32) }),
});

/** Group keys for a further device of one's own. Only ever sent to one's own devices. */
export const GroupKeysContent = z.object({
  kind: z.literal('group-keys'),
  minReader: uint32,
  groups: z
    .array(z.object({ group: idSchema('group'), keys: z.array(groupKey).min(1).max(64) }))
    .min(1)
    .max(64),
});

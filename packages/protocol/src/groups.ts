/**
 * Groups: the membership log that members sign, and what devices ask the server about it (decision 0012). An entry is signed by the device of
 * a member who may make it; the server compares and sets the epoch and can add nobody.
 */
import { z } from 'zod';
import { Signed } from './identity.ts';
import { method } from './method.ts';
import { bytesSchema, idSchema, timeMs, uint32 } from './schemas.ts';

/** Limits of a group. */
export const GROUP_LIMITS = {
  membersMax: 1_000,
  /** People that one entry names. */
  peopleMax: 256,
  /** A sealed profile (title and picture) with its padding. */
  profileBytesMax: 8_192,
  /** The picture in it: it goes to every member with every new group key. */
  pictureBytesMax: 7_000,
  pictureSideMax: 256,
  titleCharactersMax: 200,
  /** A group key sealed to one device. */
  keyCopyBytesMax: 128,
  keyCopiesMax: 4_096,
  /** Entries in one answer of `groups.log`. */
  entriesMax: 64,
  /** Groups of one person. */
  groupsMax: 10_000,
} as const;

/** The picture of a group, in its sealed profile. */
export const GroupPicture = z.object({
  type: z.enum(['image/jpeg', 'image/png']),
  width: z.number().int().min(1).max(GROUP_LIMITS.pictureSideMax),
  height: z.number().int().min(1).max(GROUP_LIMITS.pictureSideMax),
  bytes: bytesSchema({ min: 1, max: GROUP_LIMITS.pictureBytesMax }),
});
export type GroupPicture = z.infer<typeof GroupPicture>;

export const GroupRole = z.enum(['admin', 'member']);
export type GroupRole = z.infer<typeof GroupRole>;

/** What an entry does. */
export const GroupAction = z.enum([
  'create',
  'add',
  'remove',
  'leave',
  'role',
  'profile',
  'rekey',
  'dissolve',
]);
export type GroupAction = z.infer<typeof GroupAction>;

/**
 * One entry of a membership log. `seq` counts 1, 2, 3 … and is the group's epoch from then on; `prevHash` is the hash of the entry before, 32
 * zero bytes in the first. Who may make which entry, and what it must carry, stands in `packages/crypto/src/groups/log.ts`.
 */
export const GroupEntry = z.object({
  v: z.literal(1),
  tenant: idSchema('tenant'),
  group: idSchema('group'),
  seq: uint32.min(1),
  prevHash: bytesSchema(32),
  at: timeMs,
  /** Who makes it, and with which device: its signing key (`receiptKey` in the device list) has signed. */
  person: idSchema('person'),
  device: idSchema('device'),
  action: GroupAction,
  /** Whom it is about: `create` (the others), `add`, `remove`, `role`. */
  people: z.array(idSchema('person')).max(GROUP_LIMITS.peopleMax).optional(),
  /** Of `add` and `role`. */
  role: GroupRole.optional(),
  /** A new group key, from this epoch on: its number and hash. Must be there in `create`, `remove` and `rekey`. */
  key: z.object({ number: uint32.min(1), hash: bytesSchema(32) }).optional(),
  /** Title and picture, sealed under the newest group key. */
  profile: bytesSchema({ min: 1, max: GROUP_LIMITS.profileBytesMax }).optional(),
});
export type GroupEntry = z.infer<typeof GroupEntry>;

/** A group key sealed to one device. */
export const GroupKeyCopy = z.object({
  device: idSchema('device'),
  sealed: bytesSchema({ min: 1, max: GROUP_LIMITS.keyCopyBytesMax }),
});
export type GroupKeyCopy = z.infer<typeof GroupKeyCopy>;

/**
 * Appends an entry to a log, the first one of a new group included. `keys` are copies of the group key that holds from this entry on for devices
 * that do not have it. Repeating it gives the same answer. Errors `group_changed` with {epoch} (fetch the log, decide anew), `group_forbidden`,
 * `group_invalid`, `group_full`, `exchange_refused`, `not_found`.
 */
export const groupsChange = method({
  name: 'groups.change',
  access: 'device',
  params: z.object({ entry: Signed, keys: z.array(GroupKeyCopy).max(GROUP_LIMITS.keyCopiesMax).default([]) }),
  result: z.object({ epoch: uint32 }),
});

/**
 * Entries of a log after an epoch, in order, and the copies of group keys for the calling device. For members, and for those who were some up to
 * the entry that has ended it. Error `not_found`.
 */
export const groupsLog = method({
  name: 'groups.log',
  access: 'device',
  params: z.object({ group: idSchema('group'), after: uint32 }),
  result: z.object({
    entries: z.array(Signed).max(GROUP_LIMITS.entriesMax),
    /** The last epoch that the caller may see. */
    epoch: uint32,
    keys: z.array(z.object({ number: uint32, sealed: GroupKeyCopy.shape.sealed })).max(64),
  }),
});

/** The caller's groups and their epochs, those that they have left or that were dissolved included, page by page. */
export const groupsList = method({
  name: 'groups.list',
  access: 'device',
  params: z.object({ skip: uint32.default(0) }),
  result: z.object({
    groups: z.array(z.object({ group: idSchema('group'), epoch: uint32 })).max(500),
    /** How many to skip for the next page; absent on the last one. */
    next: uint32.optional(),
  }),
});

/**
 * The device sets of all members as the server delivers to them (`deviceSetHash`), so that a sender finds out whose devices have changed.
 * `set` is what a submit to the group has to name. Error `not_found`, also for those who are not members.
 */
export const groupsDevices = method({
  name: 'groups.devices',
  access: 'device',
  params: z.object({ group: idSchema('group') }),
  result: z.object({
    epoch: uint32,
    set: bytesSchema(32),
    members: z
      .array(z.object({ person: idSchema('person'), deviceSet: bytesSchema(32) }))
      .max(GROUP_LIMITS.membersMax),
  }),
});

/**
 * What is stored of groups: their logs, what they are after them, and one **gate** per group, `group-sets`: the devices that a message must
 * reach. A submit requires the gate in its own commit, so that a removal, or a change of a member's devices, that commits in between makes the
 * submit fail instead of slipping through. The gate's row is all that a submit has to read.
 */
import {
  bytesSchema,
  type DeviceId,
  GROUP_LIMITS,
  GroupRole,
  ID_BYTES,
  idFromBytes,
  idSchema,
  idToBytes,
  type PersonId,
  timeMs,
  uint32,
} from '@kuvert/protocol';
import { z } from 'zod';
import { binaryCollection, collection, idPart, integerPart } from '../../store/index.ts';

/** What a group is after its last entry; the fields of `GroupState`. */
export const groups = collection('groups', {
  document: z.object({
    group: idSchema('group'),
    epoch: uint32,
    head: bytesSchema(32),
    members: z.array(z.object({ person: idSchema('person'), role: GroupRole, since: uint32 })),
    former: z.array(z.object({ person: idSchema('person'), since: uint32, until: uint32 })),
    key: z.object({ number: uint32, hash: bytesSchema(32) }),
    isKeyDue: z.boolean(),
    profile: z
      .object({
        sealed: bytesSchema({ min: 1, max: GROUP_LIMITS.profileBytesMax }),
        keyNumber: uint32,
        epoch: uint32,
      })
      .nullable(),
    isDissolved: z.boolean(),
    createdAt: timeMs,
  }),
  key: ['group'],
});

/** The entries of logs, by group and number: signature (64 bytes), then what was signed. */
export const groupEntries = binaryCollection('group-entries', {
  key: [idPart('group'), integerPart()],
});

/** The groups of a person; of those that are over for them, the epoch that has ended it. One row, so that an absence can be relied on. */
export const groupMemberships = collection('group-memberships', {
  document: z.object({
    personId: idSchema('person'),
    groups: z.array(z.object({ group: idSchema('group'), until: uint32.nullable() })),
  }),
  key: ['personId'],
});

/** Copies of group keys for devices, each sealed to its device, by device, group and number of the key. */
export const groupKeyCopies = binaryCollection('group-key-copies', {
  key: [idPart('device'), idPart('group'), integerPart()],
  expires: true,
});

/** A member and the devices that are delivered to. */
export interface MemberSet {
  readonly person: PersonId;
  /** `deviceSetHash`. */
  readonly deviceSet: Uint8Array<ArrayBuffer>;
  readonly devices: readonly DeviceId[];
}

/** What {@link groupSets} says of a group. */
export interface GroupSetRow {
  readonly epoch: number;
  readonly head: Uint8Array<ArrayBuffer>;
  /** `groupSetHash`: what a submit names. */
  readonly hash: Uint8Array<ArrayBuffer>;
  readonly members: readonly MemberSet[];
}

const SET_VERSION = 1;
const HEAD_BYTES = 1 + 4 + 32 + 32 + 2;

/** Gate: the devices of a group in their current version; the version counts up with every change. */
export const groupSets = binaryCollection('group-sets', {
  key: [idPart('group'), integerPart()],
  gate: true,
  codec: {
    encode: ({ epoch, head, hash, members }: GroupSetRow) => {
      let size = HEAD_BYTES;
      for (const { devices } of members) size += ID_BYTES + 33 + devices.length * ID_BYTES;
      const bytes = new Uint8Array(size);
      const view = new DataView(bytes.buffer);
      bytes[0] = SET_VERSION;
      view.setUint32(1, epoch);
      bytes.set(head, 5);
      bytes.set(hash, 37);
      view.setUint16(69, members.length);
      let at = HEAD_BYTES;
      for (const { person, deviceSet, devices } of members) {
        bytes.set(idToBytes(person), at);
        bytes.set(deviceSet, at + ID_BYTES);
        bytes[at + ID_BYTES + 32] = devices.length;
        at += ID_BYTES + 33;
        for (const device of devices) {
          bytes.set(idToBytes(device), at);
          at += ID_BYTES;
        }
      }
      return bytes;
    },
    decode: (bytes): GroupSetRow => {
      if (bytes[0] !== SET_VERSION) throw new Error('a group set of an unknown version');
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const members: MemberSet[] = [];
      let at = HEAD_BYTES;
      for (let i = view.getUint16(69); i > 0; i--) {
        const person = idFromBytes('person', bytes.subarray(at, at + ID_BYTES));
        const deviceSet = Uint8Array.from(bytes.subarray(at + ID_BYTES, at + ID_BYTES + 32));
        const count = bytes[at + ID_BYTES + 32] ?? 0;
        at += ID_BYTES + 33;
        const devices: DeviceId[] = [];
        for (const end = at + count * ID_BYTES; at < end; at += ID_BYTES) {
          devices.push(idFromBytes('device', bytes.subarray(at, at + ID_BYTES)));
        }
        members.push({ person, deviceSet, devices });
      }
      return {
        epoch: view.getUint32(1),
        head: Uint8Array.from(bytes.subarray(5, 37)),
        hash: Uint8Array.from(bytes.subarray(37, 69)),
        members,
      };
    },
  },
});

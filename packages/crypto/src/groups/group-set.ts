/** What a submit to a group names, and a conversation that is a group. */
import { createHash } from 'node:crypto';
import {
  type ConversationId,
  type GroupId,
  idToBytes,
  LABELS,
  makeId,
  type PersonId,
  type TenantId,
} from '@kuvert/protocol';

/** A member and the `deviceSetHash` of their devices. */
export interface MemberDevices {
  readonly person: PersonId;
  readonly deviceSet: Uint8Array;
}

/**
 * SHA-256("kuvert/group-set/1" ‖ hash of the last entry ‖ for each member in order of the text of their ids: person 17 ‖ deviceSetHash 32):
 * changes with the log and with every device of a member. 32 bytes.
 */
export function groupSetHash(head: Uint8Array, members: readonly MemberDevices[]): Uint8Array<ArrayBuffer> {
  const hash = createHash('sha256').update(LABELS.groupSet).update(head);
  const sorted = members.toSorted((a, b) => (a.person < b.person ? -1 : 1));
  for (const { person, deviceSet } of sorted) hash.update(idToBytes(person)).update(deviceSet);
  return Uint8Array.from(hash.digest());
}

/** The conversation of a group: the first 16 bytes of SHA-256("kuvert/group-conversation/1" ‖ tenant ‖ group), ids as their 17 bytes. */
export function groupConversationId(tenant: TenantId, group: GroupId): ConversationId {
  const hash = createHash('sha256').update(LABELS.groupConversation);
  const digest = hash.update(idToBytes(tenant)).update(idToBytes(group)).digest();
  return makeId('conversation', digest.subarray(0, 16));
}

/** Messages of a group on their way in: the group key takes the outside off, the sender key the rest, and the log says who may write. */
import { wasMember } from '@kuvert/crypto/groups';
import {
  blobKeyNumber,
  decryptFromGroup,
  distributionOf,
  type FrameHeader,
  openBlob,
  SessionError,
} from '@kuvert/crypto/session';
import {
  type Delivery,
  equalBytes,
  type GroupId,
  ID_BYTES,
  idFromBytes,
  type PersonId,
  SUITES,
} from '@kuvert/protocol';
import type { Context } from '../context.ts';
import type { Connection } from '../ports.ts';
import type { StagedSessions } from '../staged-sessions.ts';
import type { GroupLogs } from './log-sync.ts';

/** What the outside of a delivery says. */
export interface GroupOutside {
  readonly groupId: GroupId;
  /** Of the membership log, as the sender knew it; undefined while the outside cannot be opened. */
  readonly epoch: number | undefined;
}

/** True for a delivery of a group. */
export function isOfGroup(delivery: Pick<Delivery, 'suite'>): boolean {
  return delivery.suite === SUITES.groupSenderKey;
}

/** Which group a delivery names. @throws SessionError `malformed` */
function groupOf(delivery: Pick<Delivery, 'leg'>): GroupId {
  try {
    if (delivery.leg.length !== ID_BYTES) throw new Error('another length');
    return idFromBytes('group', delivery.leg);
  } catch (cause) {
    throw new SessionError('malformed', 'a message of a group without its id', { cause });
  }
}

/** Opens the outside. @throws SessionError `malformed`, `undecryptable` (also while the key is not here) */
export function openOutside(context: Context, delivery: Delivery) {
  const groupId = groupOf(delivery);
  const { body } = delivery;
  if (body === undefined) throw new SessionError('malformed', 'a message of a group without a body');
  const key = context.store.groups.getKey(groupId, blobKeyNumber(body));
  if (key === undefined) throw new SessionError('undecryptable', 'a group key that is not here');
  const name = { tenant: context.own.tenantId, group: groupId, class: delivery.class };
  return { groupId, ...openBlob(name, key, body) };
}

/**
 * Fetches the logs that deliveries need: whose group is not known yet, whose key, or whose epoch. A log that stays behind what a member has
 * named is one that the server withholds: what needs it is refused, and a notice says so.
 */
export async function prepareGroups(
  context: Context,
  logs: GroupLogs,
  connection: Connection,
  deliveries: readonly Delivery[],
): Promise<void> {
  const fetched = new Set<GroupId>();
  for (const delivery of deliveries) {
    if (!isOfGroup(delivery)) continue;
    const outside = lookAt(context, delivery);
    if (outside === undefined || fetched.has(outside.groupId)) continue;
    const known = context.store.groups.get(outside.groupId)?.state.epoch ?? 0;
    if (outside.epoch !== undefined && outside.epoch <= known) continue;
    fetched.add(outside.groupId);
    try {
      await logs.fetch(connection, outside.groupId);
    } catch (error) {
      // What was refused has left a notice; a lost connection shows by itself.
      if (connection === undefined) throw error;
    }
  }
}

function lookAt(context: Context, delivery: Delivery): GroupOutside | undefined {
  let groupId: GroupId;
  try {
    groupId = groupOf(delivery);
  } catch {
    return undefined;
  }
  try {
    return { groupId, epoch: openOutside(context, delivery).epoch };
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    return { groupId, epoch: undefined };
  }
}

/** Decrypts what the sender key covers. @throws SessionError */
export async function decryptOfGroup(
  context: Context,
  staged: StagedSessions,
  message: { readonly groupId: GroupId; readonly senderDevice: Parameters<typeof decryptFromGroup>[1] },
  ciphertext: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { groupId, senderDevice } = message;
  const distribution = distributionOf(ciphertext);
  const known = context.store.groups.findSenderKeyGroup(senderDevice, distribution);
  // A key that was handed out for another group opens nothing here.
  if (known !== undefined && known !== groupId) {
    throw new SessionError('malformed', 'a sender key of another group');
  }
  const { plaintext, writes } = await decryptFromGroup(staged, senderDevice, ciphertext);
  staged.absorbSenderKeys(writes);
  return plaintext;
}

/** Whether the log lets this person have written this: a member at the epoch that the header names, of the log that we know. */
export function fitsLog(context: Context, header: FrameHeader, sender: PersonId): boolean {
  const { groups } = context.store;
  const group = groups.findByConversation(header.conversation);
  if (group === undefined || header.group === undefined) return false;
  const { epoch, hash } = header.group;
  const known = groups.entryHash(group.groupId, epoch);
  if (known === undefined || !equalBytes(known.subarray(0, hash.length), hash)) return false;
  return wasMember(group.state, sender, epoch);
}

/** What other devices hand to this one for groups: sender keys, and group keys from one's own devices. */

import { groupConversationId } from '@kuvert/crypto/groups';
import { SessionError, takeSenderKey } from '@kuvert/crypto/session';
import type { KnownContent } from '@kuvert/protocol';
import { type ChainSender, takeStart } from '../chains/follow.ts';
import type { Context } from '../context.ts';
import type { StagedSessions } from '../staged-sessions.ts';
import type { GroupLogs } from './log-sync.ts';

type SenderKey = Extract<KnownContent, { kind: 'sender-key' }>;
type GroupKeys = Extract<KnownContent, { kind: 'group-keys' }>;

/** Keys of one device for one group that are kept: what is on its way may be under the one before. */
const KEYS_KEPT = 3;

/** A sender key as it is to be written down. */
export interface TakenSenderKey {
  readonly writes: Awaited<ReturnType<typeof takeSenderKey>>['writes'];
}

/** Reads a sender key; nothing is written. Undefined for one that is none, or is known already. */
export async function readSenderKey(
  context: Context,
  staged: StagedSessions,
  sender: ChainSender,
  content: SenderKey,
): Promise<TakenSenderKey | undefined> {
  try {
    const { distribution, writes } = await takeSenderKey(staged, sender.device, content.distribution);
    const known = context.store.groups.findSenderKeyGroup(sender.device, distribution);
    return known === undefined || known === content.group ? { writes } : undefined;
  } catch (error) {
    if (error instanceof SessionError) return undefined;
    throw error;
  }
}

/** Keeps a sender key and where its chain begins here. Has to run in a transaction. */
export function keepSenderKey(
  context: Context,
  logs: GroupLogs,
  sender: ChainSender,
  content: SenderKey,
  taken: TakenSenderKey,
): void {
  const { store, own, clock } = context;
  const { group: groupId, chain, key } = content;
  store.groups.putSenderKeys(groupId, taken.writes, clock.now());
  store.groups.pruneSenderKeys(groupId, sender.device, KEYS_KEPT);
  if (logs.takeKey(groupId, key)) logs.retitle(groupId);
  const conversation = groupConversationId(own.tenantId, groupId);
  takeStart(context, { ...sender, conversation }, chain);
}

/** Keeps what another device of one's own knows. Has to run in a transaction. */
export function takeGroupKeys(logs: GroupLogs, content: GroupKeys): void {
  for (const { group, keys } of content.groups) {
    for (const key of keys) logs.takeKey(group, key);
    logs.retitle(group);
  }
}

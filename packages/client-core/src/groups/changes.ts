/** What has changed in a group, as plain sentences in its conversation. */
import type { GroupEntry } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { entriesOf } from './history.ts';
import type { GroupRow } from './store.ts';

/** Entries of a log that is new here: only that it is, not all that was before. */
const TOLD_OF_NEW = 1;

/** Keeps sentences about new entries. Has to run in a transaction. */
export function keepGroupChanges(
  context: Context,
  row: GroupRow,
  isNew: boolean,
  entries: readonly GroupEntry[],
): void {
  const { store, changes } = context;
  const { groupId, conversationId } = row;
  for (const entry of isNew ? entries.slice(-TOLD_OF_NEW) : entries) {
    if (entry.action === 'rekey') continue;
    const part =
      entry.action === 'profile'
        ? entriesOf(context, groupId).find(({ epoch }) => epoch === entry.seq)?.part
        : undefined;
    const key = `${groupId}/${entry.seq}`;
    store.entries.putNotice(conversationId, key, {
      kind: 'group_changed',
      atMs: entry.at,
      groupId,
      personId: entry.person,
      action: entry.action,
      ...(entry.people && { people: entry.people }),
      ...(entry.role && { role: entry.role }),
      ...(part && { part }),
    });
  }
  changes.entriesOf(conversationId);
}

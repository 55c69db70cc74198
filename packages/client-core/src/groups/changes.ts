/** What has changed in a group, as plain sentences in its conversation. */
import type { GroupAction, GroupEntry } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import type { NoticeKind } from '../types.ts';
import { entriesOf } from './history.ts';
import type { GroupRow } from './store.ts';

/** Of a log that is new here, at most so many of what came after one was let in. */
const TOLD_OF_NEW_MAX = 20;

/** Changes that are told by themselves where they are about oneself. */
const STANDING: Partial<Record<GroupAction, NoticeKind>> = {
  create: 'group_added',
  add: 'group_added',
  remove: 'group_removed',
  dissolve: 'group_dissolved',
};

/** Keeps sentences about new entries. Has to run in a transaction. */
export function keepGroupChanges(
  context: Context,
  row: GroupRow,
  isNew: boolean,
  entries: readonly GroupEntry[],
): void {
  const { store, changes } = context;
  const { groupId, conversationId } = row;
  const told = (isNew ? sinceLetIn(context, entries) : entries).filter(({ action }) => action !== 'rekey');
  // Whoever reads the log reads all of it: once, and only for what does not stand in the entry itself.
  const mayFollow = row.state.members.filter(({ role }) => role === 'admin').length === 1;
  const isMore = told.some(
    ({ action }) =>
      ['profile', 'create'].includes(action) || (mayFollow && ['leave', 'remove', 'role'].includes(action)),
  );
  const lines = new Map(
    (isMore ? entriesOf(context, groupId) : []).map((line) => [line.epoch, line] as const),
  );
  tellOwnStanding(context, row, told);
  for (const entry of told) {
    const { part, newTitle, successor } = lines.get(entry.seq) ?? {};
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
      ...(newTitle !== undefined && { newTitle }),
      ...(successor && { successor }),
    });
  }
  changes.entriesOf(conversationId);
}

/** What others have done to one's own place in the group is also told by itself; on a new device only what is newer than it. */
function tellOwnStanding(
  { store, own }: Context,
  { groupId }: GroupRow,
  entries: readonly GroupEntry[],
): void {
  const devices = store.directory.getAccount(own.personId)?.list.devices ?? [];
  const hereSinceMs = devices.find(({ device }) => device === own.deviceId)?.addedAt ?? 0;
  for (const { action, person, people = [], at } of entries) {
    if (person === own.personId || at < hereSinceMs) continue;
    const isAboutUs = action === 'dissolve' || people.includes(own.personId);
    const kind = isAboutUs ? STANDING[action] : undefined;
    if (kind !== undefined) store.notices.add({ kind, atMs: at, groupId });
  }
}

/** How one came into the group, and what happened since; not all that was before. */
function sinceLetIn({ own }: Context, entries: readonly GroupEntry[]): GroupEntry[] {
  const at = entries.findLastIndex(
    ({ action, person, people = [] }) =>
      (action === 'create' && person === own.personId) ||
      ((action === 'create' || action === 'add') && people.includes(own.personId)),
  );
  const since = entries.slice(at < 0 ? -1 : at);
  return since.length <= TOLD_OF_NEW_MAX
    ? since
    : [...since.slice(0, 1), ...since.slice(1 - TOLD_OF_NEW_MAX)];
}

/** The membership log as people read it. */
import { readEntry } from '@kuvert/crypto/groups';
import {
  equalBytes,
  type GroupAction,
  type GroupEntry,
  type GroupId,
  type GroupRole,
  type PersonId,
} from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { type GroupProfile, openGroupProfile } from './profile.ts';

/** One line of a log. */
export interface GroupLogLine {
  readonly epoch: number;
  readonly atMs: number;
  readonly by: PersonId;
  readonly action: GroupAction;
  readonly people: readonly PersonId[];
  readonly role: GroupRole | undefined;
  /** Of a change of title or picture: which of them, where both can be read here. */
  readonly part?: 'title' | 'picture' | undefined;
  /** The title that the group was made with, or was given, where it can be read here. */
  readonly newTitle?: string | undefined;
  /** Who administers the group since, because nobody else did after this. */
  readonly successor?: PersonId | undefined;
  /** SHA-256 of the entry, as hex: two members who compare it have the same log. */
  readonly hash: string;
}

const ENTRIES_MAX = 10_000;

/** All entries that are known and verified here. */
export function entriesOf(context: Context, groupId: GroupId): GroupLogLine[] {
  let last: GroupProfile | undefined;
  let keyNumber = 1;
  const roles = new Map<PersonId, GroupRole>();
  return context.store.groups.listEntries(groupId, 0, ENTRIES_MAX).map(({ epoch, hash, signed }) => {
    const { at, person, action, people = [], role, key, profile } = readEntry(signed);
    keyNumber = key?.number ?? keyNumber;
    const opened = profile && openGroupProfile(context, groupId, keyNumber, profile);
    const part = action === 'profile' && opened && last ? changedPart(last, opened) : undefined;
    const newTitle = action === 'create' || part === 'title' ? opened?.title : undefined;
    last = opened ?? last;
    const successor = follow(roles, { action, person, people, role });
    return {
      epoch,
      atMs: at,
      by: person,
      action,
      people,
      role,
      ...(part && { part }),
      ...(newTitle !== undefined && { newTitle }),
      ...(successor && { successor }),
      hash: Buffer.from(hash).toString('hex'),
    };
  });
}

/** Members in the order in which they came, with their roles, after an entry. @returns who has come to administer the group by it (`packages/crypto/groups`) */
function follow(
  roles: Map<PersonId, GroupRole>,
  {
    action,
    person,
    people,
    role,
  }: Pick<GroupEntry, 'action' | 'person' | 'role'> & { people: readonly PersonId[] },
): PersonId | undefined {
  if (action === 'create') roles.set(person, 'admin');
  if (action === 'leave') roles.delete(person);
  for (const one of people) {
    if (action === 'remove') roles.delete(one);
    else roles.set(one, role ?? 'member');
  }
  const [first] = roles.keys();
  if (first === undefined || [...roles.values()].includes('admin')) return undefined;
  roles.set(first, 'admin');
  return first;
}

function changedPart(before: GroupProfile, after: GroupProfile): 'title' | 'picture' | undefined {
  if (before.title !== after.title) return 'title';
  const [old, present] = [before.picture?.bytes, after.picture?.bytes];
  const isSame = old && present ? equalBytes(old, present) : old === present;
  return isSame ? undefined : 'picture';
}

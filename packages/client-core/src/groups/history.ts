/** The membership log as people read it. */
import { readEntry } from '@kuvert/crypto/groups';
import { equalBytes, type GroupAction, type GroupId, type GroupRole, type PersonId } from '@kuvert/protocol';
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
  /** SHA-256 of the entry, as hex: two members who compare it have the same log. */
  readonly hash: string;
}

const ENTRIES_MAX = 10_000;

/** All entries that are known and verified here. */
export function entriesOf(context: Context, groupId: GroupId): GroupLogLine[] {
  let last: GroupProfile | undefined;
  let keyNumber = 1;
  return context.store.groups.listEntries(groupId, 0, ENTRIES_MAX).map(({ epoch, hash, signed }) => {
    const { at, person, action, people = [], role, key, profile } = readEntry(signed);
    keyNumber = key?.number ?? keyNumber;
    const opened = profile && openGroupProfile(context, groupId, keyNumber, profile);
    const part = action === 'profile' && opened && last ? changedPart(last, opened) : undefined;
    const newTitle = action === 'create' || part === 'title' ? opened?.title : undefined;
    last = opened ?? last;
    return {
      epoch,
      atMs: at,
      by: person,
      action,
      people,
      role,
      ...(part && { part }),
      ...(newTitle !== undefined && { newTitle }),
      hash: Buffer.from(hash).toString('hex'),
    };
  });
}

function changedPart(before: GroupProfile, after: GroupProfile): 'title' | 'picture' | undefined {
  if (before.title !== after.title) return 'title';
  const [old, present] = [before.picture?.bytes, after.picture?.bytes];
  const isSame = old && present ? equalBytes(old, present) : old === present;
  return isSame ? undefined : 'picture';
}

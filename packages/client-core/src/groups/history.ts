/** The membership log as people read it. */
import { readEntry } from '@kuvert/crypto/groups';
import type { GroupAction, GroupId, GroupRole, PersonId } from '@kuvert/protocol';
import type { Context } from '../context.ts';

/** One line of a log. */
export interface GroupLogLine {
  readonly epoch: number;
  readonly atMs: number;
  readonly by: PersonId;
  readonly action: GroupAction;
  readonly people: readonly PersonId[];
  readonly role: GroupRole | undefined;
  /** SHA-256 of the entry, as hex: two members who compare it have the same log. */
  readonly hash: string;
}

const ENTRIES_MAX = 10_000;

/** All entries that are known and verified here. */
export function entriesOf({ store }: Context, groupId: GroupId): GroupLogLine[] {
  return store.groups.listEntries(groupId, 0, ENTRIES_MAX).map(({ epoch, hash, signed }) => {
    const { at, person, action, people = [], role } = readEntry(signed);
    return { epoch, atMs: at, by: person, action, people, role, hash: Buffer.from(hash).toString('hex') };
  });
}

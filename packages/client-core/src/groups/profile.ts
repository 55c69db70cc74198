/**
 * Title and picture of a group, as members seal them under the group key and sign them with the entry of the log that carries them. The picture is
 * small enough to stand in the entry itself: whoever joins later, and every further device, has it with the log, and nobody asks the server for it.
 */
import { type GroupState, readEntry } from '@kuvert/crypto/groups';
import { openProfile } from '@kuvert/crypto/session';
import { decodeCbor, type GroupId, GroupPicture } from '@kuvert/protocol';
import type { Context } from '../context.ts';

/** What stands in a profile. */
export interface GroupProfile {
  readonly title: string;
  readonly picture?: GroupPicture;
}

const LOG_PAGE = 500;
/** Profiles that were opened, by what they were opened from. */
const opened = new WeakMap<Uint8Array, GroupProfile>();

/** A profile in the clear; undefined without its key, and for what is none. */
export function openGroupProfile(
  { store, own }: Context,
  groupId: GroupId,
  keyNumber: number,
  sealed: Uint8Array,
): GroupProfile | undefined {
  const known = opened.get(sealed);
  if (known !== undefined) return known;
  const key = store.groups.getKey(groupId, keyNumber);
  if (key === undefined) return undefined;
  try {
    const value = decodeCbor(openProfile({ tenant: own.tenantId, group: groupId }, key, sealed));
    const { title, picture } = value as { title?: unknown; picture?: unknown };
    if (typeof title !== 'string') return undefined;
    const checked = GroupPicture.safeParse(picture);
    const profile = { title, ...(checked.success && { picture: checked.data }) };
    opened.set(sealed, profile);
    return profile;
  } catch {
    return undefined;
  }
}

/** The present picture; the last one that can be opened here, when the present profile cannot. */
export function pictureOf(context: Context, groupId: GroupId, state: GroupState): GroupPicture | undefined {
  if (state.profile === undefined) return undefined;
  const { sealed, keyNumber } = state.profile;
  const present = openGroupProfile(context, groupId, keyNumber, sealed);
  return (present ?? lastOpened(context, groupId))?.picture;
}

/** Whoever makes a key anew without having had the one before seals again what they could read last. */
function lastOpened(context: Context, groupId: GroupId): GroupProfile | undefined {
  let last: GroupProfile | undefined;
  let keyNumber = 1;
  for (let after = 0; ; ) {
    const rows = context.store.groups.listEntries(groupId, after, LOG_PAGE);
    for (const { epoch, signed } of rows) {
      after = epoch;
      const { key, profile } = readEntry(signed);
      keyNumber = key?.number ?? keyNumber;
      if (profile !== undefined) last = openGroupProfile(context, groupId, keyNumber, profile) ?? last;
    }
    if (rows.length < LOG_PAGE) return last;
  }
}

/**
 * The membership log of a group: who may add which entry, and what the group is after it. Pure functions over plain data; server and clients
 * decide by the same ones. The server checks that an entry follows from what it has, so that what members signed at the same time cannot both
 * hold; clients check in addition who has signed ({@link verifyLog}).
 *
 *   hash   SHA-256("kuvert/group-entry-hash/1" ‖ bytes of the signed entry)
 *
 * | entry      | who may                | must carry                                  |
 * |------------|------------------------|---------------------------------------------|
 * | `create`   | anybody                | the others, key 1                           |
 * | `add`      | an administrator       | people who are not members                  |
 * | `remove`   | an administrator       | other members, the next key                 |
 * | `leave`    | the member             | nothing; the next key is then due           |
 * | `role`     | an administrator       | members, a role                             |
 * | `profile`  | an administrator       | a profile                                   |
 * | `rekey`    | a member               | the next key                                |
 * | `dissolve` | an administrator       | nothing; nothing follows                    |
 *
 * An entry with a new key carries the profile again, sealed under it, when there is one: whoever joins later has no older key. When the last
 * administrator goes, the member who has been there longest becomes one, so that no group is left that nobody can manage.
 */
import { createHash } from 'node:crypto';
import {
  type CborValue,
  type DeviceId,
  decodeCbor,
  equalBytes,
  GROUP_LIMITS,
  GroupEntry,
  type GroupId,
  type GroupRole,
  LABELS,
  type PersonId,
  type Signed,
  type TenantId,
} from '@kuvert/protocol';
import { openStatement, signValue } from '../identity/statement.ts';

/** A member; since which epoch. */
export interface GroupMember {
  readonly person: PersonId;
  readonly role: GroupRole;
  readonly since: number;
}

/** What a group is after its last entry. */
export interface GroupState {
  readonly tenant: TenantId;
  readonly group: GroupId;
  /** Number of the last entry. */
  readonly epoch: number;
  /** Hash of the last entry, 32 bytes. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** In the order in which they came. */
  readonly members: readonly GroupMember[];
  /** Who was a member: from an epoch on, and no more from another on. */
  readonly former: readonly { readonly person: PersonId; readonly since: number; readonly until: number }[];
  readonly key: { readonly number: number; readonly hash: Uint8Array<ArrayBuffer> };
  /** Somebody who has the key has left: before the next message there must be another. */
  readonly isKeyDue: boolean;
  /** Sealed title and picture, and the number of the key that opens it. */
  readonly profile:
    | { readonly sealed: Uint8Array<ArrayBuffer>; readonly keyNumber: number; readonly epoch: number }
    | undefined;
  readonly isDissolved: boolean;
}

/**
 * Why an entry does not follow. `other`: not for this tenant, group or place in the log (rolled back, replayed, forked). `forbidden`: who has
 * made it may not. `invalid`: it does not fit the group as it is. `full`: too many members. `unsigned`: nobody can be found who has signed it.
 */
export type GroupLogFault = 'other' | 'forbidden' | 'invalid' | 'full' | 'unsigned';

/** An entry that does not follow. */
export class GroupLogError extends Error {
  override name = 'GroupLogError';
  readonly fault: GroupLogFault;
  constructor(fault: GroupLogFault) {
    super(fault);
    this.fault = fault;
  }
}

/** `prevHash` of a first entry. */
const NOTHING_BEFORE = new Uint8Array(32);

/** Hash of a signed entry, 32 bytes. */
export function entryHash(signed: Pick<Signed, 'bytes'>): Uint8Array<ArrayBuffer> {
  const hash = createHash('sha256').update(LABELS.groupEntryHash);
  return Uint8Array.from(hash.update(signed.bytes).digest());
}

/** Signs an entry with the device's signing key (a 32-byte seed). @throws when the entry is not well formed */
export function signEntry(devicePrivateKey: Uint8Array, entry: GroupEntry): Signed {
  return signValue('groupEntry', devicePrivateKey, GroupEntry.parse(entry) as CborValue);
}

/** The member, if the person is one. */
export function memberOf(
  state: Pick<GroupState, 'members'> | undefined,
  person: PersonId,
): GroupMember | undefined {
  return state?.members.find((member) => member.person === person);
}

/** True when the person was a member at an epoch, the present one included. */
export function wasMember(state: GroupState, person: PersonId, epoch: number): boolean {
  if (epoch > state.epoch) return false;
  const since = memberOf(state, person)?.since;
  if (since !== undefined && since <= epoch) return true;
  return state.former.some((one) => one.person === person && one.since <= epoch && epoch < one.until);
}

/**
 * The group after an entry. Does not look at the signature.
 * @param state undefined before the first entry
 * @param hash of the signed entry
 * @throws GroupLogError
 */
export function applyEntry(
  state: GroupState | undefined,
  entry: GroupEntry,
  hash: Uint8Array<ArrayBuffer>,
): GroupState {
  if (state === undefined) return firstState(entry, hash);
  const isNext =
    entry.tenant === state.tenant &&
    entry.group === state.group &&
    entry.seq === state.epoch + 1 &&
    equalBytes(entry.prevHash, state.head) &&
    entry.action !== 'create';
  if (!isNext) throw new GroupLogError('other');
  if (state.isDissolved) throw new GroupLogError('invalid');
  const actor = memberOf(state, entry.person);
  if (actor === undefined) throw new GroupLogError('forbidden');
  if (entry.action !== 'leave' && entry.action !== 'rekey' && actor.role !== 'admin') {
    throw new GroupLogError('forbidden');
  }
  return { ...keyed(state, entry), ...changed(state, entry), epoch: entry.seq, head: hash };
}

/** What an entry changes but its key. */
function changed(state: GroupState, entry: GroupEntry): Partial<GroupState> {
  const { action, seq } = entry;
  const people = entry.people ?? [];
  const isDistinct = new Set(people).size === people.length;
  if (!isDistinct || people.length > 0 !== ['add', 'remove', 'role'].includes(action)) {
    throw new GroupLogError('invalid');
  }
  if ((entry.role !== undefined) !== ['add', 'role'].includes(action)) throw new GroupLogError('invalid');
  const areMembers = people.every((person) => memberOf(state, person) !== undefined);
  switch (action) {
    case 'add': {
      if (people.some((person) => memberOf(state, person) !== undefined)) throw new GroupLogError('invalid');
      const role = entry.role ?? 'member';
      const members = [...state.members, ...people.map((person) => ({ person, role, since: seq }))];
      if (members.length > GROUP_LIMITS.membersMax) throw new GroupLogError('full');
      return { members };
    }
    case 'remove':
      // Whoever goes by themselves leaves: they cannot make the key that they must not have.
      if (!areMembers || people.includes(entry.person)) throw new GroupLogError('invalid');
      return without(state, people, seq);
    case 'leave':
      return { ...without(state, [entry.person], seq), isKeyDue: true };
    case 'role': {
      if (!areMembers) throw new GroupLogError('invalid');
      const role = entry.role ?? 'member';
      const members = state.members.map((one) => (people.includes(one.person) ? { ...one, role } : one));
      return { members: withAdmin(members) };
    }
    case 'profile':
      if (entry.profile === undefined) throw new GroupLogError('invalid');
      return {};
    case 'dissolve':
      return { isDissolved: true };
    default:
      return {};
  }
}

/** Key and profile after an entry. @throws GroupLogError `invalid` */
function keyed(state: GroupState, entry: GroupEntry): GroupState {
  const { key, profile, action, seq } = entry;
  const isKeyNeeded = action === 'remove' || action === 'rekey';
  if (isKeyNeeded && key === undefined) throw new GroupLogError('invalid');
  // A key may come with anything but the words of somebody who goes.
  if (key !== undefined && (key.number !== state.key.number + 1 || action === 'leave'))
    throw new GroupLogError('invalid');
  // Under a key that somebody who has left knows nothing new is sealed.
  const isStale = state.isKeyDue && key === undefined;
  const isSealed = profile !== undefined;
  if (isSealed && (isStale || action === 'leave' || action === 'dissolve'))
    throw new GroupLogError('invalid');
  if (key !== undefined && state.profile !== undefined && !isSealed) throw new GroupLogError('invalid');
  const present = key ?? state.key;
  return {
    ...state,
    key: present,
    isKeyDue: key === undefined && state.isKeyDue,
    profile: isSealed ? { sealed: profile, keyNumber: present.number, epoch: seq } : state.profile,
  };
}

function without(state: GroupState, people: readonly PersonId[], epoch: number): Partial<GroupState> {
  const gone = state.members.filter((member) => people.includes(member.person));
  const members = state.members.filter((member) => !people.includes(member.person));
  return {
    members: withAdmin(members),
    former: [...state.former, ...gone.map(({ person, since }) => ({ person, since, until: epoch }))],
    ...(members.length === 0 && { isDissolved: true }),
  };
}

function withAdmin(members: readonly GroupMember[]): readonly GroupMember[] {
  const [first, ...rest] = members;
  if (first === undefined || members.some(({ role }) => role === 'admin')) return members;
  return [{ ...first, role: 'admin' }, ...rest];
}

function firstState(entry: GroupEntry, hash: Uint8Array<ArrayBuffer>): GroupState {
  const { tenant, group, person, key, profile, people = [] } = entry;
  const isFirst = entry.action === 'create' && entry.seq === 1 && equalBytes(entry.prevHash, NOTHING_BEFORE);
  if (!isFirst) throw new GroupLogError('other');
  const isDistinct = new Set(people).size === people.length && !people.includes(person);
  if (!isDistinct || entry.role !== undefined || key?.number !== 1) throw new GroupLogError('invalid');
  const others = people.map((other) => ({ person: other, role: 'member' as const, since: 1 }));
  return {
    tenant,
    group,
    epoch: 1,
    head: hash,
    members: [{ person, role: 'admin', since: 1 }, ...others],
    former: [],
    key,
    isKeyDue: false,
    profile: profile && { sealed: profile, keyNumber: 1, epoch: 1 },
    isDissolved: false,
  };
}

/**
 * Reads an entry without looking at its signature: who should have made it stands in it. @throws GroupLogError `other` for what is none
 */
export function readEntry(signed: Signed): GroupEntry {
  let value: unknown;
  try {
    value = decodeCbor(signed.bytes);
  } catch {
    throw new GroupLogError('other');
  }
  const parsed = GroupEntry.safeParse(value);
  if (!parsed.success) throw new GroupLogError('other');
  return parsed.data;
}

/** True when the device's signing key (33 bytes) has signed the entry. */
export function isSignedBy(signed: Signed, signingKey: Uint8Array): boolean {
  try {
    openStatement('groupEntry', GroupEntry, signed, signingKey);
    return true;
  } catch {
    return false;
  }
}

/** The signing key of a person's device, 33 bytes, by what is verified of them now; undefined when it is not one of theirs. */
export type FindSigningKey = (person: PersonId, device: DeviceId) => Uint8Array | undefined;

/**
 * Takes entries into a log that is known up to `state`. An entry holds when a device that is in its person's list today has signed it, or when
 * a later one holds: each names the hash of the one before, and an honest device adds only to a log that it has verified. So the log of those
 * who have replaced their devices since goes on being good as soon as somebody has added to it.
 * @returns the state after the last entry that holds; entries behind it are not counted
 * @throws GroupLogError when an entry does not follow, whoever may have signed it, or the first new one that holds is missing
 */
export function verifyLog(
  state: GroupState | undefined,
  signedEntries: readonly Signed[],
  options: {
    readonly tenant: TenantId;
    readonly group: GroupId;
    readonly signingKey: FindSigningKey;
  },
): { readonly state: GroupState | undefined; readonly entries: readonly VerifiedEntry[] } {
  const { tenant, group, signingKey } = options;
  const all: { readonly entry: GroupEntry; readonly signed: Signed; readonly state: GroupState }[] = [];
  let present = state;
  for (const signed of signedEntries) {
    const entry = readEntry(signed);
    if (entry.tenant !== tenant || entry.group !== group) throw new GroupLogError('other');
    present = applyEntry(present, entry, entryHash(signed));
    all.push({ entry, signed, state: present });
  }
  let good = all.length;
  for (; good > 0; good--) {
    const { entry, signed } = all[good - 1] as (typeof all)[number];
    const key = signingKey(entry.person, entry.device);
    if (key === undefined) continue;
    if (isSignedBy(signed, key)) break;
    // A listed device, and not its signature: nobody honest has made this.
    throw new GroupLogError('unsigned');
  }
  if (good === 0 && all.length > 0) throw new GroupLogError('unsigned');
  // Who vouches for it has seen it, and has to be right about those whose devices are still there.
  for (const { entry, signed } of all.slice(0, Math.max(0, good - 1))) {
    const key = signingKey(entry.person, entry.device);
    if (key !== undefined && !isSignedBy(signed, key)) throw new GroupLogError('unsigned');
  }
  return {
    state: all[good - 1]?.state ?? state,
    entries: all.slice(0, good).map(({ entry, signed, state: after }) => ({
      entry,
      signed,
      hash: after.head,
    })),
  };
}

/** An entry that holds. */
export interface VerifiedEntry {
  readonly entry: GroupEntry;
  readonly signed: Signed;
  /** 32 bytes. */
  readonly hash: Uint8Array<ArrayBuffer>;
}

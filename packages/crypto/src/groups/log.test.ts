/** The membership log: what follows, what does not, and what a lying server or member can do with it (B8). */
import { randomBytes } from 'node:crypto';
import {
  type DeviceId,
  GROUP_LIMITS,
  type GroupAction,
  type GroupEntry,
  type GroupRole,
  type Id,
  type IdType,
  makeId,
  type PersonId,
  Signed,
} from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { generateSigningKey } from '../identity/index.ts';
import { groupConversationId, groupSetHash } from './group-set.ts';
import {
  applyEntry,
  entryHash,
  GroupLogError,
  type GroupLogFault,
  type GroupState,
  memberOf,
  signEntry,
  verifyLog,
  wasMember,
} from './log.ts';

const id = <T extends IdType>(type: T): Id<T> => makeId(type, Uint8Array.from(randomBytes(16)));
const hash = () => Uint8Array.from(randomBytes(32));

const tenant = id('tenant');
const group = id('group');

interface Member {
  readonly person: PersonId;
  readonly device: DeviceId;
  readonly key: ReturnType<typeof generateSigningKey>;
}
const member = (): Member => ({ person: id('person'), device: id('device'), key: generateSigningKey() });
const [anna, ben, cleo, dora] = [member(), member(), member(), member()];
const everybody = [anna, ben, cleo, dora];

/** Keys of the devices that are listed today. */
const keysOf = (members: readonly Member[]) => (person: PersonId, device: DeviceId) =>
  members.find((one) => one.person === person && one.device === device)?.key.publicKey;
const about = { tenant, group, signingKey: keysOf(everybody) };

interface Log {
  readonly signed: Signed[];
  state: GroupState | undefined;
}

function entry(
  state: GroupState | undefined,
  by: Member,
  change: Partial<GroupEntry> & { readonly action: GroupAction },
): GroupEntry {
  return {
    v: 1,
    tenant,
    group,
    seq: (state?.epoch ?? 0) + 1,
    prevHash: state?.head ?? new Uint8Array(32),
    at: 1_000,
    person: by.person,
    device: by.device,
    ...change,
  };
}

/** What an honest client would add of the key and the title. */
function honest(
  state: GroupState | undefined,
  change: Partial<GroupEntry> & { readonly action: GroupAction },
): Partial<GroupEntry> & { readonly action: GroupAction } {
  const needsKey =
    state === undefined ||
    change.action === 'remove' ||
    change.action === 'rekey' ||
    (state.isKeyDue && change.action !== 'leave' && change.action !== 'dissolve');
  if (!needsKey) return change;
  const key = { number: (state?.key.number ?? 0) + 1, hash: hash() };
  const profile = state?.profile === undefined ? change.profile : Uint8Array.of(1);
  return { ...change, key, ...(profile && { profile }) };
}

function append(log: Log, by: Member, change: Partial<GroupEntry> & { readonly action: GroupAction }): Log {
  const signed = signEntry(by.key.privateKey, entry(log.state, by, honest(log.state, change)));
  const next = verifyLog(log.state, [signed], about);
  return { signed: [...log.signed, signed], state: next.state };
}

const peopleOf = (...members: Member[]) => members.map(({ person }) => person);
const begin = (): Log =>
  append({ signed: [], state: undefined }, anna, {
    action: 'create',
    people: peopleOf(ben, cleo),
    profile: Uint8Array.of(1),
  });

function faultOf(work: () => unknown): GroupLogFault | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof GroupLogError) return error.fault;
    throw error;
  }
}
const faultOfEntry = (log: Log, by: Member, change: Partial<GroupEntry> & { readonly action: GroupAction }) =>
  faultOf(() => append(log, by, change));
const stateOf = (log: Log): GroupState => {
  if (log.state === undefined) throw new Error('an empty log');
  return log.state;
};

test('B8 a log that members have signed gives everybody the same group, entry by entry or at once', () => {
  let log = begin();
  log = append(log, anna, { action: 'add', people: peopleOf(dora), role: 'admin' });
  log = append(log, dora, { action: 'role', people: peopleOf(ben), role: 'admin' });
  log = append(log, ben, { action: 'remove', people: peopleOf(cleo) });
  log = append(log, anna, { action: 'leave' });
  log = append(log, dora, { action: 'profile', profile: Uint8Array.of(2) });
  const whole = verifyLog(undefined, log.signed, about);
  expect(whole.state).toEqual(log.state);
  expect(whole.state?.members).toMatchObject([
    { person: ben.person, role: 'admin' },
    { person: dora.person, role: 'admin', since: 2 },
  ]);
  expect(whole.state).toMatchObject({ epoch: 6, key: { number: 3 }, isKeyDue: false });
  expect([1, 4, 5].map((epoch) => wasMember(stateOf(log), anna.person, epoch))).toEqual([true, true, false]);
  expect(wasMember(stateOf(log), cleo.person, 4)).toBe(false);
  expect(wasMember(stateOf(log), dora.person, 1)).toBe(false);
});

test('B8 an invented member is refused: nobody who may has signed them in', () => {
  const log = begin();
  const change = honest(log.state, { action: 'add', people: peopleOf(dora), role: 'member' });
  const forged = signEntry(dora.key.privateKey, entry(log.state, anna, change));
  expect(faultOf(() => verifyLog(log.state, [forged], about))).toBe('unsigned');
  expect(faultOf(() => verifyLog(undefined, [...log.signed, forged], about))).toBe('unsigned');
  // Nor in the middle, with a good entry of a member behind it.
  const state = applyEntry(stateOf(log), entry(log.state, anna, change), entryHash(forged));
  const after = signEntry(ben.key.privateKey, entry(state, ben, { action: 'leave' }));
  expect(faultOf(() => verifyLog(log.state, [forged, after], about))).toBe('unsigned');
});

test('B8 entries by somebody without the right are refused', () => {
  const log = begin();
  for (const change of [
    { action: 'add', people: peopleOf(dora), role: 'member' },
    { action: 'remove', people: peopleOf(cleo) },
    { action: 'role', people: peopleOf(ben), role: 'admin' },
    { action: 'profile', profile: Uint8Array.of(3) },
    { action: 'dissolve' },
  ] as const) {
    const named = 'people' in change ? { ...change, people: [...change.people] } : change;
    expect(faultOfEntry(log, ben, named)).toBe('forbidden');
    expect(faultOfEntry(log, dora, named)).toBe('forbidden');
  }
  expect(faultOfEntry(log, dora, { action: 'rekey' })).toBe('forbidden');
  expect(faultOfEntry(log, ben, { action: 'rekey' })).toBeUndefined();
});

test('B8 a replayed entry, a rolled-back and a forked log are refused', () => {
  const log = begin();
  const longer = append(log, anna, { action: 'add', people: peopleOf(dora), role: 'member' });
  expect(faultOf(() => verifyLog(longer.state, log.signed, about))).toBe('other');
  expect(faultOf(() => verifyLog(longer.state, longer.signed.slice(-1), about))).toBe('other');
  const fork = append(log, anna, { action: 'profile', profile: Uint8Array.of(9) });
  const onFork = append(fork, anna, { action: 'remove', people: peopleOf(ben) });
  expect(faultOf(() => verifyLog(longer.state, fork.signed.slice(-1), about))).toBe('other');
  expect(faultOf(() => verifyLog(longer.state, onFork.signed.slice(-1), about))).toBe('other');
  for (const other of [{ tenant: id('tenant') }, { group: id('group') }]) {
    expect(faultOf(() => verifyLog(undefined, log.signed, { ...about, ...other }))).toBe('other');
  }
});

test('B8 what does not fit the group is refused, whoever has signed it', () => {
  const log = begin();
  const bad: (Partial<GroupEntry> & { readonly action: GroupAction })[] = [
    { action: 'add', people: peopleOf(ben), role: 'member' },
    { action: 'add', people: peopleOf(dora, dora), role: 'member' },
    { action: 'add', people: peopleOf(dora) },
    { action: 'add', people: [], role: 'member' },
    { action: 'remove', people: peopleOf(anna) },
    { action: 'remove', people: peopleOf(dora) },
    { action: 'role', people: peopleOf(dora), role: 'admin' },
    { action: 'profile' },
    { action: 'rekey', key: { number: 7, hash: hash() }, profile: Uint8Array.of(1) },
    { action: 'leave', people: peopleOf(ben) },
  ];
  for (const change of bad) {
    const signed = signEntry(
      anna.key.privateKey,
      entry(log.state, anna, { ...honest(log.state, change), ...change }),
    );
    expect(
      faultOf(() => verifyLog(log.state, [signed], about)),
      JSON.stringify(change),
    ).toBe('invalid');
  }
  // A removal without a new key would leave them reading; a new key without the title would hide it from who comes later.
  for (const change of [
    { action: 'remove', people: peopleOf(ben) },
    { action: 'rekey', key: { number: 2, hash: hash() } },
  ] as const) {
    const named = 'people' in change ? { ...change, people: [...change.people] } : change;
    const signed = signEntry(anna.key.privateKey, entry(log.state, anna, named));
    expect(faultOf(() => verifyLog(log.state, [signed], about))).toBe('invalid');
  }
  const over = append(log, anna, { action: 'dissolve' });
  expect(faultOfEntry(over, anna, { action: 'rekey' })).toBe('invalid');
});

test('A1 a group has at most 1,000 people', () => {
  let log = append({ signed: [], state: undefined }, anna, { action: 'create', people: [] });
  const add = (count: number) => ({
    action: 'add' as const,
    people: Array.from({ length: count }, () => id('person')),
    role: 'member' as GroupRole,
  });
  for (const count of [256, 256, 256, 231]) log = append(log, anna, add(count));
  expect(stateOf(log).members).toHaveLength(1_000);
  expect(faultOfEntry(log, anna, add(1))).toBe('full');
});

test('A1 a group is never without somebody who administers it, and ends with its last member', () => {
  let log = append(begin(), anna, { action: 'leave' });
  expect(stateOf(log).members).toMatchObject([
    { person: ben.person, role: 'admin' },
    { person: cleo.person, role: 'member' },
  ]);
  log = append(log, ben, { action: 'role', people: peopleOf(ben), role: 'member' });
  expect(stateOf(log).members.filter(({ role }) => role === 'admin')).toHaveLength(1);
  log = append(append(log, ben, { action: 'leave' }), cleo, { action: 'leave' });
  expect(stateOf(log)).toMatchObject({ members: [], isDissolved: true });
});

test('B8 whoever replaced their device is vouched for by the next entry, and by nothing else', () => {
  const log = append(begin(), anna, { action: 'add', people: peopleOf(dora), role: 'admin' });
  const newAnna = { ...member(), person: anna.person };
  const today = { ...about, signingKey: keysOf([newAnna, ben, cleo, dora]) };
  expect(faultOf(() => verifyLog(undefined, log.signed, today))).toBe('unsigned');
  const after = append(log, dora, { action: 'rekey' });
  expect(verifyLog(undefined, after.signed, today).state).toEqual(after.state);
  // A stolen phone that is listed no more adds nothing to a log that is known.
  const stolen = append(after, anna, { action: 'add', people: [id('person')], role: 'admin' });
  expect(faultOf(() => verifyLog(after.state, stolen.signed.slice(-1), today))).toBe('unsigned');
});

test('B8 after any random history, any changed byte, left-out or exchanged entry is noticed', () => {
  const step = fc.record({
    by: fc.integer({ min: 0, max: 3 }),
    whom: fc.integer({ min: 0, max: 3 }),
    action: fc.constantFrom<GroupAction>('add', 'remove', 'role', 'leave', 'profile', 'rekey'),
    isAdmin: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 14 }), fc.nat(), fc.nat(), (steps, at, byte) => {
      let log = begin();
      for (const { by, whom, action, isAdmin } of steps) {
        const named = ['add', 'remove', 'role'].includes(action);
        const change = {
          action,
          ...(named && { people: peopleOf(everybody[whom] as Member) }),
          ...((action === 'add' || action === 'role') && {
            role: isAdmin ? ('admin' as const) : ('member' as const),
          }),
          ...(action === 'profile' && { profile: Uint8Array.of(5) }),
        };
        try {
          log = append(log, everybody[by] as Member, change);
        } catch (error) {
          // Not everybody may do everything at any time; what was refused has changed nothing.
          if (!(error instanceof GroupLogError)) throw error;
        }
      }
      const { signed } = log;
      const whole = verifyLog(undefined, signed, about).state;
      expect(whole).toEqual(log.state);
      expect(new Set(whole?.members.map(({ person }) => person)).size).toBe(whole?.members.length);
      const index = at % signed.length;
      const one = signed[index] as Signed;
      const changed = { ...one, bytes: Uint8Array.from(one.bytes) };
      changed.bytes[byte % changed.bytes.length] = (changed.bytes[byte % changed.bytes.length] ?? 0) ^ 1;
      expect(faultOf(() => verifyLog(undefined, signed.with(index, changed), about))).toBeDefined();
      if (index < signed.length - 1) {
        expect(faultOf(() => verifyLog(undefined, signed.toSpliced(index, 1), about))).toBeDefined();
        const swapped = signed.with(index, signed[index + 1] as Signed).with(index + 1, one);
        expect(faultOf(() => verifyLog(undefined, swapped, about))).toBeDefined();
      }
    }),
    { numRuns: 60 },
  );
});

test('B8 what a submit names changes with the log and with every device of a member, and not with the order', () => {
  const members = [1, 2, 3].map(() => ({ person: id('person'), deviceSet: hash() }));
  const head = hash();
  const set = groupSetHash(head, members);
  expect(groupSetHash(head, members.toReversed())).toEqual(set);
  const [first, ...rest] = members as [(typeof members)[0], ...typeof members];
  for (const other of [
    groupSetHash(hash(), members),
    groupSetHash(head, rest),
    groupSetHash(head, [{ ...first, deviceSet: hash() }, ...rest]),
  ]) {
    expect(other).not.toEqual(set);
  }
  expect(groupConversationId(tenant, group)).not.toBe(groupConversationId(id('tenant'), group));
  expect(memberOf(undefined, anna.person)).toBeUndefined();
});

test('A1 an entry with all that it may hold, as it takes many people out of a group with a picture, is one that servers take', () => {
  const everything: GroupEntry = {
    v: 1,
    tenant,
    group,
    seq: 4_294_967_295,
    prevHash: hash(),
    at: Date.now(),
    person: anna.person,
    device: anna.device,
    action: 'remove',
    people: Array.from({ length: GROUP_LIMITS.peopleMax }, () => id('person')),
    key: { number: 4_294_967_295, hash: hash() },
    profile: new Uint8Array(GROUP_LIMITS.profileBytesMax),
  };
  expect(Signed.safeParse(signEntry(anna.key.privateKey, everything)).success).toBe(true);
});

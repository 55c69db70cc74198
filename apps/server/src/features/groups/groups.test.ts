/** The server's side of groups: who may append what, what a removal stops, and what stays within limits and tenants (A1 B8 C9 P4). */
import { entryHash, signEntry } from '@kuvert/crypto/groups';
import {
  CLASSES,
  GROUP_LIMITS,
  type GroupAction,
  type GroupEntry,
  type GroupId,
  KuvertError,
  makeId,
  makeSubmitId,
  type PersonId,
  type Signed,
  SUITES,
  type Submit,
} from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { mailboxCollections } from '../mailbox/index.ts';
import {
  openTestInstallation,
  type TestDevice,
  type TestInstallation,
  textsOf,
} from '../test-installation.ts';
import { groupKeyCopies, groupMemberships } from './collections.ts';

const [mailboxRows, groupBodies] = mailboxCollections;

let installation: TestInstallation;
let anna: TestDevice;
let ben: TestDevice;
let cleo: TestDevice;
let dora: TestDevice;
let group: GroupId;
/** The last entry that the server has taken. */
let last: Signed | undefined;
let epoch: number;

/** Pairs that may not talk to each other, as `from to`. */
const apart = new Set<string>();

beforeEach(async () => {
  apart.clear();
  installation = await openTestInstallation({
    exchange: {
      requireBetween(from, to) {
        if (apart.has(`${from} ${to}`)) throw new KuvertError('exchange_refused');
      },
    },
  });
  ({ anna, ben, cleo, dora } = await installation.populate('anna', 'ben', 'cleo', 'dora'));
  group = makeId('group', installation.random(16));
  last = undefined;
  epoch = 0;
});
afterEach(() => installation.close());

type Change = Partial<GroupEntry> & { readonly action: GroupAction };

const service = () => installation.groups.service;
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: KuvertError) => error.code,
  );
const newKey = (number: number) => ({ number, hash: installation.random(32) });
const copiesFor = (...devices: TestDevice[]) =>
  devices.map(({ deviceId }) => ({ device: deviceId, sealed: installation.random(80) }));

function entryOf(by: TestDevice, change: Change): GroupEntry {
  return {
    v: 1,
    tenant: by.tenantId,
    group,
    seq: epoch + 1,
    prevHash: last === undefined ? new Uint8Array(32) : entryHash(last),
    at: installation.clock.nowMs(),
    person: by.personId,
    device: by.deviceId,
    ...change,
  };
}
const signedBy = (by: TestDevice, change: Change) => signEntry(by.receiptKey.privateKey, entryOf(by, change));

/** Appends as a device; what the server has taken is the new end of the log. */
async function append(by: TestDevice, change: Change, keysFor: readonly TestDevice[] = []): Promise<void> {
  const signed = signedBy(by, change);
  await service().change(installation.caller(by), { entry: signed, keys: copiesFor(...keysFor) });
  last = signed;
  epoch++;
}
const begin = (...others: TestDevice[]) =>
  append(
    anna,
    {
      action: 'create',
      people: others.map(({ personId }) => personId),
      key: newKey(1),
      profile: installation.random(64),
    },
    others,
  );
const changeBy = (by: TestDevice, entry: Signed, keysFor: readonly TestDevice[] = []) =>
  codeOf(service().change(installation.caller(by), { entry, keys: copiesFor(...keysFor) }));

const setOf = () => installation.groups.directory.load(installation.store.tenant(anna.tenantId), group);

/** Writes to the group, sealed for the present set if no other is given. */
async function submit(from: TestDevice, text: string, listHash?: Uint8Array): Promise<string> {
  const submitted: Submit = {
    requestNo: 1,
    submitId: makeSubmitId(installation.clock.nowMs(), installation.random(10)),
    to: group,
    listHash: listHash ?? (await setOf())?.hash ?? new Uint8Array(32),
    suite: SUITES.groupSenderKey,
    class: CLASSES.message,
    urgency: 1,
    lifetime: 1,
    legs: [],
    body: Buffer.from(text),
  };
  return codeOf(installation.send(from, submitted));
}

test('A1 B8 of two who change a group at once one is taken, and the other is told the epoch', async () => {
  await begin(ben);
  await append(anna, { action: 'role', people: [ben.personId], role: 'admin' });
  const mine = signedBy(anna, { action: 'add', people: [cleo.personId], role: 'member' });
  const theirs = signedBy(ben, { action: 'add', people: [dora.personId], role: 'member' });
  const both = await Promise.all([changeBy(anna, mine, [cleo]), changeBy(ben, theirs, [dora])]);
  expect(both.toSorted()).toEqual(['done', 'group_changed']);
  const set = await service().devicesOf(installation.caller(anna), group);
  expect([set.epoch, set.members.length]).toEqual([3, 3]);
  // An answer that was lost is given again, and adds nothing.
  const won = both[0] === 'done' ? ([anna, mine, cleo] as const) : ([ben, theirs, dora] as const);
  expect(await changeBy(won[0], won[1], [won[2]])).toBe('done');
  expect((await service().devicesOf(installation.caller(anna), group)).epoch).toBe(3);
  const { entries } = await service().log(installation.caller(anna), { group, after: 0 });
  expect(entries).toHaveLength(3);
});

test('A1 title and picture are taken as large as the protocol allows them', async () => {
  await begin(ben);
  await append(anna, { action: 'profile', profile: installation.random(GROUP_LIMITS.profileBytesMax) });
  expect((await service().devicesOf(installation.caller(anna), group)).epoch).toBe(2);
});

test('B8 an entry counts only from the device that has signed it, and only what its role allows', async () => {
  await begin(ben, cleo);
  const add: Change = { action: 'add', people: [dora.personId], role: 'member' };
  // Signed by another key than that of the device; named for another; made by a plain member; by nobody of the group.
  const forged = signEntry(ben.receiptKey.privateKey, entryOf(anna, add));
  expect(await changeBy(anna, forged, [dora])).toBe('group_forbidden');
  expect(await changeBy(ben, signedBy(anna, add), [dora])).toBe('group_forbidden');
  expect(await changeBy(ben, signedBy(ben, add), [dora])).toBe('group_forbidden');
  expect(await changeBy(dora, signedBy(dora, add))).toBe('not_found');
  const changed = signedBy(anna, add);
  const signature = Uint8Array.from(changed.signature);
  signature[0] = (signature[0] ?? 0) ^ 1;
  expect(await changeBy(anna, { ...changed, signature }, [dora])).toBe('group_forbidden');
  // A key copy for everybody who needs one and for nobody else.
  expect(await changeBy(anna, signedBy(anna, add))).toBe('devices_changed');
  expect(await changeBy(anna, signedBy(anna, add), [dora, ben])).toBe('devices_changed');
  expect((await service().devicesOf(installation.caller(anna), group)).epoch).toBe(1);
  // A revoked device changes nothing more.
  await append(anna, { action: 'role', people: [ben.personId], role: 'admin' });
  await installation.devices.service.revoke(ben.deviceId);
  expect(await changeBy(ben, signedBy(ben, add), [dora])).toBe('device_not_accepted');
});

test('B8 whoever is removed gets nothing that is sent from the same commit on, and whoever sends for the old set is told', async () => {
  await begin(ben, cleo);
  const connections = [ben, cleo].map((device) => installation.connect(device));
  await Promise.all(connections.map((connection) => connection.event('drained')));
  expect(await submit(anna, 'to both')).toBe('done');
  await Promise.all(connections.map((connection) => connection.delivered(1)));
  const old = await setOf();
  await append(
    anna,
    { action: 'remove', people: [cleo.personId], key: newKey(2), profile: installation.random(64) },
    [ben],
  );
  expect(await submit(ben, 'for the old set', old?.hash)).toBe('group_changed');
  expect(await submit(cleo, 'from outside')).toBe('not_found');
  expect(await submit(anna, 'to ben only')).toBe('done');
  await connections[0]?.delivered(2);
  expect(connections.map(({ deliveries }) => deliveries.length)).toEqual([2, 1]);
  expect(textsOf(connections[1]?.deliveries ?? []).length).toBe(1);
  // Cleo sees the log up to her removal and no further, and no list of devices.
  await append(anna, { action: 'add', people: [dora.personId], role: 'member' }, [dora]);
  expect((await service().log(installation.caller(cleo), { group, after: 0 })).entries).toHaveLength(2);
  expect(await codeOf(service().devicesOf(installation.caller(cleo), group))).toBe('not_found');
  expect(await changeBy(cleo, signedBy(cleo, { action: 'leave' }))).toBe('not_found');
});

test('P4 B8 a group of another tenant is not there: not to be read, changed, written to, or made of its people', async () => {
  await begin(ben);
  const { eve } = await installation.populate('eve');
  const caller = installation.caller(eve);
  expect(await codeOf(service().log(caller, { group, after: 0 }))).toBe('not_found');
  expect(await codeOf(service().devicesOf(caller, group))).toBe('not_found');
  expect(await service().list(caller, 0)).toEqual({ groups: [] });
  expect(await submit(eve, 'from elsewhere')).toBe('not_found');
  // Named for the other tenant, and made of the other tenant's people.
  const foreign = signEntry(eve.receiptKey.privateKey, {
    ...entryOf(eve, { action: 'leave' }),
    tenant: anna.tenantId,
  });
  expect(await changeBy(eve, foreign)).toBe('group_invalid');
  const inviting = signEntry(eve.receiptKey.privateKey, {
    ...entryOf(eve, { action: 'create', people: [ben.personId], key: newKey(1), profile: Uint8Array.of(1) }),
    group: makeId('group', installation.random(16)),
    seq: 1,
    prevHash: new Uint8Array(32),
  });
  expect(await changeBy(eve, inviting, [ben])).toBe('not_found');
});

test('H1 a person is in so many groups and no more, and nothing of a refused change stays', async () => {
  const scope = installation.store.tenant(anna.tenantId);
  const full = Array.from({ length: GROUP_LIMITS.groupsMax }, () => ({
    group: makeId('group', installation.random(16)),
    until: null,
  }));
  await scope.write(async (tx) => tx.put(groupMemberships, { personId: ben.personId, groups: full }));
  await begin(cleo);
  const add = signedBy(anna, { action: 'add', people: [ben.personId], role: 'member' });
  expect(await changeBy(anna, add, [ben])).toBe('group_full');
  expect((await scope.list(groupKeyCopies, { equals: [ben.deviceId], limit: 10 })).rows).toEqual([]);
  expect((await service().devicesOf(installation.caller(anna), group)).members).toHaveLength(2);
  const nobody = Array.from({ length: 3 }, (): PersonId => makeId('person', installation.random(16)));
  const unknown = signedBy(anna, { action: 'add', people: nobody, role: 'member' });
  expect(await changeBy(anna, unknown)).toBe('not_found');
});

test('E1 of a revoked device no copy of a group key stays, and messages reach it no more', async () => {
  await begin(ben, cleo);
  const scope = installation.store.tenant(anna.tenantId);
  await installation.devices.service.revoke(ben.deviceId);
  expect((await scope.list(groupKeyCopies, { equals: [ben.deviceId], limit: 10 })).rows).toEqual([]);
  const connection = installation.connect(cleo);
  await connection.event('drained');
  expect(await submit(anna, 'without ben')).toBe('done');
  await connection.delivered(1);
  expect((await setOf())?.devices.map(({ deviceId }) => deviceId)).not.toContain(ben.deviceId);
});

test('A1 H1 the body of a message to a group goes when nobody has to read it any more, also where nobody has counted', async () => {
  await begin(ben, cleo, dora);
  const scope = installation.store.tenant(anna.tenantId);
  const bodies = async () => (await scope.list(groupBodies, { limit: 10 })).rows.length;
  const sweep = () => installation.mailbox.service.sweep(scope, 100);
  expect(await submit(anna, 'for all three')).toBe('done');
  // The rows of a revoked device go with it, and nobody counts them.
  await installation.devices.service.revoke(cleo.deviceId);
  const connection = installation.connect(ben);
  await connection.delivered(1);
  installation.mailbox.service.acknowledge(connection, 1);
  await installation.mailbox.service.idle();
  installation.clock.advance(7 * 3_600_000);
  await sweep();
  expect(await bodies()).toBe(1);
  const last = installation.connect(dora);
  await last.delivered(1);
  expect(last.deliveries).toHaveLength(1);
  // Of a server that has died in the middle of an acknowledgement: the row is gone, and what has counted it as well.
  const { rows } = await scope.list(mailboxRows, { equals: [dora.deviceId], limit: 10 });
  await scope.commit(rows.map((row) => installation.store.ops.delete(mailboxRows, row.storedKey)));
  await sweep();
  expect(await bodies()).toBe(1);
  installation.clock.advance(7 * 3_600_000);
  await sweep();
  expect(await bodies()).toBe(0);
});

test.each(['before', 'after'])(
  'P1 what a device has acknowledged twice, the second time %s the row was gone, is still there for everybody else',
  async (when) => {
    await begin(ben, cleo);
    expect(await submit(anna, 'for both')).toBe('done');
    const scope = installation.store.tenant(anna.tenantId);
    const first = installation.connect(ben);
    await first.delivered(1);
    const full = vi.spyOn(scope, 'commit').mockRejectedValue(new KuvertError('disk_full'));
    installation.mailbox.mailboxRoutes.onAck(first, 1);
    // What was acknowledged could not be removed, so it comes once more.
    const second = installation.connect(ben);
    await second.delivered(1);
    full.mockRestore();
    if (when === 'after') await installation.mailbox.service.idle();
    installation.mailbox.mailboxRoutes.onAck(second, 1);
    await installation.mailbox.service.idle();
    const other = installation.connect(cleo);
    await other.event('drained');
    expect(other.deliveries.map(({ body = [] }) => Buffer.from(body).toString())).toEqual(['for both']);
    installation.mailbox.mailboxRoutes.onAck(other, 1);
    await installation.mailbox.service.idle();
    // The body goes with the last of its rows.
    await expect.poll(async () => (await scope.list(groupBodies, { limit: 10 })).rows).toEqual([]);
  },
);

test('P2 H3 what members get is sealed while it is committed, and comes once and in order among refused and other messages', async () => {
  await begin(ben, cleo, dora);
  const connections = [ben, cleo, dora].map((device) => installation.connect(device));
  await Promise.all(connections.map((connection) => connection.event('drained')));
  const listHash = (await setOf())?.hash;
  expect(await submit(anna, 'alone', listHash)).toBe('done');
  await Promise.all(connections.map((connection) => connection.delivered(1)));
  // The event loop had nothing else to do meanwhile.
  expect(connections.map(({ sentAhead }) => sentAhead)).toEqual([1, 1, 1]);
  const removal: Change = {
    action: 'remove',
    people: [dora.personId],
    key: newKey(2),
    profile: installation.random(64),
  };
  // Several at once, from two people, between them one that is refused at its commit: only one of them can have been sealed for each place.
  const done = await Promise.all([
    ...['a', 'b', 'c'].map((text) => submit(anna, text, listHash)),
    submit(ben, 'of ben', listHash),
    submit(anna, 'for another set', installation.random(32)),
    codeOf(append(anna, removal, [ben, cleo])),
  ]);
  expect(done.slice(4)).toEqual(['group_changed', 'done']);
  const taken = ['a', 'b', 'c'].filter((_text, i) => done[i] === 'done');
  expect(await submit(anna, 'last')).toBe('done');
  for (const { deliveries } of connections.slice(0, 2)) {
    const read = () => deliveries.map(({ body = [] }) => Buffer.from(body).toString());
    await expect.poll(() => read().at(-1)).toBe('last');
    const texts = read();
    expect(texts.filter((text) => text !== 'of ben')).toEqual(['alone', ...taken, 'last']);
    expect(deliveries.map(({ deliverySeq }) => deliverySeq)).toEqual(texts.map((_text, i) => i + 1));
  }
});

test('C9 who may not talk to every member is not added, and who was separated from one writes to the group no more', async () => {
  await begin(ben);
  apart.add(`${dora.personId} ${ben.personId}`);
  // Anna may talk to both of them, but the group would bring them together.
  expect(
    await changeBy(anna, signedBy(anna, { action: 'add', people: [dora.personId], role: 'member' }), [dora]),
  ).toBe('exchange_refused');
  await append(anna, { action: 'add', people: [cleo.personId], role: 'member' }, [cleo]);
  expect(await submit(cleo, 'before')).toBe('done');
  apart.add(`${cleo.personId} ${ben.personId}`);
  expect(await submit(cleo, 'after')).toBe('exchange_refused');
  expect(await submit(anna, 'to both')).toBe('done');
});

/** Groups between devices, on an honest server and on lying ones (A1, B1, B8). */
import { decryptFromGroup, openBlob, SessionError } from '@kuvert/crypto/session';
import { type GroupId, SUITES } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { ManualClock } from '../node/doubles/manual-clock.ts';
import { ServerDouble } from '../node/doubles/server-double.ts';
import { TestDevice } from '../node/doubles/test-device.ts';
import { SENDER_KEY_MAX } from './sending.ts';

interface Scene {
  readonly clock: ManualClock;
  readonly server: ServerDouble;
  readonly devices: TestDevice[];
  readonly groupId: GroupId;
}

/** Does something while connected, and what follows from it. */
async function online<T>(device: TestDevice, work: () => T | Promise<T>): Promise<T> {
  await device.connect();
  try {
    return await work();
  } finally {
    await device.messenger.settled();
    device.messenger.disconnect();
  }
}

/** A group of these people, the first of whom administers it. */
async function scene(...names: string[]): Promise<Scene> {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const devices: TestDevice[] = [];
  for (const name of names) devices.push(await TestDevice.enrol(server, clock, name));
  const [first, ...others] = devices as [TestDevice, ...TestDevice[]];
  const { groupId } = await online(first, () =>
    first.messenger.groups.create(
      'Release',
      others.map(({ mail }) => mail),
    ),
  );
  return { clock, server, devices, groupId };
}

async function write({ clock, groupId }: Scene, from: TestDevice, text: string): Promise<void> {
  clock.advance(1_000);
  await online(from, async () => {
    await from.messenger.groups.refresh();
    from.messenger.groups.send(groupId, text);
  });
}

async function syncAll(devices: readonly TestDevice[], rounds = 2): Promise<void> {
  for (let round = 0; round < rounds; round++) for (const device of devices) await device.sync();
}

/** Texts of the group as a screen shows them, of both directions. */
function shown(device: TestDevice, groupId: GroupId): string[] {
  const { conversationId } = device.messenger.groups.find(groupId);
  return device.messenger.conversations
    .entries(conversationId, { limit: 1_000 })
    .entries.flatMap((entry) => (entry.direction === 'system' || entry.kind !== 'text' ? [] : [entry.text]));
}

test('A1 what is written in a group is read by everybody, ticks are those of all, and costs its sender one body', async () => {
  const one = await scene('Anna', 'Bela', 'Cleo', 'Dora');
  const { server, devices, groupId } = one;
  const [anna, bela] = devices as [TestDevice, TestDevice];
  await write(one, anna, 'first');
  await syncAll(devices.slice(1));
  await write(one, bela, 'answer');
  await syncAll(devices, 3);
  for (const device of devices) {
    expect(shown(device, groupId)).toEqual(['first', 'answer']);
    expect(device.noticeKinds()).toEqual([]);
    expect(device.messenger.groups.find('Release').members).toHaveLength(4);
  }
  const bodies = server.submits.filter(({ suite }) => suite === SUITES.groupSenderKey);
  expect(bodies.map(({ legs }) => legs.length)).toEqual([0, 0]);
  for (const { body } of bodies) expect(body?.length).toBeLessThan(520);
  const { conversationId } = anna.messenger.groups.find(groupId);
  const [entry] = anna.messenger.conversations
    .entries(conversationId)
    .entries.filter(({ direction }) => direction === 'out');
  expect(entry).toMatchObject({ text: 'first', state: 'delivered' });
});

test('A1 a short text takes at most 600 bytes on the server beside what each member has, and a longer one little more', async () => {
  const one = await scene('Anna', 'Bela');
  const [anna] = one.devices as [TestDevice];
  for (const length of [1, 80, 400]) await write(one, anna, 'x'.repeat(length));
  const sizes = one.server.submits
    .filter(({ suite }) => suite === SUITES.groupSenderKey)
    .map(({ body }) => 41 + (body?.length ?? 0));
  expect(sizes[0]).toBeLessThanOrEqual(600);
  expect(sizes[1]).toBe(sizes[0]);
  expect(sizes[2]).toBeLessThan(900);
});

test('A1 the title is read by members and by nobody else, also after it was changed and by who comes later', async () => {
  const one = await scene('Anna', 'Bela');
  const { clock, server, groupId } = one;
  const [anna, bela] = one.devices as [TestDevice, TestDevice];
  const cleo = await TestDevice.enrol(server, clock, 'Cleo');
  await online(anna, () => anna.messenger.groups.setTitle(groupId, 'Geheimer Titel'));
  await online(anna, () => anna.messenger.groups.remove(groupId, [bela.mail]));
  await online(anna, () => anna.messenger.groups.add(groupId, [cleo.mail]));
  await syncAll([anna, bela, cleo]);
  expect(cleo.messenger.groups.find(groupId).title).toBe('Geheimer Titel');
  expect(bela.messenger.groups.find(groupId)).toMatchObject({ title: 'Geheimer Titel', role: undefined });
  for (const { bytes } of server.groups.entriesOf(groupId)) {
    expect(Buffer.from(bytes).includes('Geheimer')).toBe(false);
  }
  expect(() => bela.messenger.groups.send(groupId, 'still here?')).toThrow('group_forbidden');
});

test('B1 a removed device with a full dump of the server opens nothing newer', async () => {
  const one = await scene('Anna', 'Bela', 'Cleo');
  const { server, groupId } = one;
  const [anna, bela, cleo] = one.devices as [TestDevice, TestDevice, TestDevice];
  await write(one, anna, 'for all three');
  await write(one, bela, 'me too');
  await syncAll(one.devices, 3);
  expect(shown(cleo, groupId)).toEqual(['for all three', 'me too']);
  await online(anna, () => anna.messenger.groups.remove(groupId, [cleo.mail]));
  const from = server.submits.length;
  await write(one, anna, 'without her');
  await syncAll([anna, bela]);
  await write(one, bela, 'indeed');
  await syncAll([anna, bela, cleo]);
  expect(shown(bela, groupId)).toEqual(['for all three', 'me too', 'without her', 'indeed']);
  expect(shown(cleo, groupId)).toEqual(['for all three', 'me too']);
  // Whatever the server has of the time after: with every key that she has ever had.
  const later = server.submits.slice(from).filter(({ suite }) => suite === SUITES.groupSenderKey);
  expect(later.length).toBeGreaterThanOrEqual(2);
  const name = { tenant: cleo.own.tenantId, group: groupId, class: 1 as const };
  for (const { body } of later) {
    for (const key of cleo.store.groups.listKeys(groupId)) {
      expect(() => openBlob(name, key, body as Uint8Array)).toThrow(SessionError);
    }
    // And if somebody gave her the new group key, the sender key would still not be hers.
    const key = anna.store.groups.getKey(groupId, 2);
    const { senderDevice, ciphertext } = openBlob(name, key as NonNullable<typeof key>, body as Uint8Array);
    await expect(decryptFromGroup(cleo.store.groups, senderDevice, ciphertext)).rejects.toThrow(SessionError);
  }
});

test('B1 after somebody has left, nobody writes under a key that they have', async () => {
  const one = await scene('Anna', 'Bela', 'Cleo');
  const { groupId } = one;
  const [anna, bela, cleo] = one.devices as [TestDevice, TestDevice, TestDevice];
  await write(one, anna, 'one');
  await syncAll(one.devices);
  await online(bela, () => bela.messenger.groups.leave(groupId));
  await syncAll(one.devices);
  await write(one, anna, 'two');
  await syncAll([cleo, bela, anna]);
  expect(shown(cleo, groupId)).toEqual(['one', 'two']);
  expect(shown(bela, groupId)).toEqual(['one']);
  expect(bela.store.groups.getKey(groupId, 2)).toBeUndefined();
  expect(cleo.messenger.groups.log(groupId).map(({ action }) => action)).toEqual([
    'create',
    'leave',
    'rekey',
  ]);
});

test('B8 the sender key is made anew after 7 days and after 1,000 messages', async () => {
  const one = await scene('Anna', 'Bela');
  const { clock, groupId } = one;
  const [anna, bela] = one.devices as [TestDevice, TestDevice];
  const nameOf = () => anna.store.groups.getOwnKey(groupId)?.distribution;
  await write(one, anna, 'one');
  const first = nameOf();
  await write(one, anna, 'two');
  expect(nameOf()).toBe(first);
  clock.advance(SENDER_KEY_MAX.ageMs);
  await write(one, anna, 'three');
  const second = nameOf();
  expect(second).not.toBe(first);
  for (let i = 0; i < SENDER_KEY_MAX.messages; i++) anna.store.groups.countOwnMessage(groupId);
  await write(one, anna, 'four');
  expect(nameOf()).not.toBe(second);
  await syncAll([bela, anna]);
  expect(shown(bela, groupId)).toEqual(['one', 'two', 'three', 'four']);
  expect(bela.noticeKinds()).toEqual([]);
});

test('A4 further devices have the group, read what comes, and show what was written on the others', async () => {
  const one = await scene('Anna', 'Bela');
  const { clock, server, groupId } = one;
  const [anna, bela] = one.devices as [TestDevice, TestDevice];
  await write(one, anna, 'before');
  await syncAll([bela, anna]);
  const laptop = await TestDevice.link(server, clock, anna);
  await syncAll([anna, laptop, bela], 3);
  await write(one, bela, 'to both');
  await write(one, anna, 'from the phone');
  await write(one, laptop, 'from the laptop');
  await syncAll([anna, laptop, bela], 3);
  expect(shown(anna, groupId)).toEqual(['before', 'to both', 'from the phone', 'from the laptop']);
  expect(laptop.messenger.groups.find(groupId).title).toBe('Release');
  expect(shown(laptop, groupId).slice(-3)).toEqual(['to both', 'from the phone', 'from the laptop']);
  expect(shown(bela, groupId)).toEqual(['before', 'to both', 'from the phone', 'from the laptop']);
  for (const device of [anna, laptop, bela])
    expect(
      device.noticeKinds().filter((kind) => kind !== 'device_linked' && kind !== 'person_device_added'),
    ).toEqual([]);
});

test('B8 a sender key that got lost on its way costs a round and no message', async () => {
  const one = await scene('Anna', 'Bela', 'Cleo');
  const { server, groupId } = one;
  const [anna, bela, cleo] = one.devices as [TestDevice, TestDevice, TestDevice];
  server.lies.store = (row, to) =>
    row.suite === SUITES.signalPairwise && to === bela.own.deviceId ? [] : [row];
  await write(one, anna, 'hard to read');
  delete server.lies.store;
  await syncAll([bela, cleo, anna], 4);
  expect(shown(bela, groupId)).toEqual(['hard to read']);
  expect(shown(cleo, groupId)).toEqual(['hard to read']);
});

test('B8 a server that invents a member, takes entries back, or shows another history is refused, and people are told', async () => {
  const one = await scene('Anna', 'Bela', 'Cleo');
  const { clock, server, groupId } = one;
  const [anna, bela, cleo] = one.devices as [TestDevice, TestDevice, TestDevice];
  await syncAll(one.devices);
  const mallory = await TestDevice.enrol(server, clock, 'Mallory');
  await online(anna, () => anna.messenger.groups.setTitle(groupId, 'Two'));
  await bela.sync();
  const before = bela.messenger.groups.find(groupId);
  // Entries are taken back: an epoch that is lower than one that was seen.
  server.groups.lies.log = (honest) => ({ ...honest, entries: [], epoch: 1 });
  await online(bela, () => bela.messenger.groups.refresh(groupId).catch(() => undefined));
  expect(bela.noticeKinds()).toContain('group_problem');
  expect(bela.messenger.groups.find(groupId)).toEqual(before);
  delete server.groups.lies.log;
  // A member whom nobody has signed in: an entry of another group, signed by somebody who may not.
  const other = await online(mallory, () => mallory.messenger.groups.create('Bait', [bela.mail]));
  const [bait] = server.groups.entriesOf(other.groupId);
  server.groups.lies.log = (honest) =>
    bait ? { ...honest, entries: [bait], epoch: honest.epoch + 1 } : honest;
  await online(cleo, () => cleo.messenger.groups.refresh(groupId).catch(() => undefined));
  expect(cleo.noticeKinds()).toContain('group_problem');
  expect(cleo.messenger.groups.find(groupId).members.map(({ personId }) => personId)).not.toContain(
    mallory.person.personId,
  );
  delete server.groups.lies.log;
  await syncAll(one.devices);
  await write(one, anna, 'still fine');
  await syncAll(one.devices);
  expect(shown(cleo, groupId)).toEqual(['still fine']);
});

test('B8 a message under an entry that the server withholds is not shown before the log is', async () => {
  const one = await scene('Anna', 'Bela');
  const { clock, server, groupId } = one;
  const [anna, bela] = one.devices as [TestDevice, TestDevice];
  await syncAll(one.devices);
  const cleo = await TestDevice.enrol(server, clock, 'Cleo');
  await online(anna, () => anna.messenger.groups.add(groupId, [cleo.mail]));
  server.groups.lies.log = (honest, device) =>
    device === bela.own.deviceId ? { ...honest, entries: [], epoch: 1 } : honest;
  await write(one, cleo, 'who am I?');
  await bela.sync();
  await bela.sync();
  expect(shown(bela, groupId)).toEqual([]);
  expect(bela.noticeKinds().length).toBeGreaterThan(0);
});

const STEPS = 14;

test('B8 random histories of joins, leaves, messages and re-keys: everybody shows what was written while they were members, and no more', {
  timeout: 180_000,
}, async () => {
  const seed = Date.now() >>> 0;
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const one = await scene('Anna', 'Bela', 'Cleo', 'Dora');
  const { clock, groupId } = one;
  const [anna, ...others] = one.devices as [TestDevice, ...TestDevice[]];
  const laptop = await TestDevice.link(one.server, clock, anna);
  await syncAll([...one.devices, laptop], 3);
  const members = new Set(others);
  const expected = new Map(others.map((device): [TestDevice, string[]] => [device, []]));
  const log: string[] = [];
  for (let step = 0; step < STEPS; step++) {
    const device = others[random(others.length)] as TestDevice;
    const action = random(6);
    log.push(`${others.indexOf(device)}:${action}`);
    if (action === 0 && members.size > 1 && members.delete(device)) {
      await online(anna, () => anna.messenger.groups.remove(groupId, [device.mail]));
    } else if (action === 1 && members.size > 1 && members.delete(device)) {
      await online(device, () => device.messenger.groups.leave(groupId));
    } else if (action === 2 && !members.has(device)) {
      members.add(device);
      await online(anna, () => anna.messenger.groups.add(groupId, [device.mail]));
    } else if (action === 3) clock.advance(SENDER_KEY_MAX.ageMs);
    else {
      const writer = random(2) === 0 ? laptop : members.has(device) ? device : anna;
      const text = `text ${step}`;
      await write(one, writer, text);
      for (const member of members) expected.get(member)?.push(text);
    }
    await syncAll([anna, laptop, ...others], 2);
  }
  await syncAll([anna, laptop, ...others], 2);
  for (const [device, texts] of expected) {
    expect({ seed, log, who: others.indexOf(device), texts: shown(device, groupId) }).toEqual({
      seed,
      log,
      who: others.indexOf(device),
      texts,
    });
  }
  expect(shown(laptop, groupId)).toEqual(shown(anna, groupId));
});

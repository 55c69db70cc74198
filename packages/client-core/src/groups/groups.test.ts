/** Groups between devices, on an honest server and on lying ones (A1, B1, B8). */
import { entryHash, signEntry } from '@kuvert/crypto/groups';
import { decryptFromGroup, openBlob, SessionError } from '@kuvert/crypto/session';
import { CLASSES, idToBytes, type PersonId, type Signed, SUITES } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { online, scene, shown, syncAll, write } from '../node/doubles/group-scene.ts';
import { TestDevice } from '../node/doubles/test-device.ts';
import { SENDER_KEY_MAX } from './sending.ts';

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
    expect(device.noticeKinds()).toEqual(device === anna ? [] : ['group_added']);
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

test('A1 who is let into a group, taken out, or whose group ends is told so, and knows the members by their names', async () => {
  const { server, clock, devices, groupId } = await scene('Anna', 'Bela', 'Cleo');
  const [anna, bela, cleo] = devices as [TestDevice, TestDevice, TestDevice];
  await syncAll([bela]);
  expect(bela.messenger.groups.find(groupId).members.map(({ name }) => name)).toEqual([
    'Anna',
    'Bela',
    'Cleo',
  ]);
  await online(anna, () => anna.messenger.groups.remove(groupId, [cleo.mail]));
  clock.advance(1_000);
  const laptop = await TestDevice.link(server, clock, bela);
  await syncAll([cleo, bela, laptop, anna], 3);
  await online(anna, () => anna.messenger.groups.dissolve(groupId));
  await syncAll(devices.concat(laptop));
  const told = (device: TestDevice) => device.noticeKinds().filter((kind) => kind.startsWith('group_'));
  expect(told(anna)).toEqual([]);
  expect(told(bela)).toEqual(['group_added', 'group_dissolved']);
  expect(told(cleo)).toEqual(['group_added', 'group_removed']);
  // What was before a device came is no news to it.
  expect(told(laptop)).toEqual(['group_dissolved']);
});

test('A1 acknowledgements of many members that come together cost one look at all members, and what everybody has is settled', async () => {
  const one = await scene('Anna', 'Bela', 'Cleo', 'Dora');
  const [anna, ...others] = one.devices as [TestDevice, TestDevice, TestDevice, TestDevice];
  await syncAll(one.devices);
  await write(one, anna, 'to all');
  await syncAll(others, 1);
  const { groups, outbox } = anna.store;
  const [listAcks, settle] = [groups.listAcks.bind(groups), outbox.acknowledgeChain.bind(outbox)];
  let looks = 0;
  const settled: (readonly [number, string])[] = [];
  groups.listAcks = (chain) => {
    looks++;
    return listAcks(chain);
  };
  outbox.acknowledgeChain = (chain, seq, device, atMs) => {
    settled.push([seq, device]);
    return settle(chain, seq, device, atMs);
  };
  await anna.sync();
  // The first delivery is taken in as it comes, the others behind it together.
  expect(looks).toBeLessThan(others.length);
  expect(settled).toEqual([[1, one.groupId]]);
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
  expect(() => bela.messenger.groups.send(groupId, 'still here?')).toThrow('group_not_member');
});

test('A1 who is let in is told that, and what was done since, not all that was before', async () => {
  const { devices, server, clock, groupId } = await scene('Anna', 'Bela');
  const [anna, bela] = devices as [TestDevice, TestDevice];
  const cleo = await TestDevice.enrol(server, clock, 'Cleo');
  await online(anna, () => anna.messenger.groups.setTitle(groupId, 'Before'));
  await online(anna, () => anna.messenger.groups.add(groupId, [cleo.mail]));
  await online(anna, () => anna.messenger.groups.setTitle(groupId, 'After'));
  await cleo.sync();
  const { conversationId } = cleo.messenger.groups.find(groupId);
  expect(cleo.messenger.conversations.entries(conversationId).entries).toMatchObject([
    { action: 'add', people: [cleo.person.personId] },
    { action: 'profile', newTitle: 'After' },
  ]);
  const { epoch } = anna.messenger.groups.find(groupId);
  const mails = [anna.mail];
  const kept = await online(anna, () => anna.messenger.groups.setRole(groupId, mails, 'member'));
  expect(kept).toMatchObject({ epoch, role: 'admin' });
  await online(anna, () => anna.messenger.groups.leave(groupId));
  await cleo.sync();
  expect(cleo.messenger.conversations.entries(conversationId).entries.at(-1)).toMatchObject({
    action: 'leave',
    successor: bela.person.personId,
  });
});

test('A1 a group of one is made, grows and is one again; nobody takes themselves out of it but by leaving', async () => {
  const [anna, bela] = (await scene('Anna', 'Bela')).devices as [TestDevice, TestDevice];
  const { groups } = anna.messenger;
  const { groupId, members } = await online(anna, () => groups.create('Notes', []));
  expect(members).toMatchObject([{ role: 'admin', isSelf: true }]);
  groups.send(groupId, 'to nobody yet');
  await online(anna, () => groups.add(groupId, [anna.mail, bela.mail]));
  await online(anna, () => groups.remove(groupId, [bela.mail]));
  await expect(online(anna, () => groups.remove(groupId, [anna.mail]))).rejects.toThrow(
    'group_leave_instead',
  );
  await expect(online(anna, () => groups.add(groupId, [bela.mail, 'nobody@x.test']))).rejects.toMatchObject({
    code: 'recipient_unknown',
    details: { at: 1 },
  });
  await expect(online(anna, () => groups.setTitle(groupId, 'a\nb'))).rejects.toThrow('title_invalid');
  expect(await online(anna, () => groups.leave(groupId))).toMatchObject({ isDissolved: true, members: [] });
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
  // Now everything at once, through her own client: the whole log, the copies of the new key for others, every leg and body of the time after.
  await online(anna, () => anna.messenger.groups.setTitle(groupId, 'Without her'));
  server.groups.lies.log = (honest, device) =>
    device === cleo.own.deviceId ? server.groups.dump(groupId) : honest;
  for (const { suite, class: kind, legs, body } of server.submits.slice(from)) {
    const times = { acceptedAtMs: one.clock.now(), expiresAtMs: one.clock.now() + 86_400_000 };
    const all = suite === SUITES.groupSenderKey ? [idToBytes(groupId)] : legs.map(({ bytes }) => bytes);
    for (const leg of all) {
      server.inject(cleo.own.deviceId, { ...times, suite, class: kind, leg, ...(body && { body }) });
    }
  }
  for (let rounds = 0; rounds < 3; rounds++) {
    await online(cleo, () => cleo.messenger.groups.refresh(groupId).catch(() => undefined));
  }
  expect(shown(cleo, groupId)).toEqual(['for all three', 'me too']);
  expect(cleo.messenger.groups.find(groupId).title).toBe('Release');
  expect(cleo.store.groups.listKeys(groupId).map(({ number }) => number)).not.toContain(2);
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
  expect(bela.noticeKinds()).toEqual(['group_added']);
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
    ).toEqual(device === bela ? ['group_added'] : []);
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

test('B8 a log that forks is refused, though an administrator has signed both of its ends', async () => {
  const one = await scene('Anna', 'Bela', 'Cleo');
  const { clock, server, groupId } = one;
  const [anna, bela, cleo] = one.devices as [TestDevice, TestDevice, TestDevice];
  await syncAll(one.devices);
  const mallory = await TestDevice.enrol(server, clock, 'Mallory');
  const [first] = server.groups.entriesOf(groupId);
  await online(anna, () => anna.messenger.groups.setTitle(groupId, 'Two'));
  await syncAll([bela, cleo]);
  const signed = (seq: number, before: Signed, person: PersonId) =>
    signEntry(anna.own.receiptPrivateKey, {
      v: 1,
      tenant: anna.own.tenantId,
      group: groupId,
      seq,
      prevHash: entryHash(before),
      at: clock.now(),
      person: anna.own.personId,
      device: anna.own.deviceId,
      action: 'add',
      people: [person],
      role: 'member',
    });
  const other = signed(2, first as Signed, mallory.own.personId);
  const behind = signed(3, other, mallory.own.personId);
  for (const entries of [[behind], [other, behind], [other]]) {
    server.groups.lies.log = (honest) => ({ ...honest, entries, epoch: 3 });
    await online(bela, () => bela.messenger.groups.refresh(groupId).catch(() => undefined));
    const { epoch, members } = bela.messenger.groups.find(groupId);
    expect([epoch, members.length]).toEqual([2, 3]);
  }
  expect(bela.noticeKinds()).toContain('group_problem');
  delete server.groups.lies.log;
  await write(one, cleo, 'still fine');
  await syncAll(one.devices);
  expect(shown(bela, groupId)).toEqual(['still fine']);
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

test('A1 B1 how far a message to a group has come stands on every device of its author, not only on the one that has sent it', async () => {
  const one = await scene('Anna', 'Bela', 'Cleo');
  const { server, clock, devices, groupId } = one;
  const [phone, ...others] = devices as [TestDevice, TestDevice, TestDevice];
  const laptop = await TestDevice.link(server, clock, phone);
  await syncAll([phone, laptop, ...others]);
  await write(one, phone, 'from the phone');
  await write(one, laptop, 'from the laptop');
  await syncAll([...others, phone, laptop]);
  const states = (device: TestDevice) =>
    device.messenger.conversations
      .entries(device.messenger.groups.find(groupId).conversationId)
      .entries.flatMap((entry) => (entry.direction === 'out' && entry.kind === 'text' ? [entry.state] : []));
  for (const device of [phone, laptop]) expect(states(device)).toEqual(['delivered', 'delivered']);
});

test('A1 A3 a screen that is open is told of ticks of what another device has written to a group when they come', async () => {
  const one = await scene('Anna', 'Bela');
  const { server, clock, devices, groupId } = one;
  const [phone, bela] = devices as [TestDevice, TestDevice];
  const laptop = await TestDevice.link(server, clock, phone);
  await syncAll([phone, laptop, bela], 3);
  await write(one, phone, 'from the phone');
  await syncAll([phone, laptop, bela, phone]);
  const { conversations, groups } = laptop.messenger;
  const { conversationId } = groups.find(groupId);
  const state = () => {
    const [last] = conversations.entries(conversationId, { limit: 1 }).entries;
    return last?.direction === 'out' ? last.state : undefined;
  };
  // A screen reads again only when it is told to.
  let seen = state();
  conversations.onChanged(({ entries }) => {
    if (entries.has(conversationId)) seen = state();
  });
  await laptop.sync();
  expect([seen, state()]).toEqual(['delivered', 'delivered']);
  bela.messenger.markRead(bela.messenger.inbox(10));
  await syncAll([bela, laptop]);
  expect([seen, state()]).toEqual(['read', 'read']);
});

test('A1 A8 whoever has missed how long messages stay in a group is told once they write, and the others are not shown it again', async () => {
  const one = await scene('Anna', 'Bela', 'Cleo');
  const { clock, server, devices, groupId } = one;
  const [anna, bela, cleo] = devices as [TestDevice, TestDevice, TestDevice];
  await write(one, anna, 'hello');
  await syncAll([bela, cleo, anna]);
  const { conversationId } = anna.messenger.groups.find(groupId);
  server.lies.store = (delivery, to) => (to === bela.own.deviceId ? [] : [delivery]);
  clock.advance(1_000);
  await online(anna, () => anna.messenger.conversations.setTimer(conversationId, 3_600_000));
  server.lies.store = (delivery) => [delivery];
  const timers = (device: TestDevice) => {
    const { conversations } = device.messenger;
    const { entries } = conversations.entries(conversationId);
    const lines = entries.filter((entry) => entry.direction !== 'system' && entry.kind === 'timer');
    return [conversations.get(conversationId).timerMs, lines.length];
  };
  await syncAll([cleo, bela]);
  expect([anna, bela, cleo].map(timers)).toEqual([
    [3_600_000, 1],
    [undefined, 0],
    [3_600_000, 1],
  ]);
  await write(one, bela, 'one');
  await write(one, bela, 'two');
  const before = server.submits.length;
  await syncAll([anna, cleo, bela]);
  const told = server.submits.slice(before).filter((submit) => submit.class === CLASSES.message);
  expect(told.map(({ from }) => from)).toEqual([anna.own.deviceId]);
  for (const device of [anna, bela, cleo]) expect(timers(device)).toEqual([3_600_000, 1]);
});

test('A1 who is not in a group any more sets no time for its messages either', async () => {
  const one = await scene('Anna', 'Bela');
  const { devices, groupId } = one;
  const [anna, bela] = devices as [TestDevice, TestDevice];
  await online(anna, () => anna.messenger.groups.dissolve(groupId));
  await bela.sync();
  for (const { messenger, store } of [anna, bela]) {
    const { conversationId } = messenger.groups.find(groupId);
    expect(() => messenger.conversations.setTimer(conversationId, 60_000)).toThrow('group_dissolved');
    expect(messenger.conversations.get(conversationId).timerMs).toBeUndefined();
    expect(store.outbox.countWaitingMessages()).toBe(0);
  }
});

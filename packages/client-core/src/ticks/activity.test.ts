import { CLASSES } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { ManualClock } from '../node/doubles/manual-clock.ts';
import { ServerDouble } from '../node/doubles/server-double.ts';
import { TestDevice } from '../node/doubles/test-device.ts';

/** Two who know each other and are both connected. */
async function together() {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const anna = await TestDevice.enrol(server, clock, 'Anna');
  const bela = await TestDevice.enrol(server, clock, 'Bela');
  await anna.write(bela, 'hello');
  for (const device of [anna, bela, anna, bela]) await device.sync();
  for (const device of [anna, bela]) await device.connect();
  const settle = async () => {
    for (let n = 0; n < 3; n++) for (const { messenger } of [anna, bela]) await messenger.settled();
  };
  const ofAnna = () => bela.messenger.activity.of(anna.person.personId);
  const type = (isTyping = true) => anna.messenger.activity.typing(bela.person.personId, isTyping);
  await settle();
  return { clock, server, anna, bela, settle, ofAnna, type };
}

test('A3 writing is shown while it goes on, ends when it stops, and ends by itself', async () => {
  const { clock, server, bela, settle, ofAnna, type } = await together();
  const before = server.submits.length;
  type();
  type();
  await settle();
  expect(ofAnna().isTyping).toBe(true);
  type(false);
  await settle();
  expect(ofAnna().isTyping).toBe(false);
  expect(server.submits.slice(before).map((submit) => submit.class)).toEqual([
    CLASSES.ephemeral,
    CLASSES.ephemeral,
  ]);
  type();
  await settle();
  clock.advance(7_999);
  expect(ofAnna().isTyping).toBe(true);
  let told = 0;
  bela.messenger.activity.onChanged(() => {
    told += 1;
  });
  clock.advance(1);
  expect(ofAnna().isTyping).toBe(false);
  expect(told).toBe(1);
});

test('A3 a message ends the sign of writing; signs take no number and leave nothing behind', async () => {
  const { anna, bela, settle, ofAnna, type } = await together();
  type();
  await settle();
  await anna.write(bela, 'written');
  await settle();
  expect(ofAnna().isTyping).toBe(false);
  expect(bela.texts()).toEqual(['hello', 'written']);
  expect([...anna.noticeKinds(), ...bela.noticeKinds()]).toEqual([]);
  const { conversations } = bela.messenger;
  expect(conversations.entries(conversations.withPerson(anna.person.personId)).entries).toHaveLength(2);
});

test('A3 nothing is sent to somebody who has not been heard of for a few signs', async () => {
  const { clock, server, bela, settle, type } = await together();
  bela.messenger.disconnect();
  server.lies.store = (row) => (row.class === CLASSES.ephemeral ? [] : [row]);
  const before = server.submits.length;
  for (let n = 0; n < 20; n++) {
    type();
    clock.advance(5_000);
  }
  await new Promise((resolve) => setImmediate(resolve));
  await settle().catch(() => undefined);
  expect(server.submits.length - before).toBe(3);
});

test('A3 who does not show writing or presence is shown none, and nothing leaves the device', async () => {
  const { server, anna, bela, settle, ofAnna, type } = await together();
  bela.messenger.changeSetting({ name: 'typing', value: 'off' });
  bela.messenger.changeSetting({ name: 'presence', value: 'off', with: anna.mail });
  type();
  anna.messenger.activity.setPresent(true);
  anna.messenger.activity.lookAt(bela.person.personId);
  await settle();
  expect(ofAnna()).toEqual({ isTyping: false, presence: undefined });
  const before = server.submits.length;
  bela.messenger.activity.typing(anna.person.personId, true);
  bela.messenger.activity.setPresent(true);
  bela.messenger.activity.lookAt(anna.person.personId);
  await settle();
  expect(server.submits.length).toBe(before);
  expect(anna.messenger.activity.of(bela.person.personId)).toEqual({ isTyping: false, presence: undefined });
});

test('A3 who is there is shown to whoever looks and is there too, until they leave or are not heard of', async () => {
  const { clock, anna, bela, settle, ofAnna } = await together();
  bela.messenger.activity.setPresent(true);
  anna.messenger.activity.setPresent(true);
  anna.messenger.activity.lookAt(bela.person.personId);
  await settle();
  expect(ofAnna().presence).toBe('online');
  expect(anna.messenger.activity.of(bela.person.personId).presence).toBe('online');
  anna.messenger.activity.setPresent(false);
  await settle();
  expect(ofAnna().presence).toBe('away');
  anna.messenger.activity.setPresent(true);
  await settle();
  expect(ofAnna().presence).toBe('online');
  // Without a further sign it ends by itself.
  anna.messenger.disconnect();
  clock.advance(5 * 60_000);
  expect(ofAnna().presence).toBeUndefined();
});

test('A3 a sign that was long on its way says nothing', async () => {
  const { clock, server, bela, settle, ofAnna, type } = await together();
  const held: Parameters<ServerDouble['inject']>[1][] = [];
  server.lies.store = (row) => {
    if (row.class !== CLASSES.ephemeral) return [row];
    held.push(row);
    return [];
  };
  type();
  await settle();
  clock.advance(11_000);
  for (const row of held) server.inject(bela.own.deviceId, row);
  await settle();
  expect(held).toHaveLength(1);
  expect(ofAnna().isTyping).toBe(false);
});

test('A3 in a group its members see who writes, others do not, and a message ends it', async () => {
  const { clock, server, anna, bela, settle } = await together();
  const { groupId } = await anna.messenger.groups.create('Release', [bela.mail]);
  await settle();
  await bela.messenger.groups.refresh();
  const writers = () => bela.messenger.activity.inGroups.writers(groupId);
  const { inGroups } = anna.messenger.activity;
  const before = server.submits.length;
  inGroups.typing(groupId, true);
  inGroups.typing(groupId, true);
  await settle();
  expect(writers()).toEqual([anna.person.personId]);
  expect(bela.messenger.activity.of(anna.person.personId).isTyping).toBe(false);
  expect(server.submits.slice(before).map((submit) => submit.class)).toEqual([CLASSES.ephemeral]);
  inGroups.typing(groupId, false);
  await settle();
  expect(writers()).toEqual([]);
  inGroups.typing(groupId, true);
  await settle();
  clock.advance(8_000);
  expect(writers()).toEqual([]);
  inGroups.typing(groupId, true);
  await settle();
  anna.messenger.groups.send(groupId, 'written');
  for (let n = 0; n < 3; n++) await settle();
  expect(writers()).toEqual([]);
  anna.messenger.changeSetting({ name: 'typing', value: 'off' });
  const quiet = server.submits.length;
  inGroups.typing(groupId, true);
  await settle();
  expect(server.submits.slice(quiet).filter(({ class: kind }) => kind === CLASSES.ephemeral)).toEqual([]);
  await anna.messenger.groups.leave(groupId);
  await settle();
  await bela.messenger.groups.refresh();
  // Whoever has left writes there no more, whatever their device says.
  bela.messenger.activity.inGroups.heard(
    { device: anna.own.deviceId, personId: anna.person.personId },
    groupId,
    true,
  );
  expect(writers()).toEqual([]);
});

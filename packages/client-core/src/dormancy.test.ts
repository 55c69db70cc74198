/** A device that was left in a drawer: nobody counts on it, and it gets what it lacks when it comes back. */
import { expect, test } from 'vitest';
import { ManualClock } from './node/doubles/manual-clock.ts';
import { ServerDouble } from './node/doubles/server-double.ts';
import { TestDevice } from './node/doubles/test-device.ts';

async function world() {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const anna = await TestDevice.enrol(server, clock, 'Anna');
  const phone = await TestDevice.enrol(server, clock, 'Bela');
  const visit = async (...devices: TestDevice[]) => {
    for (const device of devices) await device.sync();
    clock.advance(1_000);
  };
  const history = (device: TestDevice) => {
    const { conversations } = device.messenger;
    const { entries } = conversations.entries(conversations.withMail(anna.mail), { limit: 100 });
    return entries.flatMap((entry) => (entry.direction === 'in' ? entry.text : []));
  };
  return { clock, server, anna, phone, visit, history };
}

test('A4 a device that was dormant gets what it lacks from another and its person is told; the sender has not waited for it', async () => {
  const { clock, server, anna, phone, visit, history } = await world();
  const laptop = await TestDevice.link(server, clock, phone);
  await visit(laptop, phone, laptop);
  await anna.write(phone, 'before');
  await visit(anna, phone, laptop, anna, phone, laptop);
  const sinceMs = clock.now();
  server.dormant.set(laptop.own.deviceId, sinceMs);
  const id = await anna.write(phone, 'while it was away');
  await visit(anna, phone, anna);
  expect(anna.messenger.status(id)).toEqual({ state: 'delivered', dormant: [laptop.own.deviceId] });
  const sent = server.submits.length;
  for (let day = 0; day < 3; day++) {
    clock.advance(86_400_000);
    await visit(anna);
  }
  expect(server.submits.slice(sent).filter(({ from }) => from === anna.own.deviceId).length).toBeLessThan(6);
  for (let round = 0; round < 3; round++) await visit(laptop, phone);
  expect(history(laptop)).toEqual(expect.arrayContaining(['before', 'while it was away']));
  expect(laptop.messenger.notices()).toContainEqual(
    expect.objectContaining({ kind: 'was_dormant', atMs: sinceMs }),
  );
  const later = await anna.write(phone, 'afterwards');
  await visit(anna, laptop, phone, anna);
  expect(history(laptop)).toContain('afterwards');
  expect(anna.messenger.status(later)).toEqual({ state: 'delivered' });
});

test('A4 P3 an only device that was dormant is told what is missing, and the sender sees that it was not delivered', async () => {
  const { clock, server, anna, phone, visit, history } = await world();
  await anna.write(phone, 'before');
  await visit(anna, phone, anna);
  const sinceMs = clock.now();
  server.dormant.set(phone.own.deviceId, sinceMs);
  const id = await anna.write(phone, 'given up');
  await visit(anna, anna);
  expect(anna.messenger.status(id).state).toBe('accepted');
  await visit(phone);
  await anna.write(phone, 'afterwards');
  await visit(anna, phone, anna);
  expect(anna.messenger.status(id).state).toBe('accepted');
  expect(history(phone).toSorted()).toEqual(['afterwards', 'before']);
  expect(phone.messenger.notices()).toContainEqual(
    expect.objectContaining({ kind: 'was_dormant_alone', atMs: sinceMs }),
  );
  expect(phone.messenger.notices()).toContainEqual(
    expect.objectContaining({ kind: 'messages_missing', count: 1 }),
  );
});

test('A4 a device that had just asked for the history when it was away for too long asks again as soon as it is back', async () => {
  const { clock, server, anna, phone, visit, history } = await world();
  const laptop = await TestDevice.link(server, clock, phone);
  await visit(laptop, phone, laptop);
  await laptop.connect();
  laptop.messenger.historyTransfer.ask();
  await laptop.messenger.settled();
  laptop.messenger.disconnect();
  server.dormant.set(laptop.own.deviceId, clock.now());
  // The answer is given up with everything else that is meant for it.
  await anna.write(phone, 'while it was away');
  await visit(phone, anna, phone);
  await visit(laptop, phone, laptop);
  expect(history(laptop)).toEqual(['while it was away']);
});

test('A4 B6 a device that was away too long learns what was compared, deleted and named on the others', async () => {
  const { clock, server, anna, phone, visit, history } = await world();
  await anna.write(phone, 'to stay');
  await visit(anna, phone, anna);
  const laptop = await TestDevice.link(server, clock, phone);
  await visit(laptop, phone, laptop);
  await anna.write(phone, 'to go');
  await visit(anna, phone, laptop, anna);
  expect(history(laptop)).toEqual(['to stay', 'to go']);
  server.dormant.set(laptop.own.deviceId, clock.now());
  const { conversations, safety, devices } = phone.messenger;
  const [, goes] = conversations.entries(conversations.withMail(anna.mail)).entries;
  conversations.deleteEntries([goes?.entryId ?? 0], 'own-devices');
  await safety.verify(anna.mail, (await safety.show(anna.mail)).number);
  devices.name(phone.own.deviceId, 'Telephone');
  await visit(phone, phone, laptop, phone, laptop);
  expect(history(laptop)).toEqual(['to stay']);
  expect(laptop.messenger.safety.verificationOf(anna.person.personId)).toBe('verified');
  expect(laptop.messenger.devices.list()).toContainEqual(expect.objectContaining({ name: 'Telephone' }));
});

test('A4 what was deleted on one’s own devices does not come back with the history of one that has not heard of it', async () => {
  const { clock, server, anna, phone, visit, history } = await world();
  const laptop = await TestDevice.link(server, clock, phone);
  const tablet = await TestDevice.link(server, clock, phone);
  await visit(laptop, tablet, phone, laptop, tablet);
  server.dormant.set(tablet.own.deviceId, clock.now());
  await anna.write(phone, 'to go');
  await visit(anna, phone, laptop, anna);
  // The phone hears nothing of what the laptop deletes, and the tablet asks the phone.
  const { conversations } = laptop.messenger;
  const [goes] = conversations.entries(conversations.withMail(anna.mail)).entries;
  conversations.deleteEntries([goes?.entryId ?? 0], 'own-devices');
  await visit(tablet);
  await visit(laptop);
  server.lies.store = (row, to) => (to === phone.own.deviceId ? [] : [row]);
  await visit(laptop);
  delete server.lies.store;
  await visit(tablet, phone, tablet);
  expect(history(tablet)).toEqual([]);
});

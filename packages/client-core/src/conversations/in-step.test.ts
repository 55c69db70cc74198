/** Devices of one person that are kept in step (A4), disappearing messages and deletion (A8). */
import { expect, test } from 'vitest';
import { ManualClock } from '../node/doubles/manual-clock.ts';
import { ServerDouble } from '../node/doubles/server-double.ts';
import { TestDevice } from '../node/doubles/test-device.ts';

const HOUR_MS = 3_600_000;

/** Anna with phone and laptop, Bela with a phone; all know each other. */
async function world() {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const phone = await TestDevice.enrol(server, clock, 'Anna');
  const laptop = await TestDevice.link(server, clock, phone);
  const bela = await TestDevice.enrol(server, clock, 'Bela');
  const all = [phone, laptop, bela];
  /** Lets everybody do what can be done, until nothing changes any more. */
  const settle = async () => {
    for (let round = 0; round < 3; round++) for (const device of all) await device.sync();
    clock.advance(1_000);
  };
  const say = async (from: TestDevice, to: TestDevice, text: string) => {
    await from.write(to, text);
    clock.advance(1_000);
    await settle();
  };
  await say(bela, phone, 'hello');
  return { clock, server, phone, laptop, bela, settle, say };
}

const conversations = (device: TestDevice) => device.messenger.conversations;
const first = (device: TestDevice) => {
  const [summary] = conversations(device).list();
  if (summary === undefined) throw new Error('no conversation');
  return summary;
};
const entries = (device: TestDevice) => conversations(device).entries(first(device).conversationId).entries;
const lines = (device: TestDevice) =>
  entries(device).map((entry) =>
    entry.direction === 'system'
      ? entry.kind
      : `${entry.direction} ${entry.kind === 'text' ? entry.text : entry.kind}`,
  );
const lastId = (device: TestDevice) => entries(device).at(-1)?.entryId ?? 0;

test('A4 what is sent on one device appears on the other, with how far it has come', async () => {
  const { phone, laptop, bela, say } = await world();
  await say(laptop, bela, 'from the laptop');
  await say(phone, bela, 'from the phone');
  const expected = ['in hello', 'out from the laptop', 'out from the phone'];
  expect(lines(phone)).toEqual(expected);
  expect(lines(laptop)).toEqual(expected);
  expect(lines(bela)).toEqual(['out hello', 'in from the laptop', 'in from the phone']);
  for (const device of [phone, laptop]) {
    expect(entries(device).map((entry) => 'state' in entry && entry.state)).toEqual([
      false,
      'delivered',
      'delivered',
    ]);
    expect(device.noticeKinds().filter((kind) => kind === 'refused')).toEqual([]);
  }
  expect(conversations(phone).search('laptop').found).toHaveLength(1);
});

test('A4 what was read on one device is read on the other, also when it arrives there later', async () => {
  const { clock, phone, laptop, bela, settle } = await world();
  expect([first(phone).unread, first(laptop).unread]).toEqual([1, 1]);
  await bela.write(phone, 'two');
  await bela.sync();
  await phone.sync();
  conversations(phone).markRead(lastId(phone));
  await phone.sync();
  clock.advance(1_000);
  await laptop.sync();
  expect(first(laptop).unread).toBe(0);
  await bela.write(phone, 'three');
  await settle();
  expect([first(phone).unread, first(laptop).unread]).toEqual([1, 1]);
  laptop.messenger.markRead(laptop.messenger.inbox(10));
  await settle();
  expect([first(phone).unread, first(laptop).unread]).toEqual([0, 0]);
});

test('A4 pins, mutes and drafts follow; of two devices that set the same the later one holds on both', async () => {
  const { clock, phone, laptop, settle } = await world();
  const { conversationId } = first(phone);
  conversations(phone).setPinned(conversationId, true);
  conversations(phone).setDraft(conversationId, 'begun on the phone');
  conversations(phone).setMuted(conversationId, clock.now() + HOUR_MS);
  await settle();
  expect(first(laptop)).toMatchObject({ isPinned: true, draft: 'begun on the phone' });
  expect(first(laptop).mutedUntilMs).toBe(first(phone).mutedUntilMs);
  conversations(phone).setDraft(conversationId, 'earlier');
  clock.advance(1);
  conversations(laptop).setDraft(conversationId, 'later');
  conversations(laptop).setPinned(conversationId, false);
  await settle();
  for (const device of [phone, laptop])
    expect(first(device)).toMatchObject({ isPinned: false, draft: 'later' });
});

/** Texts that the outbox of a device still holds, for whomever they were. */
function outboxHolds(device: TestDevice, text: string): boolean {
  const rows = Array.from({ length: 500 }, (_, seq) => device.store.outbox.get(seq));
  return rows.some((row) =>
    [row?.content, row?.frame].some((bytes) => bytes !== undefined && Buffer.from(bytes).includes(text)),
  );
}

test('A8 what has disappeared or was deleted is not in the outbox either, though the other side was never there', async () => {
  const { clock, phone, laptop, bela, settle } = await world();
  conversations(phone).setTimer(first(phone).conversationId, HOUR_MS);
  await settle();
  const gone = await phone.write(bela, 'gone by itself');
  for (const device of [phone, laptop]) await device.sync();
  expect(outboxHolds(phone, 'gone by itself')).toBe(true);
  expect(laptop.messenger.status(gone)).toEqual({ state: 'accepted' });
  clock.advance(HOUR_MS);
  expect(lines(phone)).not.toContain('out gone by itself');
  expect(outboxHolds(phone, 'gone by itself')).toBe(false);
  await settle();
  // Deleted here when it was accepted it is forgotten here; what the other side has got stays theirs.
  await phone.write(bela, 'taken away here');
  await phone.sync();
  conversations(phone).deleteEntries([lastId(phone)], 'here');
  await settle();
  expect(outboxHolds(phone, 'taken away here')).toBe(false);
  for (const text of ['gone by itself', 'taken away here']) expect(lines(bela)).toContain(`in ${text}`);
});

test('A8 messages disappear so long after they were sent here and read there, on all devices, and leave no words', async () => {
  const { clock, phone, laptop, bela, settle, say } = await world();
  conversations(laptop).setTimer(first(laptop).conversationId, HOUR_MS);
  await settle();
  for (const device of [phone, laptop, bela]) {
    expect(first(device)).toMatchObject({ timerMs: HOUR_MS });
    expect(lines(device).at(-1)).toMatch(/timer$/);
  }
  await say(phone, bela, 'secret plan');
  clock.advance(HOUR_MS / 2);
  conversations(bela).markRead(lastId(bela));
  clock.advance(HOUR_MS / 2);
  await settle();
  for (const device of [phone, laptop]) {
    expect(lines(device)).not.toContain('out secret plan');
    expect(conversations(device).search('secret').found).toEqual([]);
  }
  expect(lines(bela)).toContain('in secret plan');
  clock.advance(HOUR_MS / 2);
  expect(lines(bela)).not.toContain('in secret plan');
  expect(conversations(bela).search('secret').found).toEqual([]);
  expect(bela.texts()).not.toContain('secret plan');
  conversations(bela).setTimer(first(bela).conversationId, undefined);
  await settle();
  await say(phone, bela, 'stays');
  clock.advance(24 * HOUR_MS);
  for (const device of [phone, laptop, bela]) {
    expect(first(device).timerMs).toBeUndefined();
    expect(lines(device).at(-1)).toMatch(/stays$/);
  }
});

test('A8 what one has received unread stays until it is read, however long that takes', async () => {
  const { clock, laptop, phone, bela, settle, say } = await world();
  conversations(bela).setTimer(first(bela).conversationId, HOUR_MS);
  await settle();
  await say(bela, phone, 'patient');
  clock.advance(100 * HOUR_MS);
  expect(lines(laptop)).toContain('in patient');
  conversations(phone).markRead(lastId(phone));
  await settle();
  clock.advance(HOUR_MS);
  for (const device of [phone, laptop]) expect(lines(device)).not.toContain('in patient');
});

test('A8 what its author deletes for everybody is gone for everybody, and a repeated delivery does not bring it back', async () => {
  const { clock, server, phone, laptop, bela, settle, say } = await world();
  const kept: Parameters<ServerDouble['inject']>[1][] = [];
  server.lies.store = (row, to) => {
    if (to === bela.own.deviceId) kept.push(row);
    return [row];
  };
  await say(laptop, bela, 'a mistake');
  delete server.lies.store;
  const wrong = entries(phone).at(-1)?.entryId ?? 0;
  expect(() => conversations(bela).deleteEntries([lastId(bela)], 'everywhere')).toThrow(
    expect.objectContaining({ code: 'not_own_message' }),
  );
  conversations(phone).deleteEntries([wrong], 'everywhere');
  clock.advance(1);
  await settle();
  expect(kept.length).toBeGreaterThan(0);
  for (const row of kept) server.inject(bela.own.deviceId, row);
  await settle();
  expect(lines(bela).slice(0, 2)).toEqual(['out hello', 'in deleted']);
  for (const device of [phone, laptop]) expect(lines(device)).toEqual(['in hello', 'out deleted']);
  for (const device of [phone, laptop, bela]) {
    expect(conversations(device).search('mistake').found).toEqual([]);
    expect(device.texts()).not.toContain('a mistake');
  }
});

test('A8 what is taken back before it has arrived arrives as deleted, and what has not left never leaves', async () => {
  const { server, phone, laptop, bela, settle, say } = await world();
  for (const scope of ['here', 'own-devices', 'everywhere'] as const) {
    await bela.write(phone, `never sent, deleted ${scope}`);
    conversations(bela).deleteEntries([lastId(bela)], scope);
  }
  await settle();
  expect(lines(phone)).toEqual(['in hello']);
  const held: Parameters<ServerDouble['inject']>[1][] = [];
  await bela.write(phone, 'too early');
  server.lies.store = (row, to) => {
    if (to !== laptop.own.deviceId) return [row];
    held.push(row);
    return [];
  };
  await bela.sync();
  delete server.lies.store;
  conversations(bela).deleteEntries([lastId(bela)], 'everywhere');
  await settle();
  for (const row of held) server.inject(laptop.own.deviceId, row);
  await settle();
  for (const device of [phone, laptop]) expect(lines(device)).toEqual(['in hello', 'in deleted']);
  await say(bela, phone, 'and on');
  expect(lines(laptop).at(-1)).toBe('in and on');
});

test('A8 deleting for oneself is for this device, or for all of one’s own, and never for the other side', async () => {
  const { phone, laptop, bela, settle, say } = await world();
  await say(bela, phone, 'one');
  await say(phone, bela, 'two');
  conversations(phone).deleteEntries([lastId(phone)], 'here');
  await settle();
  expect(lines(phone)).toEqual(['in hello', 'in one']);
  expect(lines(laptop)).toEqual(['in hello', 'in one', 'out two']);
  conversations(phone).deleteEntries([lastId(phone)], 'own-devices');
  await settle();
  expect(lines(phone)).toEqual(['in hello']);
  expect(lines(laptop)).toEqual(['in hello', 'out two']);
  expect(lines(bela)).toEqual(['out hello', 'out one', 'in two']);
});

test('A4 whoever another device of one’s own was the first to write to has a name here too', async () => {
  const { clock, server, phone, laptop } = await world();
  const carla = await TestDevice.enrol(server, clock, 'Carla');
  await laptop.write(carla, 'hello');
  for (const device of [laptop, laptop, phone]) await device.sync();
  const names = (device: TestDevice) =>
    conversations(device)
      .list()
      .map(({ peer }) => peer.name);
  expect(names(phone)).toEqual(names(laptop));
  expect(names(phone)).toContain('Carla');
});

/** What was read on one device of a person is read on the others, and nothing else is (A4). */
import { expect, test } from 'vitest';
import { ManualClock } from '../node/doubles/manual-clock.ts';
import { ServerDouble } from '../node/doubles/server-double.ts';
import { TestDevice } from '../node/doubles/test-device.ts';

async function world() {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const phone = await TestDevice.enrol(server, clock, 'Anna');
  const bela = await TestDevice.enrol(server, clock, 'Bela');
  const say = async (...texts: string[]) => {
    for (const text of texts) {
      await bela.write(phone, text);
      clock.advance(1_000);
    }
    await bela.sync();
  };
  const sync = async (...devices: TestDevice[]) => {
    for (let round = 0; round < 3; round++) for (const device of devices) await device.sync();
  };
  return { clock, server, phone, bela, say, sync };
}

const entries = (device: TestDevice) => {
  const { conversations } = device.messenger;
  return conversations
    .list()
    .flatMap(({ conversationId }) => conversations.entries(conversationId, { limit: 1_000 }).entries);
};
const entryOf = (device: TestDevice, text: string) => {
  const entry = entries(device).find((one) => one.direction !== 'system' && one.text === text);
  if (entry === undefined || entry.direction === 'system') throw new Error(`no ${text}`);
  return entry;
};
const unread = (device: TestDevice) =>
  entries(device).flatMap((entry) => (entry.direction !== 'system' && entry.isUnread ? [entry.text] : []));

test('A4 what a new device was given as history and reads there is read on the others', async () => {
  const { clock, server, phone, say, sync } = await world();
  await say('one', 'two');
  const laptop = await TestDevice.link(server, clock, phone);
  await sync(laptop, phone);
  expect(unread(laptop)).toEqual(['one', 'two']);
  laptop.messenger.conversations.markRead(entryOf(laptop, 'one').entryId);
  await sync(laptop, phone);
  expect(unread(phone)).toEqual(['two']);
});

test('A4 reading on a device that lacks what was before it leaves that unread on the others', async () => {
  const { clock, server, phone, bela, say, sync } = await world();
  await say('before the laptop');
  await phone.sync();
  // The phone has no connection while the laptop comes, so no history comes either.
  const laptop = await TestDevice.link(server, clock, phone);
  await laptop.sync();
  await sync(bela);
  await say('for both');
  await sync(laptop, bela, laptop);
  expect(unread(laptop)).toEqual(['for both']);
  laptop.messenger.markRead([entryOf(laptop, 'for both')]);
  await sync(laptop, phone);
  expect(unread(phone)).toEqual(['before the laptop']);
});

test('A4 hundreds of messages read one by one are read on the others, also behind one that stays unread', async () => {
  const { clock, server, phone, say, sync } = await world();
  const laptop = await TestDevice.link(server, clock, phone);
  await sync(laptop, phone);
  const texts = Array.from({ length: 300 }, (_, number) => `text ${number}`);
  await say('to be read later', ...texts);
  await sync(laptop, phone);
  laptop.messenger.markRead(texts.map((text) => entryOf(laptop, text)));
  await sync(laptop, phone);
  expect(unread(phone)).toEqual(['to be read later']);
  const late = entryOf(laptop, 'text 299');
  laptop.messenger.conversations.markRead(late.entryId);
  await sync(laptop, phone);
  expect(unread(phone)).toEqual([]);
});

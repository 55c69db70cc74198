import { randomBytes } from 'node:crypto';
import { CLASSES, encodeContent, encodeHistoryPart, type KnownContent, makeId, utf8 } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { ManualClock } from '../node/doubles/manual-clock.ts';
import { ServerDouble } from '../node/doubles/server-double.ts';
import { TestDevice } from '../node/doubles/test-device.ts';

async function world() {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const phone = await TestDevice.enrol(server, clock, 'Anna');
  const bela = await TestDevice.enrol(server, clock, 'Bela');
  const cleo = await TestDevice.enrol(server, clock, 'Cleo');
  const say = async (from: TestDevice, to: TestDevice, ...texts: string[]) => {
    for (const text of texts) {
      await from.write(to, text);
      clock.advance(1_000);
    }
    for (const device of [from, to, from]) await device.sync();
  };
  return { clock, server, phone, bela, cleo, say };
}

/** Each conversation by its other side, with what is in it. */
function all(device: TestDevice): Record<string, unknown> {
  const { conversations } = device.messenger;
  return Object.fromEntries(
    conversations.list().map(({ conversationId, peer, unread, isPinned, draft }) => [
      peer.name,
      {
        unread,
        isPinned,
        draft,
        entries: conversations
          .entries(conversationId, { limit: 1_000 })
          .entries.map((entry) =>
            entry.direction === 'system'
              ? entry.kind
              : `${entry.direction} ${entry.kind} ${entry.text} ${entry.state ?? ''}`,
          ),
      },
    ]),
  );
}

test('A4 N9 a new device has what was said before, with names, settings, states and what is unread', async () => {
  const { clock, server, phone, bela, cleo, say } = await world();
  await say(bela, phone, 'one', 'two');
  await say(phone, bela, 'three', 'four');
  await say(cleo, phone, 'five');
  const { conversations } = phone.messenger;
  const withBela = conversations.withMail(bela.mail);
  conversations.markRead(conversations.entries(withBela).entries[0]?.entryId ?? 0);
  conversations.setPinned(withBela, true);
  conversations.setDraft(withBela, 'half');
  const wrong = conversations.entries(withBela).entries.at(-1)?.entryId ?? 0;
  conversations.deleteEntries([wrong], 'everywhere');
  await phone.sync();
  const laptop = await TestDevice.link(server, clock, phone);
  await laptop.sync();
  await phone.sync();
  await laptop.sync();
  expect(all(laptop)).toEqual(all(phone));
  expect(laptop.messenger.historyTransfer.progress()).toMatchObject({
    from: phone.own.deviceId,
    isComplete: true,
    messages: 5,
    total: 5,
  });
  expect(laptop.messenger.conversations.search('one').found).toHaveLength(1);
  expect(laptop.texts()).toEqual([]);
  await say(bela, phone, 'six');
  await laptop.sync();
  expect(all(laptop)).toEqual(all(phone));
  expect(laptop.noticeKinds()).toEqual([]);
});

test('A4 a history of many parts goes on after each cut, on either side, and arrives once', async () => {
  const { clock, server, phone, bela, say } = await world();
  const texts = Array.from({ length: 30 }, (_, i) => `${i} ${'long '.repeat(5_000)}`);
  await say(bela, phone, ...texts);
  const laptop = await TestDevice.link(server, clock, phone);
  await laptop.sync();
  // The connection of the phone ends after every third part, and that of the laptop while they come in.
  let submits = 0;
  server.lies.loseAnswer = ({ to }) => to === phone.person.personId && ++submits % 3 === 0;
  for (let round = 0; round < 20; round++) {
    await phone.sync().catch(() => undefined);
    phone.restart();
    const [, progress] = [await laptop.sync(), laptop.messenger.historyTransfer.progress()];
    if (progress?.isComplete) break;
    laptop.restart();
  }
  expect(submits).toBeGreaterThan(5);
  delete server.lies.loseAnswer;
  await phone.sync();
  await laptop.sync();
  expect(laptop.messenger.historyTransfer.progress()).toMatchObject({ isComplete: true, messages: 30 });
  expect(laptop.messenger.history({ limit: 100 }).map(({ text }) => text)).toEqual(texts);
  expect(phone.store.transfers.listOutgoing()).toEqual([]);
});

test('A4 when the device that gives the history is gone in the middle, another one is asked by itself', async () => {
  const { clock, server, phone, bela, say } = await world();
  const texts = Array.from({ length: 30 }, (_, i) => `${i} ${'long '.repeat(5_000)}`);
  await say(bela, phone, ...texts);
  const tablet = await TestDevice.link(server, clock, phone);
  for (const device of [tablet, phone, tablet]) await device.sync();
  const laptop = await TestDevice.link(server, clock, phone);
  // The phone is lost in the middle of it.
  await laptop.sync();
  let parts = 0;
  server.lies.loseAnswer = ({ to }) => to === phone.person.personId && ++parts === 4;
  await phone.sync().catch(() => undefined);
  delete server.lies.loseAnswer;
  expect(laptop.messenger.historyTransfer.progress()).toMatchObject({ from: phone.own.deviceId });
  server.deactivate(phone.own.deviceId);
  for (const device of [laptop, tablet, laptop]) await device.sync();
  expect(laptop.messenger.historyTransfer.progress()).toMatchObject({
    from: tablet.own.deviceId,
    isComplete: true,
    messages: 30,
  });
  expect(laptop.messenger.history({ limit: 100 }).map(({ text }) => text)).toEqual(texts);
});

test('A4 a request that was lost on its way is made again after a day', async () => {
  const { clock, server, phone, bela, say } = await world();
  await say(bela, phone, 'one');
  const laptop = await TestDevice.link(server, clock, phone);
  server.lies.store = (row, to) => (to === phone.own.deviceId ? [] : [row]);
  await laptop.sync();
  delete server.lies.store;
  for (const device of [phone, laptop]) await device.sync();
  expect(laptop.messenger.historyTransfer.progress()).toMatchObject({ isComplete: false });
  clock.advance(25 * 3_600_000);
  for (const device of [laptop, phone, laptop]) await device.sync();
  expect(laptop.messenger.historyTransfer.progress()).toMatchObject({ isComplete: true, messages: 1 });
});

test('A4 messages and drafts as long as they may be come along, and no message at all is a history too', async () => {
  const { clock, server, phone, bela, say } = await world();
  const empty = await TestDevice.link(server, clock, phone);
  for (const device of [empty, phone, empty]) await device.sync();
  expect(empty.messenger.historyTransfer.progress()).toMatchObject({ isComplete: true, total: 0 });
  const longest = '👩'.repeat(60_000);
  const withMany = 'す'.repeat(60_000);
  await say(bela, phone, longest, 'between', withMany);
  const { conversations } = phone.messenger;
  const withBela = conversations.withMail(bela.mail);
  conversations.setDraft(withBela, 'ん'.repeat(80_000));
  expect(() => conversations.setDraft(withBela, 'ん'.repeat(80_001))).toThrow('text_too_long');
  await phone.sync();
  const laptop = await TestDevice.link(server, clock, phone);
  for (const device of [laptop, phone, laptop, phone, laptop]) await device.sync();
  expect(laptop.messenger.historyTransfer.progress()).toMatchObject({ isComplete: true, messages: 3 });
  // Compared as a whole, or a difference would be printed at its full length.
  expect(JSON.stringify(all(laptop)) === JSON.stringify(all(phone))).toBe(true);
  expect(laptop.messenger.history({ limit: 10 }).map(({ text }) => text.length)).toEqual([
    120_000, 7, 60_000,
  ]);
});

test('A4 N9 a history of more conversations than fit into one part has the names of all of them', async () => {
  const { clock, server, phone } = await world();
  const people = Array.from({ length: 450 }, (_, i) => {
    const personId = makeId('person', Uint8Array.from(randomBytes(16)));
    return { personId, name: `Person ${i}`, mail: `p${i}@acme.test` };
  });
  phone.store.transaction(() => {
    for (const [i, person] of people.entries()) {
      phone.store.directory.putPerson(person);
      const conversationId = phone.messenger.conversations.withPerson(person.personId);
      const id = makeId('content', Uint8Array.from(randomBytes(16)));
      const device = makeId('device', Uint8Array.from(randomBytes(16)));
      const from = { direction: 'in', senderDevice: device, senderPerson: person.personId } as const;
      const times = { atMs: i, writtenAtMs: i, acceptedAtMs: i };
      const state = { chain: undefined, isUnread: false, isPrinted: true, timerMs: undefined };
      const content = { kind: 'text', contentId: id, content: utf8(`text ${i}`) } as const;
      phone.store.entries.add({ conversationId, ...from, ...content, ...times, ...state });
    }
  });
  const laptop = await TestDevice.link(server, clock, phone);
  for (const device of [laptop, phone, laptop]) await device.sync();
  const names = laptop.messenger.conversations.list().map(({ peer }) => peer.name);
  expect(names.toSorted()).toEqual(people.map(({ name }) => name).toSorted());
});

test('B6 nobody but a device of one’s own is given a history, and nobody else’s word is taken for one', async () => {
  const { clock, server, phone, bela, say } = await world();
  await say(bela, phone, 'between us');
  const laptop = await TestDevice.link(server, clock, phone);
  await laptop.sync();
  const asked = laptop.store.transfers.getIncoming();
  const { transfer } = asked ?? { transfer: makeId('request', new Uint8Array(16)) };
  /** What a dishonest client of Bela's would send. */
  const forge = (content: KnownContent) =>
    bela.store.outbox.add({
      contentId: makeId('content', Uint8Array.from(randomBytes(16))),
      kind: content.kind,
      class: CLASSES.control,
      toMail: undefined,
      toPerson: phone.person.personId,
      content: encodeContent(content),
      sentAtMs: clock.now(),
    });
  const past = {
    peer: bela.person.personId,
    direction: 'out',
    kind: 'text',
    contentId: makeId('content', new Uint8Array(16)),
    senderDevice: phone.own.deviceId,
    content: utf8('I owe you everything'),
    atMs: 1,
    writtenAtMs: 1,
    acceptedAtMs: 1,
    chain: undefined,
    isUnread: false,
    receipt: undefined,
    timerMs: undefined,
    expiresAtMs: undefined,
  } as const;
  const data = encodeHistoryPart({ people: [], settings: [], read: [], items: [past], numbers: [] });
  forge({ kind: 'history-request', minReader: 1, transfer, from: phone.own.deviceId });
  forge({
    kind: 'history',
    minReader: 1,
    transfer,
    to: laptop.own.deviceId,
    part: 0,
    isLast: true,
    total: 1,
    data,
  });
  await bela.sync();
  await laptop.sync();
  expect(laptop.messenger.history({ limit: 10 })).toEqual([]);
  expect(laptop.messenger.historyTransfer.progress()).toMatchObject({ isComplete: false });
  await phone.sync();
  await bela.sync();
  await laptop.sync();
  expect(laptop.messenger.history({ limit: 10 }).map(({ text }) => text)).toEqual(['between us']);
  expect(bela.messenger.history({ limit: 10 }).map(({ text }) => text)).toEqual(['between us']);
});

test('P1 a device that the server had to give messages up for gets them from another one of its person', async () => {
  const { clock, server, phone, bela, say } = await world();
  const laptop = await TestDevice.link(server, clock, phone);
  await laptop.sync();
  await phone.sync();
  await laptop.sync();
  await say(bela, phone, 'hello');
  await laptop.sync();
  server.lies.store = (row, to) => (to === laptop.own.deviceId ? [] : [row]);
  await say(bela, phone, 'while the laptop', 'was in a drawer');
  delete server.lies.store;
  expect(laptop.messenger.history({ limit: 10 })).toHaveLength(1);
  laptop.messenger.historyTransfer.ask();
  await laptop.sync();
  await phone.sync();
  await laptop.sync();
  expect(laptop.messenger.history({ limit: 10 }).map(({ text }) => text)).toEqual([
    'hello',
    'while the laptop',
    'was in a drawer',
  ]);
});

test('A4 P3 what a history brings leaves nothing to be missed: changes, deletions and copies have had numbers too', async () => {
  const { clock, server, phone, bela, say } = await world();
  const laptop = await TestDevice.link(server, clock, phone);
  const tablet = await TestDevice.link(server, clock, phone);
  const visit = async (...devices: TestDevice[]) => {
    for (const device of devices) await device.sync();
    clock.advance(3_600_000);
  };
  const everybody = [laptop, tablet, phone, bela];
  for (let round = 0; round < 2; round++) await visit(...everybody);
  await say(bela, phone, 'to stay', 'to go');
  await say(phone, bela, 'from the phone');
  await say(tablet, bela, 'from the tablet');
  await visit(...everybody);
  await visit(...everybody);
  const entriesOf = (device: TestDevice, other: TestDevice) => {
    const { conversations } = device.messenger;
    return conversations.entries(conversations.withMail(other.mail), { limit: 100 }).entries;
  };

  // All of this the server gives up for the laptop.
  server.lies.store = (row, to) => (to === laptop.own.deviceId ? [] : [row]);
  const gone = entriesOf(bela, phone).find((entry) => entry.direction === 'out' && entry.text === 'to go');
  bela.messenger.conversations.deleteEntries([gone?.entryId ?? 0], 'everywhere');
  await say(bela, phone, 'while it was away');
  await say(phone, bela, 'one more from the phone');
  await say(tablet, bela, 'one more from the tablet', 'and another');
  for (let round = 0; round < 3; round++) await visit(bela, tablet, phone);
  delete server.lies.store;
  laptop.messenger.historyTransfer.ask();
  await visit(laptop, phone, laptop);
  // What comes now shows that there were numbers in between.
  await say(bela, phone, 'afterwards');
  await say(phone, bela, 'afterwards too');
  await say(tablet, bela, 'and also');
  for (let round = 0; round < 3; round++) await visit(...everybody);

  expect(laptop.messenger.notices().filter(({ kind }) => kind === 'messages_missing')).toEqual([]);
  const texts = (device: TestDevice) =>
    entriesOf(device, bela).map((entry) => (entry.direction === 'system' ? entry.kind : entry.text));
  expect(texts(laptop)).toEqual(texts(phone));

  // What the one who gave the history lacks too is named.
  server.lies.store = (row, to) => (to === bela.own.deviceId ? [row] : []);
  await say(bela, phone, 'kept from everybody');
  delete server.lies.store;
  laptop.messenger.historyTransfer.ask();
  await visit(laptop, phone, laptop);
  await say(bela, phone, 'the last');
  for (let round = 0; round < 3; round++) await visit(...everybody);
  expect(laptop.messenger.notices()).toContainEqual(
    expect.objectContaining({ kind: 'messages_missing', deviceId: bela.own.deviceId, count: 1 }),
  );
});

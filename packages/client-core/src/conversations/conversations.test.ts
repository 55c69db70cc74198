import { expect, test } from 'vitest';
import { ManualClock } from '../node/doubles/manual-clock.ts';
import { ServerDouble } from '../node/doubles/server-double.ts';
import { TestDevice } from '../node/doubles/test-device.ts';
import { type ConversationChanges, MUTED_FOR_EVER_MS } from './types.ts';

async function people(...names: string[]) {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const devices = await Promise.all(names.map((name) => TestDevice.enrol(server, clock, name)));
  return { clock, server, devices: devices as [TestDevice, TestDevice, TestDevice] };
}

/** Sends texts some seconds apart and has the other take them. */
async function send(clock: ManualClock, from: TestDevice, to: TestDevice, ...texts: string[]) {
  for (const text of texts) {
    await from.write(to, text);
    clock.advance(10_000);
  }
  await from.sync();
  await to.sync();
}

const listOf = (device: TestDevice) => device.messenger.conversations.list();
const textsOf = (device: TestDevice, options = {}) => {
  const { conversations } = device.messenger;
  const [first] = conversations.list();
  if (first === undefined) throw new Error('no conversation');
  const page = conversations.entries(first.conversationId, options);
  return { ...page, texts: page.entries.map((entry) => ('text' in entry ? entry.text : entry.kind)) };
};

test('A8 the list has the newest conversation first, its last entry and what is unread', async () => {
  const { clock, devices } = await people('Anna', 'Bela', 'Cleo');
  const [anna, bela, cleo] = devices;
  await send(clock, bela, anna, 'one', 'two');
  await send(clock, cleo, anna, 'three');
  expect(listOf(anna)).toMatchObject([
    { peer: { name: 'Cleo', mail: 'cleo@acme.test' }, unread: 1, last: { text: 'three', direction: 'in' } },
    { peer: { name: 'Bela' }, unread: 2, last: { text: 'two', isUnread: true } },
  ]);
  await send(clock, anna, bela, 'four');
  expect(listOf(anna)[0]).toMatchObject({ peer: { name: 'Bela' }, last: { text: 'four', direction: 'out' } });
  expect(listOf(bela)).toMatchObject([{ unread: 1, last: { text: 'four' } }]);
  await anna.sync();
  expect(listOf(anna)[0]?.last).toMatchObject({ state: 'delivered' });
});

test('A8 reading up to an entry leaves what came after it unread, also what is older but came later', async () => {
  const { clock, devices } = await people('Anna', 'Bela');
  const [anna, bela] = devices;
  await send(clock, bela, anna, 'one', 'two', 'three');
  const { conversations } = anna.messenger;
  const [one, two] = textsOf(anna).entries;
  conversations.markRead(two?.entryId ?? 0);
  expect(listOf(anna)[0]?.unread).toBe(1);
  conversations.markRead(one?.entryId ?? 0);
  expect(listOf(anna)[0]?.unread).toBe(1);
  expect(textsOf(anna).entries.map((entry) => 'isUnread' in entry && entry.isUnread)).toEqual([
    false,
    false,
    true,
  ]);
  anna.restart();
  expect(listOf(anna)[0]?.unread).toBe(1);
});

test('A8 pages go back and forth through a conversation without gaps, and begin at a date', async () => {
  const { clock, devices } = await people('Anna', 'Bela');
  const [anna, bela] = devices;
  const beginMs = clock.now();
  await send(clock, bela, anna, ...Array.from({ length: 10 }, (_, i) => `t${i}`));
  const newest = textsOf(anna, { limit: 4 });
  expect(newest).toMatchObject({ texts: ['t6', 't7', 't8', 't9'], newer: undefined });
  const middle = textsOf(anna, { limit: 4, before: newest.older });
  expect(middle.texts).toEqual(['t2', 't3', 't4', 't5']);
  const oldest = textsOf(anna, { limit: 4, before: middle.older });
  expect(oldest).toMatchObject({ texts: ['t0', 't1'], older: undefined });
  expect(textsOf(anna, { limit: 4, after: oldest.newer }).texts).toEqual(['t2', 't3', 't4', 't5']);
  expect(textsOf(anna, { limit: 9, after: middle.newer })).toMatchObject({
    texts: newest.texts,
    newer: undefined,
  });
  const jump = textsOf(anna, { limit: 3, aroundMs: beginMs + 5 * 10_000 });
  expect(jump.texts).toEqual(['t5', 't6', 't7']);
  expect(textsOf(anna, { before: jump.older }).texts).toEqual(['t0', 't1', 't2', 't3', 't4']);
  const beyond = textsOf(anna, { aroundMs: clock.now() + 1 });
  expect(beyond).toMatchObject({ texts: [], newer: undefined });
  expect(textsOf(anna, { limit: 2, before: beyond.older }).texts).toEqual(['t8', 't9']);
  expect(textsOf(anna, { aroundMs: 0, limit: 1 })).toMatchObject({ texts: ['t0'], older: undefined });
});

test('A1 what was written offline for hours keeps its order on the other side, though the server saw it at once', async () => {
  const { clock, devices } = await people('Anna', 'Bela');
  const [anna, bela] = devices;
  const texts = Array.from({ length: 12 }, (_, i) => `hour ${i}`);
  for (const text of texts) {
    await anna.write(bela, text);
    clock.advance(3_600_000);
  }
  await anna.sync();
  await bela.sync();
  expect(textsOf(bela).texts).toEqual(texts);
  expect(bela.messenger.history({ limit: 20 }).map((entry) => entry.text)).toEqual(texts);
  expect(bela.messenger.history({ limit: 3 }).map((entry) => entry.text)).toEqual(texts.slice(-3));
});

test('A8 pinned conversations come first; a mute ends by itself; drafts stay', async () => {
  const { clock, devices } = await people('Anna', 'Bela', 'Cleo');
  const [anna, bela, cleo] = devices;
  await send(clock, bela, anna, 'old');
  await send(clock, cleo, anna, 'new');
  const { conversations } = anna.messenger;
  const withBela = conversations.withMail(bela.mail);
  const withCleo = conversations.withMail(cleo.mail);
  conversations.setPinned(withBela, true);
  conversations.setDraft(withBela, 'half a tho');
  conversations.setMuted(withBela, clock.now() + 60_000);
  conversations.setMuted(withCleo, MUTED_FOR_EVER_MS);
  expect(listOf(anna)).toMatchObject([
    { conversationId: withBela, isPinned: true, draft: 'half a tho', mutedUntilMs: clock.now() + 60_000 },
    { conversationId: withCleo, isPinned: false, draft: '', mutedUntilMs: MUTED_FOR_EVER_MS },
  ]);
  clock.advance(60_000);
  conversations.setDraft(withBela, '');
  conversations.setMuted(withCleo, undefined);
  anna.restart();
  expect(listOf(anna).map(({ mutedUntilMs, draft }) => [mutedUntilMs, draft])).toEqual([
    [undefined, ''],
    [undefined, ''],
  ]);
});

test('A8 what is written to an address nobody is known by joins the conversation with that person', async () => {
  const { clock, devices } = await people('Anna', 'Bela');
  const [anna, bela] = devices;
  const early = anna.messenger.conversations.withMail(bela.mail);
  anna.messenger.conversations.setDraft(early, 'more');
  await anna.write(bela, 'first');
  expect(listOf(anna)).toMatchObject([
    { conversationId: early, peer: { personId: undefined, mail: bela.mail } },
  ]);
  await anna.sync();
  clock.advance(1_000);
  await send(clock, bela, anna, 'answer');
  expect(listOf(anna)).toMatchObject([
    { peer: { personId: bela.person.personId }, draft: 'more', unread: 1 },
  ]);
  expect(listOf(anna)).toHaveLength(1);
  expect(textsOf(anna).texts).toEqual(['first', 'answer']);
});

test('A8 whoever shows conversations is told once of each step that changed them, and of which', async () => {
  const { clock, devices } = await people('Anna', 'Bela');
  const [anna, bela] = devices;
  await send(clock, bela, anna, 'hello');
  const heard: ConversationChanges[] = [];
  const { conversations } = anna.messenger;
  const stop = conversations.onChanged((changes) => heard.push(changes));
  const withBela = conversations.withMail(bela.mail);
  conversations.setPinned(withBela, true);
  conversations.setPinned(withBela, true);
  await Promise.resolve();
  expect(heard).toEqual([{ entries: new Set(), settings: new Set([withBela]) }]);
  await send(clock, bela, anna, 'a', 'b', 'c');
  expect(heard.length).toBeGreaterThan(1);
  expect(heard.slice(1).every(({ entries }) => entries.has(withBela))).toBe(true);
  stop();
  const before = heard.length;
  conversations.setPinned(withBela, false);
  await Promise.resolve();
  expect(heard).toHaveLength(before);
});

test('P3 a missing message stands as a sentence in the conversation, and goes when it has come', async () => {
  const { clock, server, devices } = await people('Anna', 'Bela');
  const [anna, bela] = devices;
  await send(clock, anna, bela, 'one');
  await anna.write(bela, 'two');
  await anna.write(bela, 'three');
  const held: Parameters<ServerDouble['inject']>[1][] = [];
  server.lies.store = (row) => {
    if (held.length > 0) return [row];
    held.push(row);
    return [];
  };
  await anna.sync();
  delete server.lies.store;
  await bela.sync();
  expect(textsOf(bela).texts).toContain('messages_missing');
  for (const row of held) server.inject(bela.own.deviceId, row);
  await bela.sync();
  expect(textsOf(bela).texts).toEqual(['one', 'two', 'three']);
});

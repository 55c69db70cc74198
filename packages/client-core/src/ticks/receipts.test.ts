import { CLASSES, decodeContent, makeId } from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../node/doubles/manual-clock.ts';
import { ServerDouble } from '../node/doubles/server-double.ts';
import { TestDevice } from '../node/doubles/test-device.ts';
import { openSqlcipherStore } from '../node/store-sqlcipher/index.ts';
import type { Policy } from './policy.ts';

async function pair() {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const anna = await TestDevice.enrol(server, clock, 'Anna');
  const bela = await TestDevice.enrol(server, clock, 'Bela');
  /** Anna's view of what she wrote, after all have been in touch. */
  const state = async (id: Awaited<ReturnType<TestDevice['write']>>) => {
    for (const device of [bela, anna]) await device.sync();
    return anna.messenger.status(id).state;
  };
  const read = () => bela.messenger.markRead(bela.messenger.inbox(100));
  return { clock, server, anna, bela, state, read };
}

test('A3 a message is queued, accepted, delivered, and read when its reader has read it', async () => {
  const both = await pair();
  const message = await both.anna.write(both.bela, 'hello');
  expect(both.anna.messenger.status(message)).toEqual({ state: 'queued' });
  await both.anna.sync();
  expect(both.anna.messenger.status(message)).toEqual({ state: 'accepted' });
  expect(await both.state(message)).toBe('delivered');
  expect(await both.state(message)).toBe('delivered');
  both.read();
  expect(both.anna.messenger.status(message)).toEqual({ state: 'delivered' });
  expect(await both.state(message)).toBe('read');
  expect(both.anna.messenger.history({ limit: 1 })).toMatchObject([{ state: 'read' }]);
});

test('A3 a receipt is control, holds ranges of numbers only, and leaves nothing in a conversation', async () => {
  const { server, anna, bela, state, read } = await pair();
  const ids = await anna.messenger.send(['1', '2', '3'].map((text) => ({ to: bela.mail, text })));
  await anna.sync();
  await bela.sync();
  const before = server.submits.length;
  read();
  await bela.sync();
  const sent = server.submits.slice(before);
  expect(sent.map((submit) => submit.class)).toEqual([CLASSES.control]);
  const last = ids[2];
  expect(last && (await state(last.messageId))).toBe('read');
  expect(anna.texts()).toEqual([]);
  expect(anna.messenger.history({ limit: 10 })).toHaveLength(3);
  expect([...anna.noticeKinds(), ...bela.noticeKinds()]).toEqual([]);
});

test('A3 what is read while connected is told after a random while, in one batch', async () => {
  const { clock, server, anna, bela } = await pair();
  await anna.messenger.send(['1', '2', '3'].map((text) => ({ to: bela.mail, text })));
  await anna.sync();
  await bela.connect();
  await bela.messenger.settled();
  const before = server.submits.length;
  for (const message of bela.messenger.inbox(10)) bela.messenger.markRead([message]);
  clock.advance(999);
  await new Promise(setImmediate);
  expect(server.submits.length).toBe(before);
  clock.advance(15_000);
  await bela.messenger.settled();
  expect(server.submits.length).toBe(before + 1);
  bela.messenger.disconnect();
});

test('A3 whoever does not send read receipts sees none; the rest goes on', async () => {
  const { anna, bela, state, read } = await pair();
  bela.messenger.changeSetting({ name: 'readReceipts', value: 'off' });
  const first = await anna.write(bela, 'unseen');
  await anna.sync();
  await bela.sync();
  read();
  expect(await state(first)).toBe('delivered');
  const answer = await bela.write(anna, 'answer');
  await bela.sync();
  await anna.sync();
  anna.messenger.markRead(anna.messenger.inbox(10));
  await anna.sync();
  await bela.sync();
  expect(bela.messenger.status(answer).state).toBe('delivered');
  // Switched on again, it tells nothing of what was read before.
  bela.messenger.changeSetting({ name: 'readReceipts', value: 'on' });
  const second = await anna.write(bela, 'seen');
  await anna.sync();
  await bela.sync();
  bela.messenger.markRead(bela.messenger.inbox(100).slice(-1));
  expect(await state(second)).toBe('read');
  expect(anna.messenger.status(first).state).toBe('delivered');
});

test('A3 delivered receipts can be switched off, for one conversation too; acknowledgements go on', async () => {
  const { server, anna, bela, state } = await pair();
  const cem = await TestDevice.enrol(server, new ManualClock(), 'Cem');
  await anna.write(bela, 'so that they know each other');
  await anna.sync();
  await bela.sync();
  bela.messenger.changeSetting({ name: 'deliveredReceipts', value: 'off', with: anna.mail });
  const id = await anna.write(bela, 'hidden');
  await anna.sync();
  expect(await state(id)).toBe('accepted');
  expect(anna.store.outbox.findByContentId(id)?.deliveredAtMs).toBeDefined();
  await cem.write(bela, 'from Cem');
  expect(bela.messenger.settings({ with: anna.mail })[0]).toMatchObject({
    value: 'off',
    setBy: 'conversation',
  });
  expect(bela.messenger.settings()[0]).toMatchObject({ value: 'on', setBy: 'default' });
});

test('A3 policy switches off what a person has switched on, and says so', async () => {
  const { anna, bela, state, read } = await pair();
  const policy: { -readonly [K in keyof Policy]: Policy[K] } = {};
  bela.policy = () => policy;
  bela.restart();
  policy.switchedOff = new Set(['readReceipts']);
  expect(() => bela.messenger.changeSetting({ name: 'readReceipts', value: 'on' })).toThrow('set_by_policy');
  const id = await anna.write(bela, 'hello');
  await anna.sync();
  await bela.sync();
  read();
  expect(await state(id)).toBe('delivered');
  expect(bela.messenger.settings().find(({ name }) => name === 'readReceipts')).toEqual({
    name: 'readReceipts',
    value: 'off',
    setBy: 'policy',
  });
});

test('A3 settings that there are not, or for strangers, are refused', async () => {
  const { anna } = await pair();
  const change = (name: string, value: string, mail?: string) => () =>
    anna.messenger.changeSetting({ name, value, ...(mail && { with: mail }) });
  expect(change('ticks', 'on')).toThrow('bad_request');
  expect(change('toString', 'on')).toThrow('bad_request');
  expect(change('typing', 'maybe')).toThrow('bad_request');
  expect(change('typing', 'off', 'nobody@acme.test')).toThrow('recipient_unknown');
});

test('A3 a receipt of somebody else, or of messages that there are not, changes nothing', async () => {
  const { clock, server, anna, bela } = await pair();
  const cem = await TestDevice.enrol(server, clock, 'Cem');
  const id = await anna.write(bela, 'for Bela');
  await anna.sync();
  const chain = anna.store.outbox.findByContentId(id)?.chain?.id;
  if (chain === undefined) throw new Error('a message has a chain');
  const claim = { kind: 'read' as const, chain, first: 1, last: 9, device: cem.own.deviceId };
  cem.store.receipts.add({ ...claim, personId: anna.person.personId }, { atMs: clock.now(), isDue: true });
  await cem.write(anna, 'and a receipt');
  await cem.sync();
  await anna.sync();
  expect(anna.messenger.status(id).state).toBe('accepted');
  bela.store.receipts.add({ ...claim, personId: anna.person.personId }, { atMs: clock.now(), isDue: true });
  await bela.sync();
  await anna.sync();
  expect(anna.messenger.status(id).state).toBe('read');
  const later = await anna.write(bela, 'later');
  await anna.sync();
  expect(anna.messenger.status(later).state).toBe('accepted');
});

test('A3 ranges of receipts are exactly the numbers that were told, in whatever order they came', () => {
  const chain = makeId('chain', new Uint8Array(16).fill(1));
  const device = makeId('device', new Uint8Array(16).fill(2));
  const personId = makeId('person', new Uint8Array(16).fill(3));
  const ranges = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.nat(6)), { maxLength: 30 });
  fc.assert(
    fc.property(ranges, (told) => {
      const store = openSqlcipherStore(':memory:', new Uint8Array(32));
      const expected = new Set<number>();
      for (const [first, more] of told) {
        const isNews = Array.from({ length: more + 1 }, (_, at) => first + at).some(
          (seq) => !expected.has(seq),
        );
        for (let seq = first; seq <= first + more; seq++) expected.add(seq);
        const range = { kind: 'read' as const, chain, first, last: first + more, device, personId };
        expect(store.receipts.add(range, { atMs: 1, isDue: true })).toBe(isNews);
      }
      for (let seq = 1; seq <= 50; seq++) {
        const found = store.receipts.furthest(personId, chain, seq);
        expect(found).toBe(expected.has(seq) ? 'read' : undefined);
      }
      const due = store.receipts.takeDue(personId, 'read', 100);
      expect(due.reduce((sum, { from, to }) => sum + to - from + 1, 0)).toBe(expected.size);
      expect(store.receipts.takeDue(personId, 'read', 100)).toEqual([]);
      store.close();
    }),
    { numRuns: 60 },
  );
});

test('A3 a receipt that travels with an acknowledgement is in it and can be read by whoever knows receipts', async () => {
  const { anna, bela } = await pair();
  await anna.write(bela, 'hello');
  await anna.sync();
  await bela.sync();
  const row = bela.store.outbox.get(1);
  expect(row && decodeContent(row.content)).toMatchObject({
    kind: 'ack',
    receipt: { delivered: [{ from: 1, to: 1 }] },
  });
});

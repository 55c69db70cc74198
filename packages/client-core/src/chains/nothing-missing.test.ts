/** A server that drops, swaps, withholds or repeats is named in the conversation, and one that is honest never is (P3). */
import { CLASSES, type EventData, LIFETIME_MS, makeId } from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { acquaintedPair } from '../node/doubles/acquainted.ts';
import type { ServerDouble } from '../node/doubles/server-double.ts';
import { TestDevice } from '../node/doubles/test-device.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
type Row = Parameters<ServerDouble['inject']>[1];

/** Two who know each other, and a server whose next messages to Bela the test decides about. */
async function acquainted() {
  const pair = await acquaintedPair();
  const { server, anna, bela } = pair;
  const toBela = bela.own.deviceId;
  /** Has Anna send, and gives what the server would have put into Bela's mailbox. */
  const intercept = async (texts: readonly string[]): Promise<Row[]> => {
    const rows: Row[] = [];
    server.lies.store = (row, to) => {
      if (to !== toBela || row.class !== CLASSES.message) return [row];
      rows.push(row);
      return [];
    };
    for (const text of texts) await anna.write(bela, text);
    await anna.sync();
    delete server.lies.store;
    return rows;
  };
  const give = (rows: readonly Row[]) => {
    for (const row of rows) server.inject(toBela, { ...row });
  };
  const conversation = () =>
    bela.messenger.conversations
      .entries(bela.messenger.conversations.withPerson(anna.person.personId), { limit: 1_000 })
      .entries.filter((entry) => entry.direction === 'system')
      .map((entry) => ({ kind: entry.kind, count: 'count' in entry ? entry.count : undefined }));
  return { ...pair, intercept, give, conversation };
}

test('P3 a dropped message is named in the conversation at the next one, with who and how many', async () => {
  const { anna, bela, intercept, give, conversation } = await acquainted();
  const [one, , three] = await intercept(['1', '2', '3']);
  if (!one || !three) throw new Error('three rows');
  give([one, three]);
  await bela.sync();
  expect(bela.texts()).toEqual(['1', '3']);
  expect(conversation()).toEqual([{ kind: 'messages_missing', count: 1 }]);
  expect(bela.messenger.notices()).toMatchObject([
    { kind: 'messages_missing', personId: anna.person.personId, deviceId: anna.own.deviceId },
  ]);
});

test('P3 a dropped tail is named at the heartbeat, also when the first heartbeat is dropped too', async () => {
  const { clock, server, anna, round, intercept, conversation } = await acquainted();
  await intercept(['1', '2']);
  clock.advance(DAY_MS);
  server.lies.store = (row, to) => (to === anna.own.deviceId ? [row] : []);
  await round();
  expect(conversation()).toEqual([]);
  delete server.lies.store;
  clock.advance(2 * DAY_MS);
  await round();
  expect(conversation()).toEqual([{ kind: 'messages_missing', count: 2 }]);
});

test('P3 a head that nobody confirms is told a few times and no more', async () => {
  const { clock, server, anna, bela } = await acquainted();
  await anna.write(bela, 'while Bela is away');
  await anna.sync();
  const before = server.submits.length;
  for (let day = 0; day < 90; day++) {
    clock.advance(DAY_MS);
    await anna.sync();
  }
  expect(server.submits.length - before).toBe(5);
});

test('P3 two messages that were swapped are shown in their order, and the swap is named once', async () => {
  const { bela, intercept, give, conversation } = await acquainted();
  const rows = await intercept(['1', '2']);
  give(rows.toReversed());
  await bela.sync();
  await bela.sync();
  const { entries } = bela.messenger.conversations.entries(
    bela.messenger.conversations.list()[0]?.conversationId ?? makeId('conversation', new Uint8Array(16)),
  );
  const shown = entries.flatMap((entry) => (entry.direction === 'in' ? [entry.text] : []));
  expect(shown).toEqual(['hello', '1', '2']);
  expect(conversation()).toEqual([{ kind: 'messages_reordered', count: 1 }]);
});

test('P3 what was withheld and comes late takes its notice back', async () => {
  const { anna, bela, intercept, give, conversation } = await acquainted();
  const held = await intercept(['withheld']);
  await anna.write(bela, 'next');
  await anna.sync();
  await bela.sync();
  expect(conversation()).toEqual([{ kind: 'messages_missing', count: 1 }]);
  // Also when the person has seen the notice meanwhile.
  bela.messenger.markNoticesSeen(bela.messenger.notices().map(({ noticeId }) => noticeId));
  give(held);
  await bela.sync();
  expect(bela.texts().toSorted()).toEqual(['next', 'withheld']);
  expect(conversation()).toEqual([]);
  expect(bela.noticeKinds()).toEqual([]);
});

test('P3 old bytes that come again are not shown twice and are named; a redelivery after a lost connection is not', async () => {
  const { server, bela, intercept, give, conversation } = await acquainted();
  const rows = await intercept(['once']);
  give(rows);
  await bela.connect();
  await bela.messenger.settled();
  // The acknowledgement is lost with the connection, so it comes again.
  bela.messenger.disconnect();
  give(rows);
  await bela.sync();
  expect(conversation()).toEqual([]);
  // Now the server has shown its whole mailbox without it.
  await bela.sync();
  give(rows);
  give(rows);
  await bela.sync();
  expect(bela.texts()).toEqual(['once']);
  expect(conversation()).toEqual([{ kind: 'messages_replayed', count: 2 }]);
  expect(server.waiting(bela.own.deviceId)).toBe(0);
});

test('P3 an envelope for somebody else is not opened, and is named', async () => {
  const { clock, server, bela, intercept } = await acquainted();
  const cem = await TestDevice.enrol(server, clock, 'Cem');
  for (const row of await intercept(['for Bela'])) server.inject(cem.own.deviceId, row);
  await cem.sync();
  expect(cem.texts()).toEqual([]);
  expect(cem.noticeKinds()).toEqual(['refused']);
  expect(bela.texts()).toEqual([]);
});

/** Bela connects and is told that something expired before the mailbox is given. */
async function syncTold(
  { server, bela }: { server: ServerDouble; bela: TestDevice },
  told: Omit<EventData<'expired'>, 'deliverySeq'>,
): Promise<void> {
  await bela.messenger.connect(async (counter, events) => {
    const onEvent: typeof events.onEvent = (name, data) => {
      if (name === 'drained') events.onEvent('expired', { deliverySeq: 0, ...told });
      events.onEvent(name, data);
    };
    return server.connect(bela.own.deviceId)(counter, { ...events, onEvent });
  });
  await bela.messenger.settled();
  bela.messenger.disconnect();
}

test('P3 what has expired while nobody fetched it is not missing; its sender and number are named', async () => {
  const scene = await acquainted();
  const { clock, anna, bela, intercept, conversation } = scene;
  const fromMs = clock.now();
  await intercept(['1', '2']);
  clock.advance(LIFETIME_MS[1]);
  await anna.write(bela, '3');
  await anna.sync();
  await syncTold(scene, { count: 2, fromMs, toMs: fromMs });
  expect(bela.texts()).toEqual(['3']);
  expect(conversation()).toEqual([{ kind: 'messages_expired', count: 2 }]);
  // Said once: not of somebody and of nobody in particular too.
  const told = bela.messenger.notices().filter(({ kind }) => kind === 'messages_expired');
  expect(told).toMatchObject([{ personId: anna.own.personId, count: 2 }]);
});

test('P3 a tombstone excuses no more than it counts, nothing of another time, and nothing that was missed before', async () => {
  const scene = await acquainted();
  const { clock, anna, bela, intercept, conversation } = scene;
  const fromMs = clock.now();
  await intercept(['1', '2', '3']);
  clock.advance(LIFETIME_MS[1]);
  await anna.write(bela, '4');
  await anna.sync();
  await syncTold(scene, { count: 2, fromMs, toMs: fromMs });
  expect(conversation()).toContainEqual({ kind: 'messages_missing', count: 1 });
  expect(conversation()).toContainEqual({ kind: 'messages_expired', count: 2 });
  // Dropped now, and called expired with times long before.
  await intercept(['5']);
  await anna.write(bela, '6');
  await anna.sync();
  await syncTold(scene, { count: 9, fromMs: fromMs - 9 * DAY_MS, toMs: fromMs - DAY_MS });
  expect(conversation()).toContainEqual({ kind: 'messages_missing', count: 2 });
  clock.advance(LIFETIME_MS[1] + DAY_MS);
  await syncTold(scene, { count: 9, fromMs, toMs: clock.now() - LIFETIME_MS[1] });
  expect(conversation()).toContainEqual({ kind: 'messages_missing', count: 2 });
});

test('P3 a tombstone that comes before the time of a message has run out excuses nothing', async () => {
  const scene = await acquainted();
  const { clock, anna, bela, intercept, conversation } = scene;
  const fromMs = clock.now();
  await intercept(['withheld']);
  clock.advance(LIFETIME_MS[1] - HOUR_MS);
  await anna.write(bela, 'next');
  await anna.sync();
  await syncTold(scene, { count: 1, fromMs, toMs: fromMs });
  expect(conversation()).toEqual([{ kind: 'messages_missing', count: 1 }]);
  expect(bela.noticeKinds()).toContain('messages_expired');
});

type Lie = 'honest' | 'drop' | 'withhold' | 'replay';

test('P3 whatever a server does to single messages, what is missing in the end is counted exactly and nothing is shown twice', async () => {
  const lie = fc.constantFrom<Lie>('honest', 'honest', 'drop', 'withhold', 'replay');
  await fc.assert(
    fc.asyncProperty(fc.array(lie, { minLength: 1, maxLength: 12 }), async (lies) => {
      const { clock, anna, bela, round, intercept, give, conversation } = await acquainted();
      const held: Row[] = [];
      for (const [index, kind] of lies.entries()) {
        clock.advance(1_000);
        const rows = await intercept([`${index}`]);
        if (kind === 'honest' || kind === 'replay') give(rows);
        if (kind === 'withhold') held.push(...rows);
        await bela.sync();
        if (kind === 'replay') {
          await bela.sync();
          give(rows);
          await bela.sync();
        }
      }
      await anna.write(bela, 'last');
      await round(2);
      const count = (kind: Lie) => lies.filter((one) => one === kind).length;
      const missing = () =>
        conversation()
          .filter((entry) => entry.kind === 'messages_missing')
          .map((entry) => entry.count);
      const both = count('drop') + count('withhold');
      expect(missing()).toEqual(both > 0 ? [both] : []);
      give(held);
      await round(2);
      expect(missing()).toEqual(count('drop') > 0 ? [count('drop')] : []);
      const expected = [...lies.flatMap((kind, index) => (kind === 'drop' ? [] : [`${index}`])), 'last'];
      expect(bela.texts().toSorted()).toEqual(expected.toSorted());
      const replayed = conversation().filter((entry) => entry.kind === 'messages_replayed');
      expect(replayed.reduce((sum, entry) => sum + (entry.count ?? 0), 0)).toBe(count('replay'));
    }),
    { numRuns: 25 },
  );
});

/** What a server says has expired is believed only when it can be true (wire.md §4). */
import { type EventData, LIFETIME_MS } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { ManualClock } from './node/doubles/manual-clock.ts';
import { ServerDouble } from './node/doubles/server-double.ts';
import { TestDevice } from './node/doubles/test-device.ts';

const SHORTEST_MS = LIFETIME_MS[3];

async function setUp() {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const anna = await TestDevice.enrol(server, clock, 'Anna');
  const acks: number[] = [];
  /** Connects, is told this before anything else, and disconnects when all is done. */
  async function connect(expired: Partial<EventData<'expired'>>, isRestored = false) {
    const { messenger } = anna;
    await messenger.connect(async (counter, events) => {
      const connection = await server.connect(anna.own.deviceId)(counter, {
        ...events,
        onEvent(name, data) {
          events.onEvent(name, name === 'welcome' && isRestored ? { ...data, isRestored } : data);
        },
      });
      const times = { fromMs: clock.now(), toMs: clock.now() };
      events.onEvent('expired', { deliverySeq: 1, count: 2, ...times, ...expired });
      return { ...connection, ack: (upTo) => acks.push(upTo) };
    });
    await messenger.settled();
    messenger.disconnect();
  }
  return { clock, anna, connect, acks };
}

test('P1 expired messages are told to the person with their number, once for all, and acknowledged', async () => {
  const { clock, anna, connect, acks } = await setUp();
  await connect({ fromMs: clock.now() - 3 * SHORTEST_MS, toMs: clock.now() - SHORTEST_MS });
  await connect({ toMs: clock.now() - SHORTEST_MS, count: 3, deliverySeq: 4 });
  expect(anna.messenger.notices()).toMatchObject([{ kind: 'messages_expired', count: 5 }]);
  expect(acks).toEqual([1, 4]);
});

test('P3 messages that cannot have expired yet are not believed to have', async () => {
  const { clock, anna, connect, acks } = await setUp();
  await connect({ fromMs: 0, toMs: clock.now() - SHORTEST_MS + 1 });
  expect(anna.noticeKinds()).toEqual(['refused']);
  expect(acks).toEqual([1]);
});

test('B1 a profile that the server has seen in a later state tells its person, and since when something may be missing', async () => {
  const { clock, anna, connect } = await setUp();
  await connect({ toMs: clock.now() - SHORTEST_MS });
  const lastMetMs = clock.now();
  clock.advance(SHORTEST_MS);
  await connect({ toMs: clock.now() - SHORTEST_MS }, true);
  expect(anna.messenger.notices()).toContainEqual(
    expect.objectContaining({ kind: 'profile_restored', atMs: lastMetMs }),
  );
});

test('P3 A8 a wrong clock neither believes what cannot have expired nor doubts what has', async () => {
  for (const aheadMs of [-2 * SHORTEST_MS, 2 * SHORTEST_MS]) {
    const serverClock = new ManualClock();
    const clock = new ManualClock();
    clock.advance(2 * SHORTEST_MS + aheadMs);
    serverClock.advance(2 * SHORTEST_MS);
    const server = new ServerDouble(() => serverClock.now());
    const anna = await TestDevice.enrol(server, clock, 'Anna');
    const told = async (toMs: number) => {
      await anna.messenger.connect(async (counter, events) => {
        const connection = await server.connect(anna.own.deviceId)(counter, {
          ...events,
          onEvent(name, data) {
            events.onEvent(name, data);
            if (name === 'welcome')
              events.onEvent('expired', { deliverySeq: 1, count: 1, fromMs: toMs, toMs });
          },
        });
        return { ...connection, ack: () => undefined };
      });
      await anna.messenger.settled();
      anna.messenger.disconnect();
    };
    await told(serverClock.now() - SHORTEST_MS);
    expect(anna.noticeKinds()).toEqual(['messages_expired']);
    await told(serverClock.now() - SHORTEST_MS + 60_000);
    expect(anna.noticeKinds()).toEqual(['messages_expired', 'refused']);
  }
});

test('A4 A8 a conversation is muted as long on the other devices as it is on one whose clock is wrong', async () => {
  const clock = new ManualClock();
  const wrong = new ManualClock();
  wrong.advance(400 * 86_400_000);
  const server = new ServerDouble(() => clock.now());
  const anna = await TestDevice.enrol(server, clock, 'Anna');
  const phone = await TestDevice.enrol(server, clock, 'Bela');
  const laptop = await TestDevice.link(server, wrong, phone);
  for (const device of [laptop, phone, laptop]) await device.sync();
  const { conversations } = laptop.messenger;
  await laptop.write(anna, 'hello');
  await laptop.sync();
  const withAnna = conversations.withMail(anna.mail);
  const untilMs = wrong.now() + 3_600_000;
  conversations.setMuted(withAnna, untilMs);
  expect(conversations.get(withAnna).mutedUntilMs).toBe(untilMs);
  wrong.advance(1_000);
  for (const device of [laptop, phone]) await device.sync();
  expect(phone.messenger.conversations.get(withAnna).mutedUntilMs).toBe(clock.now() + 3_600_000);
});

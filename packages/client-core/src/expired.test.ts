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

test('B1 a profile that the server has seen in a later state tells its person', async () => {
  const { clock, anna, connect } = await setUp();
  await connect({ toMs: clock.now() - SHORTEST_MS }, true);
  expect(anna.noticeKinds()).toContain('profile_restored');
});

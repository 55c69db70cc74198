/** What others ask a device to send again without having a right to it, or without need (trust.md §5.4, finding 8). */
import { randomBytes } from 'node:crypto';
import { CLASSES, type ContentId, encodeContent, makeId, READER_VERSION } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { legHash } from './leg-hash.ts';
import { ManualClock } from './node/doubles/manual-clock.ts';
import { ServerDouble } from './node/doubles/server-double.ts';
import { TestDevice } from './node/doubles/test-device.ts';

/** Three who know each other; Anna has written to Ben, who has it not yet. */
async function waitingForBen({ isLost = false } = {}) {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const anna = await TestDevice.enrol(server, clock, 'Anna');
  const ben = await TestDevice.enrol(server, clock, 'Ben');
  const clara = await TestDevice.enrol(server, clock, 'Clara');
  for (const other of [ben, clara]) {
    await other.write(anna, 'hello');
    await other.sync();
    await anna.write(other, 'hello to you');
    await anna.sync();
    await other.sync();
    await anna.sync();
  }
  const before = server.submits.length;
  if (isLost)
    server.lies.store = (row, to) => (to === ben.own.deviceId && row.class === CLASSES.message ? [] : [row]);
  await anna.write(ben, 'for Ben only');
  await anna.sync();
  const toBen = server.submits.slice(before).filter((submit) => submit.class === CLASSES.message);
  const legs = toBen.flatMap((submit) => submit.legs.map((leg) => legHash(leg.bytes)));
  expect(legs).toHaveLength(1);
  return { clock, server, anna, ben, clara, legs };
}

/** Asks as a client does that could not open something, whatever it asks for. */
async function ask(
  from: TestDevice,
  to: TestDevice,
  legs: readonly Uint8Array<ArrayBuffer>[],
): Promise<void> {
  const contentId: ContentId = makeId('content', randomBytes(16));
  from.store.outbox.add({
    contentId,
    kind: 'retry-request',
    class: CLASSES.control,
    toMail: undefined,
    toPerson: to.person.personId,
    content: encodeContent({ kind: 'retry-request', minReader: READER_VERSION, legs: [...legs] }),
    sentAtMs: 0,
  });
  from.restart();
  await from.sync();
}

/** Messages that a device has submitted since some point. */
function messagesSince(server: ServerDouble, from: TestDevice, since: number) {
  return server.submits
    .slice(since)
    .filter((submit) => submit.from === from.own.deviceId && submit.class === CLASSES.message);
}

test('finding 8 B8 what was for another is not sent to a colleague who asks for it, nor again to the other', async () => {
  const { server, anna, ben, clara, legs } = await waitingForBen();
  const since = server.submits.length;
  await ask(clara, anna, legs);
  await anna.sync();
  expect(messagesSince(server, anna, since)).toEqual([]);
  await clara.sync();
  await ben.sync();
  expect(clara.texts()).toEqual(['hello to you']);
  expect(ben.texts()).toEqual(['hello to you', 'for Ben only']);
});

test('finding 8 B8 what was delivered is not sent again to whoever asks for it', async () => {
  const { server, anna, ben, legs } = await waitingForBen();
  await ben.sync();
  await anna.sync();
  const since = server.submits.length;
  await ask(ben, anna, legs);
  await anna.sync();
  expect(messagesSince(server, anna, since)).toEqual([]);
});

test('finding 8 B8 what was never sent is not made up for whoever asks for it', async () => {
  const { server, anna, ben } = await waitingForBen();
  const since = server.submits.length;
  await ask(
    ben,
    anna,
    Array.from({ length: 64 }, () => Uint8Array.from(randomBytes(32))),
  );
  await anna.sync();
  expect(messagesSince(server, anna, since)).toEqual([]);
});

test('finding 8 B8 who it was for gets it again three times and no more', async () => {
  // Nothing of what Anna sends arrives, and Ben's client goes on asking.
  const { server, anna, ben, legs } = await waitingForBen({ isLost: true });
  const since = server.submits.length;
  let asked = legs;
  for (let i = 0; i < 6; i++) {
    await ask(ben, anna, asked);
    await anna.sync();
    const last = messagesSince(server, anna, since).at(-1);
    if (last !== undefined) asked = last.legs.map((leg) => legHash(leg.bytes));
  }
  expect(messagesSince(server, anna, since)).toHaveLength(3);
});

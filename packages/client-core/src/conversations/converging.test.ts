/** Three devices of one person end with the same, whatever was done on them and whenever they were connected (A4). */
import { expect, test } from 'vitest';
import { ManualClock } from '../node/doubles/manual-clock.ts';
import { ServerDouble } from '../node/doubles/server-double.ts';
import { TestDevice } from '../node/doubles/test-device.ts';

const SCHEDULES = 6;
const STEPS = 25;

/** Of schedules that are always the same, unless others are asked for. */
const SEED = Number.parseInt(process.env.KUVERT_SEED ?? '1', 16);

/** Numbers from a seed, so that a failing schedule can be run again. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const stateOf = (device: TestDevice) =>
  device.messenger.conversations.list().map(({ conversationId, lastAtMs, last, ...summary }) => ({
    ...summary,
    entries: device.messenger.conversations
      .entries(conversationId, { limit: 1_000 })
      .entries.map((entry) =>
        entry.direction === 'system' ? entry.kind : [entry.direction, entry.kind, entry.text],
      ),
  }));

test('A4 three devices converge after random schedules of sending, reading, setting and deleting', async () => {
  for (let schedule = 0; schedule < SCHEDULES; schedule++) {
    const seed = (SEED ^ (schedule * 7_919)) >>> 0;
    const random = randomFrom(seed);
    const clock = new ManualClock();
    const server = new ServerDouble(() => clock.now());
    const phone = await TestDevice.enrol(server, clock, 'Anna');
    const laptop = await TestDevice.link(server, clock, phone);
    const tablet = await TestDevice.link(server, clock, phone);
    const bela = await TestDevice.enrol(server, clock, 'Bela');
    const own = [phone, laptop, tablet];
    for (let round = 0; round < 3; round++) for (const device of own) await device.sync();
    const log: string[] = [];
    for (let step = 0; step < STEPS; step++) {
      const at = random(own.length);
      const device = own[at] ?? phone;
      const { conversations } = device.messenger;
      const conversationId = conversations.withPerson(bela.person.personId);
      const { entries } = conversations.entries(conversationId);
      const entry = entries[random(Math.max(1, entries.length))];
      const action = random(9);
      log.push(`${at}:${action}`);
      if (action === 0) await device.write(bela, `text ${step}`);
      if (action === 1) await bela.write(phone, `answer ${step}`).then(() => bela.sync());
      if (action === 2) conversations.setPinned(conversationId, random(2) === 0);
      if (action === 3) conversations.setDraft(conversationId, `draft ${random(5)}`);
      if (action === 4)
        conversations.setMuted(conversationId, random(2) === 0 ? undefined : clock.now() + 10 ** 9);
      if (action === 5 && entry) conversations.markRead(entry.entryId);
      if (action === 6 && entry?.direction === 'out' && entry.kind === 'text') {
        conversations.deleteEntries([entry.entryId], random(2) === 0 ? 'everywhere' : 'own-devices');
      }
      if (action >= 7) await device.sync();
      if (random(3) > 0) clock.advance(random(2_000));
    }
    for (let round = 0; round < 4; round++) {
      for (const device of [...own, bela]) await device.sync();
      clock.advance(2_000);
    }
    const [first, ...others] = own.map(stateOf);
    for (const other of others) expect({ seed, log, state: other }).toEqual({ seed, log, state: first });
  }
});

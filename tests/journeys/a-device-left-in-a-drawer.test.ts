/**
 * A device that is away for weeks (A4, P1, P3): nobody waits for it, and when it comes back its person is told, it gets what it lacks from
 * another one, each message once, and nothing that came to nothing meanwhile is missed.
 */
import type { Profile } from '@kuvert/client-core/node';
import { dormantDevices } from '@kuvert/server';
import { startInstallation, type TestPerson } from '@kuvert/testkit';
import { expect, test } from 'vitest';

const FLUSH = { timeoutMs: 60_000 };
const DAY_MS = 86_400_000;

const visit = async (...people: TestPerson[]) => {
  for (const person of people) await person.with((profile) => profile.flush(FLUSH));
};
const entriesOf = (profile: Profile, mail: string) =>
  profile.conversations
    .entries(profile.conversations.withMail(mail), { limit: 100 })
    .entries.flatMap((entry) => (entry.direction === 'system' ? [] : [entry]));
/** What stands in the conversation with somebody. */
const linesOf = (person: TestPerson, mail: string) =>
  person.with((profile) =>
    entriesOf(profile, mail).map(({ direction, kind, text }) => `${direction} ${kind} ${text}`.trim()),
  );

test('A4 P1 P3 a laptop left in a drawer for six weeks holds nobody up, is named to the sender, and gets everything from the phone', {
  timeout: 180_000,
}, async () => {
  await using installation = await startInstallation();
  const { server, clock } = installation;
  const acme = await installation.tenant('Acme');
  const [anna, phone] = [await acme.person('Anna'), await acme.person('Ben')];
  const laptop = await phone.addDevice();
  const say = (from: TestPerson, to: TestPerson, ...texts: string[]) =>
    from.with(async (profile) => {
      clock.advance(60_000);
      const results = await profile.sendAll(texts.map((text) => ({ to: to.mail, text })));
      expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
      return results.map(({ messageId }) => messageId);
    });
  await say(anna, phone, 'before', 'to be taken back');
  await visit(phone, laptop, anna, phone);

  // Its mailbox has become too full (how is tested with the server): nothing is kept for it from now on.
  const scope = server.context.store.tenant(acme.tenantId);
  await scope.commit([server.context.store.ops.put(dormantDevices, [laptop.deviceId], clock.nowMs())]);
  await installation.restart();
  const [first] = await say(anna, phone, 'while it was away', 'and more');
  await visit(phone);
  await say(phone, anna, 'from the phone');
  await anna.with(async (profile) => {
    const [, taken] = entriesOf(profile, phone.mail);
    profile.conversations.deleteEntries([taken?.entryId ?? 0], 'everywhere');
    await profile.flush(FLUSH);
  });
  await visit(phone, anna);
  const stateOf = (messageId: typeof first) => anna.with((profile) => messageId && profile.status(messageId));
  expect(await stateOf(first)).toEqual({ state: 'delivered', dormant: [laptop.deviceId] });

  for (let weeks = 0; weeks < 6; weeks += 3) {
    clock.advance(21 * DAY_MS);
    await visit(phone, anna);
  }
  await installation.server.context.sweeper.pass();
  await visit(laptop, phone, laptop);
  await say(phone, anna, 'you are all here');
  const [after] = await say(anna, phone, 'welcome back');
  await visit(laptop, phone, laptop, anna, phone);
  const lines = [
    'in text before',
    'in deleted',
    'in text while it was away',
    'in text and more',
    'out text from the phone',
    'out text you are all here',
    'in text welcome back',
  ];
  expect(await linesOf(phone, anna.mail)).toEqual(lines);
  expect(await linesOf(laptop, anna.mail)).toEqual(lines);
  const told = await laptop.with((profile) => profile.notices().map(({ kind }) => kind));
  expect(told).toContain('was_dormant');
  expect(told).not.toContain('messages_missing');
  expect(await stateOf(after)).toEqual({ state: 'delivered' });
  for (const person of [anna, phone]) {
    const notices = await person.with((profile) => profile.notices().map(({ kind }) => kind));
    expect(notices).not.toContain('messages_missing');
  }
  expect(installation.failures).toEqual([]);
});

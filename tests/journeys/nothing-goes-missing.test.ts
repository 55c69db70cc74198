/** What a server drops, swaps, withholds, repeats or misdirects is named in the conversation, and what it does right is not (P3). */
import type { Profile } from '@kuvert/client-core/node';
import {
  holdMessages,
  startInstallation,
  type TestInstallation,
  type TestPerson,
  type TestTenant,
} from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const FLUSH = { timeoutMs: 60_000 };
const DAY_MS = 86_400_000;

let installation: TestInstallation;
let acme: TestTenant;
let anna: TestPerson;
let profile: Profile;
beforeAll(async () => {
  installation = await startInstallation();
  acme = await installation.tenant('Acme');
  anna = await acme.person('Anna');
  profile = await anna.open();
});
afterAll(async () => {
  await profile?.close();
  await installation[Symbol.asyncDispose]();
});

/** Anna writes, and the server keeps it to itself. */
async function hold(to: TestPerson, texts: readonly string[]) {
  const server = holdMessages(installation);
  await profile.sendAll(texts.map((text) => ({ to: to.mail, text })));
  expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
  server.stop();
  expect(server.held).toHaveLength(texts.length);
  return server;
}

/** What somebody sees of the conversation with Anna: texts, oldest first, then sentences. */
function read(person: TestPerson): Promise<string[]> {
  return person.with(async (open) => {
    await open.flush(FLUSH);
    const { entries } = open.conversations.entries(open.conversations.withPerson(anna.personId));
    // The clock of the test stands still, so sentences are put behind the texts.
    const texts = entries.flatMap((entry) =>
      entry.direction !== 'system' && 'text' in entry ? [entry.text] : [],
    );
    const sentences = entries.flatMap((entry) =>
      entry.direction === 'system' ? [`${entry.kind} ${entry.count ?? ''}`.trim()] : [],
    );
    return [...texts, ...sentences];
  });
}

test('P3 dropped, swapped and withheld messages are named; what comes after all takes its sentence back', async () => {
  const ben = await acme.person('Ben');
  const server = await hold(ben, ['one', 'two', 'three', 'four']);
  const [one, two, three, four] = server.held;
  if (!one || !two || !three || !four) throw new Error('four messages');
  await server.deliver(one);
  await server.deliver(three);
  expect(await read(ben)).toEqual(['one', 'three', 'messages_missing 1']);
  await server.deliver(two);
  expect(await read(ben)).toEqual(['one', 'two', 'three']);
  const more = await hold(ben, ['five']);
  for (const submit of more.held) await more.deliver(submit);
  await server.deliver(four);
  expect(await read(ben)).toEqual(['one', 'two', 'three', 'four', 'five', 'messages_reordered 1']);
});

test('P3 a withheld tail is named with the heartbeat a day later', async () => {
  const cem = await acme.person('Cem');
  const first = await hold(cem, ['one', 'two', 'three']);
  const [one] = first.held;
  if (!one) throw new Error('three messages');
  await first.deliver(one);
  expect(await read(cem)).toEqual(['one']);
  installation.clock.advance(DAY_MS);
  await profile.close();
  profile = await anna.open();
  await profile.flush(FLUSH);
  expect(await read(cem)).toEqual(['one', 'messages_missing 2']);
});

test('P3 bytes that come again are shown once and named; bytes for somebody else are not opened', async () => {
  const dora = await acme.person('Dora');
  const emil = await acme.person('Emil');
  const toEmil = await hold(emil, ['for Emil']);
  const toDora = await hold(dora, ['for Dora']);
  const [forEmil] = toEmil.held;
  const [forDora] = toDora.held;
  if (!forEmil || !forDora) throw new Error('one message each');
  await toDora.deliver(forDora);
  await toEmil.deliver(forEmil);
  expect(await read(dora)).toEqual(['for Dora']);
  // On the next connection it could still be one whose acknowledgement was lost; once the mailbox was empty it cannot.
  expect(await read(dora)).toEqual(['for Dora']);
  await toDora.deliver(forDora);
  expect(await read(dora)).toEqual(['for Dora', 'messages_replayed 1']);
  const [leg] = forDora.legs;
  if (!leg) throw new Error('a leg');
  const legs = [{ device: emil.deviceId, bytes: leg.bytes }];
  await toDora.deliver(forDora, { to: emil.personId, listHash: forEmil.listHash, legs });
  expect(await read(emil)).toEqual(['for Emil']);
  expect(await emil.with((open) => open.notices().map(({ kind }) => kind))).toEqual(['refused']);
});

test('A4 P3 a device that is linked later misses nothing of what was never meant for it', async () => {
  const phone = await acme.person('Fay');
  for (const text of ['one', 'two']) await profile.send({ to: phone.mail, text });
  await profile.flush(FLUSH);
  expect(await read(phone)).toEqual(['one', 'two']);
  const laptop = await phone.addDevice();
  await profile.flush(FLUSH);
  await profile.send({ to: phone.mail, text: 'three' });
  await profile.flush(FLUSH);
  expect(await read(laptop)).toEqual(['three']);
  const server = await hold(phone, ['four']);
  expect(server.held[0]?.legs).toHaveLength(2);
  await profile.send({ to: phone.mail, text: 'five' });
  await profile.flush(FLUSH);
  expect(await read(laptop)).toEqual(['three', 'five', 'messages_missing 1']);
  expect(await read(phone)).toEqual(['one', 'two', 'three', 'five', 'messages_missing 1']);
});

/** A group: made, written in, changed, left; and what a device that was taken out can still read (A1, B1, journey Employee 3). */
import { startInstallation, type TestInstallation, type TestPerson, type TestTenant } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const FLUSH = { timeoutMs: 60_000 };

let installation: TestInstallation;
let acme: TestTenant;
beforeAll(async () => {
  installation = await startInstallation();
  acme = await installation.tenant('Acme');
});
afterAll(() => installation[Symbol.asyncDispose]());

/** Fetches what waits and gives the texts that are new. */
function read(person: TestPerson): Promise<string[]> {
  return person.with(async (profile) => {
    await profile.flush(FLUSH);
    const messages = profile.inbox();
    profile.markPrinted(messages);
    return messages.map(({ text }) => text);
  });
}

test('A1 a message to a group of three is read by everybody, under one title', async () => {
  const anna = await acme.person('Anna');
  const ben = await acme.person('Ben');
  const cleo = await acme.person('Cleo');
  const groupId = await anna.with(async (profile) => {
    await profile.connect();
    const group = await profile.groups.create('Release', [ben.mail, cleo.mail]);
    profile.groups.send(group.groupId, 'hello all');
    expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
    return group.groupId;
  });
  for (const person of [ben, cleo]) {
    expect(await read(person)).toEqual(['hello all']);
    await person.with(async (profile) => {
      expect(profile.groups.list()).toMatchObject([{ groupId, title: 'Release', role: 'member' }]);
      expect(profile.notices()).toMatchObject([{ kind: 'group_added', groupId }]);
    });
  }
  await ben.with(async (profile) => {
    profile.groups.send(groupId, 'from Ben');
    expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
  });
  expect(await read(anna)).toEqual(['from Ben']);
  expect(await read(cleo)).toEqual(['from Ben']);
});

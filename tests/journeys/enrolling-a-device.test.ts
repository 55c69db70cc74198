/** A device enrols with a token that is good once, for one person, here, and for a while (E1). */
import { existsSync } from 'node:fs';
import { KuvertError } from '@kuvert/protocol';
import { startInstallation, type TestInstallation, type TestPerson, type TestTenant } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const DAY_MS = 86_400_000;

let installation: TestInstallation;
let acme: TestTenant;
beforeAll(async () => {
  installation = await startInstallation();
  acme = await installation.tenant('Acme');
});
afterAll(() => installation[Symbol.asyncDispose]());

let people = 0;
/** Somebody new. */
function newcomer(): Promise<TestPerson> {
  people += 1;
  return acme.personWithoutDevice(`Person ${people}`);
}

/** The code with which an enrolment was refused. */
async function refusal(enrolment: Promise<unknown>): Promise<string> {
  try {
    await enrolment;
  } catch (error) {
    if (error instanceof KuvertError) return error.code;
    throw error;
  }
  return 'not refused';
}

test('E1 a token enrols one device, which knows whose it is', async () => {
  const anna = await newcomer();
  await anna.enrol();
  const self = await anna.with((profile) => profile.whoami());
  expect(self).toMatchObject({
    deviceId: anna.deviceId,
    personId: anna.personId,
    tenantId: acme.tenantId,
    tenantName: 'Acme',
    name: anna.name,
    mail: anna.mail,
  });
});

test('E1 a token that was used is refused', async () => {
  const [anna, thief] = [await newcomer(), await newcomer()];
  const token = await anna.token();
  await anna.enrol(token);
  expect(await refusal(thief.enrol(token))).toBe('token_used');
});

test('E1 of two devices that race for one token one gets it', async () => {
  const [anna, thief] = [await newcomer(), await newcomer()];
  const token = await anna.token();
  const outcomes = await Promise.all([anna, thief].map((person) => refusal(person.enrol(token))));
  expect(outcomes.sort()).toEqual(['not refused', 'token_used']);
});

test('E1 a token that was not used in time is refused', async () => {
  const anna = await newcomer();
  const { expiresAt } = await installation.operator.call('tokenCreate', { personId: anna.personId });
  const inTime = await anna.token();
  expect(Date.parse(expiresAt)).toBeGreaterThan(installation.clock.nowMs());
  expect(Date.parse(expiresAt)).toBeLessThanOrEqual(installation.clock.nowMs() + 30 * DAY_MS);
  installation.clock.advance(Date.parse(expiresAt) - installation.clock.nowMs() + 1);
  expect(await refusal(anna.enrol(inTime))).toBe('token_expired');
  await anna.enrol();
});

test('E1 a token of another installation is refused before its secret is told', async () => {
  await using elsewhere = await startInstallation();
  const other = await (await elsewhere.tenant('Acme')).personWithoutDevice('Anna');
  const token = await other.token();
  expect(await refusal((await newcomer()).enrol(token))).toBe('server_key_unknown');
  await other.enrol(token);
});

test('E1 what is no whole token is refused without asking the server', async () => {
  const anna = await newcomer();
  const token = await anna.token();
  for (const text of [
    '',
    'kuvert1_',
    token.slice(0, -1),
    token.slice(1),
    `${token}A`,
    `${token.slice(0, -1)}${token.endsWith('_') ? '-' : '_'}`,
  ]) {
    expect(await refusal(anna.enrol(text)), text).toBe('token_malformed');
  }
  expect(existsSync(anna.profileDir)).toBe(false);
  await anna.enrol(token);
});

test('E1 A4 a person who has a device enrols no second one: with a token, old or new, it can only be linked', async () => {
  const anna = await newcomer();
  const [first, spare] = [await anna.token(), await anna.token()];
  await anna.enrol(first);
  const second = await newcomer();
  for (const token of [spare, await anna.token()]) {
    expect(await refusal(second.enrol(token))).toBe('link_needed');
  }
  expect((await anna.with((profile) => profile.whoami())).deviceId).toBe(anna.deviceId);
});

test('E1 a profile that has a device takes no other', async () => {
  const anna = await (await newcomer()).enrol();
  const before = anna.deviceId;
  expect(await refusal(anna.enrol(await (await newcomer()).token()))).toBe('profile_exists');
  expect((await anna.with((profile) => profile.whoami())).deviceId).toBe(before);
});

test('E1 an enrolment with a server that is down can be taken up later with the same token', async () => {
  const anna = await newcomer();
  const token = await anna.token();
  await installation.stop();
  expect(await refusal(anna.enrol(token))).toBe('server_unreachable');
  await installation.start();
  await anna.enrol(token);
});

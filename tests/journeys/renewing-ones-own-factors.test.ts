/** Somebody who has a new telephone, or who has used up or lost the recovery codes, helps themselves (C4). */
import { KuvertError } from '@kuvert/protocol';
import { AdminClient } from '@kuvert/protocol/admin';
import {
  ADMIN_PASSWORD,
  startInstallation,
  type TestAdministrator,
  type TestInstallation,
} from '@kuvert/testkit';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, expect, test } from 'vitest';

let installation: TestInstallation;
let tenantId: never;

beforeAll(async () => {
  installation = await startInstallation();
  tenantId = (await installation.tenant('Acme')).tenantId as never;
});
afterAll(() => installation[Symbol.asyncDispose]());

const codeOf = (error: unknown) => (error instanceof KuvertError ? error.code : String(error));

/** Signs in beside the sessions that somebody has. */
async function another(
  { mail }: TestAdministrator,
  secondFactor: { kind: 'totp' | 'recovery'; code: string },
): Promise<AdminClient> {
  const client = new AdminClient({ url: installation.url, fetch });
  const body = { mail, password: ADMIN_PASSWORD, secondFactor };
  return client.as((await client.call('sessions.create', { body })).result.token);
}

function shownBy(secret: string): string {
  installation.clock.advance(30_000);
  return generateSync({ secret, epoch: Math.floor(installation.clock.nowMs() / 1_000) });
}

async function actionsOf(somebody: TestAdministrator): Promise<string[]> {
  const { entries } = (await somebody.call('audit.search', { params: { tenantId } })).result;
  return entries.map(({ action }) => action);
}

test('C4 a new authenticator app takes the place of the old one only once it has shown a code; then the old one is void and all other sessions have ended', async () => {
  const anna = await installation.administrator('auditor', 'Anna', tenantId);
  const elsewhere = await another(anna, { kind: 'totp', code: anna.totp() });
  expect(await anna.call('authenticator.change', { body: { totp: '000000' } }).catch(codeOf)).toBe(
    'not_found',
  );
  const first = (await anna.call('authenticator.begin')).result;
  const { totpSecret: secret, totpUri } = (await anna.call('authenticator.begin')).result;
  expect(totpUri).toContain(secret);
  const change = (totp: string) =>
    anna.call('authenticator.change', { body: { totp } }).then(() => 'done', codeOf);
  // Neither the present app nor one that was begun before.
  expect(await change(anna.totp())).toBe('sign_in_failed');
  expect(await change(shownBy(first.totpSecret))).toBe('sign_in_failed');
  await elsewhere.call('me');
  // What one session has begun, another does not finish.
  const begunElsewhere = (await elsewhere.call('authenticator.begin')).result.totpSecret;
  expect(await change(shownBy(begunElsewhere))).toBe('sign_in_failed');

  const code = shownBy(secret);
  expect(await change(code)).toBe('done');
  expect(await elsewhere.call('me').catch(codeOf)).toBe('unauthenticated');
  await anna.call('me');
  expect(await change(shownBy(secret))).toBe('not_found');
  expect(await another(anna, { kind: 'totp', code: anna.totp() }).catch(codeOf)).toBe('sign_in_failed');
  // The code that confirmed it is used up.
  expect(await another(anna, { kind: 'totp', code }).catch(codeOf)).toBe('sign_in_failed');
  const back = await another(anna, { kind: 'totp', code: shownBy(secret) });
  expect((await back.call('me')).result.recoveryCodesLeft).toBe(10);
  expect(await actionsOf(anna)).toContain('authenticator.changed');

  installation.clock.advance(6 * 60_000);
  for (const id of ['authenticator.begin', 'recovery-codes.renew'] as const)
    expect(await back.call(id).catch(codeOf)).toBe('step_up_required');
});

test('C4 new recovery codes make all of before void, and whoever came in with one of those is out', async () => {
  const ben = await installation.administrator('auditor', 'Ben', tenantId);
  const [found = '', unused = ''] = ben.recoveryCodes;
  const thief = await another(ben, { kind: 'recovery', code: found });
  const { recoveryCodes } = (await ben.call('recovery-codes.renew')).result;
  expect(new Set([...recoveryCodes, ...ben.recoveryCodes]).size).toBe(20);
  expect(await thief.call('me').catch(codeOf)).toBe('unauthenticated');
  expect(await another(ben, { kind: 'recovery', code: unused }).catch(codeOf)).toBe('sign_in_failed');
  expect(await actionsOf(ben)).toContain('recovery-codes.renewed');
  const [one = ''] = recoveryCodes;
  const back = await another(ben, { kind: 'recovery', code: one });
  expect((await back.call('me')).result.recoveryCodesLeft).toBe(9);
  expect(await another(ben, { kind: 'recovery', code: one }).catch(codeOf)).toBe('sign_in_failed');
  // Who has lost the telephone comes in with a recovery code, which is fresh enough for a new app.
  const { totpSecret } = (await back.call('authenticator.begin')).result;
  await back.call('authenticator.change', { body: { totp: shownBy(totpSecret) } });
  await another(ben, { kind: 'totp', code: shownBy(totpSecret) });
});

test('C4 of two who draw recovery codes at once the codes of one are good, and those of the other are void', async () => {
  const carla = await installation.administrator('auditor', 'Carla', tenantId);
  const draw = () => carla.call('recovery-codes.renew').then(({ result }) => result.recoveryCodes);
  const sets = await Promise.all([draw(), draw()]);
  const outcomes: string[] = [];
  for (const [code = ''] of sets)
    outcomes.push(await another(carla, { kind: 'recovery', code }).then(() => 'in', codeOf));
  expect(outcomes.sort()).toEqual(['in', 'sign_in_failed']);
});

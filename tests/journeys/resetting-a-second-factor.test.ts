/** Somebody who has lost the second factor comes back by another administrator, and nobody comes to more than they hold that way (C4). */
import { KuvertError } from '@kuvert/protocol';
import { becomeAdministrator, placeOn, startInstallation } from '@kuvert/testkit';
import { expect, test } from 'vitest';

const codeOf = (error: unknown) => (error instanceof KuvertError ? error.code : error);

test('C4 a second administrator resets a lost factor: old ones end, nobody chooses another’s password, nobody rises', async () => {
  await using installation = await startInstallation();
  const place = placeOn(installation.url, installation.clock);
  const olga = await becomeAdministrator(place, installation.server.setUpCode as string, {
    name: 'Olga',
    mail: 'olga@example.test',
  });
  const { result: tenant } = await olga.call('tenants.create', { body: { name: 'Acme' } });
  const params = { tenantId: tenant.tenantId };
  await olga.stepUp();
  const first = await olga.call('tenants.appoint', { params, body: { mail: 'anna@acme.test' } });
  const anna = await becomeAdministrator(place, first.result.code, { name: 'Anna', mail: 'anna@acme.test' });
  const invite = async (mail: string, role: 'tenant-admin' | 'help-desk') => {
    await anna.stepUp();
    const { result } = await anna.call('administrators.invite', { params, body: { mail, role } });
    return becomeAdministrator(place, result.code, { name: mail.split('@')[0] as string, mail });
  };
  const ben = await invite('ben@acme.test', 'tenant-admin');
  const idOf = async (mail: string) => {
    const { result } = await anna.call('administrators.list', { params });
    return result.administrators.find((one) => one.mail === mail)?.administratorId as string;
  };
  const annas = { params: { ...params, administratorId: await idOf('anna@acme.test') } };

  // Nobody resets their own: whoever has a session for a moment would keep the account.
  expect(await anna.stepUp().then(() => anna.call('administrators.reset', annas).catch(codeOf))).toBe(
    'not_allowed',
  );
  expect(await olga.call('administrators.reset', annas).catch(codeOf)).toMatch(/not_/);
  const { result: reset } = await ben.stepUp().then(() => ben.call('administrators.reset', annas));
  expect(await anna.call('me').catch(codeOf)).toBe('unauthenticated');
  // From the reset on, not only from when the code is used: what was lost may have been found.
  expect(await anna.signIn().catch(codeOf)).toBe('sign_in_failed');
  expect(
    await anna.signInWith({ kind: 'recovery', code: anna.recoveryCodes[0] as string }).catch(codeOf),
  ).toBe('sign_in_failed');
  const { result: again } = await ben.stepUp().then(() => ben.call('administrators.reset', annas));
  const password = 'ganz andere Klammer am Batterieheft';
  const come = (code: string) =>
    becomeAdministrator(place, code, { name: 'Anna', mail: 'anna@acme.test', password });
  expect(await come(reset.code).catch(codeOf)).toBe('invitation_not_valid');
  const back = await come(again.code);
  const { result: me } = await back.call('me');
  expect(me).toMatchObject({ administratorId: annas.params.administratorId, recoveryCodesLeft: 10 });
  expect(await anna.signIn().catch(codeOf)).toBe('sign_in_failed');
  expect(await come(again.code).catch(codeOf)).toBe('invitation_not_valid');

  const { result: log } = await back.call('audit.search', { params, query: { limit: 100 } });
  expect(log.entries.map(({ action }) => action)).toEqual(
    expect.arrayContaining(['factor.reset', 'factor.renewed']),
  );

  // Nobody is left who could reset Olga; whoever holds the operator key brings her back to her own account, and every tenant in which she has a part is told.
  const { code } = await installation.operator.call('administratorInvite', {
    role: 'tenant-admin',
    mail: 'olga@example.test',
    tenantId: tenant.tenantId,
  });
  const olgaAgain = await becomeAdministrator(place, code, {
    name: 'Olga',
    mail: 'olga@example.test',
    password,
  });
  expect((await olgaAgain.call('me')).result.grants.map(({ role }) => role)).toEqual([
    'operator',
    'tenant-admin',
  ]);
  expect(await olga.signIn().catch(codeOf)).toBe('sign_in_failed');
  const { result: seen } = await back.call('audit.search', { params, query: { limit: 4 } });
  expect(seen.entries.map(({ action }) => action)).toEqual(
    expect.arrayContaining(['sign-in.done', 'factor.renewed']),
  );
  const broken = await back.call('audit.search', { params, query: { action: 'break-glass.invited' } });
  expect(broken.result.entries).toMatchObject([{ actor: 'operator-key', after: { role: 'tenant-admin' } }]);
});

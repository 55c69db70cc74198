/** Administrators and programs from networks that their organisation allows, behind a proxy (C4). */
import { ADMIN_PASSWORD, startInstallation } from '@kuvert/testkit';
import { expect, test } from 'vitest';

test('C4 roles and keys count from allowed networks only, at sign-in and at every request, and nobody shuts out themselves', async () => {
  await using installation = await startInstallation({ trustedProxies: ['127.0.0.1'] });
  const { tenantId } = await installation.tenant('Acme');
  const anna = await installation.administrator('tenant-admin', 'Anna', tenantId);
  const hugo = await installation.administrator('help-desk', 'Hugo', tenantId);
  const base = `${installation.url}/api/v1`;
  const from = async (address: string, path: string, init: { token?: string; body?: object } = {}) => {
    const response = await fetch(`${base}${path}`, {
      ...(init.body === undefined ? {} : { method: 'POST', body: JSON.stringify(init.body) }),
      headers: {
        'x-forwarded-for': address,
        ...(init.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(init.token === undefined ? {} : { authorization: `Bearer ${init.token}` }),
      },
    });
    return response.ok ? 'done' : ((await response.json()) as { code: string }).code;
  };
  const params = { tenantId };
  const { result: program } = await anna.call('integrations.create', {
    params,
    body: { name: 'Personnel', permissions: ['people.read'], validDays: 5 },
  });
  await anna.stepUp();
  const { etag } = await anna.call('sign-in-rules.get', { params });
  const change = (networks: object, ifMatch = etag) =>
    anna.call('sign-in-rules.change', { params, ifMatch, body: { networks } as never });

  const slip = change({ everybody: ['192.0.2.0/24'] });
  await expect(slip).rejects.toMatchObject({ code: 'address_excluded' });
  await change({
    everybody: ['127.0.0.1', '10.0.0.0/8'],
    'help-desk': ['2001:db8::/32'],
    integration: ['198.51.100.7'],
  });
  await expect(change({})).rejects.toMatchObject({ code: 'version_conflict' });

  const people = `/tenants/${tenantId}/people`;
  const no = 'address_not_allowed';
  expect(await from('10.2.3.4', people, { token: anna.token })).toBe('done');
  // What the client itself writes before the proxy's word does not count.
  expect(await from('10.2.3.4, 203.0.113.5', people, { token: anna.token })).toBe(no);
  expect(await from('203.0.113.5', '/me', { token: anna.token })).toBe(no);
  expect(await from('2001:db8::5', people, { token: hugo.token })).toBe('done');
  expect(await from('10.2.3.4', people, { token: hugo.token })).toBe(no);
  expect(await from('198.51.100.7', people, { token: program.key })).toBe('done');
  expect(await from('10.2.3.4', people, { token: program.key })).toBe(no);

  const signIn = (address: string, password = ADMIN_PASSWORD) =>
    from(address, '/sessions', {
      body: { mail: hugo.mail, password, secondFactor: { kind: 'totp', code: hugo.totp() } },
    });
  expect(await signIn('10.2.3.4')).toBe(no);
  // Who does not know the password hears nothing of networks.
  expect(await signIn('10.2.3.4', 'wrong')).toBe('sign_in_failed');
  expect(await signIn('2001:db8::6')).toBe('done');

  const { result: log } = await anna.call('audit.search', {
    params,
    query: { action: 'sign-in-rules.changed' },
  });
  expect(log.entries).toHaveLength(1);

  // The way back for whoever is shut out all the same.
  await installation.operator.call('administratorInvite', {
    tenantId,
    role: 'tenant-admin',
    mail: 'otto@acme.test',
    liftSignInRules: true,
  });
  expect(await from('203.0.113.5', people, { token: hugo.token })).toBe('done');
});

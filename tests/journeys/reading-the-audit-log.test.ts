/** What administrators did can be looked up, taken along and checked on a machine that knows nothing of the server (F4, F6). */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KuvertError } from '@kuvert/protocol';
import {
  becomeAdministrator,
  placeOn,
  Site,
  startInstallation,
  type TestAdministrator,
} from '@kuvert/testkit';
import { expect, test } from 'vitest';

const codeOf = (error: unknown) => (error instanceof KuvertError ? error.code : error);

test('F4 F6 actions, sign-ins and refusals are found, exported and verified offline; a change, a gap and a cut tail are told', async () => {
  await using installation = await startInstallation();
  await using site = new Site();
  const place = placeOn(installation.url, installation.clock);
  const olga = await becomeAdministrator(place, installation.server.setUpCode as string, {
    name: 'Olga',
    mail: 'olga@example.test',
  });
  const make = async (name: string): Promise<{ tenantId: string; admin: TestAdministrator }> => {
    const { result: tenant } = await olga.call('tenants.create', { body: { name } });
    const { tenantId } = tenant;
    await olga.stepUp();
    const mail = `admin@${name.toLowerCase()}.test`;
    const { result } = await olga.call('tenants.appoint', { params: { tenantId }, body: { mail } });
    return { tenantId, admin: await becomeAdministrator(place, result.code, { name: `Anna ${name}`, mail }) };
  };
  const acme = await make('Acme');
  const other = await make('Other');
  const params = { tenantId: acme.tenantId };
  const { result: checkpoint } = await acme.admin.call('audit.checkpoint', { params });
  for (const name of ['Ben', 'Cleo'])
    await acme.admin.call('people.create', {
      params,
      body: { name, mail: `${name}@acme.test`.toLowerCase() },
    });

  // The operator has no part in a tenant's log, nor has another tenant's administrator; that they tried stands in their own.
  expect(await olga.call('audit.search', { params }).catch(codeOf)).toMatch(/not_/);
  expect(await other.admin.call('audit.search', { params }).catch(codeOf)).toBe('not_found');
  const refused = await other.admin.call('audit.search', {
    params: { tenantId: other.tenantId },
    query: { action: 'authorisation.refused' },
  });
  expect(refused.result.entries).toMatchObject([{ object: acme.tenantId, outcome: 'refused' }]);

  // The operator, who knows of the tenant, is seen trying; and nobody blurs what they have done themselves.
  const tried = () =>
    acme.admin
      .call('audit.search', { params, query: { action: 'authorisation.refused' } })
      .then(({ result }) => result.entries.map(({ actorName, via }) => [actorName, via]));
  expect(await tried()).toEqual([['Olga', 'audit.search']]);
  await acme.admin.stepUp();
  const { administratorId: oneself } = (await acme.admin.call('me')).result;
  expect(await acme.admin.call('audit.erase', { params: { ...params, id: oneself } }).catch(codeOf)).toBe(
    'not_allowed',
  );
  expect(await tried()).toEqual([
    ['Anna Acme', 'audit.erase'],
    ['Olga', 'audit.search'],
  ]);

  const { result: found } = await acme.admin.call('audit.search', { params, query: { limit: 100 } });
  expect(found.entries.map(({ action }) => action)).toEqual(
    expect.arrayContaining(['tenant.created', 'administrator.created', 'sign-in.done', 'person.added']),
  );
  const [cleo] = found.entries.filter(({ action }) => action === 'person.added');
  expect(cleo).toMatchObject({
    actorName: 'Anna Acme',
    objectName: 'Cleo',
    address: '127.0.0.1',
    via: 'people.create',
    after: { name: 'Cleo' },
  });
  const own = await olga.call('operator-audit.search', { query: { limit: 100 } });
  expect(JSON.stringify(own.result)).not.toContain('Cleo');

  const write = (name: string, text: string) => {
    const file = site.at(name);
    writeFileSync(file, text);
    return file;
  };
  const earlier = write('earlier.txt', checkpoint.checkpoint);
  const key = write('log.key', checkpoint.key);
  const verify = (...args: string[]) => site.kuvert(['verify', '--json', '--key', key, ...args]);
  for (const format of ['json', 'csv'] as const) {
    const { result: whole } = await acme.admin.call('audit.export', { params, query: { format } });
    const file = write(`audit.${format}`, whole.file);
    const right = await verify(file, '--earlier', earlier);
    expect([right.code, right.json[0]], right.stderr).toMatchObject([
      0,
      { ok: true, entries: whole.entries },
    ]);

    const changed = write(`changed.${format}`, readFileSync(file, 'utf8').replace('Cleo', 'Klio'));
    expect(await verify(changed)).toMatchObject({ code: 6, json: [{ ok: false }] });
    const { result: half } = await acme.admin.call('audit.export', {
      params,
      query: { format, start: 2, limit: 2 },
    });
    const gap = await verify(write(`half.${format}`, half.file));
    expect(gap.json[0]).toMatchObject({ problems: [{ code: 'incomplete' }, { code: 'incomplete' }] });
    expect((await verify(join(file, '..', `half.${format}`), '--part')).code).toBe(0);
  }
  const { result: later } = await acme.admin.call('audit.checkpoint', { params });
  const cut = await verify(site.at('audit.json'), '--earlier', write('later.txt', later.checkpoint));
  expect(cut.json[0]).toMatchObject({ problems: [{ code: 'cut-off' }] });
  const foreign = await site.kuvert(['verify', site.at('nowhere')]);
  expect(foreign.code).toBe(2);
});

test('F6 what people do with their own devices is in the tenant’s log with ids alone: enrolling, linking, revoking, beginning anew', async () => {
  await using installation = await startInstallation();
  const { tenantId } = await installation.tenant('Acme');
  const globex = await installation.tenant('Globex');
  const phone = await globex.person('Benedikt-Erasmus');
  const chief = await installation.administrator('tenant-admin', 'Chief', globex.tenantId);
  const laptop = await phone.addDevice({ isSigner: true });
  await phone.with(async (profile) => {
    await profile.connect();
    await profile.devices.revoke(laptop.deviceId);
  });
  const params = { tenantId: globex.tenantId };
  await chief.stepUp();
  const { result } = await chief.call('people.reset', { params: { ...params, personId: phone.personId } });
  const anew = await phone.anotherProfile().enrol(result.token);
  const entries = (await chief.call('audit.search', { params, query: { limit: 500 } })).result.entries;
  const own = entries.filter(({ actor }) => actor.startsWith('de_'));
  const { personId } = phone;
  const expected = [
    { action: 'device.enrolled', actor: phone.deviceId, object: phone.deviceId, via: 'enrolment.finish' },
    { action: 'device.linked', actor: phone.deviceId, object: laptop.deviceId, via: 'devices.publish' },
    { action: 'device.revoked', actor: phone.deviceId, object: laptop.deviceId, after: { personId } },
    { action: 'account.renewed', actor: phone.deviceId, object: personId },
    { action: 'device.enrolled', actor: anew.deviceId, object: anew.deviceId },
    { action: 'account.reset', object: personId, after: { deviceId: anew.deviceId, gone: [phone.deviceId] } },
  ];
  // The clock stands still, so their order says nothing.
  expect(own).toEqual(expect.arrayContaining(expected.map((one) => expect.objectContaining(one))));
  expect(own).toHaveLength(expected.length);
  expect(own.every(({ address, actorName }) => address === null && actorName === null)).toBe(true);
  // What the person is called stands in the erasable map alone, not in the entries.
  expect(JSON.stringify(own.map(({ objectName: _, ...entry }) => entry))).not.toContain('Erasmus');
  const other = await installation.administrator('tenant-admin', 'Other', tenantId);
  const theirs = (await other.call('audit.search', { params: { tenantId } })).result.entries;
  expect(theirs.some(({ actor }) => actor.startsWith('de_'))).toBe(false);
});

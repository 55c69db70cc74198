/** People: unique by mail within a tenant, listed in one order, invisible from elsewhere. */
import { type KuvertError, makeId, type Person, type TenantId } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestInstallation, TestConnection, type TestInstallation } from '../test-installation.ts';
import { PROBE_LIMIT } from './probes.ts';

let installation: TestInstallation;
let acme: TenantId;

beforeEach(async () => {
  installation = await openTestInstallation();
  acme = await installation.tenants.service.create('Acme');
});
afterEach(() => installation.close());

const add = (tenantId: TenantId, name: string, mail: string) =>
  installation.people.operatorRoutes.personAdd({ tenantId, name, mail });

test('B7 a person is found by id and by mail, also after a restart', async () => {
  const { personId } = await add(acme, 'Anna', 'anna@acme.test');
  await installation.reopen();
  const scope = installation.store.tenant(acme);
  const anna = { personId, name: 'Anna', mail: 'anna@acme.test' };
  expect(await installation.people.service.get(scope, personId)).toEqual(anna);
  expect(await installation.people.service.findByMail(scope, 'anna@acme.test')).toEqual(anna);
  expect(await installation.people.service.tenantOf(personId)).toBe(acme);
});

test('B7 a mail address is taken once in a tenant, also when two are added at once, and free in another', async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 5 }, (_, i) => add(acme, `Anna ${i}`, 'anna@acme.test')),
  );
  expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect((outcome.reason as KuvertError).code).toBe('mail_taken');
  }
  await expect(add(acme, 'Other', 'anna@acme.test')).rejects.toMatchObject({ code: 'mail_taken' });
  const other = await installation.tenants.service.create('Other');
  await add(other, 'Anna', 'anna@acme.test');
});

test('C1 nobody can be added to a tenant that does not exist', async () => {
  const nowhere = makeId('tenant', installation.random(16));
  await expect(add(nowhere, 'Anna', 'anna@acme.test')).rejects.toMatchObject({ code: 'not_found' });
});

test('A1 a list pages through everybody once, in one order', async () => {
  for (let i = 0; i < 7; i++) await add(acme, `P${i}`, `p${i}@acme.test`);
  const read = async (): Promise<Person[]> => {
    const all: Person[] = [];
    let after: string | undefined;
    do {
      const page = await installation.people.service.list(installation.store.tenant(acme), {
        limit: 3,
        after,
      });
      all.push(...page.people);
      after = page.next;
    } while (after !== undefined);
    return all;
  };
  const first = await read();
  expect(first.map((person) => person.name).sort()).toEqual(['P0', 'P1', 'P2', 'P3', 'P4', 'P5', 'P6']);
  expect(await read()).toEqual(first);
});

test('C1 a person of another tenant is answered like one who does not exist', async () => {
  const other = await installation.tenants.service.create('Other');
  const { personId } = await add(other, 'Eve', 'eve@other.test');
  const nobody = makeId('person', installation.random(16));
  const scope = installation.store.tenant(acme);
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => 'found',
      (error: KuvertError) => JSON.stringify([error.code, error.retry, error.details]),
    );
  const { service } = installation.people;
  expect(await codeOf(service.get(scope, personId))).toBe(await codeOf(service.get(scope, nobody)));
  expect(await codeOf(service.findByMail(scope, 'eve@other.test'))).toBe(
    await codeOf(service.findByMail(scope, 'nobody@other.test')),
  );
  expect(await codeOf(service.get(scope, nobody))).toContain('not_found');
  expect((await service.list(scope, { limit: 10 })).people).toEqual([]);
});

test('P7 of 10,000 probes for addresses that nobody has nearly all are refused, and somebody hears of it; colleagues are found all the while by others', async () => {
  await add(acme, 'Anna', 'anna@acme.test');
  const device = (byte: number) => ({
    scope: installation.store.tenant(acme),
    tenantId: acme,
    personId: makeId('person', new Uint8Array(16).fill(byte)),
    deviceId: makeId('device', new Uint8Array(16).fill(byte)),
  });
  const find = (byte: number, mail: string) => {
    const connection = new TestConnection(device(byte));
    return installation.people.deviceRoutes['people.find']({ ...device(byte), connection }, { mail }).then(
      () => 'found',
      (error: KuvertError) => error.code,
    );
  };
  const answers: string[] = [];
  for (let i = 0; i < 100; i++) {
    const probes = Array.from({ length: 100 }, (_, j) => find(1, `guess-${i}-${j}@acme.test`));
    answers.push(...(await Promise.all(probes)));
    installation.clock.advance(1_000);
  }
  const seen = answers.filter((answer) => answer === 'not_found').length;
  expect(seen).toBeGreaterThanOrEqual(PROBE_LIMIT.burst);
  expect(seen).toBeLessThanOrEqual(PROBE_LIMIT.burst + 100 * PROBE_LIMIT.perSecond + 1);
  expect(answers.length - seen).toBe(answers.filter((answer) => answer === 'rate_limited').length);
  expect(installation.limits).toContain('peopleProbes');
  expect(await find(1, 'anna@acme.test')).toBe('rate_limited');
  expect(await find(2, 'anna@acme.test')).toBe('found');
});

test('P7 a script that looks up thousands of colleagues who are there is not held up', async () => {
  await add(acme, 'Anna', 'anna@acme.test');
  const scope = installation.store.tenant(acme);
  const device = { tenantId: acme, deviceId: makeId('device', new Uint8Array(16)) };
  const person = { personId: makeId('person', new Uint8Array(16)), ...device };
  const caller = { ...person, scope, connection: new TestConnection(person) };
  for (let i = 0; i < 30; i++) {
    const look = () => installation.people.deviceRoutes['people.find'](caller, { mail: 'anna@acme.test' });
    await Promise.all(Array.from({ length: 100 }, look));
  }
});

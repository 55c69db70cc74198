/** People: unique by mail within a tenant, listed in one order, invisible from elsewhere. */
import { type KuvertError, makeId, type Person, type TenantId } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestInstallation, type TestInstallation } from '../test-installation.ts';

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

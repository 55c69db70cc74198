/** Locking somebody out for a while, and a whole tenant; at once, recorded, and without losing anything (C1 C3 C7 F6). */
import { KuvertError, type TenantId } from '@kuvert/protocol';
import {
  startInstallation,
  type TestAdministrator,
  type TestInstallation,
  type TestPerson,
  type TestTenant,
} from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let installation: TestInstallation;
let tenant: TestTenant;
let tenantId: TenantId;
let chief: TestAdministrator;
let operator: TestAdministrator;
let anna: TestPerson;
let ben: TestPerson;

beforeAll(async () => {
  installation = await startInstallation();
  tenant = await installation.tenant('Acme');
  tenantId = tenant.tenantId;
  anna = await tenant.person('Anna');
  ben = await tenant.person('Ben');
  chief = await installation.administrator('tenant-admin', 'Chief', tenantId);
  operator = await installation.administrator('operator', 'Olga');
});
afterAll(() => installation?.[Symbol.asyncDispose]());

const codeOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'done',
    (error: unknown) => (error instanceof KuvertError ? error.code : String(error)),
  );
const connect = (who: TestPerson) => codeOf(who.with((profile) => profile.connect()));
/** The code with which an open connection of somebody ends. */
async function endedBy(who: TestPerson, act: () => Promise<unknown>): Promise<string> {
  return who.with(async (profile) => {
    const ended = Promise.withResolvers<string>();
    const stop = profile.onClosed((reason) => ended.resolve(reason.code));
    await profile.connect();
    await act();
    const code = await ended.promise;
    stop();
    return code;
  });
}
const actionsOn = async (who: TestAdministrator, object: string) => {
  const { entries } = (await who.call('audit.search', { params: { tenantId }, query: { object } })).result;
  return entries.map(({ action, outcome, actorName }) => `${action} ${outcome} ${actorName}`);
};

test('C7 a person who is locked out is disconnected at once, cannot come back, be linked or enrol, and has everything again afterwards', async () => {
  const params = { tenantId, personId: ben.personId };
  const token = await ben.token();
  expect(await endedBy(ben, () => chief.call('people.lock', { params }))).toBe('person_locked');
  expect(await connect(ben)).toBe('person_locked');
  expect(await codeOf(ben.anotherProfile().enrol(token))).toBe('person_locked');
  const { lockedAt } = (await chief.call('people.get', { params })).result;
  expect(lockedAt).toBe(new Date(installation.clock.nowMs()).toISOString());
  // Asking again changes nothing and is no second entry.
  await chief.call('people.lock', { params });
  await installation.restart();
  expect(await connect(ben)).toBe('person_locked');
  // Messages to them wait.
  await anna.with(async (profile) => {
    await profile.send({ to: ben.mail, text: 'for later' });
    expect(await profile.flush({ timeoutMs: 60_000 })).toEqual({ waiting: 0 });
  });
  await chief.call('people.unlock', { params });
  expect((await chief.call('people.get', { params })).result.lockedAt).toBeNull();
  const texts = await ben.with(async (profile) => {
    await profile.connect();
    await profile.flush({ timeoutMs: 60_000 });
    return profile.inbox().map(({ text }) => text);
  });
  expect(texts).toEqual(['for later']);
  expect((await actionsOn(chief, ben.personId)).filter((line) => line.includes('lock'))).toEqual([
    'person.unlocked done Chief',
    'person.locked done Chief',
  ]);
});

test('C1 C3 a suspended tenant lets in no device and no program, and its administrators read but change nothing', async () => {
  const program = await chief.call('integrations.create', {
    params: { tenantId },
    body: { name: 'Personnel', permissions: ['people.read'], validDays: 5 },
  });
  const asProgram = () =>
    fetch(`${installation.url}/api/v1/tenants/${tenantId}/people`, {
      headers: { authorization: `Bearer ${program.result.key}` },
    });
  expect((await asProgram()).status).toBe(200);
  await operator.stepUp();
  const suspend = () => operator.call('tenants.suspend', { params: { tenantId } });
  expect(await codeOf(chief.call('tenants.suspend', { params: { tenantId } }))).toBe('not_allowed');
  expect(await endedBy(anna, suspend)).toBe('tenant_suspended');
  await suspend();
  await installation.restart();
  expect(await connect(anna)).toBe('tenant_suspended');
  expect((await asProgram()).status).toBe(403);
  expect((await chief.call('people.list', { params: { tenantId } })).result.people).toHaveLength(2);
  expect((await chief.call('tenants.get', { params: { tenantId } })).result.suspendedAt).not.toBeNull();
  const body = { name: 'Carla', mail: 'carla@acme.test' };
  expect(await codeOf(chief.call('people.create', { params: { tenantId }, body }))).toBe('tenant_suspended');
  // Another tenant has nothing to do with it, and who is nobody in this one learns nothing.
  const other = await installation.tenant('Other');
  const stranger = await installation.administrator('tenant-admin', 'Stranger', other.tenantId);
  expect(await codeOf(stranger.call('people.create', { params: { tenantId }, body }))).toBe('not_found');
  expect(await connect(await other.person('Otto'))).toBe('done');

  await operator.stepUp();
  await operator.call('tenants.resume', { params: { tenantId } });
  expect(await connect(anna)).toBe('done');
  expect(await codeOf(chief.call('people.create', { params: { tenantId }, body }))).toBe('done');
  const recorded = await actionsOn(chief, tenantId);
  expect(recorded.filter((line) => /suspended|resumed/.test(line))).toEqual([
    'tenant.resumed done Olga',
    'tenant.suspended done Olga',
  ]);
  expect(recorded).toContain('authorisation.refused refused Chief');
  const { entries } = (
    await operator.call('operator-audit.search', { query: { action: 'tenant.suspended' } })
  ).result;
  expect(entries).toHaveLength(1);
});

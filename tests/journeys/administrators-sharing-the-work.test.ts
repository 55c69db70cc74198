/** Administrator 3: roles, four eyes, who may take what from whom, and requests that are repeated or meet each other (C3 C5). */
import { randomUUID } from 'node:crypto';
import { KuvertError, type TenantId } from '@kuvert/protocol';
import { startInstallation, type TestAdministrator, type TestInstallation } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let installation: TestInstallation;
let tenantId: TenantId;
let anna: TestAdministrator;
let berta: TestAdministrator;

beforeAll(async () => {
  installation = await startInstallation();
  ({ tenantId } = await installation.tenant('Acme'));
  anna = await installation.administrator('tenant-admin', 'Anna', tenantId);
  berta = await installation.administrator('tenant-admin', 'Berta', tenantId);
});
afterAll(() => installation?.[Symbol.asyncDispose]());

const codeOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'done',
    (error: unknown) => (error instanceof KuvertError ? error.code : String(error)),
  );
const params = () => ({ tenantId });
const idOf = async (who: TestAdministrator) => (await who.call('me')).result.administratorId;

test('C3 naming an auditor takes two: the other approves exactly what was asked for, once, with a fresh second factor', async () => {
  const body = { role: 'auditor' as const, mail: 'rita@acme.test' };
  const { waiting, status } = await anna.call('administrators.invite', { params: params(), body });
  expect(status).toBe(202);
  const { approvalId = '' as never, payloadHash = '' } = waiting ?? {};
  const approve = (who: TestAdministrator, hash = payloadHash) =>
    who.call('approvals.approve', { params: { tenantId, approvalId }, body: { payloadHash: hash } });
  expect(await codeOf(approve(anna))).toBe('approval_own');
  expect(await codeOf(approve(berta, 'a'.repeat(64)))).toBe('version_conflict');
  installation.clock.advance(6 * 60_000);
  expect(await codeOf(approve(berta))).toBe('step_up_required');
  await berta.stepUp();
  const [read] = (await berta.call('approvals.list', { params: params() })).result.approvals;
  expect(read).toMatchObject({ state: 'open', operation: 'administrators.invite', body, payloadHash });

  const both = await Promise.allSettled([approve(berta), approve(berta)]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const done = both.find((one) => one.status === 'fulfilled');
  const { code } = (done?.status === 'fulfilled' ? done.value.result.result : {}) as { code: string };
  expect(await codeOf(approve(berta))).toBe('approval_over');
  const rita = await installation.accept(code, { name: 'Rita', mail: 'rita@acme.test' });
  expect(await codeOf(rita.call('people.list', { params: params() }))).toBe('not_allowed');
  expect((await rita.call('audit.search', { params: params() })).result.entries.length).toBeGreaterThan(0);
  const { approvals } = (await rita.call('approvals.list', { params: params() })).result;
  expect(approvals.map(({ state }) => state)).toEqual(['executed']);
});

test('C3 what is refused, expired or asked for by somebody who has lost the right does not happen, and is remembered', async () => {
  const ask = async (who: TestAdministrator, mail: string) => {
    await who.stepUp();
    const { waiting } = await who.call('administrators.invite', {
      params: params(),
      body: { role: 'auditor', mail },
    });
    return { tenantId, approvalId: waiting?.approvalId as never, hash: waiting?.payloadHash ?? '' };
  };
  const approve = ({ hash, ...one }: Awaited<ReturnType<typeof ask>>) =>
    berta.call('approvals.approve', { params: one, body: { payloadHash: hash } });
  const refused = await ask(anna, 'one@acme.test');
  await berta.call('approvals.refuse', { params: { tenantId, approvalId: refused.approvalId } });
  const late = await ask(anna, 'two@acme.test');
  installation.clock.advance(24 * 3_600_000);
  await Promise.all([anna.signIn(), berta.signIn()]);
  await installation.server.context.sweeper.pass();
  const carla = await installation.administrator('tenant-admin', 'Carla', tenantId);
  const lost = await ask(carla, 'three@acme.test');
  const carlaId = await idOf(carla);
  await berta.stepUp();
  await berta.call('administrators.take', {
    params: { tenantId, administratorId: carlaId },
    body: { role: 'tenant-admin' },
  });
  expect(await codeOf(carla.call('me'))).toBe('unauthenticated');
  for (const one of [refused, late]) expect(await codeOf(approve(one))).toBe('approval_over');
  expect(await codeOf(approve(lost))).toBe('not_allowed');
  const { approvals } = (await berta.call('approvals.list', { params: params() })).result;
  expect(approvals.map(({ state }) => state)).toEqual(['failed', 'expired', 'refused', 'executed']);
  expect((await berta.call('invitations.list', { params: params() })).result.invitations).toEqual([]);
});

test('C3 the last administrator stays, also when two take from each other at once', async () => {
  await anna.stepUp();
  await berta.stepUp();
  const take = async (who: TestAdministrator, whom: TestAdministrator) =>
    codeOf(
      who.call('administrators.take', {
        params: { tenantId, administratorId: await idOf(whom) },
        body: { role: 'tenant-admin' },
      }),
    );
  const codes = await Promise.all([take(anna, berta), take(berta, anna)]);
  expect(codes.filter((code) => code === 'done')).toHaveLength(1);
  const left = codes[0] === 'done' ? anna : berta;
  expect(await take(left, left)).toBe('last_administrator');
  anna = left;
});

test('C3 nobody gives what they do not hold, and a role for one pool ends at its border', async () => {
  await anna.stepUp();
  const { result: pool } = await anna.call('pools.create', { params: params(), body: { name: 'Sales' } });
  const { poolId } = pool;
  const add = async (name: string) =>
    (await anna.call('people.create', { params: params(), body: { name, mail: `${name}@acme.test` } })).result
      .personId;
  const [inside, outside] = [await add('ina'), await add('otto')];
  await anna.call('pools.join', { params: { tenantId, poolId, personId: inside } });
  const invited = { role: 'group-admin' as const, mail: 'gina@acme.test', poolId };
  const { result } = await anna.call('administrators.invite', { params: params(), body: invited });
  const gina = await installation.accept(result.code, { name: 'Gina', mail: 'gina@acme.test' });
  const people = await gina.call('pools.people', { params: { tenantId, poolId } });
  expect(people.result.people.map(({ personId }) => personId)).toEqual([inside]);
  expect(await codeOf(gina.call('people.list', { params: params() }))).toBe('not_allowed');
  expect(await codeOf(gina.call('pools.tokens', { params: { tenantId, poolId, personId: inside } }))).toBe(
    'done',
  );
  expect(await codeOf(gina.call('pools.tokens', { params: { tenantId, poolId, personId: outside } }))).toBe(
    'not_found',
  );
  expect(await codeOf(gina.call('pools.join', { params: { tenantId, poolId, personId: outside } }))).toBe(
    'not_allowed',
  );
  // A role is for places of its kind.
  const wrong = anna.call('administrators.invite', {
    params: params(),
    body: { role: 'group-admin', mail: 'x@acme.test' },
  });
  expect(await codeOf(wrong)).toBe('bad_request');
  // What nobody could approve is refused at once, and waits for nobody.
  const never = { role: 'auditor' as const, mail: 'x@acme.test', poolId };
  expect(await codeOf(anna.call('administrators.invite', { params: params(), body: never }))).toBe(
    'bad_request',
  );
});

test('C3 a feature is denied by any pool, else allowed by any, else as the tenant says; and the server sees to it', async () => {
  const ben = await (await installation.tenant('Feat')).person('Ben');
  const chief = await installation.administrator('tenant-admin', 'Frieda', ben.tenantId);
  const at = { tenantId: ben.tenantId };
  const features = async () => {
    const { result } = await chief.call('people.features', { params: { ...at, personId: ben.personId } });
    return result.features.map(({ feature, isAllowed }) => `${feature} ${isAllowed}`);
  };
  const browse = () =>
    ben.with(async (profile) => {
      await profile.connect();
      return codeOf(profile.people());
    });
  expect(await features()).toEqual(['directory true', 'further-devices true']);
  const { etag } = await chief.call('tenants.get', { params: at });
  const body = { settings: { features: { directory: 'denied' as const } } };
  await chief.call('tenants.change', { params: at, ifMatch: etag, body });
  expect(await browse()).toBe('feature_denied');
  const pool = async (name: string, choice: 'allowed' | 'denied') => {
    const made = await chief.call('pools.create', {
      params: at,
      body: { name, features: { directory: choice } },
    });
    await chief.call('pools.join', { params: { ...at, poolId: made.result.poolId, personId: ben.personId } });
  };
  await pool('Managers', 'allowed');
  expect(await browse()).toBe('done');
  await pool('Trainees', 'denied');
  expect(await features()).toEqual(['directory false', 'further-devices true']);
  expect(await browse()).toBe('feature_denied');
});

test('C5 a creation that is repeated with its key happens once, also when both come at once; another request is refused', async () => {
  const key = randomUUID();
  const create = (mail: string, idempotencyKey: string = key) =>
    anna.call('people.create', { params: params(), idempotencyKey, body: { name: 'Dora', mail } });
  const both = await Promise.all([create('dora@acme.test'), create('dora@acme.test')]);
  expect(both[0].result).toEqual(both[1].result);
  installation.clock.advance(60_000);
  await installation.restart();
  expect((await create('dora@acme.test')).result).toEqual(both[0].result);
  expect(await codeOf(create('emil@acme.test'))).toBe('idempotency_key_reused');
  expect(await codeOf(create('dora@acme.test', randomUUID()))).toBe('mail_taken');
  expect(await codeOf(create('emil@acme.test', 'with space'))).toBe('bad_request');
  expect(
    await codeOf(
      anna.call('tokens.create', {
        params: { tenantId, personId: both[0].result.personId },
        idempotencyKey: key,
      }),
    ),
  ).toBe('done');
});

test('C5 of two who edit the same, the later one hears of it; refusals speak the language that was asked for', async () => {
  const [person] = (await anna.call('people.list', { params: params(), query: { mail: 'dora@acme.test' } }))
    .result.people;
  const at = { tenantId, personId: person?.personId as never };
  const { etag } = await anna.call('people.get', { params: at });
  const change = (name: string, ifMatch?: string) =>
    anna.call('people.change', { params: at, ifMatch, body: { name } });
  expect(await codeOf(change('Dora A'))).toBe('version_required');
  const changed = await change('Dora B', etag);
  expect(await codeOf(change('Dora C', etag))).toBe('version_conflict');
  expect((await change('Dora D', changed.etag)).result.name).toBe('Dora D');
  for (const [language, sentence] of [
    ['de-AT, en;q=0.5', 'Unter diesem Namen gibt es hier nichts.'],
    ['fr', 'There is nothing by that name here.'],
  ] as const) {
    const response = await fetch(`${installation.url}/api/v1/nothing`, {
      headers: { 'accept-language': language },
    });
    expect(await response.json()).toMatchObject({ title: sentence, code: 'not_found' });
    expect(response.headers.get('content-language')).toBe(language.slice(0, 2) === 'de' ? 'de' : 'en');
  }
});

test('C3 G2 a program does what its key names, until it is revoked, and never signs in', async () => {
  await anna.stepUp();
  const body = { name: 'Personnel', permissions: ['people.read' as const], validDays: 30 };
  const { result } = await anna.call('integrations.create', { params: params(), body });
  const as = (path: string, init: RequestInit = {}) =>
    fetch(`${installation.url}/api/v1${path}`, {
      ...init,
      headers: { authorization: `Bearer ${result.key}`, 'content-type': 'application/json' },
    });
  expect((await as(`/tenants/${tenantId}/people`)).status).toBe(200);
  expect((await as('/me')).status).toBe(403);
  const denied = await as(`/tenants/${tenantId}/people`, {
    method: 'POST',
    body: '{"name":"X","mail":"x@acme.test"}',
  });
  expect(denied.status).toBe(403);
  await anna.call('integrations.revoke', { params: { tenantId, integrationId: result.integrationId } });
  expect((await as(`/tenants/${tenantId}/people`)).status).toBe(401);
});

/** Administrator 15, first part: a person is erased by two, for good, and what others have stays theirs (C3 F4 F6 F8). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KuvertError, type TenantId } from '@kuvert/protocol';
import {
  startInstallation,
  type TestAdministrator,
  type TestInstallation,
  type TestPerson,
} from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let installation: TestInstallation;
let tenantId: TenantId;
let anna: TestAdministrator;
let berta: TestAdministrator;
let ben: TestPerson;
let carla: TestPerson;

beforeAll(async () => {
  installation = await startInstallation();
  const tenant = await installation.tenant('Acme');
  tenantId = tenant.tenantId;
  anna = await installation.administrator('tenant-admin', 'Anna', tenantId);
  berta = await installation.administrator('tenant-admin', 'Berta', tenantId);
  ben = await tenant.person('Benedikt-Erasmus');
  carla = await tenant.person('Carla');
});
afterAll(() => installation?.[Symbol.asyncDispose]());

const codeOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'done',
    (error: unknown) => (error instanceof KuvertError ? error.code : String(error)),
  );
const at = () => ({ tenantId });
const ask = async (who: TestAdministrator, person: TestPerson) => {
  await who.stepUp();
  const params = { tenantId, personId: person.personId };
  const { waiting } = await who.call('people.erase', { params });
  if (waiting === undefined) throw new Error('nobody has to approve this');
  return waiting;
};
const approve = async (who: TestAdministrator, asked: Awaited<ReturnType<typeof ask>>) => {
  const { approvalId, payloadHash } = asked;
  return who.call('approvals.approve', { params: { tenantId, approvalId }, body: { payloadHash } });
};
const entriesOf = async (query: object) =>
  (await anna.call('audit.search', { params: at(), query: { limit: 500, ...query } })).result.entries;

test('C3 F8 erasing takes two, happens once, ends devices and connections, and leaves no name behind; others keep what they have', async () => {
  const pool = await anna.call('pools.create', { params: at(), body: { name: 'Sales' } });
  const { poolId } = pool.result;
  await anna.call('pools.join', { params: { tenantId, poolId, personId: ben.personId } });
  await ben.with(async (profile) => {
    await profile.send({ to: carla.mail, text: 'remember me' });
    await profile.flush({ timeoutMs: 60_000 });
  });
  const token = await ben.token();
  const kept = await anna.call('audit.checkpoint', { params: at() });
  const asked = await ask(anna, ben);
  expect(await codeOf(approve(anna, asked))).toBe('approval_own');
  installation.clock.advance(6 * 60_000);
  expect(await codeOf(approve(berta, asked))).toBe('step_up_required');
  await berta.stepUp();
  const other = { ...asked, payloadHash: 'a'.repeat(64) };
  expect(await codeOf(approve(berta, other))).toBe('version_conflict');

  const ended = await ben.with(async (profile) => {
    const code = Promise.withResolvers<string>();
    profile.onClosed((reason) => code.resolve(reason.code));
    await profile.connect();
    const both = await Promise.all([codeOf(approve(berta, asked)), codeOf(approve(berta, asked))]);
    expect(both.sort()).toEqual(['approval_over', 'done']);
    return code.promise;
  });
  expect(ended).toBe('device_not_accepted');
  expect(await codeOf(ben.with((profile) => profile.connect()))).toBe('device_not_accepted');
  expect(await codeOf(ben.anotherProfile().enrol(token))).toBe('token_not_valid');
  expect(await codeOf(anna.call('people.get', { params: { tenantId, personId: ben.personId } }))).toBe(
    'not_found',
  );
  const members = await anna.call('pools.people', { params: { tenantId, poolId } });
  expect(members.result.people).toEqual([]);

  // Nothing of the name is left in any answer; the ids and every proof are.
  const entries = await entriesOf({});
  expect(JSON.stringify(entries)).not.toContain('Erasmus');
  const actions = (await entriesOf({ object: ben.personId })).map(({ action }) => action);
  expect(actions).toEqual(expect.arrayContaining(['person.added', 'person.erased', 'identity.erased']));
  const decided = await entriesOf({ action: 'approval.decided' });
  expect(decided).toMatchObject([
    { object: asked.approvalId, actorName: 'Berta', after: { state: 'executed' } },
  ]);
  const { result } = await anna.call('audit.checkpoint', {
    params: at(),
    query: { since: kept.result.size },
  });
  expect(result.size).toBeGreaterThan(kept.result.size);
  const { approvals } = (await anna.call('approvals.list', { params: at() })).result;
  expect(approvals[0]).toMatchObject({ state: 'executed', operation: 'people.erase' });

  // Others have what they were sent, and are told when they write again.
  const texts = await carla.with(async (profile) => {
    await profile.flush({ timeoutMs: 60_000 });
    return profile.inbox().map(({ text }) => text);
  });
  expect(texts).toEqual(['remember me']);
  expect(
    await codeOf(
      carla.with(async (profile) => {
        await profile.connect();
        await profile.send({ to: ben.mail, text: 'are you there?' });
      }),
    ),
  ).toBe('recipient_unknown');

  const ledger = readFileSync(join(installation.server.keysFolder, 'ledger', 'ledger.jsonl'), 'utf8');
  expect(ledger).toContain(JSON.stringify({ kind: 'erasure', tenant: tenantId, person: ben.personId }));
  // The address is free again.
  const body = { name: 'Ben', mail: ben.mail };
  expect(await codeOf(anna.call('people.create', { params: at(), body }))).toBe('done');
});

test('C3 a request in a tenant’s file is refused, expires and fails once, is listed with the others in order, and cannot be seen from elsewhere', async () => {
  const nobody = { tenantId, personId: ben.personId };
  await anna.stepUp();
  expect(await codeOf(anna.call('people.erase', { params: nobody }))).toBe('not_found');
  const refused = await ask(anna, carla);
  installation.clock.advance(1_000);
  const invited = await anna.call('administrators.invite', {
    params: at(),
    body: { role: 'auditor', mail: 'rita@acme.test' },
  });
  installation.clock.advance(1_000);
  const expired = await ask(anna, carla);
  await berta.call('approvals.refuse', { params: { tenantId, approvalId: refused.approvalId } });
  await berta.stepUp();
  expect(await codeOf(approve(berta, refused))).toBe('approval_over');
  const other = await installation.tenant('Other');
  const stranger = await installation.administrator('tenant-admin', 'Stranger', other.tenantId);
  const { approvalId, payloadHash } = expired;
  const elsewhere = { tenantId: other.tenantId, approvalId };
  expect(await codeOf(stranger.call('approvals.approve', { params: elsewhere, body: { payloadHash } }))).toBe(
    'not_found',
  );

  const pages: { approvalId: string; state: string }[] = [];
  for (let cursor: string | undefined; ; ) {
    const query = { limit: '1', ...(cursor && { cursor }) };
    const { result } = await anna.call('approvals.list', { params: at(), query });
    pages.push(...result.approvals);
    cursor = result.next;
    if (cursor === undefined) break;
  }
  expect(pages.map((one) => [one.approvalId, one.state])).toEqual([
    [expired.approvalId, 'open'],
    [invited.waiting?.approvalId, 'open'],
    [refused.approvalId, 'refused'],
    [pages[3]?.approvalId, 'executed'],
  ]);
  expect(await codeOf(anna.call('approvals.list', { params: at(), query: { cursor: 'x~y~z' } }))).toBe(
    'cursor_invalid',
  );

  installation.clock.advance(25 * 3_600_000);
  await installation.server.context.sweeper.pass();
  await anna.signIn();
  await berta.signIn();
  expect(await codeOf(approve(berta, expired))).toBe('approval_over');
  const recorded = (await entriesOf({ object: expired.approvalId })).map(({ action }) => action);
  expect(recorded).toEqual(['approval.expired', 'approval.requested']);
  expect((await anna.call('people.get', { params: { tenantId, personId: carla.personId } })).status).toBe(
    200,
  );
});

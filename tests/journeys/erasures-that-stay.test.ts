/** What was erased stays erased: over a crash in the middle of it, and over a restore from a backup that was made before it (F4 F8 F9 P5). */
import { mkdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { KuvertError, type PersonId, type TenantId } from '@kuvert/protocol';
import { AdminClient } from '@kuvert/protocol/admin';
import {
  type AdminPlace,
  becomeAdministrator,
  Site,
  startInstallation,
  type TestAdministrator,
} from '@kuvert/testkit';
import { expect, test } from 'vitest';

const codeOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'done',
    (error: unknown) => (error instanceof KuvertError ? error.code : String(error)),
  );

/** One asks, another approves. */
async function erase(
  chiefs: readonly [TestAdministrator, TestAdministrator],
  tenantId: TenantId,
  personId: PersonId,
) {
  const [one, other] = chiefs;
  const { waiting } = await one.call('people.erase', { params: { tenantId, personId } });
  if (waiting === undefined) throw new Error('nobody has to approve this');
  const { approvalId, payloadHash } = waiting;
  return other.call('approvals.approve', { params: { tenantId, approvalId }, body: { payloadHash } });
}

test('F8 P5 a server that fails between the commit of an erasure and its clean-up goes on with it, and nobody is half erased', {
  timeout: 120_000,
}, async () => {
  await using installation = await startInstallation();
  const tenant = await installation.tenant('Acme');
  const { tenantId } = tenant;
  const anna = await installation.administrator('tenant-admin', 'Anna', tenantId);
  const berta = await installation.administrator('tenant-admin', 'Berta', tenantId);
  const ben = await tenant.person('Benedikt-Erasmus');
  const { personId } = ben;
  // The first thing after the commit is a line in the ledger.
  const ledger = join(installation.server.keysFolder, 'ledger', 'ledger.jsonl');
  const aside = `${ledger}.aside`;
  const hadOne = await codeOf(Promise.resolve().then(() => renameSync(ledger, aside)));
  mkdirSync(ledger);
  await anna.stepUp();
  await berta.stepUp();
  expect(await codeOf(erase([anna, berta], tenantId, personId))).toBe('internal');
  rmdirSync(ledger);
  if (hadOne === 'done') renameSync(aside, ledger);

  await installation.restart();
  await installation.server.context.sweeper.pass();
  expect(readFileSync(ledger, 'utf8')).toContain(
    JSON.stringify({ kind: 'erasure', tenant: tenantId, person: personId }),
  );
  expect(await codeOf(anna.call('people.get', { params: { tenantId, personId } }))).toBe('not_found');
  expect(await codeOf(ben.with((profile) => profile.connect()))).toBe('device_not_accepted');
  const { entries } = (await anna.call('audit.search', { params: { tenantId }, query: { limit: 500 } }))
    .result;
  expect(JSON.stringify(entries)).not.toContain('Erasmus');
  const done = entries.filter(({ object }) => object === personId).map(({ action }) => action);
  expect(done.filter((action) => action === 'person.erased')).toHaveLength(1);
  expect(done).toContain('identity.erased');
  // It happened, and cannot happen again.
  const { approvals } = (await anna.call('approvals.list', { params: { tenantId } })).result;
  expect(approvals[0]).toMatchObject({ state: 'executed', operation: 'people.erase' });
});

test('F8 F9 P5 a restore from a backup of before brings back neither a person who was erased nor a name that went from the log', {
  timeout: 240_000,
}, async () => {
  await using site = new Site();
  let server = await site.startServer();
  const tenant = await server.tenant('Acme');
  const { tenantId } = tenant;
  // Codes of an app, each good once, on a clock that nobody can move: the next one is accepted a step early.
  let aheadMs = 0;
  const place: AdminPlace = {
    url: server.url,
    now: () => Date.now() + aheadMs,
    nextStep: () => {
      aheadMs = 30_000;
    },
  };
  const administrator = async (name: string) => {
    const mail = `${name.toLowerCase()}@admin.test`;
    const role = 'tenant-admin' as const;
    const { code } = await server.operator.call('administratorInvite', { role, mail, tenantId });
    return becomeAdministrator(place, code, { name, mail });
  };
  const zacharias = await administrator('Zacharias');
  const anna = await administrator('Anna');
  const berta = await administrator('Berta');
  await zacharias.call('people.create', {
    params: { tenantId },
    body: { name: 'Carla', mail: 'carla@acme.test' },
  });
  const ben = await tenant.person('Benedikt-Erasmus');
  await server.stop();
  const store = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const done = await site.kuvert(['store', ...args], { env: { ...site.environment(), ...env } });
    expect(done, done.stderr).toMatchObject({ code: 0 });
  };
  await store(['backup', '--to', site.at('backup')]);

  server = await site.startServer(server.again);
  await anna.stepUp();
  await berta.stepUp();
  const { administratorId } = (await zacharias.call('me')).result;
  await erase([anna, berta], tenantId, ben.personId);
  await anna.call('administrators.take', {
    params: { tenantId, administratorId },
    body: { role: 'tenant-admin' },
  });
  await anna.call('audit.erase', { params: { tenantId, id: administratorId } });
  await server.stop('SIGKILL');

  await store(['restore', '--from', site.at('backup')], { KUVERT_DATA: site.at('restored') });
  server = await site.startServer({ ...server.again, dataDir: site.at('restored') });
  const again = new AdminClient({ url: server.url, fetch, token: anna.token });
  expect(await codeOf(again.call('people.get', { params: { tenantId, personId: ben.personId } }))).toBe(
    'not_found',
  );
  expect(await codeOf(ben.with((profile) => profile.connect()))).toBe('device_not_accepted');
  const { entries } = (await again.call('audit.search', { params: { tenantId }, query: { limit: 500 } }))
    .result;
  expect(JSON.stringify(entries)).not.toMatch(/Erasmus|Zacharias/);
  expect(entries.filter(({ actor }) => actor === administratorId).length).toBeGreaterThan(0);
  await server.stop();
});

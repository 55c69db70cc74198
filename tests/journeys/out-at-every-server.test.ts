/** Two servers on one database: whoever is locked out, suspended or signed out at one is out at the other (C3 C7 H2). */
import { KuvertError, type TenantId } from '@kuvert/protocol';
import { AdminClient } from '@kuvert/protocol/admin';
import { buildInstallation, createLog } from '@kuvert/server';
import {
  type AdminPlace,
  becomeAdministrator,
  HandMadeDevice,
  type ServerProcess,
  Site,
  type TestAdministrator,
  type TestPerson,
  type TestTenant,
} from '@kuvert/testkit';
import { type MongoDouble, startMongoDouble } from '@kuvert/testkit/mongo-double';
import { afterAll, beforeAll, expect, test } from 'vitest';

let site: Site;
let double: MongoDouble;
let a: ServerProcess;
let b: ServerProcess;
let tenant: TestTenant;
let tenantId: TenantId;
let ben: TestPerson;
let device: HandMadeDevice;
let visits = 0;
let chief: TestAdministrator;
let operator: TestAdministrator;

/** Codes of an app, each good once, on a clock that nobody can move: the next one is accepted a step early. */
function placeAt(url: string): AdminPlace {
  let aheadMs = 0;
  return {
    url,
    now: () => Date.now() + aheadMs,
    nextStep: () => {
      aheadMs = 30_000;
    },
  };
}

async function administrator(role: 'operator' | 'tenant-admin', name: string): Promise<TestAdministrator> {
  const mail = `${name.toLowerCase()}@admin.test`;
  const of = role === 'operator' ? {} : { tenantId };
  const { code } = await a.operator.call('administratorInvite', { role, mail, ...of });
  return becomeAdministrator(placeAt(a.url), code, { name, mail });
}

beforeAll(async () => {
  site = new Site();
  double = await startMongoDouble();
  const start = (name: string) =>
    site.startServer({ dataDir: site.at(name), env: { KUVERT_STORE: double.url } });
  [a, b] = await Promise.all([start('data-a'), start('data-b')]);
  tenant = await a.tenant('Acme');
  tenantId = tenant.tenantId;
  ben = await tenant.personWithoutDevice('Ben');
  const token = await ben.token();
  device = await HandMadeDevice.enrol({ url: b.url, token, personId: ben.personId, nowMs: Date.now() });
  chief = await administrator('tenant-admin', 'Chief');
  operator = await administrator('operator', 'Olga');
}, 60_000);
afterAll(async () => {
  await site[Symbol.asyncDispose]();
  await double.stop();
});

/** How a connection of Ben's device to the second server ends. */
async function endedBy(act: () => Promise<unknown>): Promise<string | undefined> {
  using connection = await device.connect({ url: b.url, stateCounter: ++visits });
  await connection.request('devices.list', {});
  await act();
  return await connection.ended;
}
/** How a new connection to it ends; undefined when it is not refused. */
async function refusal(): Promise<string | undefined> {
  using connection = await device.connect({ url: b.url, stateCounter: ++visits });
  return await connection.request('devices.list', {}).then(
    () => undefined,
    () => connection.ended,
  );
}
const atBen = () => ({ params: { tenantId, personId: ben.personId } });

test('C7 H2 who is locked out at one server loses the connection to the other, and a tenant that is suspended all of them', {
  timeout: 120_000,
}, async () => {
  expect(await endedBy(() => chief.call('people.lock', atBen()))).toBe('person_locked');
  expect(await refusal()).toBe('person_locked');
  await chief.call('people.unlock', atBen());
  const params = { tenantId };
  expect(await endedBy(() => operator.call('tenants.suspend', { params }))).toBe('tenant_suspended');
  expect(await refusal()).toBe('tenant_suspended');
  await operator.call('tenants.resume', { params });
  expect(await refusal()).toBeUndefined();
});

test('C7 H2 a server that dies after it has locked somebody out and told nobody leaves them connected nowhere', {
  timeout: 120_000,
}, async () => {
  const unset = { passwordFile: undefined, caFile: undefined, certFile: undefined, keyFile: undefined };
  const third = buildInstallation(
    {
      dataFolder: site.at('data-c'),
      keysFolder: a.keysDir,
      database: { url: double.url, ...unset },
      host: '127.0.0.1',
      port: 0,
      opsPort: 0,
      tls: undefined,
      publicUrl: undefined,
      trustedProxies: [],
      logLevel: 'error',
    },
    { log: createLog({ level: 'error' }), onFailure: (error) => expect.unreachable(String(error)) },
  );
  await third.start();
  try {
    const { hints } = third.context.store;
    if (hints === undefined) throw new Error('there is only one server');
    const there = new AdminClient({ url: third.url, fetch, token: chief.token });
    // Once with words, after which the second server knows of this one.
    expect(await endedBy(() => there.call('people.lock', atBen()))).toBe('person_locked');
    await there.call('people.unlock', atBen());
    hints.publish = () => undefined;
    const ended = endedBy(async () => {
      await there.call('people.lock', atBen());
      await third.stop();
    });
    expect(await ended).toBe('person_locked');
  } finally {
    await third.stop();
  }
  await chief.call('people.unlock', atBen());
});

test('C7 H2 who signs out at one server, or loses a role there, may do nothing at the other from that moment on', async () => {
  const other = await administrator('tenant-admin', 'Berta');
  const elsewhere = new AdminClient({ url: b.url, fetch, token: other.token });
  const ask = () =>
    elsewhere.call('people.list', { params: { tenantId } }).then(
      () => 'done',
      (error: unknown) => (error instanceof KuvertError ? error.code : String(error)),
    );
  expect(await ask()).toBe('done');
  const { administrators } = (await chief.call('administrators.list', { params: { tenantId } })).result;
  const berta = administrators.find(({ name }) => name === 'Berta');
  if (berta === undefined) throw new Error('she is not there');
  const params = { tenantId, administratorId: berta.administratorId };
  await chief.call('administrators.sign-out', { params });
  expect(await ask()).toBe('unauthenticated');
});

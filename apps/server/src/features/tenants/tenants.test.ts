/** Tenants: made whole, kept across a start, sealed. */
import { rootHash, verifyAccount } from '@kuvert/crypto/identity';
import { KuvertError, makeId } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UNNOTED } from '../../effects.ts';
import type { Store } from '../../store/index.ts';
import { openTestInstallation, type TestInstallation } from '../test-installation.ts';
import { tenants } from './collections.ts';

let installation: TestInstallation;
let failOperatorWrite: boolean;
/** What was read of the operator's rows is given when this has resolved. */
let readingHeld: Promise<void> | undefined;
let operatorReads: number;

const failing = (store: Store): Store => ({
  ops: store.ops,
  tenant: (tenantId) => store.tenant(tenantId),
  operator: () => {
    const scope = store.operator();
    const find = (async (...wanted: Parameters<typeof scope.find>) => {
      operatorReads++;
      const row = await scope.find(...wanted);
      await readingHeld;
      return row;
    }) as typeof scope.find;
    return {
      createTenantSpace: scope.createTenantSpace.bind(scope),
      listTenantSpaces: scope.listTenantSpaces.bind(scope),
      get: scope.get.bind(scope),
      find,
      findBy: scope.findBy.bind(scope),
      list: scope.list.bind(scope),
      commit: scope.commit.bind(scope),
      expire: scope.expire.bind(scope),
      listExpiring: scope.listExpiring.bind(scope),
      count: scope.count.bind(scope),
      write: (body) => (failOperatorWrite ? Promise.reject(new KuvertError('disk_full')) : scope.write(body)),
    };
  },
  rotateWrappingKey: () => store.rotateWrappingKey(),
  load: store.load,
  installation: store.installation,
  collections: store.collections,
  close: () => store.close(),
});

beforeEach(async () => {
  failOperatorWrite = false;
  readingHeld = undefined;
  operatorReads = 0;
  installation = await openTestInstallation({ wrapStore: failing });
});
afterEach(() => installation.close());

test('C1 a tenant has a name, a root and an authority that its root certifies, also after a restart', async () => {
  const { tenantId } = await installation.tenants.operatorRoutes.tenantCreate({ name: 'Acme' });
  const before = await installation.tenants.service.profile(installation.store.tenant(tenantId));
  await installation.reopen();
  const profile = await installation.tenants.service.profile(installation.store.tenant(tenantId));
  expect(profile).toEqual(before);
  expect(profile.name).toBe('Acme');
  expect(profile.rootHash).toEqual(rootHash(profile.root));
  const anna = await installation.enrol(await installation.addPerson(tenantId, 'anna'));
  const scope = installation.store.tenant(tenantId);
  const { account: record } = await installation.devices.service.accountOf(scope, anna.personId);
  expect(verifyAccount(record, { tenantId, root: profile.root }).listHash).toEqual(anna.listHash);
});

test('C1 a tenant whose making was interrupted is not there', async () => {
  failOperatorWrite = true;
  await expect(installation.tenants.service.create('Half')).rejects.toMatchObject({ code: 'disk_full' });
  failOperatorWrite = false;
  expect(await installation.tenants.service.count()).toBe(0);
  const spaces = await installation.store.operator().listTenantSpaces();
  expect(spaces).toHaveLength(1);
  for (const tenantId of spaces) {
    expect(await installation.tenants.service.exists(tenantId)).toBe(false);
    await expect(installation.addPerson(tenantId, 'anna')).rejects.toMatchObject({ code: 'not_found' });
  }
});

test('C1 the operator counts tenants, and the control file names none', async () => {
  await installation.tenants.service.create('Acme');
  await installation.tenants.service.create('Acme');
  expect(await installation.tenants.operatorRoutes.installation()).toEqual({ tenants: 2 });
  const { rows } = await installation.store.operator().list(tenants);
  expect(rows.map((row) => Object.keys(row).sort())).toEqual([
    ['createdAt', 'tenantId'],
    ['createdAt', 'tenantId'],
  ]);
  expect(await installation.tenants.service.list()).toEqual(rows.map((row) => row.tenantId));
});

test('C1 an unknown tenant has no profile', async () => {
  const scope = installation.store.tenant(makeId('tenant', installation.random(16)));
  await expect(installation.tenants.service.profile(scope)).rejects.toMatchObject({ code: 'not_found' });
});

test('C7 whether a tenant is suspended is read once, and again after each change, also for whoever reads while it is changed', async () => {
  const { service } = installation.tenants;
  const { tenantId } = await installation.tenants.operatorRoutes.tenantCreate({ name: 'Acme' });
  expect(await service.stateOf(tenantId)).toBe('active');
  const reads = operatorReads;
  expect(await service.stateOf(tenantId)).toBe('active');
  expect(operatorReads).toBe(reads);

  await service.suspend(tenantId, UNNOTED.operator);
  expect(await service.stateOf(tenantId)).toBe('suspended');
  await service.resume(tenantId, UNNOTED.operator);

  const held = Promise.withResolvers<void>();
  readingHeld = held.promise;
  const early = service.stateOf(tenantId);
  await service.suspend(tenantId, UNNOTED.operator);
  held.resolve();
  expect(await early).toBe('active');
  expect(await service.stateOf(tenantId)).toBe('suspended');
  await service.resume(tenantId, UNNOTED.operator);

  failOperatorWrite = true;
  await expect(service.suspend(tenantId, UNNOTED.operator)).rejects.toThrow(KuvertError);
  expect(await service.stateOf(tenantId)).toBe('active');
  expect(await service.stateOf(makeId('tenant', new Uint8Array(16)))).toBeUndefined();
});

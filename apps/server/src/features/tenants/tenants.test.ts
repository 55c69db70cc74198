/** Tenants: made whole, kept across a start, sealed. */
import { rootHash, verifyAccount } from '@kuvert/crypto/identity';
import { KuvertError, makeId } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Store } from '../../store/index.ts';
import { openTestInstallation, type TestInstallation } from '../test-installation.ts';
import { tenants } from './collections.ts';

let installation: TestInstallation;
let failOperatorWrite: boolean;

const failing = (store: Store): Store => ({
  ops: store.ops,
  tenant: (tenantId) => store.tenant(tenantId),
  operator: () => {
    const scope = store.operator();
    if (!failOperatorWrite) return scope;
    return {
      createTenantSpace: scope.createTenantSpace.bind(scope),
      listTenantSpaces: scope.listTenantSpaces.bind(scope),
      get: scope.get.bind(scope),
      find: scope.find.bind(scope),
      findBy: scope.findBy.bind(scope),
      list: scope.list.bind(scope),
      commit: scope.commit.bind(scope),
      expire: scope.expire.bind(scope),
      listExpiring: scope.listExpiring.bind(scope),
      count: scope.count.bind(scope),
      write: () => Promise.reject(new KuvertError('disk_full')),
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

/** From where roles count (C4). */
import { type KuvertError, makeId } from '@kuvert/protocol';
import type { AllowedNetworks, Grant } from '@kuvert/protocol/admin';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UNNOTED } from '../../effects.ts';
import { openTestInstallation, type TestInstallation } from '../test-installation.ts';
import { SignInRules } from './sign-in-rules.ts';

const tenantId = makeId('tenant', new Uint8Array(16).fill(7));
const administratorId = makeId('administrator', new Uint8Array(16).fill(8));
const chief: Grant = { role: 'tenant-admin', scope: { kind: 'tenant', tenantId } };
const helper: Grant = { role: 'help-desk', scope: { kind: 'tenant', tenantId } };
const operator: Grant = { role: 'operator', scope: { kind: 'installation' } };

let installation: TestInstallation;
let rules: SignInRules;

beforeEach(async () => {
  installation = await openTestInstallation();
  rules = new SignInRules(installation);
});
afterEach(() => installation.close());

const set = (networks: AllowedNetworks, address = '10.1.2.3') =>
  rules.change(
    { administratorId, grants: [chief, operator], address },
    { place: tenantId, permission: 'administrators.change', change: { networks }, ifMatch: undefined },
    UNNOTED.operator,
  );
const codeOf = (error: unknown) => (error as KuvertError).code;

test.each([
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.0.0.0/8', '::ffff:10.9.9.9', true],
  ['192.0.2.7', '192.0.2.7', true],
  ['192.0.2.7', '192.0.2.8', false],
  ['2001:db8::/32', '2001:db8:1::5', true],
  ['2001:db8::/32', '2001:db9::5', false],
  ['fe80::/10', 'fe80::1%eth0', true],
  ['0.0.0.0/0', '203.0.113.9', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['0.0.0.0/0', 'nonsense', false],
])('C4 of %s the address %s is a part: %s', async (network, address, isPart) => {
  await set({ everybody: [network], 'tenant-admin': ['10.0.0.0/8'] });
  expect((await rules.split([helper], address)).here).toEqual(isPart ? [helper] : []);
});

test('C4 what is said of a role stands in the place of everybody, and other places are not touched', async () => {
  await set({ everybody: ['10.0.0.0/8'], 'help-desk': ['192.0.2.0/24'] });
  const all = [chief, helper, operator];
  expect(await rules.split(all, '10.0.0.1')).toEqual({ here: [chief, operator], elsewhere: [helper] });
  expect(await rules.split(all, '192.0.2.1')).toEqual({ here: [helper, operator], elsewhere: [chief] });
  await expect(rules.requireAddress([chief], '192.0.2.1')).rejects.toMatchObject({
    code: 'address_not_allowed',
  });
  await rules.requireAddress([chief, operator], '192.0.2.1');
});

test('C4 nobody shuts out the role with which they ask, and what is no network is refused', async () => {
  for (const network of ['192.0.2.0/24', '2001:db8::/32', '10.1.2.4'])
    expect(await set({ everybody: [network] }).catch(codeOf)).toBe('address_excluded');
  expect(await set({ 'tenant-admin': ['192.0.2.0/24'] }).catch(codeOf)).toBe('address_excluded');
  for (const network of ['10.0.0.0/33', '::1/129', '::ffff:10.0.0.0/104', '10.0.0', 'abc', '10.0.0.0/'])
    expect(await set({ everybody: ['10.0.0.0/8', network] }).catch(codeOf), network).toBe('bad_request');
  expect((await rules.of(tenantId)).networks).toEqual({});
});

test('C4 passkeys only is not switched on by somebody who has none', async () => {
  const by = { administratorId, grants: [chief], address: '10.1.2.3' };
  const asked = { place: tenantId, permission: 'administrators.change', ifMatch: undefined } as const;
  const change = { ...asked, change: { passkeysOnly: true } };
  expect(await rules.change(by, change, UNNOTED.operator).catch(codeOf)).toBe('passkey_required');
  expect(await rules.wantsPasskeys([chief])).toBe(false);
});

import {
  type AccountRecord,
  type DeviceId,
  type DeviceList,
  decodeCbor,
  encodeCbor,
  type ListedDevice,
  makeId,
  type PersonId,
  type Signed,
  type TenantId,
} from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  certifyFirstAccount,
  createTenantIdentity,
  generateSigningKey,
  listHash,
  makeFirstDeviceList,
  openStatement,
  rootHash,
  type SigningKey,
  signDeviceList,
  signingKeyFromSeed,
  signStatement,
  type TenantIdentity,
  verifyAccount,
  verifyEnrolmentList,
} from './index.ts';
import { signBytes, verifyBytes } from './signing-key.ts';

const NOW = Date.UTC(2026, 0, 1);
const tenantId = id('tenant', 1);
const personId = id('person', 2);
const deviceId = id('device', 3);

function id<T extends 'tenant' | 'person' | 'device'>(type: T, byte: number) {
  return makeId(type, new Uint8Array(16).fill(byte));
}

function listedDevice(device: DeviceId, byte = 7): Omit<ListedDevice, 'role' | 'addedAt'> {
  return {
    device,
    identityKey: new Uint8Array(33).fill(byte),
    noiseStatic: new Uint8Array(32),
    receiptKey: new Uint8Array(33),
    registrationId: 5,
    suites: [1],
  };
}

interface Scene {
  readonly tenant: TenantIdentity;
  readonly account: SigningKey;
  readonly record: AccountRecord;
}

function scene(
  tenant = createTenantIdentity({ tenantId, nowMs: NOW }),
  account = generateSigningKey(),
): Scene {
  return {
    tenant,
    account,
    record: {
      person: personId,
      authority: tenant.authority,
      account: certifyFirstAccount({
        authorityPrivateKey: tenant.authorityKey.privateKey,
        tenantId,
        personId,
        accountKey: account.publicKey,
        nowMs: NOW,
      }),
      deviceList: makeFirstDeviceList({
        accountPrivateKey: account.privateKey,
        tenantId,
        personId,
        device: listedDevice(deviceId),
        nowMs: NOW,
      }),
    },
  };
}

function verify(
  record: AccountRecord,
  tenant: TenantIdentity,
  pinned?: ReturnType<typeof verifyAccount>['pin'],
) {
  return verifyAccount(record, {
    tenantId,
    root: tenant.root.publicKey,
    personId,
    ...(pinned ? { pinned } : {}),
  });
}

function changeList(signed: Signed, change: (list: DeviceList) => object, key: SigningKey): Signed {
  const list = decodeCbor(signed.bytes) as unknown as DeviceList;
  return signDeviceList(key.privateKey, { ...list, ...change(list) });
}

function successor(signed: Signed, key: SigningKey, versions = 1): Signed {
  return changeList(
    signed,
    (list) => ({ version: list.version + versions, prevHash: listHash(signed) }),
    key,
  );
}

const refused = (code: string) => expect.objectContaining({ name: 'KuvertError', code });

test('B6 signatures are those of RFC 8032 (its test 2)', () => {
  const key = signingKeyFromSeed(hex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'));
  expect(key.publicKey).toEqual(hex('013d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'));
  const signature = signBytes(key.privateKey, Uint8Array.of(0x72));
  expect(signature).toEqual(
    hex(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ),
  );
  expect(verifyBytes(key.publicKey, Uint8Array.of(0x72), signature)).toBe(true);
  expect(verifyBytes(Uint8Array.of(2, ...key.publicKey.subarray(1)), Uint8Array.of(0x72), signature)).toBe(
    false,
  );
});

test('B6 a person is verified from the pinned root down to the listed identity key', () => {
  const { tenant, account, record } = scene();
  const verified = verify(record, tenant);
  expect(verified).toMatchObject({ tenantId, personId, accountKey: account.publicKey });
  expect(verified.list.devices[0]).toMatchObject({ device: deviceId, role: 'signer', addedAt: NOW });
  expect(verified.pin).toEqual({
    accountKey: account.publicKey,
    version: 1,
    hash: listHash(record.deviceList),
  });
  expect(verify(record, tenant, verified.pin).listHash).toEqual(verified.listHash);
});

test('B6 a flipped bit anywhere in the three statements is refused', () => {
  const { tenant, record } = scene();
  const field = fc.constantFrom('authority' as const, 'account' as const, 'deviceList' as const);
  const part = fc.constantFrom('bytes' as const, 'signature' as const);
  fc.assert(
    fc.property(field, part, fc.nat(), fc.nat(7), (name, half, position, bit) => {
      const bytes = Uint8Array.from(record[name][half]);
      const at = position % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      expect(() => verify({ ...record, [name]: { ...record[name], [half]: bytes } }, tenant)).toThrow(
        refused('identity_not_trusted'),
      );
    }),
  );
});

test('B6 statements of another root, tenant, person or account key are refused', () => {
  const { tenant, account, record } = scene();
  const other = scene();
  const mine = { authorityPrivateKey: tenant.authorityKey.privateKey, nowMs: NOW, tenantId, personId };
  const otherTenant = createTenantIdentity({ tenantId: id('tenant', 9), nowMs: NOW });
  const forged: AccountRecord[] = [
    { ...record, authority: other.record.authority },
    { ...record, account: other.record.account },
    { ...record, deviceList: other.record.deviceList },
    other.record,
    { ...record, person: id('person', 9) },
    {
      ...record,
      account: certifyFirstAccount({ ...mine, accountKey: account.publicKey, personId: id('person', 9) }),
    },
    {
      ...record,
      account: certifyFirstAccount({ ...mine, accountKey: account.publicKey, tenantId: id('tenant', 9) }),
    },
    { ...record, account: certifyFirstAccount({ ...mine, accountKey: other.account.publicKey }) },
    { ...record, deviceList: changeList(record.deviceList, () => ({ person: id('person', 9) }), account) },
    { ...record, deviceList: changeList(record.deviceList, () => ({ tenant: id('tenant', 9) }), account) },
    {
      ...record,
      deviceList: changeList(record.deviceList, () => ({ accountKey: other.account.publicKey }), account),
    },
    {
      ...record,
      deviceList: changeList(record.deviceList, () => ({ prevHash: new Uint8Array(32).fill(1) }), account),
    },
    {
      ...record,
      deviceList: changeList(
        record.deviceList,
        (list) => ({ devices: [...list.devices, ...list.devices] }),
        account,
      ),
    },
  ];
  for (const [index, candidate] of forged.entries()) {
    expect(() => verify(candidate, tenant), `forgery ${index}`).toThrow(refused('identity_not_trusted'));
  }
  expect(() => verify(record, otherTenant)).toThrow(refused('identity_not_trusted'));
  // Even a root that the client trusts cannot vouch for another tenant.
  const wrongTenant = createTenantIdentity({ tenantId: id('tenant', 9), nowMs: NOW });
  expect(() => verify(scene(wrongTenant).record, wrongTenant)).toThrow(refused('identity_not_trusted'));
});

test('B6 an old, a forked and a changed list are told apart from a proper successor', () => {
  const { tenant, account, record } = scene();
  const first = verify(record, tenant);
  const secondList = successor(record.deviceList, account);
  const second = verify({ ...record, deviceList: secondList }, tenant, first.pin);
  expect(second.pin.version).toBe(2);
  expect(() => verify(record, tenant, second.pin)).toThrow(refused('identity_rolled_back'));

  const twin = changeList(secondList, () => ({ issuedAt: NOW + 1 }), account);
  expect(() => verify({ ...record, deviceList: twin }, tenant, second.pin)).toThrow(
    refused('identity_rolled_back'),
  );
  const otherBranch = successor(twin, account);
  expect(() => verify({ ...record, deviceList: otherBranch }, tenant, second.pin)).toThrow(
    refused('identity_rolled_back'),
  );
  const jump = successor(secondList, account, 3);
  expect(verify({ ...record, deviceList: jump }, tenant, second.pin).pin.version).toBe(5);

  // The authority can certify another first key; a client that has pinned one notices.
  const reset = scene(tenant);
  expect(verify(reset.record, tenant).accountKey).toEqual(reset.account.publicKey);
  expect(() => verify(reset.record, tenant, second.pin)).toThrow(refused('identity_changed'));
});

test('E1 an enrolment is refused unless its list names exactly the enrolling device', () => {
  const { account, record } = scene();
  const expected = { tenantId, personId, deviceId, accountKey: account.publicKey };
  expect(verifyEnrolmentList(record.deviceList, expected).devices[0]?.device).toBe(deviceId);

  const wrong: ((list: DeviceList) => object)[] = [
    () => ({ tenant: id('tenant', 9) as TenantId }),
    () => ({ person: id('person', 9) as PersonId }),
    () => ({ version: 2 }),
    () => ({ prevHash: new Uint8Array(32).fill(1) }),
    () => ({ accountKey: generateSigningKey().publicKey }),
    () => ({ devices: [] }),
    (list) => ({ devices: [...list.devices, { ...list.devices[0], device: id('device', 9) }] }),
    (list) => ({ devices: [{ ...list.devices[0], device: id('device', 9) }] }),
    (list) => ({ devices: [{ ...list.devices[0], role: 'linked' }] }),
  ];
  for (const [index, change] of wrong.entries()) {
    const list = changeList(record.deviceList, change, account);
    expect(() => verifyEnrolmentList(list, expected), `change ${index}`).toThrow(
      refused('device_list_invalid'),
    );
  }
  const byAnother = changeList(record.deviceList, () => ({}), generateSigningKey());
  expect(() => verifyEnrolmentList(byAnother, expected)).toThrow(refused('device_list_invalid'));
});

test('B6 a statement counts under its own label only, and is decoded strictly after its signature held', () => {
  const key = generateSigningKey();
  const schema = { safeParse: (data: unknown) => ({ success: true as const, data }) };
  const bytes = encodeCbor({ v: 1 });
  const signed = signStatement('accountCertificate', key.privateKey, bytes);
  expect(openStatement('accountCertificate', schema, signed, key.publicKey)).toEqual({ v: 1 });
  expect(() => openStatement('deviceList', schema, signed, key.publicKey)).toThrow(
    refused('identity_not_trusted'),
  );
  const trailing = signStatement('accountCertificate', key.privateKey, Uint8Array.of(...bytes, 0));
  expect(() => openStatement('accountCertificate', schema, trailing, key.publicKey)).toThrow(
    refused('identity_not_trusted'),
  );
  expect(rootHash(key.publicKey)).toHaveLength(32);
  expect(rootHash(key.publicKey)).not.toEqual(listHash({ bytes: key.publicKey }));
});

function hex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

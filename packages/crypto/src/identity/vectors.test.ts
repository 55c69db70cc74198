/**
 * The byte-exact examples in `vectors/statements.json`: from fixed seeds to signed statements and hashes.
 * Bytes are hexadecimal, ids are in text form; a change here is a change of format.
 */
import { readFileSync } from 'node:fs';
import { encodeCbor, type Signed } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import {
  certifyFirstAccount,
  listHash,
  makeFirstDeviceList,
  rootHash,
  signingKeyFromSeed,
  signStatement,
  verifyAccount,
} from './index.ts';

const example = JSON.parse(readFileSync(new URL('./vectors/statements.json', import.meta.url), 'utf8'));
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');
const plain = (signed: Signed) => ({ bytes: hex(signed.bytes), signature: hex(signed.signature) });

test('B6 keys, statements and hashes are those of vectors/statements.json', () => {
  const { input } = example;
  const [root, authority, account] = [input.rootSeed, input.authoritySeed, input.accountSeed].map((seed) =>
    signingKeyFromSeed(bytes(seed)),
  );
  if (!root || !authority || !account) throw new Error('three seeds');
  const { tenantId, personId, nowMs, device } = input;
  const publicKeys = [root, authority, account].map((key) => hex(key.publicKey));
  expect(publicKeys).toEqual([example.rootKey, example.authorityKey, example.accountKey]);
  const authorityCertificate = signStatement(
    'authorityCertificate',
    root.privateKey,
    encodeCbor({ v: 1, tenant: tenantId, authorityKey: authority.publicKey, issuedAt: nowMs }),
  );
  const accountCertificate = certifyFirstAccount({
    authorityPrivateKey: authority.privateKey,
    tenantId,
    personId,
    accountKey: account.publicKey,
    nowMs,
  });
  const deviceList = makeFirstDeviceList({
    accountPrivateKey: account.privateKey,
    tenantId,
    personId,
    device: {
      ...device,
      identityKey: bytes(device.identityKey),
      noiseStatic: bytes(device.noiseStatic),
      receiptKey: bytes(device.receiptKey),
    },
    nowMs,
  });
  expect(plain(authorityCertificate)).toEqual(example.authorityCertificate);
  expect(plain(accountCertificate)).toEqual(example.accountCertificate);
  expect(plain(deviceList)).toEqual(example.deviceList);
  expect(hex(rootHash(root.publicKey))).toBe(example.rootHash);
  expect(hex(listHash(deviceList))).toBe(example.listHash);
  const record = {
    person: personId,
    authority: authorityCertificate,
    account: accountCertificate,
    deviceList,
  };
  expect(verifyAccount(record, { tenantId, root: root.publicKey }).personId).toBe(personId);
});

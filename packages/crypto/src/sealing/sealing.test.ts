import { utf8 } from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  blindEntry,
  blindKey,
  cursorKey,
  fileKey,
  framed,
  makeDataKey,
  NotOpenedError,
  openValue,
  SEALED_OVERHEAD_BYTES,
  type SealedPlace,
  sealedWith,
  sealValue,
  unwrapKey,
  wrapKey,
} from './index.ts';

const dataKey = makeDataKey();
const here: SealedPlace = { tenant: utf8('tn'), collection: 'people', key: utf8('k'), field: 'name' };

test('B5 a sealed value opens at its place, is never the same twice and has a fixed overhead', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (value) => {
      const sealed = sealValue(dataKey, here, value);
      expect(openValue(dataKey, here, sealed)).toEqual(value);
      expect(sealed.length).toBe(value.length + SEALED_OVERHEAD_BYTES);
      expect(sealValue(dataKey, here, value)).not.toEqual(sealed);
      expect(sealedWith(sealed)).toEqual(dataKey.id);
    }),
  );
});

test('B5 a sealed value opens in no other tenant, collection, row or field, and under no other key', () => {
  const sealed = sealValue(dataKey, here, utf8('Anna'));
  const elsewhere: SealedPlace[] = [
    { ...here, tenant: utf8('tm') },
    { ...here, collection: 'peopl', key: utf8('ek') },
    { ...here, key: utf8('l') },
    { ...here, field: 'mail' },
  ];
  for (const place of elsewhere) expect(() => openValue(dataKey, place, sealed)).toThrow(NotOpenedError);
  const other = makeDataKey();
  expect(() => openValue(other, here, sealed)).toThrow(NotOpenedError);
  expect(() => openValue({ ...other, id: dataKey.id }, here, sealed)).toThrow(NotOpenedError);
});

test('B5 a flipped bit anywhere in a sealed value or a wrapped key is noticed', () => {
  const sealed = sealValue(dataKey, here, utf8('Anna'));
  const wrapped = wrapKey(dataKey.key, utf8('context'), makeDataKey().key);
  const flip = (bytes: Uint8Array, bit: number) => {
    const copy = bytes.slice();
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return copy;
  };
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    expect(() => openValue(dataKey, here, flip(sealed, bit))).toThrow(NotOpenedError);
  }
  for (let bit = 0; bit < wrapped.length * 8; bit++) {
    expect(() => unwrapKey(dataKey.key, utf8('context'), flip(wrapped, bit))).toThrow(NotOpenedError);
  }
  for (let length = 0; length < sealed.length; length++) {
    expect(() => openValue(dataKey, here, sealed.subarray(0, length))).toThrow(NotOpenedError);
  }
});

test('B5 a wrapped key opens only for the one it was wrapped for', () => {
  const wrapped = wrapKey(dataKey.key, framed('a', 'bc'), dataKey.key);
  expect(unwrapKey(dataKey.key, framed('a', 'bc'), wrapped)).toEqual(dataKey.key);
  expect(() => unwrapKey(dataKey.key, framed('ab', 'c'), wrapped)).toThrow(NotOpenedError);
});

test('B5 equal texts have equal blind entries in one index of one tenant only', () => {
  const mail = utf8('anna@acme.test');
  const key = blindKey(dataKey.key, 'people', 'mail');
  expect(blindEntry(key, mail)).toEqual(blindEntry(blindKey(dataKey.key, 'people', 'mail'), mail));
  expect(blindEntry(key, mail)[0]).toBe(1);
  for (const other of [
    blindKey(dataKey.key, 'people', 'phone'),
    blindKey(dataKey.key, 'tokens', 'mail'),
    blindKey(makeDataKey().key, 'people', 'mail'),
  ]) {
    expect(blindEntry(other, mail)).not.toEqual(blindEntry(key, mail));
  }
});

test('B5 no two uses of a data key share a key', () => {
  const keys = [fileKey(dataKey.key), cursorKey(dataKey.key), blindKey(dataKey.key, '', ''), dataKey.key];
  expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(keys.length);
});

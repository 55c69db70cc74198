import { PREKEY_STOCK, PrekeyUpload } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { verifyPrekeys } from '../identity/index.ts';
import { createDeviceKeys } from './device-keys.ts';
import {
  FIRST_PREKEY_COUNTERS,
  listExpiredPrekeys,
  makePrekeys,
  PREKEY_KEEP_MS,
  PREKEY_ROTATION_MS,
  renewPrekeys,
} from './prekeys.ts';

const NOW = Date.UTC(2026, 0, 1);
const keys = createDeviceKeys();
const { identityPrivateKey } = keys;
const fullStock = { ec: PREKEY_STOCK.ec, kyber: PREKEY_STOCK.kyber };

test('B2 a new device publishes a full stock that passes the check of the server', () => {
  const { upload, rows, counters } = makePrekeys({
    identityPrivateKey,
    counters: FIRST_PREKEY_COUNTERS,
    nowMs: NOW,
  });
  expect(PrekeyUpload.parse(upload)).toEqual(upload);
  verifyPrekeys(keys.identityKey, upload);
  expect(upload).toMatchObject({ oneTime: { length: 100 }, kyber: { length: 20 } });
  expect(rows).toMatchObject({ oneTime: { length: 100 }, signed: { length: 1 }, kyber: { length: 21 } });
  expect(rows.kyber.filter((row) => row.lastResort).map((row) => row.id)).toEqual([upload.lastResort.id]);
  expect(counters).toEqual({ oneTime: 101, signed: 2, kyber: 22 });
});

test('B2 keys are refilled when few are left and rotated after 36 hours, else left alone', () => {
  const counters = { oneTime: 101, signed: 2, kyber: 0xffffff };
  const renew = (options: { nowMs?: number; counts?: { ec: number; kyber: number } }) =>
    renewPrekeys({
      identityPrivateKey,
      counters,
      signedCreatedAtMs: NOW,
      nowMs: NOW,
      counts: fullStock,
      ...options,
    });
  expect(renew({})).toBeUndefined();
  expect(renew({ nowMs: NOW + PREKEY_ROTATION_MS - 1, counts: { ec: 50, kyber: 10 } })).toBeUndefined();
  const refill = renew({ counts: { ec: 49, kyber: 9 } });
  expect(refill?.upload).toMatchObject({ oneTime: { length: 51 }, kyber: { length: 11 } });
  expect(refill?.upload).not.toHaveProperty('signed');
  expect(refill?.upload.kyber?.map((key) => key.id)).toEqual([0xffffff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const rotation = renew({ nowMs: NOW + PREKEY_ROTATION_MS });
  expect(Object.keys(rotation?.upload ?? {})).toEqual(['signed', 'lastResort']);
  expect(rotation?.counters).toEqual({ oneTime: 101, signed: 3, kyber: 1 });
  for (const made of [refill, rotation]) verifyPrekeys(keys.identityKey, made?.upload ?? {});
});

test('B2 private halves are kept for 30 days after their replacement, the present one always', () => {
  const rows = [
    { id: 7, createdAtMs: NOW + 2 * PREKEY_ROTATION_MS },
    { id: 5, createdAtMs: NOW },
    { id: 6, createdAtMs: NOW + PREKEY_ROTATION_MS },
  ];
  expect(listExpiredPrekeys(rows, NOW + PREKEY_ROTATION_MS + PREKEY_KEEP_MS)).toEqual([]);
  expect(listExpiredPrekeys(rows, NOW + PREKEY_ROTATION_MS + PREKEY_KEEP_MS + 1)).toEqual([5]);
  expect(listExpiredPrekeys(rows, NOW + 10 * PREKEY_KEEP_MS)).toEqual([5, 6]);
});

import { makeId } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  openTestInstallation,
  type TestDevice,
  type TestInstallation,
  testPrekeys,
} from '../test-installation.ts';
import { deviceStates } from './collections.ts';

let installation: TestInstallation;
let anna: TestDevice;
let ben: TestDevice;

beforeEach(async () => {
  installation = await openTestInstallation();
  ({ anna, ben } = await installation.populate('anna', 'ben'));
});
afterEach(() => installation.close());

const scope = () => installation.store.tenant(anna.tenantId);
const note = async ({ deviceId }: TestDevice, now: number) => {
  const { stateCounters } = installation.devices;
  return stateCounters.note(scope(), deviceId, { known: await stateCounters.find(scope(), deviceId), now });
};
const stored = async (device: TestDevice) => (await scope().find(deviceStates, device.deviceId))?.value;
const left = (device: TestDevice) => installation.prekeys.service.count(installation.caller(device));

test('B1 a copy that is put back after a single connection is noticed: the same count comes twice', async () => {
  expect(await note(anna, 4)).toBe(false);
  await expect.poll(() => stored(anna)).toBe(4);
  expect(await note(anna, 4)).toBe(true);
  expect(await left(anna)).toEqual({ ec: 0, kyber: 0 });
  expect(await note(anna, 5)).toBe(false);
});

test('B1 a container that counts up keeps its prekeys, and so does a client that never counts', async () => {
  for (const counter of [0, 0, 1, 2, 5]) expect(await note(anna, counter)).toBe(false);
  await expect.poll(() => stored(anna)).toBe(5);
  expect(await left(anna)).toEqual({ ec: 2, kyber: 3 });
});

test('B1 a step back, also after a restart, makes the one-time prekeys of that device void and of no other; it brings new ones', async () => {
  await note(anna, 7);
  await note(ben, 7);
  await expect.poll(() => stored(anna)).toBe(7);
  await installation.reopen();
  expect(await note(anna, 3)).toBe(true);
  expect(await left(anna)).toEqual({ ec: 0, kyber: 0 });
  expect(await left(ben)).toEqual({ ec: 2, kyber: 3 });
  // The lasting keys go on: the device can still be written to.
  const request = { personId: anna.personId, requestId: makeId('request', installation.random(16)) };
  expect(
    (await installation.prekeys.service.take(installation.caller(ben), request)).bundles[0],
  ).toMatchObject({
    kyberIsLastResort: true,
  });
  // From here on it counts from where it is.
  expect(await note(anna, 4)).toBe(false);
  const fresh = testPrekeys({ ec: 5, firstEc: 50 });
  expect(await installation.prekeys.service.upload(installation.caller(anna), fresh)).toMatchObject({
    ec: 5,
  });
});

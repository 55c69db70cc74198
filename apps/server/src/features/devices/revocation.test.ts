/** Revocation and who may see whose devices. */
import { type KuvertError, makeId } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestInstallation, type TestDevice, type TestInstallation } from '../test-installation.ts';
import { devices } from './collections.ts';

let installation: TestInstallation;
let anna: TestDevice;
let ben: TestDevice;

beforeEach(async () => {
  installation = await openTestInstallation();
  ({ anna, ben } = await installation.populate('anna', 'ben'));
});
afterEach(() => installation.close());

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error: KuvertError) => JSON.stringify([error.code, error.retry, error.details]),
  );

test('E1 a revoked device is out at once and for good: connection, hello, prekeys, calls', async () => {
  const connection = installation.connect(ben);
  await connection.event('drained');
  const caller = installation.caller(ben);
  await installation.devices.operatorRoutes.deviceRevoke({ deviceId: ben.deviceId });
  expect(connection.closedWith).toBe('device_not_accepted');
  expect(await installation.devices.service.findForChannel(ben.tenantId, ben.deviceId)).toBeUndefined();
  expect(await installation.prekeys.service.count(caller)).toEqual({ ec: 0, kyber: 0 });
  const request = { personId: anna.personId, requestId: makeId('request', installation.random(16)) };
  expect(await refusal(installation.prekeys.service.take(caller, request))).toContain('device_not_accepted');
  expect(await refusal(installation.prekeys.service.upload(caller, {}))).toContain('device_not_accepted');
  await installation.reopen();
  expect(await installation.devices.service.findForChannel(ben.tenantId, ben.deviceId)).toBeUndefined();
  const toBen = { personId: ben.personId, requestId: makeId('request', installation.random(16)) };
  expect(await refusal(installation.prekeys.service.take(installation.caller(anna), toBen))).toContain(
    'no_device',
  );
});

test('E1 a revocation may be repeated, and of an unknown device it is refused', async () => {
  await installation.devices.service.revoke(ben.deviceId);
  await installation.devices.service.revoke(ben.deviceId);
  const unknown = makeId('device', installation.random(16));
  expect(await refusal(installation.devices.service.revoke(unknown))).toContain('not_found');
});

test('E1 a revocation whose cleaning up was interrupted goes on at the next start', async () => {
  await installation.send(anna, installation.makeSubmit(ben, 'left behind'));
  installation.devices.service.whenRevoked(() => Promise.reject(new Error('the process ends here')));
  await expect(installation.devices.service.revoke(ben.deviceId)).rejects.toThrow('the process ends here');
  await installation.reopen();
  const scope = installation.store.tenant(ben.tenantId);
  expect((await scope.get(devices, ben.deviceId)).cleanup).toBe('pending');
  await installation.devices.service.resume(ben.tenantId);
  expect((await scope.get(devices, ben.deviceId)).cleanup).toBeNull();
  expect(await installation.mailbox.service.peek(ben.deviceId, 10)).toEqual([]);
});

test('C1 devices of another tenant are answered like those that do not exist', async () => {
  const { eve } = await installation.populate('eve');
  const scope = installation.store.tenant(anna.tenantId);
  const { service } = installation.devices;
  const nobody = makeId('person', installation.random(16));
  const nothing = makeId('device', installation.random(16));
  const notEnrolled = await installation.addPerson(anna.tenantId, 'Cleo');
  const answer = await refusal(service.accountOf(scope, nobody));
  expect(answer).toContain('not_found');
  expect(await refusal(service.accountOf(scope, eve.personId))).toBe(answer);
  expect(await refusal(service.accountOf(scope, notEnrolled))).toBe(answer);
  expect(await refusal(service.ownerAccount(scope, eve.deviceId))).toBe(answer);
  expect(await refusal(service.ownerAccount(scope, nothing))).toBe(answer);
  expect(await service.findForChannel(anna.tenantId, eve.deviceId)).toBeUndefined();
  const noTenant = makeId('tenant', installation.random(16));
  expect(await service.findForChannel(noTenant, eve.deviceId)).toBeUndefined();
});

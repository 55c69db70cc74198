/** Prekeys: given out once, repeatable, limited, refilled. */
import { KuvertError, makeId, PREKEY_STOCK, type RequestId } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  openTestInstallation,
  type TestDevice,
  type TestInstallation,
  testPrekeys,
} from '../test-installation.ts';
import { takeCounters } from './collections.ts';
import { TAKE_LIMITS, TAKE_REPEATABLE_MS } from './service.ts';
import { createPrekeyStock } from './stock.ts';

let installation: TestInstallation;
let anna: TestDevice;
let ben: TestDevice;

beforeEach(async () => {
  installation = await openTestInstallation();
  ({ anna, ben } = await installation.populate('anna', 'ben'));
});
afterEach(() => installation.close());

const newRequest = () => makeId('request', installation.random(16));
const take = (from: TestDevice, target: TestDevice, requestId: RequestId = newRequest()) =>
  installation.prekeys.service.take(installation.caller(from), { personId: target.personId, requestId });
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error: KuvertError) => error.code,
  );

test('B1 a take gives one bundle for the device, with account and list of the same person', async () => {
  const { account, bundles } = await take(anna, ben);
  expect(account.person).toBe(ben.personId);
  expect(account.deviceList).toEqual(ben.list);
  const [lastResort, first] = [testPrekeys().lastResort, testPrekeys().kyber[0]];
  expect(bundles).toHaveLength(1);
  expect(bundles[0]).toMatchObject({
    device: ben.deviceId,
    signed: testPrekeys().signed,
    kyber: first,
    kyberIsLastResort: false,
    oneTime: { id: 1 },
  });
  expect(bundles[0]?.kyber).not.toEqual(lastResort);
});

test('B1 each one-time key is given out once, also when many take at once; then without EC and with the last-resort Kyber key', async () => {
  const bundles = (await Promise.all(Array.from({ length: 5 }, () => take(anna, ben)))).flatMap(
    (taken) => taken.bundles,
  );
  const ec = bundles.flatMap((bundle) => bundle.oneTime?.id ?? []);
  expect(ec.sort()).toEqual([1, 2]);
  const kyber = bundles.flatMap((bundle) => (bundle.kyberIsLastResort ? [] : bundle.kyber.id));
  expect(kyber.sort()).toEqual([2, 3, 4]);
  for (const bundle of bundles.filter((each) => each.kyberIsLastResort)) {
    expect(bundle.kyber).toEqual(testPrekeys().lastResort);
  }
  expect(await installation.prekeys.service.count(installation.caller(ben))).toEqual({ ec: 0, kyber: 0 });
});

test('B1 two transactions that take on different nodes never give out the same key', async () => {
  // Past the turn-taking of one process: straight at the store.
  const scope = installation.store.tenant(ben.tenantId);
  const stock = createPrekeyStock(installation.store);
  const bundles = await Promise.all(
    Array.from({ length: 4 }, () => scope.write((tx) => stock.take(tx, ben.deviceId, 0))),
  );
  const ids = bundles.flatMap((bundle) => bundle.oneTime?.id ?? []);
  expect(ids.sort()).toEqual([1, 2]);
});

test('B1 the same request gets the same answer for ten minutes and takes nothing more', async () => {
  const requestId = newRequest();
  const first = await take(anna, ben, requestId);
  const [second, third] = await Promise.all([take(anna, ben, requestId), take(anna, ben, requestId)]);
  expect(second).toEqual(first);
  expect(third).toEqual(first);
  installation.clock.advance(TAKE_REPEATABLE_MS - 1);
  await installation.reopen();
  expect(await take(anna, ben, requestId)).toEqual(first);
  installation.clock.advance(1);
  const later = await take(anna, ben, requestId);
  expect(later.bundles[0]?.oneTime?.id).toBe(2);
  expect(await installation.prekeys.sweep(installation.store.tenant(ben.tenantId), 100)).toBe(2);
});

test('B1 a request id belongs to its caller and its target', async () => {
  const requestId = newRequest();
  const first = await take(anna, ben, requestId);
  const cleo = await installation.enrol(await installation.addPerson(anna.tenantId, 'Cleo'));
  expect((await take(cleo, ben, requestId)).bundles[0]?.oneTime).not.toEqual(first.bundles[0]?.oneTime);
  expect(await codeOf(take(anna, cleo, requestId))).toBe('id_reused');
});

test('C1 a person of another tenant is answered like one who does not exist', async () => {
  const { eve } = await installation.populate('eve');
  const caller = installation.caller(anna);
  const answers = [];
  for (const personId of [eve.personId, makeId('person', installation.random(16))]) {
    const error = await installation.prekeys.service
      .take(caller, { personId, requestId: newRequest() })
      .catch((caught: KuvertError) => caught);
    if (!(error instanceof KuvertError)) expect.fail('it was accepted');
    answers.push([error.code, error.retry, error.details]);
  }
  expect(answers[0]).toEqual(['not_found', { kind: 'never' }, undefined]);
  expect(answers[1]).toEqual(answers[0]);
  const waiting = await installation.addPerson(anna.tenantId, 'Waiting');
  const request = { personId: waiting, requestId: newRequest() };
  expect(await codeOf(installation.prekeys.service.take(caller, request))).toBe('no_device');
});

test('P7 takes are limited for each pair, also across a restart, until the window ends', async () => {
  for (let i = 0; i < TAKE_LIMITS.perPair; i++) await take(anna, ben);
  await installation.reopen();
  const error = await take(anna, ben).catch((caught: KuvertError) => caught);
  expect(error).toMatchObject({ code: 'rate_limited', retry: { kind: 'after' } });
  const retry = (error as KuvertError).retry;
  installation.clock.advance(retry.kind === 'after' ? retry.ms : 0);
  expect(await codeOf(take(anna, ben))).toBe('accepted');
});

test('B1 an upload adds what is new up to the stock, and never what was given out before', async () => {
  await take(anna, ben);
  const caller = installation.caller(ben);
  const upload = testPrekeys({ ec: PREKEY_STOCK.ec, firstEc: 1 });
  // Key 1 was taken, key 2 is still there but under another public key in this upload.
  expect(await codeOf(installation.prekeys.service.upload(caller, upload))).toBe('prekeys_invalid');
  const fresh = testPrekeys({ ec: PREKEY_STOCK.ec, firstEc: 3 });
  expect(await installation.prekeys.service.upload(caller, fresh)).toEqual({
    ec: PREKEY_STOCK.ec,
    kyber: 2,
  });
  expect(await installation.prekeys.service.upload(caller, fresh)).toEqual({
    ec: PREKEY_STOCK.ec,
    kyber: 2,
  });
  const ids = [];
  for (let i = 0; i < 4; i++) ids.push((await take(anna, ben)).bundles[0]?.oneTime?.id);
  expect(ids).toEqual([2, 3, 4, 5]);
  // The same upload again, as after a lost answer: 3, 4 and 5 are not brought back, 102 takes their place.
  await installation.prekeys.service.upload(caller, fresh);
  expect((await take(anna, ben)).bundles[0]?.oneTime?.id).toBe(6);
});

test('B1 an upload that the device has not signed changes nothing', async () => {
  const caller = installation.caller(ben);
  const prekeys = testPrekeys({ ec: 5, firstEc: 10 });
  const signature = Uint8Array.from(prekeys.lastResort.signature);
  signature[0] = (signature[0] ?? 0) ^ 1;
  const upload = { ...prekeys, lastResort: { ...prekeys.lastResort, signature } };
  expect(await codeOf(installation.prekeys.service.upload(caller, upload))).toBe('prekeys_invalid');
  expect(await installation.prekeys.service.count(caller)).toEqual({ ec: 2, kyber: 3 });
});

test('B1 a device that is online hears that its stock is low', async () => {
  const connection = installation.connect(ben);
  await take(anna, ben);
  await connection.event('prekeysLow');
  expect(connection.events.find((event) => event.name === 'prekeysLow')?.data).toEqual({ ec: 1, kyber: 2 });
});

test('P7 takes of all callers together are limited for each person, also across a restart; others can still be written to', async () => {
  const windowNo = Math.floor(installation.clock.nowMs() / TAKE_LIMITS.windowMs);
  const endsAt = (windowNo + 1) * TAKE_LIMITS.windowMs;
  const scope = installation.store.tenant(ben.tenantId);
  const cleo = await installation.enrol(await installation.addPerson(anna.tenantId, 'Cleo'));
  // What 599 takes of many callers leave behind.
  const everybody = new Uint8Array(17);
  await scope.commit([
    installation.store.ops.put(
      takeCounters,
      [ben.personId, everybody, windowNo],
      TAKE_LIMITS.perTarget - 1,
      endsAt,
    ),
  ]);
  await take(anna, ben);
  await installation.reopen();
  const error = await take(cleo, ben).catch((caught: KuvertError) => caught);
  const ms = endsAt - installation.clock.nowMs();
  expect(error).toMatchObject({ code: 'rate_limited', retry: { kind: 'after', ms } });
  expect(installation.limits).toEqual(['prekeyTakes']);
  expect(await codeOf(take(anna, cleo))).toBe('accepted');
  installation.clock.advance(ms);
  expect(await codeOf(take(cleo, ben))).toBe('accepted');
});

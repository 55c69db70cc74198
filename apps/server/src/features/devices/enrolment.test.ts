/** Enrolment: one device for a token, one token for a device, whatever races. */
import { generateSigningKey, signDeviceList, verifyAccount } from '@kuvert/crypto/identity';
import {
  decodeCbor,
  type EnrolmentToken,
  type KuvertError,
  makeId,
  type PersonId,
  type TenantId,
} from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestInstallation, type TestInstallation, testPrekeys } from '../test-installation.ts';
import { ATTEMPT_LIMITS } from './attempts.ts';
import { enrolmentTokens } from './collections.ts';
import { TOKEN_LIFETIME_MS } from './tokens.ts';

let installation: TestInstallation;
let tenantId: TenantId;
let personId: PersonId;
let token: EnrolmentToken;

beforeEach(async () => {
  installation = await openTestInstallation();
  tenantId = await installation.tenants.service.create('Acme');
  personId = await installation.addPerson(tenantId, 'Anna');
  token = await installation.createToken(personId);
});
afterEach(() => installation.close());

const nobody = { address: '' };
const open = (proof: { tenantId: TenantId; tokenId: EnrolmentToken['tokenId']; secret: Uint8Array }) =>
  installation.devices.enrolmentRoutes['enrolment.open'](nobody, {
    ...proof,
    secret: Uint8Array.from(proof.secret),
  });
type Request = ReturnType<TestInstallation['prepareEnrolment']>['request'];
const finish = (request: Request) =>
  installation.devices.enrolmentRoutes['enrolment.finish'](nobody, request);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error: KuvertError) => error.code,
  );

test('E1 a token says for whom it enrols, and with whose root', async () => {
  const opened = await open(token);
  expect(opened).toMatchObject({
    person: { personId, name: 'Anna', mail: 'anna@acme.test' },
    tenantName: 'Acme',
  });
  const { rootHash } = await installation.tenants.service.profile(installation.store.tenant(tenantId));
  expect(token.rootHash).toEqual(rootHash);
});

test('B6 what an enrolled device gets verifies from the root down to its own list', async () => {
  const { request, device } = installation.prepareEnrolment(token, personId);
  await finish(request);
  const scope = installation.store.tenant(tenantId);
  const { root } = await installation.tenants.service.profile(scope);
  for (const record of [
    (await installation.devices.service.accountOf(scope, personId)).account,
    (await installation.devices.service.ownerAccount(scope, device.deviceId)).account,
  ]) {
    const verified = verifyAccount(record, { tenantId, root, personId });
    expect(verified.accountKey).toEqual(device.accountKey.publicKey);
    expect(verified.listHash).toEqual(device.listHash);
  }
  const found = await installation.devices.service.findForChannel(tenantId, device.deviceId);
  expect(found?.personId).toBe(personId);
});

test('E1 a repeated finish with the same list gets the same answer, also when the token has expired since', async () => {
  const { request } = installation.prepareEnrolment(token, personId);
  const first = await finish(request);
  installation.clock.advance(TOKEN_LIFETIME_MS);
  await installation.reopen();
  expect(await finish(request)).toEqual(first);
  expect(await codeOf(open(token))).toBe('accepted');
});

test('E1 an enrolment token is refused after its only use, also when two devices race', async () => {
  const requests = Array.from(
    { length: 6 },
    () => installation.prepareEnrolment(token, personId, testPrekeys({ ec: 1, kyber: 0 })).request,
  );
  const codes = await Promise.all(requests.map((request) => codeOf(finish(request))));
  expect(codes.sort()).toEqual(['accepted', ...Array.from({ length: 5 }, () => 'token_used')]);
  expect(await codeOf(finish(installation.prepareEnrolment(token, personId).request))).toBe('token_used');
});

test('E1 the same request sent twice at once registers one device and is answered alike', async () => {
  const { request } = installation.prepareEnrolment(token, personId);
  const [first, second] = await Promise.all([finish(request), finish(request)]);
  expect(second).toEqual(first);
});

test('E1 of two tokens of one person one enrols, also when they race', async () => {
  const other = await installation.createToken(personId);
  const codes = await Promise.all(
    [token, other].map((each) => codeOf(finish(installation.prepareEnrolment(each, personId).request))),
  );
  expect(codes.sort()).toEqual(['accepted', 'link_needed']);
});

test('E1 with a token for a person who has a device, a further one can only be linked', async () => {
  const older = await installation.createToken(personId);
  await finish(installation.prepareEnrolment(token, personId).request);
  for (const each of [older, await installation.createToken(personId)]) {
    expect(await open(each)).toMatchObject({ mustLink: true });
    expect(await codeOf(finish(installation.prepareEnrolment(each, personId).request))).toBe('link_needed');
  }
});

test('E1 an unknown tenant, an unknown token, a token of another tenant and a wrong secret are answered alike', async () => {
  const otherTenant = await installation.tenants.service.create('Other');
  const other = await installation.createToken(await installation.addPerson(otherTenant, 'Eve'));
  const { request } = installation.prepareEnrolment(token, personId);
  const wrong = [
    { tenantId: makeId('tenant', installation.random(16)) },
    { tokenId: makeId('enrolmentToken', installation.random(16)) },
    { tokenId: other.tokenId },
    { tenantId: otherTenant },
    { secret: installation.random(32) },
  ];
  for (const changes of wrong) {
    expect(await codeOf(open({ ...token, ...changes }))).toBe('token_not_valid');
    expect(await codeOf(finish({ ...request, ...changes }))).toBe('token_not_valid');
  }
});

test('E1 a token is good for seven days', async () => {
  installation.clock.advance(TOKEN_LIFETIME_MS - 1);
  expect(await codeOf(open(token))).toBe('accepted');
  installation.clock.advance(1);
  expect(await codeOf(open(token))).toBe('token_expired');
  expect(await codeOf(finish(installation.prepareEnrolment(token, personId).request))).toBe('token_expired');
});

test('E1 the store holds a hash of the secret, and forgets an old token', async () => {
  const scope = installation.store.tenant(tenantId);
  const { rows } = await scope.list(enrolmentTokens);
  expect(rows).toHaveLength(1);
  expect(Buffer.from(rows[0]?.secretHash ?? []).equals(Buffer.from(token.secret))).toBe(false);
  expect(await installation.devices.sweep(scope, 10)).toBe(0);
  installation.clock.advance(60 * 86_400_000);
  expect(await installation.devices.sweep(scope, 10)).toBe(1);
  expect(await codeOf(open(token))).toBe('token_not_valid');
});

test('B6 a device list that does not fit the enrolment registers nothing', async () => {
  const { request, device } = installation.prepareEnrolment(token, personId);
  const otherPerson = await installation.addPerson(tenantId, 'Ben');
  const foreign = installation.prepareEnrolment(token, otherPerson).request;
  const forged = generateSigningKey();
  const list = decodeCbor(device.list.bytes) as unknown as Parameters<typeof signDeviceList>[1];
  const cases: Request[] = [
    { ...request, accountKey: forged.publicKey },
    { ...request, deviceList: signDeviceList(forged.privateKey, list) },
    { ...request, deviceId: makeId('device', installation.random(16)) },
    {
      ...request,
      deviceList: foreign.deviceList,
      accountKey: foreign.accountKey,
      deviceId: foreign.deviceId,
    },
    {
      ...request,
      deviceList: signDeviceList(device.accountKey.privateKey, { ...list, version: 2 }),
    },
  ];
  for (const each of cases) expect(await codeOf(finish(each))).toBe('device_list_invalid');
  expect(await installation.devices.service.findForChannel(tenantId, device.deviceId)).toBeUndefined();
  expect(await codeOf(finish(request))).toBe('accepted');
});

test('B6 prekeys that the device has not signed register nothing', async () => {
  const prekeys = testPrekeys();
  const signature = Uint8Array.from(prekeys.signed.signature);
  signature[3] = (signature[3] ?? 0) ^ 1;
  const broken = { ...prekeys, signed: { ...prekeys.signed, signature } };
  const { request } = installation.prepareEnrolment(token, personId, broken);
  expect(await codeOf(finish(request))).toBe('prekeys_invalid');
  expect(await codeOf(open(token))).toBe('accepted');
});

test('E1 a device id that another device of the tenant has is refused', async () => {
  const ben = await installation.enrol(await installation.addPerson(tenantId, 'Ben'));
  const { request, device } = installation.prepareEnrolment(token, personId);
  const list = decodeCbor(device.list.bytes) as unknown as Parameters<typeof signDeviceList>[1];
  const devices = list.devices.map((listed) => ({ ...listed, device: ben.deviceId }));
  const deviceList = signDeviceList(device.accountKey.privateKey, { ...list, devices });
  expect(await codeOf(finish({ ...request, deviceId: ben.deviceId, deviceList }))).toBe(
    'device_list_invalid',
  );
  expect((await installation.devices.service.findForChannel(tenantId, ben.deviceId))?.personId).toBe(
    ben.personId,
  );
});

test('P7 a wrong secret may be shown a few times for a token, also across a restart; then the answer says when, for an id that names nothing alike', async () => {
  const wrong = { ...token, secret: new Uint8Array(32) };
  const unknown = { ...wrong, tokenId: makeId('enrolmentToken', installation.random(16)) };
  for (let i = 0; i < ATTEMPT_LIMITS.perToken; i++) {
    expect(await codeOf(open(wrong))).toBe('token_not_valid');
    expect(await codeOf(open(unknown))).toBe('token_not_valid');
  }
  const answers = [];
  for (const proof of [wrong, unknown]) {
    const error = await open(proof).catch((caught: KuvertError) => caught);
    answers.push({ ...(error as KuvertError) });
  }
  expect(answers[0]).toMatchObject({ code: 'rate_limited', retry: { kind: 'after' } });
  expect(answers[1]).toEqual(answers[0]);
  expect(installation.limits).toEqual(['enrolmentToken', 'enrolmentToken']);
  await installation.reopen();
  expect(await codeOf(open(token))).toBe('rate_limited');
  installation.clock.advance(ATTEMPT_LIMITS.windowMs);
  expect(await codeOf(open(token))).toBe('accepted');
});

test('P7 attempts at the same time are counted one by one', async () => {
  const wrong = { ...token, secret: new Uint8Array(32) };
  const codes = await Promise.all(Array.from({ length: 50 }, () => codeOf(open(wrong))));
  expect(codes.filter((code) => code === 'token_not_valid')).toHaveLength(ATTEMPT_LIMITS.perToken);
});

test('P7 an address that shows token after token is slowed down; one from which people enrol is not', async () => {
  const open = (address: string, proof: typeof token) =>
    codeOf(
      installation.devices.enrolmentRoutes['enrolment.open'](
        { address },
        { ...proof, secret: Uint8Array.from(proof.secret) },
      ),
    );
  const guess = () => ({ ...token, tokenId: makeId('enrolmentToken', installation.random(16)) });
  const codes = [];
  for (let i = 0; i < 3 * ATTEMPT_LIMITS.perAddress.burst; i++) codes.push(await open('192.0.2.1', guess()));
  expect(codes.filter((code) => code === 'token_not_valid')).toHaveLength(ATTEMPT_LIMITS.perAddress.burst);
  expect(installation.limits).toEqual(['enrolmentAddress']);
  for (let i = 0; i < 3 * ATTEMPT_LIMITS.perAddress.burst; i++) {
    expect(await open('192.0.2.2', token)).toBe('accepted');
  }
  expect(await open('::ffff:127.0.0.1', guess())).toBe('token_not_valid');
});

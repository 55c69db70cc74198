import { randomBytes } from 'node:crypto';
import {
  certifyFirstAccount,
  createTenantIdentity,
  generateSigningKey,
  listHash,
  makeFirstDeviceList,
  signDeviceList,
} from '@kuvert/crypto/identity';
import { createDeviceKeys, FIRST_PREKEY_COUNTERS, makePrekeys } from '@kuvert/crypto/session';
import {
  type AccountRecord,
  CLASSES,
  DeviceList,
  decodeCbor,
  KuvertError,
  makeId,
  type SubmitId,
  submitIdTimeMs,
} from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { ManualClock } from './node/doubles/manual-clock.ts';
import { pair } from './node/doubles/pair.ts';
import { ServerDouble } from './node/doubles/server-double.ts';
import { TestDevice } from './node/doubles/test-device.ts';

/** A second version of somebody's list, properly signed, with the devices that are in it now. */
function nextList(device: TestDevice, record: AccountRecord): AccountRecord {
  const list = DeviceList.parse(decodeCbor(record.deviceList.bytes));
  const next = { ...list, version: list.version + 1, prevHash: listHash(record.deviceList) };
  return { ...record, deviceList: signDeviceList(device.own.accountPrivateKey ?? new Uint8Array(0), next) };
}

/** Bela's record as a server would forge it that holds an identity key of its own. */
function forge(bela: TestDevice, honest: AccountRecord, how: 'new account' | 'new root'): AccountRecord {
  const { tenantId, personId, deviceId } = bela.own;
  const account = generateSigningKey();
  const { identityKey, registrationId, receiptKey } = createDeviceKeys();
  const deviceList = makeFirstDeviceList({
    accountPrivateKey: account.privateKey,
    tenantId,
    personId,
    nowMs: 1,
    device: {
      device: deviceId,
      identityKey,
      noiseStatic: new Uint8Array(32),
      receiptKey: receiptKey.publicKey,
      registrationId,
      suites: [1],
    },
  });
  if (how === 'new account') return { ...honest, deviceList };
  const tenant = createTenantIdentity({ tenantId, nowMs: 1 });
  const certificate = certifyFirstAccount({
    authorityPrivateKey: tenant.authorityKey.privateKey,
    tenantId,
    personId,
    accountKey: account.publicKey,
    nowMs: 1,
  });
  return { person: personId, authority: tenant.authority, account: certificate, deviceList };
}

for (const how of ['new account', 'new root'] as const) {
  test(`B6 a server that swaps an identity key (${how}) gets nothing; the message waits and the person is told`, async () => {
    const { server, anna, bela } = await pair();
    server.lies.account = (honest) =>
      honest.person === bela.person.personId ? forge(bela, honest, how) : honest;
    const id = await anna.write(bela, 'for Bela alone');
    await anna.sync();
    expect(server.submits).toEqual([]);
    expect(anna.messenger.status(id)).toEqual({ state: 'queued', problem: 'identity_not_trusted' });
    expect(anna.messenger.notices()).toMatchObject([
      { kind: 'identity_problem', code: 'identity_not_trusted', personId: bela.person.personId },
    ]);
    delete server.lies.account;
    await anna.sync();
    await bela.sync();
    expect(bela.texts()).toEqual(['for Bela alone']);
    expect(anna.noticeKinds()).toEqual([]);
  });
}

test('B6 prekeys that the listed identity key has not signed are refused, and nothing is sent', async () => {
  const { server, anna, bela } = await pair();
  const { identityPrivateKey } = createDeviceKeys();
  const { upload } = makePrekeys({ identityPrivateKey, counters: FIRST_PREKEY_COUNTERS, nowMs: 1 });
  server.lies.take = (honest) => ({
    ...honest,
    bundles: honest.bundles.map((bundle) => ({ ...bundle, signed: upload.signed, kyber: upload.lastResort })),
  });
  const id = await anna.write(bela, 'for Bela alone');
  await anna.sync();
  expect(server.submits).toEqual([]);
  expect(anna.messenger.status(id)).toEqual({ state: 'queued', problem: 'identity_not_trusted' });
  expect(anna.noticeKinds()).toEqual(['identity_problem']);
});

test('B6 a server that replays an old device list is noticed, and nothing more is sent', async () => {
  const { server, anna, bela } = await pair();
  const first = server.record(bela.person.personId);
  const second = nextList(bela, first);
  server.setRecord(bela.person.personId, second);
  await anna.write(bela, 'under the second list');
  await anna.sync();
  server.setRecord(bela.person.personId, first);
  const id = await anna.write(bela, 'under the replayed list');
  await anna.sync();
  expect(anna.messenger.status(id)).toEqual({ state: 'queued', problem: 'identity_rolled_back' });
  expect(anna.messenger.notices()).toMatchObject([
    { kind: 'identity_problem', code: 'identity_rolled_back' },
  ]);
  server.setRecord(bela.person.personId, second);
  await anna.sync();
  expect(anna.messenger.status(id)).toEqual({ state: 'accepted' });
});

test('B6 a message under a device list that changed on the way is sealed again, keeps its id, and keeps its place', async () => {
  const { server, anna, bela } = await pair();
  await anna.write(bela, '0');
  await anna.sync();
  server.setRecord(bela.person.personId, nextList(bela, server.record(bela.person.personId)));
  const ids = [];
  for (const text of ['1', '2', '3']) ids.push(await anna.write(bela, text));
  await anna.sync();
  expect(ids.map((id) => anna.messenger.status(id).state)).toEqual(['accepted', 'accepted', 'accepted']);
  await bela.sync();
  expect(bela.texts()).toEqual(['0', '1', '2', '3']);
  expect(bela.noticeKinds()).toEqual([]);
});

test('B6 a recipient who names a newer list of its own makes the sender fetch it', async () => {
  const { server, anna, bela } = await pair();
  await bela.write(anna, 'hello');
  await bela.sync();
  await anna.sync();
  const record = nextList(anna, server.record(anna.person.personId));
  server.setRecord(anna.person.personId, record);
  Object.assign(anna.own, { deviceList: record.deviceList, listVersion: 2 });
  await anna.write(bela, 'with a new list');
  await anna.sync();
  await bela.sync();
  expect(bela.store.directory.getAccount(anna.person.personId)?.pin.version).toBe(2);
  expect(bela.noticeKinds()).toEqual([]);
});

/** A version of somebody's list in which a device stands that they do not have, signed with their key: it was stolen. */
function withGhost(device: TestDevice, record: AccountRecord): AccountRecord {
  const list = DeviceList.parse(decodeCbor(record.deviceList.bytes));
  const { identityKey, registrationId, receiptKey } = createDeviceKeys();
  const ghost = {
    device: makeId('device', randomBytes(16)),
    identityKey,
    noiseStatic: new Uint8Array(32).fill(7),
    receiptKey: receiptKey.publicKey,
    registrationId,
    suites: [1],
    role: 'linked' as const,
    addedAt: 1,
  };
  const next: DeviceList = {
    ...list,
    version: list.version + 1,
    prevHash: listHash(record.deviceList),
    devices: [...list.devices, ghost],
  };
  return { ...record, deviceList: signDeviceList(device.own.accountPrivateKey ?? new Uint8Array(0), next) };
}

test('B6 N5 a ghost device that only a peer is shown is noticed by the person concerned', async () => {
  const { server, anna, bela } = await pair();
  const honest = server.record(anna.person.personId);
  server.setRecord(anna.person.personId, withGhost(anna, honest));
  await bela.write(anna, 'hello');
  await bela.sync();
  // To Anna herself the server goes on telling the list without it.
  server.setRecord(anna.person.personId, honest);
  await anna.sync();
  expect(anna.texts()).toEqual(['hello']);
  expect(anna.messenger.notices()).toMatchObject([{ kind: 'list_mismatch', personId: bela.person.personId }]);
});

test('B6 N5 a ghost device that the person is shown too is told as a new device of theirs', async () => {
  const { server, anna, bela } = await pair();
  server.setRecord(anna.person.personId, withGhost(anna, server.record(anna.person.personId)));
  await bela.write(anna, 'hello');
  await bela.sync();
  await anna.sync();
  expect(anna.texts()).toEqual(['hello']);
  expect(anna.noticeKinds()).toEqual(['device_linked']);
});

test('B6 a server that withholds the newer list of somebody from their peer is noticed at their next message', async () => {
  const { server, anna, bela } = await pair();
  await bela.write(anna, 'hello');
  await bela.sync();
  await anna.sync();
  const honest = server.record(anna.person.personId);
  const newer = nextList(anna, honest);
  server.setRecord(anna.person.personId, newer);
  await anna.messenger.connect(server.connect(anna.own.deviceId));
  await anna.messenger.devices.refresh();
  await anna.write(bela, 'under my second list');
  await anna.messenger.settled();
  anna.messenger.disconnect();
  server.setRecord(anna.person.personId, honest);
  await bela.sync();
  expect(bela.texts()).toEqual(['under my second list']);
  expect(bela.messenger.notices()).toMatchObject([{ kind: 'list_mismatch', personId: anna.person.personId }]);
});

test('B6 a server that shows two people two lists of one version is noticed', async () => {
  const { server, anna, bela } = await pair();
  const honest = server.record(anna.person.personId);
  server.setRecord(anna.person.personId, withGhost(anna, honest));
  await bela.write(anna, 'hello');
  await bela.sync();
  server.setRecord(anna.person.personId, nextList(anna, honest));
  await anna.messenger.connect(server.connect(anna.own.deviceId));
  await anna.messenger.devices.refresh();
  await anna.messenger.settled();
  anna.messenger.disconnect();
  expect(anna.texts()).toEqual(['hello']);
  expect(anna.noticeKinds()).toEqual(['list_mismatch']);
});

test('P1 A4 what a device had sent before it was taken out is shown when the list is read first, and what it sends later is not', async () => {
  const { clock, server, anna, bela } = await pair();
  const tablet = await TestDevice.link(server, clock, anna);
  await tablet.sync();
  await anna.sync();
  await anna.write(bela, 'from my phone');
  await anna.sync();
  clock.advance(60_000);
  const { personId } = anna.person;
  const before = server.record(personId);
  const list = DeviceList.parse(decodeCbor(before.deviceList.bytes));
  const next: DeviceList = {
    ...list,
    version: list.version + 1,
    prevHash: listHash(before.deviceList),
    issuedAt: clock.now(),
    devices: list.devices.filter(({ device }) => device !== anna.own.deviceId),
  };
  const deviceList = signDeviceList(anna.own.accountPrivateKey ?? new Uint8Array(0), next);
  const known = tablet.store.directory.getAccount(personId);
  if (known === undefined) throw new Error('its own list is known to every device');
  const pin = { ...known.pin, version: next.version, hash: listHash(deviceList) };
  tablet.store.directory.putAccount({ ...known, pin, list: next });
  server.setRecord(personId, { ...before, deviceList });
  await tablet.sync();
  const shown = () => tablet.messenger.history({ limit: 20 }).map((entry) => entry.text);
  expect(shown()).toEqual(['from my phone']);
  expect(tablet.noticeKinds()).not.toContain('refused');
  clock.advance(3_600_000);
  await anna.write(bela, 'from whoever has found it');
  await anna.sync();
  await tablet.sync();
  expect(shown()).toEqual(['from my phone']);
  expect(tablet.messenger.notices()).toContainEqual(
    expect.objectContaining({ kind: 'refused', code: 'identity_not_trusted', deviceId: anna.own.deviceId }),
  );
});

test('B6 a message from a sender whose keys do not verify is not shown, and the person is told', async () => {
  const { server, anna, bela } = await pair();
  await bela.write(anna, 'hello');
  await bela.sync();
  server.lies.account = (honest) => forge(bela, honest, 'new root');
  await anna.sync();
  expect(anna.texts()).toEqual([]);
  expect(anna.noticeKinds().sort()).toEqual(['identity_problem', 'refused']);
});

test('B6 an enrolment is refused by the client when the tenant root is not the one in the token', async () => {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const { person, token } = server.addPerson('Anna', 'anna@acme.test');
  const rootHash = new Uint8Array(32);
  const enrolling = TestDevice.enrol(server, clock, 'Anna', { person, token: { ...token, rootHash } });
  await expect(enrolling).rejects.toMatchObject({ code: 'identity_not_trusted' });
});

test('A1 a message to somebody without a device waits, and goes out when there is one', async () => {
  const { clock, server, anna } = await pair();
  const { person, token } = server.addPerson('Cleo', 'cleo@acme.test');
  const [sent] = await anna.messenger.send([{ to: person.mail, text: 'welcome' }]);
  if (sent === undefined) throw new Error('nothing was queued');
  await anna.sync();
  expect(anna.messenger.status(sent.messageId)).toEqual({ state: 'queued', problem: 'no_device' });
  const cleo = await TestDevice.enrol(server, clock, 'Cleo', { person, token });
  await anna.sync();
  await cleo.sync();
  expect(cleo.texts()).toEqual(['welcome']);
});

test('P7 a busy server is tried again after its pause; a submit that is too old goes out under a new id', async () => {
  const { clock, server, anna, bela } = await pair();
  await anna.write(bela, '0');
  await anna.sync();
  const refusals = [new KuvertError('overloaded'), new KuvertError('submit_too_old')];
  server.lies.refuse = () => refusals.shift();
  const id = await anna.write(bela, '1');
  await anna.connect();
  const settled = anna.messenger.settled();
  while (server.submits.length < 2) await new Promise(setImmediate);
  while (anna.messenger.status(id).state === 'queued') {
    clock.advance(1_000);
    await new Promise(setImmediate);
  }
  await settled;
  anna.messenger.disconnect();
  const [, first, second, third] = server.submits.filter((submit) => submit.class === CLASSES.message);
  expect(second).toEqual(first);
  expect(third).toEqual({ ...first, submitId: third?.submitId });
  expect(third?.submitId).not.toBe(first?.submitId);
});

test('P1 P2 what was sealed before the clock of the server was set back goes out under an id of its new time', async () => {
  const { clock, server, anna, bela } = await pair();
  await anna.write(bela, '0');
  await anna.sync();
  const serverTime = clock.now() - 72 * 3_600_000;
  const refusals = [1, 2].map(() => new KuvertError('submit_too_new', { details: { serverTime } }));
  server.lies.refuse = () => refusals.shift();
  const ids = [await anna.write(bela, '1'), await anna.write(bela, '2')];
  await anna.sync();
  for (const id of ids) expect(anna.messenger.status(id).state).toBe('accepted');
  const [, first, , third, fourth] = server.submits.filter((submit) => submit.class === CLASSES.message);
  expect(third).toEqual({ ...first, submitId: third?.submitId });
  for (const submit of [third, fourth]) expect(submitIdTimeMs(submit?.submitId as SubmitId)).toBe(serverTime);
  await bela.sync();
  expect(bela.texts()).toEqual(['0', '1', '2']);
  expect(anna.messenger.notices()).toEqual([]);
});

test('P1 P3 what may have been accepted under an id that the server no longer takes is sealed anew, and nobody is told of a replay', async () => {
  const { clock, server, anna, bela } = await pair();
  await anna.write(bela, '0');
  await anna.sync();
  server.lies.loseAnswer = () => true;
  await anna.write(bela, '1');
  await expect(anna.sync()).rejects.toMatchObject({ code: 'server_unreachable' });
  delete server.lies.loseAnswer;
  const refusals = [
    new KuvertError('submit_too_new', { details: { serverTime: clock.now() - 72 * 3_600_000 } }),
  ];
  server.lies.refuse = () => refusals.shift();
  await anna.write(bela, '2');
  await anna.sync();
  await bela.sync();
  expect(bela.texts()).toEqual(['0', '1', '2']);
  expect(bela.messenger.notices()).toEqual([]);
});

test('P2 what waits with an id that is too old by now goes out under a new one, before what was written later', async () => {
  const { clock, server, anna, bela } = await pair();
  await anna.write(bela, '0');
  await anna.sync();
  server.lies.refuse = () => new KuvertError('overloaded');
  const waiting = await anna.write(bela, '1');
  await anna.connect();
  while (server.submits.length < 2) await new Promise(setImmediate);
  anna.messenger.disconnect();
  server.lies.refuse = () => undefined;
  clock.advance(7 * 86_400_000);
  await anna.write(bela, '2');
  await anna.sync();
  expect(anna.messenger.status(waiting).state).toBe('accepted');
  const [, first, second] = server.submits.filter((submit) => submit.class === CLASSES.message);
  expect(second?.submitId).not.toBe(first?.submitId);
  // Had the first one been accepted, the same bytes would come twice, as from a server that plays them again.
  expect(second?.legs[0]?.bytes).not.toEqual(first?.legs[0]?.bytes);
  await bela.sync();
  expect(bela.texts()).toEqual(['0', '1', '2']);
  expect(bela.messenger.notices()).toEqual([]);
});

test('P1 a submit that the server will never take is set aside with a notice and holds nothing up', async () => {
  const { server, anna, bela } = await pair();
  const refusals = [new KuvertError('too_large')];
  server.lies.refuse = () => refusals.shift();
  const refused = await anna.write(bela, '1');
  const taken = await anna.write(bela, '2');
  await anna.sync();
  expect(anna.messenger.status(refused)).toEqual({ state: 'queued', problem: 'too_large' });
  expect(anna.messenger.status(taken)).toEqual({ state: 'accepted' });
  expect(anna.messenger.notices()).toMatchObject([
    { kind: 'not_accepted', code: 'too_large', messageId: refused },
  ]);
});

test('A4 B6 a take whose answer was lost and that is repeated after the list has changed alarms nobody', async () => {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const anna = await TestDevice.enrol(server, clock, 'Anna');
  const bela = await TestDevice.enrol(server, clock, 'Bela');
  await anna.write(bela, 'never sent');
  server.lies.take = (honest) => {
    delete server.lies.take;
    server.drop(anna.own.deviceId);
    return honest;
  };
  await anna.sync().catch(() => undefined);
  const { conversations, safety } = anna.messenger;
  const [entry] = conversations.entries(conversations.withMail(bela.mail)).entries;
  conversations.deleteEntries([entry?.entryId ?? 0], 'everywhere');
  await TestDevice.link(server, clock, bela);
  await anna.messenger.connect(server.connect(anna.own.deviceId));
  await safety.show(bela.mail);
  await anna.messenger.settled();
  anna.messenger.disconnect();
  await anna.write(bela, 'hello');
  for (const device of [anna, bela]) await device.sync();
  expect(server.requests.filter((method) => method === 'prekeys.take')).toHaveLength(3);
  expect(anna.noticeKinds()).not.toContain('identity_problem');
  expect(bela.texts()).toEqual(['hello']);
});

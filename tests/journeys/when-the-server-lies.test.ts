/** A server that gives out wrong keys, old lists or not everything is noticed, and gets nothing to read (B6, P3). */
import { randomBytes } from 'node:crypto';
import type { Notice } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { listHash, signDeviceList } from '@kuvert/crypto/identity';
import { type AccountRecord, type ContentId, DeviceList, decodeCbor, makeId } from '@kuvert/protocol';
import {
  HandMadeDevice,
  lieAbout,
  loseSubmits,
  startInstallation,
  type TestInstallation,
  type TestPerson,
  type TestTenant,
} from '@kuvert/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const FLUSH = { timeoutMs: 60_000 };

let installation: TestInstallation;
let acme: TestTenant;
let anna: TestPerson;
let cem: TestPerson;
let profile: Profile;
let ofAnotherTenant: HandMadeDevice;
beforeAll(async () => {
  installation = await startInstallation();
  acme = await installation.tenant('Acme');
  anna = await acme.person('Anna');
  cem = await acme.person('Cem');
  const other = await (await installation.tenant('Other')).personWithoutDevice('Anna');
  ofAnotherTenant = await byHand(other);
  profile = await anna.open();
});
afterAll(async () => {
  await profile?.close();
  await installation[Symbol.asyncDispose]();
});

/** Enrols somebody whose private keys the test keeps. */
async function byHand(person: TestPerson): Promise<HandMadeDevice> {
  const { url, clock } = installation;
  const { personId } = person;
  const device = await HandMadeDevice.enrol({
    url,
    token: await person.token(),
    personId,
    nowMs: clock.nowMs(),
  });
  expect(device.answer.error).toBeUndefined();
  return device;
}

/** What an honest server says of a person. */
async function recordOf(device: HandMadeDevice): Promise<AccountRecord> {
  using channel = await device.connect();
  const { result } = await channel.request('devices.owner', { deviceId: device.deviceId });
  return (result as { account: AccountRecord }).account;
}

/** Anna writes; nothing reaches the server. */
async function expectNothingSent(to: TestPerson, text: string): Promise<ContentId> {
  const watched = loseSubmits(installation, () => false);
  const { messageId } = await profile.send({ to: to.mail, text });
  expect(await profile.flush(FLUSH)).toEqual({ waiting: 1 });
  expect(profile.status(messageId).state).toBe('queued');
  expect(watched.count).toBe(0);
  watched.stop();
  return messageId;
}

/** The new notices of a profile. */
function takeNotices(of: Profile): Notice[] {
  const notices = of.notices();
  of.markNoticesSeen(notices.map(({ noticeId }) => noticeId));
  return notices;
}

async function texts(person: TestPerson): Promise<{ texts: string[]; notices: Notice[] }> {
  return person.with(async (open) => {
    await open.flush(FLUSH);
    const messages = open.inbox();
    open.markPrinted(messages);
    return { texts: messages.map(({ text }) => text), notices: takeNotices(open) };
  });
}

describe('B6 a server that swaps keys gets nothing, and the person is told', () => {
  let number = 0;
  /** The lie about somebody whom Anna does not know yet. */
  async function expectNoticed(lie: (ben: TestPerson) => Promise<() => void>): Promise<void> {
    number += 1;
    const ben = await acme.person(`Ben ${number}`);
    const stop = await lie(ben);
    const messageId = await expectNothingSent(ben, 'for Ben alone');
    expect(profile.status(messageId).problem).toBe('identity_not_trusted');
    expect(takeNotices(profile)).toMatchObject([
      { kind: 'identity_problem', code: 'identity_not_trusted', personId: ben.personId },
    ]);
    stop();
    await profile.close();
    profile = await anna.open();
    expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
    expect((await texts(ben)).texts).toEqual(['for Ben alone']);
  }

  test('the identity of somebody of another tenant', () =>
    expectNoticed(async () => {
      const account = await recordOf(ofAnotherTenant);
      return lieAbout(installation, 'prekeys.take', (honest) => ({ ...honest, account }));
    }));

  test('the identity and the keys of a colleague', () =>
    expectNoticed(async () => {
      const dora = await byHand(await acme.personWithoutDevice(`Dora ${number}`));
      using channel = await dora.connect();
      const requestId = makeId('request', randomBytes(16));
      const { result } = await channel.request('prekeys.take', { personId: cem.personId, requestId });
      return lieAbout(installation, 'prekeys.take', () => result as never);
    }));

  test('prekeys that the device has not signed', () =>
    expectNoticed(async () => {
      const { prekeys } = ofAnotherTenant.made;
      return lieAbout(installation, 'prekeys.take', (honest) => ({
        ...honest,
        bundles: honest.bundles.map((bundle) => ({
          ...bundle,
          signed: prekeys.signed,
          kyber: prekeys.lastResort,
        })),
      }));
    }));

  test('a device list that was changed in one bit', () =>
    expectNoticed(async () =>
      lieAbout(installation, 'prekeys.take', ({ account, bundles }) => {
        const bytes = Uint8Array.from(account.deviceList.bytes);
        bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
        return { account: { ...account, deviceList: { ...account.deviceList, bytes } }, bundles };
      }),
    ));
});

test('B6 a server that goes back to an older device list is noticed, and gets nothing more', async () => {
  const person = await acme.personWithoutDevice('Emil');
  const emil = await byHand(person);
  const first = await recordOf(emil);
  const list = DeviceList.parse(decodeCbor(first.deviceList.bytes));
  const second = signDeviceList(emil.made.accountKey.privateKey, {
    ...list,
    version: 2,
    prevHash: listHash(first.deviceList),
  });
  const newer = { ...first, deviceList: second };
  const stops = [
    lieAbout(installation, 'prekeys.take', (honest) => ({ ...honest, account: newer })),
    lieAbout(installation, 'devices.list', ({ active }) => ({ account: newer, active })),
  ];
  await profile.send({ to: person.mail, text: 'under the second list' });
  await profile.flush(FLUSH);
  takeNotices(profile);

  // The honest server has never heard of version 2, which makes it, for Anna, one that replays version 1.
  for (const stop of stops) stop();
  await profile.close();
  profile = await anna.open();
  const { messageId } = await profile.send({ to: person.mail, text: 'under the replayed list' });
  expect(await profile.flush(FLUSH)).toEqual({ waiting: 2 });
  const { deviceId } = emil;
  expect(await installation.operator.call('mailboxPeek', { deviceId, limit: 1 })).toEqual({ envelopes: [] });
  expect(profile.status(messageId).problem).toBe('identity_rolled_back');
  expect(takeNotices(profile)).toMatchObject([
    { kind: 'identity_problem', code: 'identity_rolled_back', personId: person.personId },
  ]);
});

test('P3 a message that the server accepted and dropped is missed by its reader', async () => {
  const fay = await acme.person('Fay');
  const lost = loseSubmits(installation, (submit) => submit === 2);
  for (const text of ['one', 'two', 'three']) await profile.send({ to: fay.mail, text });
  await profile.flush(FLUSH);
  expect(lost.count).toBeGreaterThanOrEqual(3);
  lost.stop();
  const read = await texts(fay);
  expect(read.texts).toEqual(['one', 'three']);
  expect(read.notices).toMatchObject([{ kind: 'messages_missing', count: 1, personId: anna.personId }]);
});

/** A person with several devices: whoever writes to them reaches all, and all of them write (A4). */
import type { Profile } from '@kuvert/client-core/node';
import { startInstallation, type TestInstallation, type TestPerson, type TestTenant } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const FLUSH = { timeoutMs: 20_000 };

let installation: TestInstallation;
let acme: TestTenant;
beforeAll(async () => {
  installation = await startInstallation();
  acme = await installation.tenant('Acme');
});
afterAll(() => installation[Symbol.asyncDispose]());

/** Fetches what waits and gives the texts that are new. */
function read(person: TestPerson): Promise<string[]> {
  return person.with(async (profile) => {
    await profile.flush(FLUSH);
    const messages = profile.inbox();
    profile.markPrinted(messages);
    return messages.map(({ text }) => text);
  });
}

/** What is told on a device, once. */
function takeNotices(profile: Profile): string[] {
  const notices = profile.notices();
  profile.markNoticesSeen(notices.map(({ noticeId }) => noticeId));
  return notices.map(({ kind, deviceId }) => `${kind} ${deviceId ?? ''}`.trim());
}

test('A4 a message reaches every device of its recipient, and each of them may answer', {
  timeout: 180_000,
}, async () => {
  const anna = await acme.person('Anna');
  const phone = await acme.person('Ben');
  const laptop = await phone.addDevice();
  const tablet = await phone.addDevice();
  const messageId = await anna.with(async (profile) => {
    const { messageId: id } = await profile.send({ to: phone.mail, text: 'to all of you' });
    expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
    return id;
  });
  const stateOfIt = () =>
    anna.with(async (profile) => {
      await profile.flush(FLUSH);
      return profile.status(messageId).state;
    });
  expect(await read(phone)).toEqual(['to all of you']);
  expect(await read(laptop)).toEqual(['to all of you']);
  expect(await read(tablet)).toEqual(['to all of you']);
  expect(await stateOfIt()).toBe('delivered');

  await laptop.with(async (profile) => {
    await profile.send({ to: anna.mail, text: 'from the laptop' });
    expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
  });
  expect(await read(anna)).toEqual(['from the laptop']);
  await anna.with((profile) => expect(takeNotices(profile)).toEqual([]));
});

test('A4 B6 a device that was added is told to the others, and those who write learn of it by themselves', {
  timeout: 180_000,
}, async () => {
  const anna = await acme.person('Carla');
  const phone = await acme.person('Dino');
  const open = await anna.open();
  await open.send({ to: phone.mail, text: 'one' });
  await open.flush(FLUSH);
  expect(await read(phone)).toEqual(['one']);

  const laptop = await phone.addDevice();
  await phone.with(async (profile) => {
    await profile.flush(FLUSH);
    expect(takeNotices(profile)).toEqual([`device_linked ${laptop.deviceId}`]);
    expect(profile.devices.list()).toMatchObject([
      { deviceId: phone.deviceId, role: 'signer', isThis: true, isActive: true },
      { deviceId: laptop.deviceId, role: 'linked', isThis: false, isActive: true },
    ]);
  });
  await open.send({ to: phone.mail, text: 'two' });
  expect(await open.flush(FLUSH)).toEqual({ waiting: 0 });
  await open.close();
  expect(await read(phone)).toEqual(['two']);
  expect(await read(laptop)).toEqual(['two']);
});

test('A4 E5 a revoked device is cut off, and nothing is sealed for it any more', {
  timeout: 180_000,
}, async () => {
  const anna = await acme.person('Emma');
  const phone = await acme.person('Fritz');
  const laptop = await phone.addDevice();
  await anna.with(async (profile) => {
    await profile.send({ to: phone.mail, text: 'before' });
    await profile.flush(FLUSH);
  });
  await phone.with(async (profile) => {
    await profile.connect();
    await profile.devices.revoke(laptop.deviceId);
    expect(profile.devices.list().map(({ deviceId }) => deviceId)).toEqual([phone.deviceId]);
  });
  await expect(read(laptop)).rejects.toMatchObject({ code: 'device_not_accepted' });
  const messageId = await anna.with(async (profile) => {
    const { messageId: id } = await profile.send({ to: phone.mail, text: 'after' });
    expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
    return id;
  });
  expect(await read(phone)).toEqual(['before', 'after']);
  await anna.with(async (profile) => {
    await profile.flush(FLUSH);
    expect(profile.status(messageId).state).toBe('delivered');
    const before = profile.history({ with: phone.mail })[0];
    expect(before).toMatchObject({ text: 'before', state: 'delivered' });
  });
});

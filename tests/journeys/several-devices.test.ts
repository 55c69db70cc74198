/** A person with several devices: whoever writes to them reaches all, and all of them write (A4). */
import { beginLink, openProfile, type Profile } from '@kuvert/client-core/node';
import { startInstallation, type TestInstallation, type TestPerson, type TestTenant } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const FLUSH = { timeoutMs: 60_000 };

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

test('A4 a message reaches every device of its recipient, and each of them may answer', async () => {
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

test('A4 B6 a device that was added is told to the others, and those who write learn of it by themselves', async () => {
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

test('A4 E5 a revoked device is cut off, and nothing is sealed for it any more', async () => {
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

test.each([-6, 6])(
  'A4 A8 a new device whose clock is off by years (%i) is linked, has the history, writes and reads like any other',
  { timeout: 600_000 },
  async (years) => {
    const now = () => installation.clock.nowMs() + years * 365 * 86_400_000;
    const anna = await acme.person(`Klock ${years}`);
    const phone = await acme.person(`Lars ${years}`);
    const write = (from: TestPerson, text: string) =>
      from.with(async (profile) => {
        await profile.send({ to: from === anna ? phone.mail : anna.mail, text });
        expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
        installation.clock.advance(10_000);
      });
    await write(anna, 'before');
    expect(await read(phone)).toEqual(['before']);
    const { profileDir, secret } = phone.anotherProfile();
    const linking = await beginLink({ serverUrl: installation.url, profileDir, secret, now });
    await phone.with(async (profile) => {
      await profile.connect();
      await profile.devices.approve(profile.devices.readCode(linking.code), { isSigner: false });
    });
    expect(await linking.wait()).toMatchObject({ mail: phone.mail });
    linking.close();
    const visit = async <T>(work: (profile: Profile) => Promise<T> | T): Promise<T> => {
      const profile = await openProfile({ profileDir, secret, now });
      try {
        await profile.flush(FLUSH);
        return await work(profile);
      } finally {
        await profile.close();
      }
    };
    await visit(() => undefined);
    await write(anna, 'for both');
    await visit(async (profile) => {
      await profile.send({ to: anna.mail, text: 'from another time' });
      expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
      installation.clock.advance(10_000);
    });
    expect(await read(anna)).toEqual(['from another time']);
    expect(await read(phone)).toEqual(['for both']);
    await write(anna, 'and on');
    await visit((profile) => {
      const texts = profile.history({ limit: 10 }).map(({ text }) => text);
      expect(texts).toEqual(['before', 'for both', 'from another time', 'and on']);
      expect(takeNotices(profile)).toEqual([]);
    });
    expect(await read(phone)).toEqual(['and on']);
    await phone.with((profile) => {
      const texts = profile.history({ limit: 10 }).map(({ text }) => text);
      expect(texts).toEqual(['before', 'for both', 'from another time', 'and on']);
    });
  },
);

test('P1 A4 what a device had sent arrives although it was linked and taken out before anybody looked', async () => {
  const reader = await acme.person('Rosa');
  const phone = await acme.person('Sven');
  const linked = [await phone.addDevice(), await phone.addDevice({ isSigner: true })];
  for (const [index, device] of linked.entries()) {
    await device.with(async (profile) => {
      await profile.send({ to: reader.mail, text: `from device ${index}` });
      expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
    });
    await phone.with(async (profile) => {
      await profile.flush(FLUSH);
      await profile.devices.revoke(device.deviceId);
    });
  }
  expect(await read(reader)).toEqual(['from device 0', 'from device 1']);
  await reader.with((profile) => {
    expect(takeNotices(profile)).not.toContain('refused');
  });
});

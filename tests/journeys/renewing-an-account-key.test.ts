/** Another account key is never taken silently: its old one vouches for it, or the organisation resets it for all to see (A4 B6 N5). */
import { cpSync, rmSync } from 'node:fs';
import type { Notice } from '@kuvert/client-core';
import { beginLink } from '@kuvert/client-core/node';
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

function write(from: TestPerson, to: TestPerson, text: string): Promise<{ waiting: number }> {
  return from.with(async (profile) => {
    await profile.send({ to: to.mail, text });
    return profile.flush(FLUSH);
  });
}

/** Fetches what waits. */
function read(person: TestPerson): Promise<{ texts: string[]; notices: Notice[] }> {
  return person.with(async (profile) => {
    await profile.flush(FLUSH);
    const messages = profile.inbox();
    profile.markPrinted(messages);
    const notices = profile.notices();
    profile.markNoticesSeen(notices.map(({ noticeId }) => noticeId));
    return { texts: messages.map(({ text }) => text), notices };
  });
}

test('A4 B6 with a signer that is revoked goes the account key; the new one is told to all and used by the other signer', async () => {
  const anna = await acme.person('Anna');
  const phone = await acme.person('Ben');
  const tablet = await phone.addDevice({ isSigner: true });
  const stolen = await phone.addDevice({ isSigner: true });
  expect(await write(anna, phone, 'before')).toEqual({ waiting: 0 });
  await read(phone);
  await read(tablet);

  await phone.with(async (profile) => {
    await profile.connect();
    await profile.devices.revoke(stolen.deviceId);
    await profile.flush(FLUSH);
  });
  await expect(read(stolen)).rejects.toMatchObject({ code: 'device_not_accepted' });
  expect(await write(phone, anna, 'under the new key')).toEqual({ waiting: 0 });
  const told = await read(anna);
  expect(told.texts).toEqual(['under the new key']);
  expect(told.notices).toContainEqual(
    expect.objectContaining({ kind: 'keys_changed', personId: phone.personId }),
  );
  await anna.with(({ conversations }) => {
    const { entries } = conversations.entries(conversations.withPerson(phone.personId));
    expect(entries.filter(({ direction }) => direction === 'system').map(({ kind }) => kind)).toContain(
      'keys_changed',
    );
  });
  expect(await write(anna, phone, 'after')).toEqual({ waiting: 0 });
  expect((await read(phone)).texts).toEqual(['after']);

  // The other signer has got the new key, sealed to it, and signs with it.
  expect((await read(tablet)).texts).toEqual(['after']);
  const laptop = await tablet.addDevice();
  await phone.with(async (profile) => {
    await profile.flush(FLUSH);
    expect(profile.devices.isSigner).toBe(true);
    expect(profile.devices.list().map(({ deviceId }) => deviceId)).toEqual([
      phone.deviceId,
      tablet.deviceId,
      laptop.deviceId,
    ]);
  });
});

test('A4 B6 whoever has lost all signers begins anew by a reset, which everybody they wrote with is told', async () => {
  const anna = await acme.person('Carla');
  const annasTablet = await anna.addDevice();
  const lost = await acme.person('Dino');
  const laptop = await lost.addDevice();
  expect(await write(anna, lost, 'before')).toEqual({ waiting: 0 });
  await read(laptop);
  // Carla compares the keys; her tablet, which has never written to Dino itself, shows so too.
  const { code } = await lost.with(async (profile) => {
    await profile.connect();
    return profile.safety.show(anna.mail);
  });
  await anna.with(async (profile) => {
    await profile.connect();
    await profile.safety.verify(lost.mail, code);
    await profile.flush(FLUSH);
  });
  await read(annasTablet);
  const onTablet = () =>
    annasTablet.with(async (profile) => {
      await profile.connect();
      await profile.safety.freshen(lost.personId);
      return profile.safety.verificationOf(lost.personId);
    });
  expect(await onTablet()).toBe('verified');

  const { operator } = installation;
  await operator.call('deviceRevoke', { deviceId: lost.deviceId });
  const { token } = await operator.call('personReset', { personId: lost.personId });
  const anew = lost.anotherProfile();
  await anew.enrol(token);
  await expect(read(laptop)).rejects.toMatchObject({ code: 'device_not_accepted' });

  // Who looks at the conversation sees at once that these are other keys, though nobody has written since.
  expect(await onTablet()).toBe('changed');
  const { notices: seen } = await read(annasTablet);
  expect(seen).toContainEqual(
    expect.objectContaining({ kind: 'verification_lost', personId: lost.personId }),
  );

  expect(await write(anna, lost, 'after')).toEqual({ waiting: 0 });
  expect((await read(anew)).texts).toEqual(['after']);
  const { notices } = await read(anna);
  expect(notices).toContainEqual(expect.objectContaining({ kind: 'key_reset', personId: lost.personId }));
  expect(await write(anew, anna, 'here I am again')).toEqual({ waiting: 0 });
  expect((await read(anna)).texts).toEqual(['here I am again']);

  // A signer again, with all that belongs to it; and the token is used up.
  const tablet = await anew.addDevice();
  expect(await write(anna, lost, 'to both')).toEqual({ waiting: 0 });
  expect((await read(tablet)).texts).toEqual(['to both']);
  await expect(lost.anotherProfile().enrol(token)).rejects.toMatchObject({ code: 'token_used' });
});

/** What a device says when it is asked to approve another one. */
function refusalOf(device: TestPerson, code: string): Promise<string | undefined> {
  return device.with(async (profile) => {
    await profile.flush(FLUSH);
    try {
      profile.devices.readCode(code);
      return undefined;
    } catch (error) {
      return (error as { code: string }).code;
    }
  });
}

test('A4 a signer that was not there when the key was renewed, or was put back from a copy of before, is given the new one', async () => {
  const phone = await acme.person('Greta');
  const anna = await acme.person('Hanna');
  const tablet = await phone.linkDevice({ isSigner: true });
  const waiting = tablet.anotherProfile();
  const { profileDir, secret } = waiting;
  const linking = await beginLink({ serverUrl: installation.url, profileDir, secret });
  await phone.with(async (profile) => {
    await profile.connect();
    await profile.devices.renewKey();
    await profile.flush(FLUSH);
  });
  // Started for the first time after that: it says what it waits for, and gets it when the other one is there.
  expect(await refusalOf(tablet, linking.code)).toBe('account_key_awaited');
  await read(phone);
  expect(await refusalOf(tablet, linking.code)).toBeUndefined();

  const copy = `${phone.profileDir}-copy`;
  cpSync(phone.profileDir, copy, { recursive: true });
  await tablet.with(async (profile) => {
    await profile.connect();
    await profile.devices.renewKey();
    await profile.flush(FLUSH);
  });
  await read(phone);
  rmSync(phone.profileDir, { recursive: true });
  cpSync(copy, phone.profileDir, { recursive: true });
  const restored = await read(phone);
  expect(restored.notices.map(({ kind }) => kind)).toEqual(['profile_restored']);
  expect(await refusalOf(phone, linking.code)).toBe('account_key_awaited');
  await read(tablet);
  expect(await refusalOf(phone, linking.code)).toBeUndefined();
  linking.close();
  const laptop = await phone.addDevice();
  expect(await write(anna, phone, 'to all three')).toEqual({ waiting: 0 });
  for (const device of [phone, tablet, laptop]) expect((await read(device)).texts).toEqual(['to all three']);
  for (const device of [phone, tablet, laptop]) {
    const kinds = (await read(device)).notices.map(({ kind }) => kind);
    expect(kinds).not.toContain('identity_problem');
  }
});

test('A4 E5 what an administrator has revoked is taken out of the list by a signer, with its account key if it had one', async () => {
  const anna = await acme.person('Ida');
  const phone = await acme.person('Jakob');
  const laptop = await phone.addDevice();
  const tablet = await phone.addDevice({ isSigner: true });
  const unused = await phone.linkDevice();
  expect(await write(anna, phone, 'before')).toEqual({ waiting: 0 });
  await read(phone);
  const { operator } = installation;
  await operator.call('deviceRevoke', { deviceId: laptop.deviceId });
  // Until a signer is there nobody is confused, and those who are left get everything.
  expect(await write(anna, phone, 'meanwhile')).toEqual({ waiting: 0 });
  expect((await read(anna)).notices).toEqual([]);
  const told = await read(phone);
  expect(told.texts).toEqual(['meanwhile']);
  expect(told.notices).toContainEqual(
    expect.objectContaining({ kind: 'device_revoked', deviceId: laptop.deviceId }),
  );
  const listed = () => phone.with(({ devices }) => devices.list().map(({ deviceId }) => deviceId));
  expect(await listed()).toEqual([phone.deviceId, tablet.deviceId, unused.deviceId]);

  await operator.call('deviceRevoke', { deviceId: tablet.deviceId });
  await phone.with(async (profile) => {
    await profile.flush(FLUSH);
    // Said again by hand, it is done already.
    await profile.devices.revoke(tablet.deviceId);
    expect(profile.devices.isSigner).toBe(true);
  });
  expect(await listed()).toEqual([phone.deviceId, unused.deviceId]);
  expect(await write(anna, phone, 'after')).toEqual({ waiting: 0 });
  const { notices } = await read(anna);
  expect(notices.map(({ kind }) => kind)).toContain('keys_changed');
  expect((await read(phone)).texts).toEqual(['after']);
  expect((await read(unused)).texts).toEqual([]);
});

test('P1 what was accepted for a device that is lost before it fetched it reaches the one that takes its place; after a reset when its author accepts the keys', async () => {
  const anna = await acme.person('Klara');
  const phone = await acme.person('Leo');
  const { operator } = installation;
  expect(await write(anna, phone, 'one')).toEqual({ waiting: 0 });
  await read(phone);
  await read(anna);
  const laptop = await phone.linkDevice();
  expect(await write(anna, phone, 'for the phone')).toEqual({ waiting: 0 });
  await operator.call('deviceRevoke', { deviceId: phone.deviceId });
  expect((await read(laptop)).texts).toEqual([]);
  expect(await write(laptop, anna, 'my phone is gone')).toEqual({ waiting: 0 });
  expect((await read(anna)).texts).toEqual(['my phone is gone']);
  expect((await read(laptop)).texts).toEqual(['for the phone']);

  // Now all of them are lost, and only the organisation vouches for what comes next.
  const { messageId } = await anna.with(async (profile) => {
    const sent = await profile.send({ to: phone.mail, text: 'for the laptop' });
    await profile.flush(FLUSH);
    return sent;
  });
  const { token } = await operator.call('personReset', { personId: phone.personId });
  const anew = await phone.anotherProfile().enrol(token);
  expect(await write(anew, anna, 'all is new')).toEqual({ waiting: 0 });
  expect((await read(anna)).notices.map(({ kind }) => kind)).toContain('key_reset');
  expect((await read(anew)).texts).toEqual([]);
  await anna.with(async (profile) => {
    expect(profile.status(messageId)).toMatchObject({ problem: 'keys_unconfirmed' });
    await profile.flush(FLUSH);
    await profile.safety.accept(phone.mail);
    expect(await profile.flush(FLUSH)).toEqual({ waiting: 0 });
  });
  expect((await read(anew)).texts).toEqual(['for the laptop']);
  await read(anna);
  const state = await anna.with((profile) => profile.status(messageId));
  expect(state).toEqual({ state: 'delivered' });
  for (const device of [anew, anna]) expect((await read(device)).notices).toEqual([]);
});

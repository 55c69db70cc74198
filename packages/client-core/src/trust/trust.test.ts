import { listHash, signDeviceList } from '@kuvert/crypto/identity';
import { DeviceList, decodeCbor, makeId } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import type { Context } from '../context.ts';
import { ChangeBoard } from '../conversations/changes.ts';
import { withStandingNotices } from '../conversations/standing-notices.ts';
import { ManualClock } from '../node/doubles/manual-clock.ts';
import { pair } from '../node/doubles/pair.ts';
import type { TestDevice } from '../node/doubles/test-device.ts';
import { NO_POLICY } from '../ticks/policy.ts';
import { tellKeyChanges } from './key-events.ts';

async function acquainted() {
  const both = await pair();
  await both.anna.write(both.bela, 'hello');
  await both.anna.sync();
  await both.bela.sync();
  return both;
}

/** As if the directory had found another account key for Bela, vouched for by whoever may. */
function changeKey(of: TestDevice, who: TestDevice, byte: number): void {
  const before = of.store.directory.getAccount(who.person.personId);
  if (before === undefined) throw new Error('not known');
  const accountKey = Uint8Array.from(before.pin.accountKey).fill(byte, 1);
  const after = { ...before, pin: { ...before.pin, accountKey } };
  of.store.directory.putAccount(after);
  const clock = new ManualClock();
  const context = { own: of.own, clock, policy: NO_POLICY };
  const store = withStandingNotices(of.store, of.own, new ChangeBoard());
  tellKeyChanges({ ...context, store } as unknown as Context, before, after, 'succession');
}

test('B6 both see one number; what one shows, the other can verify, and take back', async () => {
  const { anna, bela } = await acquainted();
  const annas = await anna.messenger.safety.show(bela.mail);
  const belas = await bela.messenger.safety.show(anna.mail);
  expect(annas.number).toBe(belas.number);
  expect(annas).toMatchObject({ verification: 'unverified', name: 'Bela', isHeld: false });
  for (const shown of [belas.code, belas.number.replaceAll(/(.{5})/g, '$1 ')]) {
    expect(await anna.messenger.safety.verify(bela.mail, shown)).toMatchObject({ verification: 'verified' });
    expect(anna.messenger.safety.verificationOf(bela.person.personId)).toBe('verified');
    expect(await anna.messenger.safety.unverify(bela.mail)).toMatchObject({ verification: 'unverified' });
  }
  const verify = (shown: string) => anna.messenger.safety.verify(bela.mail, shown);
  await expect(verify(annas.code)).rejects.toThrow('safety_mismatch');
  await expect(verify('1'.repeat(60))).rejects.toThrow('safety_mismatch');
  await expect(verify('12345')).rejects.toThrow('safety_malformed');
  expect(anna.messenger.safety.verificationOf(bela.person.personId)).toBe('unverified');
});

test('B6 a number that was compared is verified only while it is the number: keys that came meanwhile are refused', async () => {
  const { anna, bela } = await acquainted();
  const { safety } = anna.messenger;
  expect(safety.known('nobody@acme.test')).toBeUndefined();
  const seen = safety.known(bela.mail);
  expect(seen).toEqual(await safety.show(bela.mail));
  changeKey(anna, bela, 5);
  await expect(safety.verify(bela.mail, seen?.number ?? '')).rejects.toThrow('safety_mismatch');
  expect(safety.verificationOf(bela.person.personId)).toBe('unverified');
});

test('B6 strangers, oneself and people without keys have no safety number here', async () => {
  const { server, anna, bela } = await pair();
  const { person } = server.addPerson('Cleo', 'cleo@acme.test');
  const show = (mail: string) => anna.messenger.safety.show(mail);
  await expect(show(bela.mail)).rejects.toThrow('recipient_unknown');
  await anna.connect();
  await expect(show('nobody@acme.test')).rejects.toThrow('recipient_unknown');
  await expect(show(anna.mail)).rejects.toThrow('recipient_self');
  await expect(show('no address')).rejects.toThrow('bad_request');
  await expect(show(person.mail)).rejects.toThrow('no_device');
  expect((await show(bela.mail)).number).toMatch(/^\d{60}$/);
  anna.messenger.disconnect();
  expect((await show(bela.mail)).number).toMatch(/^\d{60}$/);
});

test('B6 a verification is lost visibly when the account key changes, and the conversation says so', async () => {
  const { anna, bela } = await acquainted();
  const { number } = await bela.messenger.safety.show(anna.mail);
  await anna.messenger.safety.verify(bela.mail, number);
  changeKey(anna, bela, 7);
  expect(anna.messenger.safety.verificationOf(bela.person.personId)).toBe('changed');
  changeKey(anna, bela, 8);
  const { conversations } = anna.messenger;
  const { entries } = conversations.entries(conversations.withPerson(bela.person.personId));
  const kinds = entries.flatMap((entry) => (entry.direction === 'system' ? [entry.kind] : []));
  expect(kinds.toSorted()).toEqual(['keys_changed', 'verification_lost']);
});

test('B6 to somebody whose keys were never confirmed nothing is sent when that was asked for, until they are', async () => {
  const { server, anna, bela } = await pair();
  anna.messenger.changeSetting({ name: 'askBeforeSending', value: 'unverified' });
  const id = await anna.write(bela, 'held');
  await anna.sync();
  expect(anna.messenger.status(id)).toEqual({ state: 'queued', problem: 'keys_unconfirmed' });
  expect(server.submits).toEqual([]);
  expect(server.requests).not.toContain('prekeys.take');
  expect(await anna.messenger.safety.show(bela.mail)).toMatchObject({ isHeld: true });
  await anna.connect();
  await anna.messenger.safety.accept(bela.mail);
  await anna.messenger.settled();
  anna.messenger.disconnect();
  expect(anna.messenger.status(id)).toEqual({ state: 'accepted' });
  await bela.sync();
  expect(bela.texts()).toEqual(['held']);
});

test('B6 after a change of keys nothing is sent when that was asked for, whether sealed before or not; acknowledgements wait too', async () => {
  const { server, anna, bela } = await acquainted();
  await anna.sync();
  anna.messenger.changeSetting({ name: 'askBeforeSending', value: 'changed' });
  const before = await anna.write(bela, 'under the old keys');
  await anna.sync();
  expect(anna.messenger.status(before).state).toBe('accepted');
  server.lies.refuse = () => {
    throw new Error('nothing may be sent');
  };
  changeKey(anna, bela, 7);
  const after = await anna.write(bela, 'under the new keys');
  await anna.sync();
  expect(anna.messenger.status(after)).toMatchObject({ state: 'queued', problem: 'keys_unconfirmed' });
  const { conversations } = anna.messenger;
  expect(conversations.list()[0]?.hasProblem).toBe(true);
});

test('B6 policy can ask for more than the person does, never for less', async () => {
  const { anna, bela } = await acquainted();
  anna.policy = () => ({ askBeforeSending: 'unverified' });
  anna.restart();
  anna.messenger.changeSetting({ name: 'deviceChanges', value: 'off' });
  expect(() => anna.messenger.changeSetting({ name: 'askBeforeSending', value: 'never' })).toThrow(
    'set_by_policy',
  );
  const id = await anna.write(bela, 'held');
  await anna.sync();
  expect(anna.messenger.status(id).problem).toBe('keys_unconfirmed');
});

test('B6 a new or removed device of somebody is told in the conversation, unless that was switched off', async () => {
  const { server, anna, bela } = await acquainted();
  const { personId } = bela.person;
  const accountPrivateKey = bela.own.accountPrivateKey;
  if (accountPrivateKey === undefined) throw new Error('a signer');
  const change = async (byte: number, isThere: boolean) => {
    const record = server.record(personId);
    const list = DeviceList.parse(decodeCbor(record.deviceList.bytes));
    const [first] = list.devices;
    if (first === undefined) throw new Error('a device');
    const device = makeId('device', new Uint8Array(16).fill(byte));
    const another = { ...first, device, identityKey: Uint8Array.from(first.identityKey).fill(byte, 1) };
    const devices = isThere
      ? [...list.devices, another]
      : list.devices.filter((one) => one.device !== device);
    const deviceList = signDeviceList(accountPrivateKey, {
      ...list,
      version: list.version + 1,
      prevHash: listHash(record.deviceList),
      devices,
    });
    server.setRecord(personId, { ...record, deviceList });
    await anna.connect();
    await anna.messenger.safety.show(bela.mail);
    anna.messenger.disconnect();
  };
  await change(3, true);
  await change(3, false);
  anna.messenger.changeSetting({ name: 'deviceChanges', value: 'off', with: bela.mail });
  await change(4, true);
  const { conversations } = anna.messenger;
  const { entries } = conversations.entries(conversations.withPerson(personId));
  expect(entries.flatMap((entry) => (entry.direction === 'system' ? [entry.kind] : []))).toEqual([
    'person_device_added',
    'person_device_removed',
  ]);
});

import { signEntry } from '@kuvert/crypto/groups';
import { sealProfile } from '@kuvert/crypto/session';
import { encodeCbor, GROUP_LIMITS, type GroupPicture } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { ManualClock } from '../node/doubles/manual-clock.ts';
import { ServerDouble } from '../node/doubles/server-double.ts';
import { TestDevice } from '../node/doubles/test-device.ts';

const picture = (fill: number, size = 600): GroupPicture => ({
  type: 'image/jpeg',
  width: 128,
  height: 96,
  bytes: new Uint8Array(size).fill(fill),
});

async function scene() {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const devices: TestDevice[] = [];
  for (const name of ['Anna', 'Bela', 'Cleo']) devices.push(await TestDevice.enrol(server, clock, name));
  const [anna, bela, cleo] = devices as [TestDevice, TestDevice, TestDevice];
  const { groupId } = await online(anna, () => anna.messenger.groups.create('Release', [bela.mail]));
  return { clock, server, anna, bela, cleo, groupId };
}
async function online<T>(device: TestDevice, work: () => T | Promise<T>): Promise<T> {
  await device.connect();
  try {
    return await work();
  } finally {
    await device.messenger.settled();
    device.messenger.disconnect();
  }
}

test('A1 P8 a group has a picture that members see, also who comes later, and the server never does', async () => {
  const { server, anna, bela, cleo, groupId } = await scene();
  await online(anna, () => anna.messenger.groups.setPicture(groupId, picture(7)));
  await online(anna, () => anna.messenger.groups.setTitle(groupId, 'Other'));
  await online(anna, () => anna.messenger.groups.remove(groupId, [bela.mail]));
  await online(anna, () => anna.messenger.groups.add(groupId, [cleo.mail]));
  for (const device of [bela, cleo, anna]) await device.sync();
  expect(cleo.messenger.groups.picture(groupId)).toEqual(picture(7));
  expect(cleo.messenger.groups.find(groupId).title).toBe('Other');
  // Whoever was removed keeps what was for them.
  expect(bela.messenger.groups.picture(groupId)).toEqual(picture(7));
  for (const { bytes } of server.groups.entriesOf(groupId)) {
    expect(Buffer.from(bytes).includes(Buffer.alloc(16, 7))).toBe(false);
  }
  const { groups } = anna.messenger;
  expect(groups.log(groupId).map(({ action, part }) => part ?? action)).toEqual([
    'create',
    'picture',
    'title',
    'remove',
    'add',
  ]);
  await online(anna, () => groups.setPicture(groupId, undefined));
  await cleo.sync();
  expect(cleo.messenger.groups.picture(groupId)).toBeUndefined();
  expect(cleo.messenger.groups.find(groupId).title).toBe('Other');
  const epoch = groups.find(groupId).epoch;
  await online(anna, () => groups.setPicture(groupId, undefined));
  expect(groups.find(groupId).epoch).toBe(epoch);
});

test('A1 only who administers a group changes its picture, and none that is too large is taken', async () => {
  const { anna, bela, groupId } = await scene();
  await bela.sync();
  await expect(online(bela, () => bela.messenger.groups.setPicture(groupId, picture(1)))).rejects.toThrow(
    'group_forbidden',
  );
  const { groups } = anna.messenger;
  const largest = picture(2, GROUP_LIMITS.pictureBytesMax);
  await online(anna, () => groups.setTitle(groupId, 'ä'.repeat(GROUP_LIMITS.titleCharactersMax)));
  await online(anna, () => groups.setPicture(groupId, largest));
  expect(groups.picture(groupId)).toEqual(largest);
  const larger = picture(2, GROUP_LIMITS.pictureBytesMax + 1);
  await expect(online(anna, () => groups.setPicture(groupId, larger))).rejects.toThrow('bad_request');
  await expect(
    online(anna, () => groups.setPicture(groupId, { ...picture(3), width: 4_000 })),
  ).rejects.toThrow('bad_request');
});

test('A1 what a member has sealed that is no picture is shown as none, and the title all the same', async () => {
  const { clock, server, anna, bela, groupId } = await scene();
  const row = anna.store.groups.get(groupId);
  const key = anna.store.groups.getKey(groupId, 1);
  if (row === undefined || key === undefined) throw new Error('no group');
  const name = { tenant: anna.own.tenantId, group: groupId };
  const odd = { title: 'Odd', picture: { type: 'text/html', width: 1, height: 1, bytes: new Uint8Array(1) } };
  const entry = signEntry(anna.own.receiptPrivateKey, {
    v: 1,
    ...name,
    seq: row.state.epoch + 1,
    prevHash: row.state.head,
    at: clock.now(),
    person: anna.own.personId,
    device: anna.own.deviceId,
    action: 'profile',
    profile: sealProfile(name, key, new Uint8Array(12), encodeCbor(odd)),
  });
  server.groups.change({ person: anna.own.personId, device: anna.own.deviceId }, { entry, keys: [] });
  await bela.sync();
  expect(bela.messenger.groups.find(groupId).title).toBe('Odd');
  expect(bela.messenger.groups.picture(groupId)).toBeUndefined();
});

/** Changes that name more people than one entry of a log may, and groups as large as they can be (A1, docs/limits.md). */
import { GROUP_LIMITS } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { bystanders, online, scene } from '../node/doubles/group-scene.ts';
import type { TestDevice } from '../node/doubles/test-device.ts';
import type { Progress } from '../progress.ts';

test('A1 however many people a change names, it is split into entries of at most 256, up to 1,000 members and not one more', async () => {
  const one = await scene('Anna', 'Bela');
  const { groupId, server } = one;
  const [anna, bela] = one.devices as [TestDevice, TestDevice];
  const { groups } = anna.messenger;
  const mails = await bystanders(one, GROUP_LIMITS.membersMax - 1);
  const sizes = () => groups.log(groupId).map(({ action, people }) => [action, people.length]);
  const grown = await online(anna, () => groups.add(groupId, mails.slice(0, 300)));
  expect(grown.members).toHaveLength(302);
  expect(sizes()).toEqual([
    ['create', 1],
    ['add', 256],
    ['add', 44],
  ]);
  const rest = mails.slice(300, -1);
  // What does not fit as a whole is refused as a whole, before the first of its changes.
  const many = online(anna, () => groups.add(groupId, mails.slice(0, -1).concat(mails.at(-1) ?? '')));
  await expect(many).rejects.toThrow('group_full');
  expect(sizes()).toHaveLength(3);
  const full = await online(anna, () => groups.add(groupId, [...rest, ...mails.slice(0, 10)]));
  expect(full.members).toHaveLength(GROUP_LIMITS.membersMax);
  await expect(online(anna, () => groups.add(groupId, mails.slice(-1)))).rejects.toThrow('group_full');
  await online(anna, () => groups.setRole(groupId, mails.slice(0, 260), 'admin'));
  const smaller = await online(anna, () => groups.remove(groupId, mails.slice(100, 400)));
  expect(smaller.members).toHaveLength(700);
  expect(sizes().slice(3)).toEqual([
    ...[256, 256, 186].map((count) => ['add', count]),
    ...[256, 4].map((count) => ['role', count]),
    ...[256, 44].map((count) => ['remove', count]),
  ]);
  // Who was there all the time ends with the same, entry by entry, and may write.
  await bela.sync();
  expect(bela.messenger.groups.log(groupId).at(-1)?.hash).toBe(groups.log(groupId).at(-1)?.hash);
  expect(bela.messenger.groups.find(groupId)).toMatchObject({ title: 'Release', role: 'member' });
  expect(bela.messenger.groups.find(groupId).members.map(({ personId }) => personId)).toEqual(
    smaller.members.map(({ personId }) => personId),
  );
  expect(server.groups.dump(groupId).epoch).toBe(10);
});

test('A1 a group that is made of more people than one entry names is there with all of them', async () => {
  const one = await scene('Anna');
  const [anna] = one.devices as [TestDevice];
  const mails = await bystanders(one, 300);
  const made = await online(anna, () => anna.messenger.groups.create('All', mails));
  expect(made.members).toHaveLength(301);
  expect(anna.messenger.groups.log(made.groupId).map(({ people }) => people.length)).toEqual([256, 44]);
});

test('A1 making a large group, and the keys before its first message, tell for how many people they are done', async () => {
  const one = await scene('Anna');
  const [anna] = one.devices as [TestDevice];
  const mails = await bystanders(one, 300);
  const told = new Map<string, Progress[]>();
  const stop = anna.messenger.onProgress((step) => {
    const steps = told.get(step.work);
    if (steps === undefined) told.set(step.work, [step]);
    else steps.push(step);
  });
  const { groupId } = await online(anna, () => anna.messenger.groups.create('All', mails));
  await online(anna, () => anna.messenger.groups.send(groupId, 'Hello'));
  stop();
  expect([...told.keys()]).toEqual(['looking-up', 'asking-for-devices', 'handing-out-keys']);
  for (const [work, steps] of told) {
    const counts = steps.map(({ done }) => done);
    expect(counts, work).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.length, work).toBeGreaterThan(10);
    expect(steps.at(-1), work).toMatchObject({ done: 300, total: 300 });
    expect(new Set(steps.map(({ total }) => total))).toEqual(new Set([300]));
  }
  // A second message has nobody to tell anything.
  told.clear();
  await online(anna, () => anna.messenger.groups.send(groupId, 'Again'));
  expect(told.size).toBe(0);
});

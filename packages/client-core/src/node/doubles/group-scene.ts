/** A group for tests: made of devices on the server double. */
import type { GroupId } from '@kuvert/protocol';
import { ManualClock } from './manual-clock.ts';
import { ServerDouble } from './server-double.ts';
import { TestDevice } from './test-device.ts';

/** A group and its people, the first of whom administers it. */
export interface Scene {
  readonly clock: ManualClock;
  readonly server: ServerDouble;
  readonly devices: TestDevice[];
  readonly groupId: GroupId;
}

/** Does something while connected, and what follows from it. */
export async function online<T>(device: TestDevice, work: () => T | Promise<T>): Promise<T> {
  await device.connect();
  try {
    return await work();
  } finally {
    await device.messenger.settled();
    device.messenger.disconnect();
  }
}

/** A group of these people, the first of whom administers it. */
export async function scene(...names: string[]): Promise<Scene> {
  const clock = new ManualClock();
  const server = new ServerDouble(() => clock.now());
  const devices: TestDevice[] = [];
  for (const name of names) devices.push(await TestDevice.enrol(server, clock, name));
  const [first, ...others] = devices as [TestDevice, ...TestDevice[]];
  const { groupId } = await online(first, () =>
    first.messenger.groups.create(
      'Release',
      others.map(({ mail }) => mail),
    ),
  );
  return { clock, server, devices, groupId };
}

/** Writes to the group as somebody who knows its present state. */
export async function write({ clock, groupId }: Scene, from: TestDevice, text: string): Promise<void> {
  clock.advance(1_000);
  await online(from, async () => {
    await from.messenger.groups.refresh();
    from.messenger.groups.send(groupId, text);
  });
}

/** Each in turn connects and does all that can be done. */
export async function syncAll(devices: readonly TestDevice[], rounds = 2): Promise<void> {
  for (let round = 0; round < rounds; round++) for (const device of devices) await device.sync();
}

/** Texts of the group as a screen shows them, of both directions. */
export function shown(device: TestDevice, groupId: GroupId): string[] {
  const { conversationId } = device.messenger.groups.find(groupId);
  return device.messenger.conversations
    .entries(conversationId, { limit: 1_000 })
    .entries.flatMap((entry) => (entry.direction === 'system' || entry.kind !== 'text' ? [] : [entry.text]));
}

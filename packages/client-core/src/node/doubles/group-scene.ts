/** A group for tests: made of devices on the server double. */
import { randomBytes } from 'node:crypto';
import { generateSigningKey, makeFirstDeviceList } from '@kuvert/crypto/identity';
import { createDeviceKeys, FIRST_PREKEY_COUNTERS, makePrekeys } from '@kuvert/crypto/session';
import { type GroupId, makeId, SUITES } from '@kuvert/protocol';
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

/** People with a device that never comes, all of them with the same keys. @returns their addresses */
export async function bystanders(
  { server, clock }: Pick<Scene, 'server' | 'clock'>,
  count: number,
): Promise<string[]> {
  const mails: string[] = [];
  const { identityKey, identityPrivateKey, registrationId, receiptKey } = createDeviceKeys();
  const nowMs = clock.now();
  const { upload: prekeys } = makePrekeys({ identityPrivateKey, counters: FIRST_PREKEY_COUNTERS, nowMs });
  const keys = {
    identityKey,
    registrationId,
    receiptKey: receiptKey.publicKey,
    noiseStatic: new Uint8Array(32),
  };
  const account = generateSigningKey();
  for (let at = 0; at < count; at++) {
    const { person, token } = server.addPerson(`Bystander ${at}`, `bystander${at}@acme.test`);
    const { personId } = person;
    const device = makeId('device', randomBytes(16));
    const deviceList = makeFirstDeviceList({
      accountPrivateKey: account.privateKey,
      tenantId: token.tenantId,
      personId,
      nowMs,
      device: { device, ...keys, suites: [SUITES.signalPairwise] },
    });
    const finish = { deviceId: device, accountKey: account.publicKey, deviceList, prekeys };
    await server.enrolment(personId).request('enrolment.finish', finish as never);
    mails.push(person.mail);
  }
  return mails;
}

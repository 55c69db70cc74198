/** Files in conversations with a timer: gone with their messages, at last on the server too, and not before everybody had their time (A8, B8). */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileSource, fileTarget, type Profile } from '@kuvert/client-core/node';
import type { ConversationId } from '@kuvert/protocol';
import { startInstallation, type TestInstallation, type TestPerson } from '@kuvert/testkit';
import { expect, test } from 'vitest';

const HOUR_MS = 3_600_000;
const FLUSH = { timeoutMs: 60_000 };

/** What lies on the server of all files. */
function onTheServer(installation: TestInstallation): string[] {
  return readdirSync(installation.folder.at('data/blobs'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
}

/** Connects, lets everything happen that can, does something, and again. */
function visit<T>(person: TestPerson, work: (profile: Profile) => T | Promise<T>): Promise<T> {
  return person.with(async (profile) => {
    await profile.flush(FLUSH);
    const result = await work(profile);
    await profile.flush(FLUSH);
    return result;
  });
}

const files = (profile: Profile) =>
  profile.conversations
    .list()
    .flatMap(({ conversationId }) => profile.conversations.entries(conversationId).entries)
    .filter((entry) => entry.direction !== 'system' && entry.kind === 'file');

function readAll(profile: Profile): void {
  for (const { entryId } of files(profile)) profile.conversations.markRead(entryId);
}

/** Sends a file into a conversation where messages stay for an hour. */
async function sendFile(
  { folder }: TestInstallation,
  profile: Profile,
  conversationId: ConversationId,
): Promise<void> {
  profile.conversations.setTimer(conversationId, HOUR_MS);
  const path = folder.at('plan.bin');
  await writeFile(path, randomBytes(200_000));
  const message = { kind: 'file' as const, mediaType: 'application/octet-stream' };
  await profile.attachments.send(conversationId, await fileSource(path), message);
}

/** Anna, Ben and Cleo in a group, and a file of Anna's that the server has. */
async function scene(installation: TestInstallation) {
  const acme = await installation.tenant('Acme');
  const [anna, ben, cleo] = [await acme.person('Anna'), await acme.person('Ben'), await acme.person('Cleo')];
  const group = await visit(anna, async (profile) => {
    const { groupId, conversationId } = await profile.groups.create('Release', [ben.mail, cleo.mail]);
    await sendFile(installation, profile, conversationId);
    return groupId;
  });
  return { anna, ben, cleo, group };
}

test('A8 B8 the server forgets a file when its message has disappeared for everybody, and keeps it for who has not read it', async () => {
  await using installation = await startInstallation();
  const { clock } = installation;
  const { anna, ben, cleo } = await scene(installation);
  expect(onTheServer(installation)).toHaveLength(1);
  await visit(ben, readAll);
  clock.advance(2 * HOUR_MS);
  for (const person of [anna, ben]) expect(await visit(person, files)).toEqual([]);
  clock.advance(48 * HOUR_MS);
  await visit(anna, () => undefined);
  // Cleo was away, and has it from the server for as long as anybody.
  const saved = installation.folder.at('saved');
  await visit(cleo, async (profile) => {
    const [file] = files(profile);
    await profile.attachments.save(file?.entryId ?? 0, await fileTarget(saved, 'plan'));
    readAll(profile);
  });
  expect(readdirSync(saved)).toEqual(['plan.bin']);
  for (let times = 0; times < 2; times++) await visit(anna, () => undefined);
  clock.advance(HOUR_MS - 60_000);
  await visit(anna, () => undefined);
  expect(onTheServer(installation)).toHaveLength(1);
  expect(await visit(cleo, files)).toHaveLength(1);
  clock.advance(HOUR_MS + 120_000);
  expect(await visit(cleo, files)).toEqual([]);
  await visit(anna, () => undefined);
  expect(onTheServer(installation)).toEqual([]);
  expect(installation.failures).toEqual([]);
});

test('A8 B8 between two people the server forgets a file too, also when its sender’s other device has let it disappear first', async () => {
  await using installation = await startInstallation();
  const { clock } = installation;
  const acme = await installation.tenant('Acme');
  const [anna, ben] = [await acme.person('Anna'), await acme.person('Ben')];
  const laptop = await anna.addDevice();
  await visit(anna, async (profile) =>
    sendFile(installation, profile, await profile.conversationAt(ben.mail)),
  );
  await visit(ben, readAll);
  clock.advance(2 * HOUR_MS);
  for (const device of [laptop, anna, anna]) expect(await visit(device, files)).toEqual([]);
  expect(onTheServer(installation)).toHaveLength(1);
  clock.advance(2 * HOUR_MS);
  await visit(laptop, () => undefined);
  expect(onTheServer(installation)).toHaveLength(1);
  await visit(anna, () => undefined);
  expect(onTheServer(installation)).toEqual([]);
  expect(installation.failures).toEqual([]);
});

test('A8 B8 the server keeps a file for who was taken out of the group before they had read of it', async () => {
  await using installation = await startInstallation();
  const { anna, ben, cleo, group } = await scene(installation);
  await visit(ben, readAll);
  await visit(anna, (profile) => profile.groups.remove(group, [cleo.mail]));
  for (let times = 0; times < 3; times++) {
    installation.clock.advance(3 * HOUR_MS);
    expect(await visit(anna, files)).toEqual([]);
  }
  expect(onTheServer(installation)).toHaveLength(1);
  expect(installation.failures).toEqual([]);
});

test('A8 B8 the server keeps a file for as long as any other where somebody does not show what they have read', async () => {
  await using installation = await startInstallation();
  const { anna, ben, cleo } = await scene(installation);
  await visit(ben, (profile) => {
    profile.changeSetting({ name: 'readReceipts', value: 'off' });
    readAll(profile);
  });
  await visit(cleo, readAll);
  for (let times = 0; times < 3; times++) {
    installation.clock.advance(3 * HOUR_MS);
    for (const person of [anna, ben, cleo]) expect(await visit(person, files)).toEqual([]);
  }
  expect(onTheServer(installation)).toHaveLength(1);
  expect(installation.failures).toEqual([]);
});

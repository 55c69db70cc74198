/** What an organisation may keep of files is used up, and there is room again (B8). */
import { randomBytes } from 'node:crypto';
import type { Profile } from '@kuvert/client-core/node';
import { startInstallation } from '@kuvert/testkit';
import { expect, test } from 'vitest';

const MB = 1_000_000;

async function sendFile(profile: Profile, mail: string) {
  const bytes = randomBytes(MB);
  const source = {
    name: 'scan.bin',
    sizeBytes: bytes.length,
    async *read() {
      yield bytes;
    },
  };
  const conversation = await profile.conversationAt(mail);
  return profile.attachments.send(conversation, source, {
    kind: 'file',
    mediaType: 'application/octet-stream',
  });
}

test('B8 a file for which there is no room waits with its message, and goes out as soon as its sender takes back another, not after a pause', async () => {
  await using installation = await startInstallation({ attachmentBytesMax: 1.5 * MB });
  const acme = await installation.tenant('Acme');
  const anna = await acme.person('Anna');
  const ben = await acme.person('Ben');
  await anna.with(async (profile) => {
    await profile.connect();
    const first = await sendFile(profile, ben.mail);
    expect(await profile.flush({ timeoutMs: 60_000 })).toEqual({ waiting: 0 });
    const second = await sendFile(profile, ben.mail);
    expect(await profile.flush({ timeoutMs: 60_000 })).toEqual({ waiting: 1 });
    expect(profile.status(second)).toMatchObject({ state: 'queued', problem: 'attachment_quota' });

    const entries = profile.conversations.find(first).map(({ entryId }) => entryId);
    profile.conversations.deleteEntries(entries, 'everywhere');
    await expect.poll(() => profile.status(second).state, { timeout: 30_000 }).toBe('accepted');
  });
  await ben.with(async (profile) => {
    await profile.flush({ timeoutMs: 60_000 });
    expect(profile.inbox().map(({ kind }) => kind)).toContain('file');
  });
  expect(installation.failures).toEqual([]);
});

/** Files while connections break in the middle of them (P1, A1). */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileSource, fileTarget } from '@kuvert/client-core/node';
import { makeTenant, Site } from '@kuvert/testkit';
import { TcpProxy } from '@kuvert/testkit/faults';
import { expect, test } from 'vitest';

/** More than this passes on no connection while there are cuts left; beside files nothing is so large. */
const CUT_AFTER_BYTES = 2_500_000;

test('P1 an upload and a download whose connections are cut in the middle go on where they were and end with the right bytes', async () => {
  await using site = new Site();
  const server = await site.startServer();
  await using proxy = new TcpProxy();
  await proxy.start();
  proxy.forwardTo(Number(new URL(server.url).port));
  let cutsLeft = 0;
  let cuts = 0;
  proxy.onConnection = (connection) => {
    for (const way of [connection.up, connection.down]) {
      if (cutsLeft === 0) return;
      way.limit(CUT_AFTER_BYTES, () => {
        cutsLeft--;
        cuts++;
        connection.reset();
      });
    }
  };
  const home = { url: proxy.url, operator: server.operator, folder: site.at('people') };
  const acme = await makeTenant(home, 'Acme');
  const anna = await acme.person('Anna');
  const ben = await acme.person('Ben');
  const bytes = randomBytes(7_000_000);
  writeFileSync(site.at('film.bin'), bytes);

  cutsLeft = 2;
  await anna.with(async (profile) => {
    const conversation = await profile.conversationAt(ben.mail);
    const source = await fileSource(site.at('film.bin'));
    await profile.attachments.send(conversation, source, { kind: 'file', mediaType: 'video/mp4' });
    await expect
      .poll(() => profile.flush({ timeoutMs: 60_000 }).catch(() => undefined), { timeout: 240_000 })
      .toEqual({ waiting: 0 });
  });
  expect(cuts).toBeGreaterThanOrEqual(1);

  cuts = 0;
  cutsLeft = 2;
  const folder = site.at('saved');
  await ben.with(async (profile) => {
    await profile.flush({ timeoutMs: 60_000 });
    const [message] = profile.inbox();
    const [entry] = message === undefined ? [] : profile.conversations.find(message.messageId);
    const save = async () => {
      await profile.flush({ timeoutMs: 60_000 });
      return profile.attachments.save(entry?.entryId ?? 0, await fileTarget(folder, 'film'));
    };
    await expect.poll(() => save().catch(() => undefined), { timeout: 240_000 }).toContain('film.bin');
  });
  expect(cuts).toBeGreaterThanOrEqual(1);
  expect(readdirSync(folder)).toEqual(['film.bin']);
  expect(readFileSync(`${folder}/film.bin`).equals(bytes)).toBe(true);
});

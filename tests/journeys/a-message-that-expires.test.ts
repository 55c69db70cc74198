import { LIFETIME_MS } from '@kuvert/protocol';
import { startInstallation } from '@kuvert/testkit';
import { expect, test } from 'vitest';

test('P1 what waited for thirty days is given up; its reader is told how many there were, once, and reads what came later', async () => {
  await using installation = await startInstallation();
  const acme = await installation.tenant('Acme');
  const anna = await acme.person('Anna');
  const ben = await acme.person('Ben');
  const write = (...texts: string[]) =>
    anna.with(async (profile) => {
      for (const text of texts) await profile.send({ to: ben.mail, text });
      await profile.flush({ timeoutMs: 60_000 });
    });
  const read = () =>
    ben.with(async (profile) => {
      await profile.flush({ timeoutMs: 60_000 });
      const [messages, notices] = [profile.inbox(), profile.notices()];
      profile.markPrinted(messages);
      profile.markNoticesSeen(notices.map((notice) => notice.noticeId));
      return { texts: messages.map((message) => message.text), notices };
    });

  await write('one');
  expect((await read()).texts).toEqual(['one']);
  await write('two', 'three');
  installation.clock.advance(LIFETIME_MS[1]);
  await installation.server.context.sweeper.pass();
  await installation.restart();
  await write('four');
  const later = await read();
  expect(later.texts).toEqual(['four']);
  expect(later.notices).toContainEqual(expect.objectContaining({ kind: 'messages_expired', count: 2 }));
  expect((await read()).notices.map(({ kind }) => kind)).not.toContain('messages_expired');
  expect(installation.failures).toEqual([]);
});

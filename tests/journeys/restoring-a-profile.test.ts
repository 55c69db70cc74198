import { cpSync, rmSync } from 'node:fs';
import { startInstallation } from '@kuvert/testkit';
import { expect, test } from 'vitest';

test('B1 a profile put back from a copy is recognised: its one-time prekeys are replaced and its person hears of it; others hear nothing', async () => {
  await using installation = await startInstallation();
  const acme = await installation.tenant('Acme');
  const [anna, ben] = [await acme.person('Anna'), await acme.person('Ben')];
  const visit = (person: typeof anna) =>
    person.with(async (profile) => {
      await profile.flush({ timeoutMs: 20_000 });
      const notices = profile.notices();
      profile.markNoticesSeen(notices.map((notice) => notice.noticeId));
      return notices.map((notice) => notice.kind);
    });
  const copy = installation.folder.at('copy');
  expect(await visit(anna)).toEqual([]);
  cpSync(anna.profileDir, copy, { recursive: true });
  for (let i = 0; i < 3; i++) expect(await visit(anna)).toEqual([]);
  rmSync(anna.profileDir, { recursive: true });
  cpSync(copy, anna.profileDir, { recursive: true });

  expect(await visit(anna)).toEqual(['profile_restored']);
  expect(await visit(anna)).toEqual([]);
  expect(await visit(ben)).toEqual([]);
  expect(installation.log.filter((line) => line.includes('state-stepped-back'))).toHaveLength(1);
  const metrics = await (await fetch(`${installation.server.opsUrl}/metrics`)).text();
  expect(metrics).toContain('kuvert_state_steps_back_total 1\n');

  // The new prekeys work: somebody who has never written to her begins a session with them.
  await ben.with(async (profile) => {
    await profile.send({ to: anna.mail, text: 'Hello' });
    expect(await profile.flush({ timeoutMs: 20_000 })).toEqual({ waiting: 0 });
  });
  await anna.with(async (profile) => {
    await profile.flush({ timeoutMs: 20_000 });
    expect(profile.inbox().map((message) => message.text)).toEqual(['Hello']);
  });
});

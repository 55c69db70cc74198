/** A profile opens with its own secret, for one process at a time (E3). */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { type ServerProcess, Site, type TestPerson } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

let site: Site;
let server: ServerProcess;
let anna: TestPerson;
beforeAll(async () => {
  site = new Site();
  server = await site.startServer();
  anna = await (await server.tenant('Acme')).person('Anna');
});
afterAll(() => site[Symbol.asyncDispose]());

test('E3 a second process on a profile waits a little, then says that it is in use', async () => {
  const follow = site.startKuvert(['inbox', ...anna.asPerson, '--follow']);
  await anna.with(() => undefined).catch(() => undefined);
  let second = await site.kuvert(['whoami', ...anna.asPerson]);
  // The first process may not have come to its lock when the second began.
  while (second.code === 0) second = await site.kuvert(['whoami', ...anna.asPerson]);
  expect(second).toMatchObject({ code: 4, errorCode: 'profile_in_use', lines: [] });
  follow.kill('SIGKILL');
  await follow.ended;
  expect(await site.kuvert(['whoami', ...anna.asPerson])).toMatchObject({ code: 0 });
});

test('E3 commands in quick succession wait for each other', async () => {
  const results = await Promise.all([1, 2, 3].map(() => site.kuvert(['whoami', ...anna.asPerson])));
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
});

test('E3 a wrong secret opens nothing and changes nothing', async () => {
  const wrong = site.at('wrong.secret');
  writeFileSync(wrong, 'something else\n', { mode: 0o600 });
  const refused = await site.kuvert(['inbox', '--profile', anna.profileDir, '--secret-file', wrong]);
  expect(refused).toMatchObject({ code: 4, errorCode: 'container_wrong_passphrase', lines: [] });
  expect(await site.kuvert(['whoami', ...anna.asPerson])).toMatchObject({ code: 0 });
});

test('E3 a secret that is missing or empty is not used, and one that is open to others is used and told', async () => {
  const secretFile = site.at('a.secret');
  const whoami = () => site.kuvert(['whoami', '--profile', anna.profileDir, '--secret-file', secretFile]);
  expect(await whoami()).toMatchObject({ code: 4, errorCode: 'secret_missing' });
  writeFileSync(secretFile, '\n', { mode: 0o600 });
  expect(await whoami()).toMatchObject({ code: 4, errorCode: 'secret_missing' });
  writeFileSync(secretFile, anna.secret);
  chmodSync(secretFile, 0o644);
  const told = await whoami();
  expect(told).toMatchObject({ code: 0 });
  expect(told.stderr).toContain('secret_file_open');
  chmodSync(secretFile, 0o600);
  expect(await whoami()).toMatchObject({ code: 0, stderr: '' });
});

test('E3 a folder that holds no profile is named as such and left as it is', async () => {
  const elsewhere = site.at('elsewhere');
  mkdirSync(elsewhere);
  for (const folder of [elsewhere, site.at('nowhere')]) {
    const refused = await site.kuvert(['whoami', '--profile', folder, '--secret-file', anna.secretFile]);
    expect(refused).toMatchObject({ code: 4, errorCode: 'profile_missing' });
  }
});

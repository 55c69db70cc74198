/** Groups, files, pools, administrators and audit logs move, are backed up and come back like everything else, also when it is cut off on the way (P5, H1). */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { becomeAdministrator, PROJECT_ROOT, Site } from '@kuvert/testkit';
import { startMongoDouble } from '@kuvert/testkit/mongo-double';
import { expect, test } from 'vitest';

/** What has to be there for this test to mean something. */
const FILLED = [
  'admin-sessions',
  'administrators',
  'attachment-usage',
  'attachments',
  'audit-entries',
  'group-bodies',
  'group-entries',
  'group-memberships',
  'groups',
  'mailbox-rows',
  'pools',
];

test('P5 H1 groups, files, pools and audit logs survive two moves that are killed, a backup and a restore; a file that was not brought along is told as gone', async () => {
  await using site = new Site();
  const double = await startMongoDouble();
  try {
    const database = (name: string) => double.url.replace('/?', `/${name}?`);
    const env = { KUVERT_STORE: 'files', KUVERT_BLOBS: site.at('sealed-files') };
    let server = await site.startServer({ env });
    const acme = await server.tenant('Acme');
    const anna = await acme.person('Anna');
    const ben = await acme.person('Ben');
    const run = async (...args: string[]): Promise<readonly Record<string, unknown>[]> => {
      const { code, json, alarms } = await site.kuvert(args);
      expect({ args, code, alarms }).toEqual({ args, code: 0, alarms: '' });
      return json;
    };
    const params = { tenantId: acme.tenantId };
    const mail = 'cora@acme.test';
    const { code } = await server.operator.call('administratorInvite', {
      ...params,
      role: 'tenant-admin',
      mail,
    });
    const place = { url: server.url, now: () => Date.now(), nextStep: () => undefined };
    const cora = await becomeAdministrator(place, code, { name: 'Cora', mail });
    await cora.call('pools.create', { params, body: { name: 'Sales' } });

    await run('group', 'create', 'Umzug', '--with', ben.mail, ...anna.asPerson);
    await run('send', '--group', 'Umzug', '--text', 'to the group', ...anna.asPerson);
    const blobs = () =>
      readdirSync(env.KUVERT_BLOBS, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
    const sendFile = async (name: string) => {
      writeFileSync(site.at(name), `what is in ${name}`);
      await run('send', '--to', ben.mail, '--file', site.at(name), ...anna.asPerson);
    };
    await sendFile('kept.txt');
    const kept = blobs();
    await sendFile('lost.txt');
    const { result: log } = await cora.call('audit.search', { params, query: { limit: 100 } });
    expect(log.entries.map(({ action }) => action)).toContain('administrator.created');
    await server.stop();

    let tries = 0;
    let there: Copied[] | 'too late';
    do there = await copyKilled(site, server.dataDir, database(`moved-${++tries}`));
    while (there === 'too late');
    const moved = database(`moved-${tries}`);
    let back: Copied[] | 'too late';
    do back = await copyKilled(site, moved, site.at(`back-${++tries}`));
    while (back === 'too late');
    expect(back).toEqual(there);
    const filled = there.filter(({ rows }) => rows > 0).map(({ collection }) => collection);
    expect(filled).toEqual(expect.arrayContaining(FILLED));

    const inStore = (args: readonly string[], more: Readonly<Record<string, string>>) =>
      site.kuvert(['store', ...args], { env: { ...site.environment(), ...more } });
    const backup = site.at('backup');
    const made = await inStore(['backup', '--to', backup], { ...env, KUVERT_DATA: site.at(`back-${tries}`) });
    expect(made, made.stderr).toMatchObject({ code: 0 });
    const restored = { ...env, KUVERT_DATA: site.at('new'), KUVERT_STORE: database('restored') };
    const came = await inStore(['restore', '--from', backup], restored);
    expect(came, came.stderr).toMatchObject({ code: 0, json: [{ tenants: 1 }] });
    for (const path of blobs()) if (!kept.includes(path)) rmSync(path);

    server = await site.startServer({ ...server.again, dataDir: restored.KUVERT_DATA, env: restored });
    const folder = site.at('saved');
    const inbox = await site.kuvert(['inbox', '--save-files', folder, ...ben.asPerson]);
    expect(inbox.json).toMatchObject([
      { text: 'to the group' },
      { file: { name: 'kept.txt' }, savedAs: join(folder, 'kept.txt') },
      { file: { name: 'lost.txt' }, problem: 'attachment_gone' },
    ]);
    expect(readFileSync(join(folder, 'kept.txt'), 'utf8')).toBe('what is in kept.txt');
    expect(existsSync(join(folder, 'lost.txt'))).toBe(false);
    // The session and the log came along, in their order and under their numbers.
    const { result: after } = await cora.call('audit.search', { params, query: { limit: 100 } });
    expect(after.entries.slice(-log.entries.length)).toEqual(log.entries);
    expect((await cora.call('pools.list', { params })).result.pools).toMatchObject([{ name: 'Sales' }]);
    // And it goes on: a message to the group, and a file.
    await run('send', '--group', 'Umzug', '--text', 'after it', ...anna.asPerson);
    await sendFile('new.txt');
    expect(await run('inbox', '--save-files', folder, ...ben.asPerson)).toMatchObject([
      { text: 'after it' },
      { file: { name: 'new.txt' }, savedAs: join(folder, 'new.txt') },
    ]);
    await server.stop();
  } finally {
    await double.stop();
  }
});

interface Copied {
  readonly space: string;
  readonly collection: string;
  readonly rows: number;
  readonly sha256: string;
}

/** Copies, is killed in the middle, and copies again. @returns `too late` when the copy had come to its end before the kill came to it */
async function copyKilled(site: Site, from: string, to: string): Promise<Copied[] | 'too late'> {
  const main = join(PROJECT_ROOT, 'apps', 'server', 'src', 'store-command.ts');
  const order = JSON.stringify({ command: 'copy', from, to });
  const child = site.children.start(process.execPath, [main, order], {
    cwd: site.folder.path,
    env: site.environment(),
  });
  for (let lines = 0; lines < 60; lines++)
    expect(JSON.parse(await child.nextLine())).toHaveProperty('progress');
  child.kill('SIGKILL');
  await child.ended;
  if (child.stdout.includes('"result"')) return 'too late';
  // Whoever was killed counts as being at work for a while.
  let copied: Awaited<ReturnType<typeof site.kuvert>>;
  do copied = await site.kuvert(['store', 'copy', '--from', from, '--to', to], { env: site.environment() });
  while (copied.errorCode === 'store_in_use');
  expect(copied, copied.stderr).toMatchObject({ code: 0 });
  return (copied.json[0] as unknown as { collections: Copied[] }).collections;
}

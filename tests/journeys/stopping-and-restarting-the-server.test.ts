/** The server ends in order when it is asked to or left alone, and goes on with the same data (H1). */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT, type ServerProcess, Site, type TestPerson, untilGone } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** A server that waited for those who are connected would wait for ever; a busy machine needs its time. */
const DRAIN_MS = 60_000;

let site: Site;
let server: ServerProcess;
let anna: TestPerson;
let ben: TestPerson;
beforeAll(async () => {
  site = new Site();
  server = await site.startServer();
  const acme = await server.tenant('Acme');
  anna = await acme.person('Anna');
  ben = await acme.person('Ben');
});
afterAll(() => site[Symbol.asyncDispose]());

test.each(['SIGTERM', 'SIGINT'] as const)(
  'H1 %s with a device connected ends with 0, and what was accepted is delivered by the next start',
  async (signal) => {
    const sent = await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', signal]);
    expect(sent.json).toMatchObject([{ state: 'accepted' }]);
    const follow = site.startKuvert(['inbox', ...anna.asPerson, '--follow']);
    await site.kuvert(['send', ...ben.asPerson, '--to', anna.mail, '--text', 'are you connected?']);
    await follow.nextLine();

    const startedMs = performance.now();
    expect(await server.stop(signal)).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedMs).toBeLessThan(DRAIN_MS);
    expect(existsSync(join(server.dataDir, 'server.json'))).toBe(false);
    expect(server.log).not.toContain('"level":"error"');

    server = await site.startServer(server.again);
    const { json } = await site.kuvert(['inbox', ...ben.asPerson]);
    expect(json).toMatchObject([{ text: signal }]);
    follow.kill('SIGTERM');
    expect(await follow.ended).toEqual({ code: 0, signal: null });
  },
);

test('H1 a second signal changes nothing', async () => {
  server.child.kill('SIGTERM');
  server.child.kill('SIGINT');
  server.child.kill('SIGTERM');
  expect(await server.child.ended).toEqual({ code: 0, signal: null });
  server = await site.startServer(server.again);
});

test('H1 a server whose parent was killed drains and leaves nothing behind', async () => {
  await server.stop();
  const main = join(PROJECT_ROOT, 'apps', 'server', 'src', 'main.ts');
  const parent = site.children.start(
    process.execPath,
    [
      '-e',
      `const child = require('node:child_process').spawn(process.execPath, [${JSON.stringify(main)}], {
         stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
       });
       child.on('message', () => console.log(child.pid));`,
    ],
    { env: site.environment(server.again) },
  );
  const pid = Number(await parent.nextLine());
  parent.kill('SIGKILL');
  await once(parent.process, 'close');
  const startedMs = performance.now();
  await untilGone(pid);
  expect(performance.now() - startedMs).toBeLessThan(DRAIN_MS);
  expect(existsSync(join(server.dataDir, 'server.json'))).toBe(false);
  server = await site.startServer(server.again);
  expect(await server.operator.call('installation', {})).toEqual({ tenants: 1 });
});

test('H1 after kill -9 the next start needs nobody, and the operator is not sent to the dead one', async () => {
  await server.stop('SIGKILL');
  const data = ['--data', server.dataDir];
  const dead = await site.kuvert(['operator', 'tenant', 'create', ...data, '--name', 'Nobody']);
  expect(dead).toMatchObject({ code: 5, errorCode: 'server_not_running' });
  server = await site.startServer(server.again);
  expect(await server.operator.call('installation', {})).toEqual({ tenants: 1 });
});

test('H1 the operator rotates the wrapping key, and everything opens with the new one', async () => {
  const data = ['--data', server.dataDir];
  const rotated = await site.kuvert(['operator', 'keys', 'rotate', ...data]);
  expect(rotated).toMatchObject({ code: 0 });
  await server.stop();
  server = await site.startServer(server.again);
  const sent = await site.kuvert(['send', ...anna.asPerson, '--to', ben.mail, '--text', 'rotated']);
  expect(sent.json).toMatchObject([{ state: 'accepted' }]);
  expect((await site.kuvert(['inbox', ...ben.asPerson])).json).toMatchObject([{ text: 'rotated' }]);
});

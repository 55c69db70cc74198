/** `npm start` shows on one screen what Kuvert does, and leaves three people to write as (H1, A1). */
import { join } from 'node:path';
import { type Child, PROJECT_ROOT, resultOf, Site } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const START = join(PROJECT_ROOT, 'scripts', 'start.mjs');

let site: Site;
beforeAll(() => {
  site = new Site();
});
afterAll(() => site[Symbol.asyncDispose]());

/** What `npm start` runs, on folders of this test. */
function start(data: string, options: { port?: number; args?: string[] } = {}): Child {
  const { port = 0, args = [] } = options;
  const server = { dataDir: site.at(data), keysDir: site.at(`${data}-keys`), port };
  return site.children.start(process.execPath, [START, ...args], { env: site.environment(server) });
}

/** Waits until a text was shown, and gives all that was. */
function shown(child: Child, text: string): Promise<string> {
  return child.until(`it shows ${text}`, () => {
    const screen = child.stdout.toString();
    return screen.includes(text) ? screen : undefined;
  });
}

/** The first command on the screen that begins like this, as a person would copy it. */
function commandIn(screen: string, beginning: string): string {
  const lines = screen.split('\n');
  const at = lines.findIndex((line) => line.trim().startsWith(beginning));
  const command = [];
  for (const line of lines.slice(at)) {
    command.push(line.replace(/\\$/, ''));
    if (!line.endsWith('\\')) break;
  }
  return command.join(' ').trim();
}

/** Runs what was copied from the screen, in another terminal. */
async function paste(command: string, data: string): Promise<Record<string, unknown>[]> {
  const folders = { dataDir: site.at(data), keysDir: site.at(`${data}-keys`) };
  const options = { cwd: PROJECT_ROOT, env: site.environment(folders) };
  const result = await resultOf(site.children.start('sh', ['-c', `${command} --json`], options));
  expect(result).toMatchObject({ code: 0, stderr: '' });
  return [...result.json];
}

test('H1 A1 B1 the first start shows a message that the server could not read, and the second goes on', async () => {
  const first = start('data');
  const screen = await shown(first, './kuvert --help');
  const port = Number(/Clients reach it at http:\/\/127\.0\.0\.1:(\d+)/.exec(screen)?.[1]);
  const question = /Anna wrote +(\S.*)/.exec(screen)?.[1];
  const answer = /Ben answered +(\S.*)/.exec(screen)?.[1];
  expect(question).toBeTruthy();
  expect(screen).toMatch(/The server held +a sealed envelope of \d+ bytes \(no name, no text\)/);
  expect(screen).toMatch(/([0-9a-f]{2} ){12}/);
  expect(/Ben read +(\S.*)/.exec(screen)?.[1]).toBe(question);
  expect(/Anna read +(\S.*)/.exec(screen)?.[1]).toBe(answer);
  expect(screen).not.toMatch(/SOMETHING IS READABLE|undefined|\[object/);

  const send = commandIn(screen, './kuvert send');
  const inbox = commandIn(screen, './kuvert inbox').replace('--follow', '');
  expect(await paste(send, 'data')).toMatchObject([{ state: 'accepted' }]);
  expect(await paste(inbox, 'data')).toMatchObject([{ from: 'anna@demo.test', text: 'Hello Ben' }]);
  first.kill('SIGINT');
  expect(await first.ended).toEqual({ code: 0, signal: null });

  const second = start('data', { port });
  const again = await shown(second, './kuvert --help');
  expect(again).not.toContain('The server held');
  expect(await paste(commandIn(again, './kuvert send'), 'data')).toMatchObject([{ state: 'accepted' }]);
  expect(await paste(inbox, 'data')).toMatchObject([{ text: 'Hello Ben' }]);
  const history = inbox.replace('./kuvert inbox', './kuvert history');
  expect((await paste(history, 'data')).map(({ text }) => text)).toEqual([
    question,
    answer,
    'Hello Ben',
    'Hello Ben',
  ]);
  second.kill('SIGTERM');
  expect(await second.ended).toEqual({ code: 0, signal: null });
});

test('H1 npm start -- --empty leaves the demo out', async () => {
  const server = start('empty', { args: ['--empty'] });
  await shown(server, 'Health is at');
  const created = await site.kuvert(['operator', 'tenant', 'create', '--name', 'Acme'], {
    env: site.environment({ dataDir: site.at('empty'), keysDir: site.at('empty-keys') }),
  });
  expect(created).toMatchObject({ code: 0 });
  server.kill('SIGTERM');
  expect(await server.ended).toEqual({ code: 0, signal: null });
  expect(server.stdout.toString()).not.toContain('Anna');

  // Somebody who has begun on their own is not given a demo later.
  const later = start('empty');
  await shown(later, 'To begin, make a tenant');
  later.kill('SIGTERM');
  expect(await later.ended).toEqual({ code: 0, signal: null });
});

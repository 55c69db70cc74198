/** Two people chat on real terminals through a real server (A1, A3, A8). */
import { join } from 'node:path';
import { PROJECT_ROOT, resultOf, type ServerProcess, Site, type TestPerson } from '@kuvert/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Terminals, type TerminalWindow } from './terminal.ts';

const KUVERT = `${process.execPath} ${join(PROJECT_ROOT, 'apps', 'cli', 'bin', 'kuvert.js')}`;

let site: Site;
let server: ServerProcess;
let terminals: Terminals;
let anna: TestPerson;
let ben: TestPerson;
beforeAll(async () => {
  site = new Site();
  terminals = new Terminals();
  server = await site.startServer();
  const acme = await server.tenant('Acme');
  anna = await acme.person('Anna');
  ben = await acme.person('Ben');
});
// A test that failed leaves no profile locked for the next.
afterEach(() => terminals[Symbol.dispose]());
afterAll(async () => {
  await site[Symbol.asyncDispose]();
});

/** Opens the chat of somebody; a shell stays when it has ended. */
function chat(
  person: TestPerson,
  options: { args?: string; columns?: number; rows?: number } = {},
): TerminalWindow {
  const { args = '', columns = 80, rows = 24 } = options;
  const command = `PS1='$ ' ENV= bash --norc -i`;
  const window = terminals.open(command, {
    columns,
    rows,
    env: { ...site.environment(), TZ: 'Europe/Berlin' },
  });
  window.type(`echo before; ${KUVERT} chat ${person.asPerson.join(' ')} ${args}; echo "ended $?"`);
  window.press('Enter');
  return window;
}

/** Leaves, and sees the shell again as it was. */
async function leave(window: TerminalWindow): Promise<void> {
  window.press('C-q');
  await window.shows('ended 0');
  expect(window.screen()).toContain('before');
  expect(window.fact('alternate_on')).toBe('0');
}

test('A1 A3 A8 two people find each other, talk, see ticks, and find old words again', async () => {
  const left = chat(anna);
  const right = chat(ben, { args: '--lang de --theme light', columns: 200, rows: 50 });
  await left.shows('No conversations yet.');
  await right.shows('Noch keine Unterhaltung.');
  await left.shows('● online');
  await right.shows('● verbunden');

  left.press('F2');
  await left.shows('ben@acme.test');
  left.type('be');
  left.press('Enter');
  await left.shows('This is the beginning of your');
  left.type('Grüße 👩‍👩‍👧');
  left.press('M-Enter');
  left.type('zweite Zeile');
  await left.shows(/> Grüße .*\n.* zweite Zeile/);
  left.press('Enter');
  await right.shows('(1)');
  right.press('Enter');
  await right.shows('neue Nachrichten');
  await right.shows('zweite Zeile');
  await left.shows(/✓✓ (delivered|read)/);
  await left.shows('✓✓ read');

  right.type('Die Rechnung kommt am Montag');
  right.press('Enter');
  await left.shows('Die Rechnung kommt am Montag');
  left.press('F3');
  await left.shows('Words:');
  left.type('rechnung');
  left.press('Enter');
  await left.shows('1 message');
  left.press('Enter');
  await left.shows('▌');
  left.type('/date 2020-01-01');
  left.press('Enter');
  await left.shows('Grüße');

  // What was begun is there again after leaving.
  left.type('noch nicht fertig');
  await leave(left);
  const again = chat(anna);
  await again.shows('Draft: noch nicht');
  again.press('Enter');
  await again.shows('> noch nicht fertig');
  expect(again.coloured()).toContain('\u001b[');
  await leave(again);
  await leave(right);
});

test('A8 without the server one writes on, and what waits goes out when it is back', async () => {
  const window = chat(anna);
  await window.shows('● online');
  window.press('Enter');
  await window.shows('noch nicht fertig');
  window.press('C-u');
  await server.stop();
  await window.shows('✕ offline since');
  window.type('written while nobody listens');
  window.press('Enter');
  await window.shows('○ waiting');
  server = await site.startServer(server.again);
  await window.shows('● online');
  await window.hides('○ waiting');
  await leave(window);
  const { json } = await site.kuvert(['inbox', ...ben.asPerson]);
  expect(json.at(-1)).toMatchObject({ text: 'written while nobody listens' });
});

test('A1 the terminal is as it was after a signal, and after being put aside and resized', async () => {
  const window = chat(anna, { args: '--theme none' });
  await window.shows('● online');
  expect(window.fact('alternate_on')).toBe('1');
  window.press('C-z');
  await window.shows(/Stopped|Angehalten/);
  expect(window.fact('alternate_on')).toBe('0');
  window.resize(100, 30);
  window.type('stty -a | tr " " "\\n" | grep -x icanon && fg');
  window.press('Enter');
  await window.shows('Conversations');
  expect(window.fact('alternate_on')).toBe('1');
  // The bar at the bottom stands in the last row of the larger window.
  await window.shows(/^(?:.*\n){29} .*choose/);
  window.resize(40, 12);
  await window.shows(/^ Kuvert .*\n Conversations/);
  const pid = window.fact('pane_pid');
  terminals.run(['run-shell', `pkill -TERM -P ${pid} -f chat`]);
  await window.shows(/ended \d+/);
  expect(window.fact('alternate_on')).toBe('0');
  window.type('stty -a | tr " " "\\n" | grep -x icanon');
  window.press('Enter');
  await window.shows(/\nicanon/);
});

test('A1 a terminal that does not read holds up nothing', async () => {
  const window = chat(ben);
  await window.shows('● online');
  window.press('Enter');
  await window.shows('Anna');
  const { pid } = terminals;
  process.kill(pid, 'SIGSTOP');
  try {
    await anna.with(async (profile) => {
      for (let number = 1; number <= 40; number += 1) {
        await profile.send({ to: ben.mail, text: `${number} ${'unread by the terminal '.repeat(20)}` });
      }
      const { messageId } = await profile.send({ to: ben.mail, text: 'the last one' });
      await profile.connect();
      await expect
        .poll(() => profile.status(messageId).state, { timeout: 240_000, interval: 200 })
        .toMatch(/delivered|read/);
    });
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await window.shows('the last one');
  await leave(window);
});

test('A1 plain mode speaks in sentences, also through pipes', async () => {
  const lines = ['/open anna', 'Hello from a script', '/search script', '/list', '/nonsense', '/quit'];
  const args = ['chat', ...ben.asPerson, '--plain', '--lang', 'en'];
  const child = site.startKuvert(args, { stdin: `${lines.join('\n')}\n` });
  const { code } = await resultOf(child);
  const said = child.stdout.toString();
  expect({ code, said }).toMatchObject({ code: 0 });
  expect(said).not.toContain('\u001b');
  expect(said).toContain('This is Kuvert, for Ben, ben@acme.test.');
  expect(said).toMatch(/The conversation with Anna is open\. \d+ messages? follows?\./);
  expect(said).toContain('Conversation 1: Anna');
  expect(said).toContain('There is no command “/nonsense”');
  expect(said).toMatch(/Result 1: You, in the conversation with Anna, .*: Hello from a script/);
  expect(said.trimEnd().endsWith('Goodbye.')).toBe(true);
  const { json } = await site.kuvert(['inbox', ...anna.asPerson]);
  expect(json.at(-1)).toMatchObject({ text: 'Hello from a script' });
});

test('A4 a new device is let in from within the chat, once its numbers were typed', async () => {
  const folder = site.at('second');
  const secret = ['--secret-file', anna.secretFile];
  const link = site.startKuvert(['link', '--server', server.url, '--profile', folder, ...secret]);
  const { code, numbers } = JSON.parse(await link.nextLine());
  const script = (lines: readonly string[]) =>
    resultOf(site.startKuvert(['chat', ...anna.asPerson, '--plain'], { stdin: `${lines.join('\n')}\n` }));
  await script([`/link ${code}`, '000000000000', '/devices']);
  const let_in = site.startKuvert(['chat', ...anna.asPerson, '--plain'], {
    stdin: `${[`/link ${code}`, numbers, '/choose 1', '/devices'].join('\n')}\n`,
  });
  const { code: exit } = await resultOf(let_in);
  const said = let_in.stdout.toString();
  expect(exit, said).toBe(0);
  expect(said).toContain('Choice 1: Let it in.');
  expect(said).toContain('The new device is linked.');
  expect(said).toMatch(/Device 2: /);
  expect(await link.ended).toMatchObject({ code: 0 });
});

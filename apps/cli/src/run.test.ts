import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { run } from './run.ts';

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function kuvert(argv: readonly string[], input = ''): Promise<Ran> {
  const collect = () => {
    const chunks: Buffer[] = [];
    const stream = new Writable({ write: (chunk, _, done) => done(void chunks.push(chunk)) });
    return { stream, text: () => Buffer.concat(chunks).toString() };
  };
  const [stdout, stderr] = [collect(), collect()];
  async function* stdin(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(input);
  }
  const code = await run(argv, {
    streams: { stdin: stdin(), stdout: stdout.stream, stderr: stderr.stream },
    settings: {
      dataDir: '/nowhere/data',
      adminSession: '/nowhere/session.json',
      keysDir: '/nowhere/keys',
      language: 'en',
      colourAllowed: false,
      colorFgBg: '',
    },
    isTerminal: false,
    stopSignal: () => new AbortController().signal,
    endBySignal: () => undefined,
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

const profile = ['--profile', '/nowhere/profile', '--secret-file', '/nowhere/secret'];
const COMMANDS = [
  [],
  ['enrol'],
  ['send'],
  ['inbox'],
  ['status'],
  ['history'],
  ['people'],
  ['whoami'],
  ['serve'],
  ['demo'],
  ['operator'],
  ['operator', 'tenant', 'create'],
  ['operator', 'person', 'add'],
  ['operator', 'token', 'create'],
  ['operator', 'device', 'revoke'],
  ['operator', 'keys', 'rotate'],
  ['verify'],
].map((words) => ({ words }));

test.each(COMMANDS)('A1 kuvert $words --help explains itself with examples', async ({ words }) => {
  const { code, stdout, stderr } = await kuvert([...words, '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('Examples:\n');
  expect(stderr).toBe('');
});

const WRONG = [
  { argv: [] },
  { argv: ['frob'] },
  { argv: ['operator'] },
  { argv: ['operator', 'tenant'] },
  { argv: ['inbox'] },
  { argv: ['inbox', ...profile, '--bogus'] },
  { argv: ['inbox', ...profile, 'surplus'] },
  { argv: ['inbox', ...profile, '--lang', 'fr'] },
  { argv: ['status', ...profile] },
  { argv: ['status', ...profile, 'de_00000000000000000000000000000'] },
  { argv: ['history', ...profile, '--limit', '0'] },
  { argv: ['send', ...profile, '--to', 'ben@acme.test'] },
  { argv: ['send', ...profile, '--text', 'x'] },
  { argv: ['send', ...profile, '--to', 'ben', '--text', 'x'] },
  { argv: ['send', ...profile, '--to', 'ben@acme.test', '--text', 'x', '--jsonl', '-'] },
  { argv: ['send', ...profile, '--jsonl', 'file'] },
  { argv: ['send', ...profile, '--to', 'ben@acme.test', '--text', 'x'.repeat(60_001)] },
  { argv: ['enrol', ...profile, '--server', 'ftp://x', '--token', 'x'] },
];

test.each(WRONG)('A1 kuvert $argv is told in one sentence and exits 2', async ({ argv }) => {
  const { code, stdout, stderr } = await kuvert(argv);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^kuvert: [A-Z-][^\n]+[.] \[(usage|text_too_long)\]\n$/);
});

test.each(WRONG)('A1 kuvert $argv --json is told as one JSON object', async ({ argv }) => {
  const { code, stdout, stderr } = await kuvert([...argv, '--json']);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  const { error } = JSON.parse(stderr);
  expect(Object.keys(error)).toEqual(['code', 'message', 'retry']);
  expect(error.retry).toEqual({ kind: 'never' });
});

test('A1 sentences come in German when asked for', async () => {
  expect((await kuvert(['inbox', '--lang', 'de'])).stderr).toBe(
    'kuvert: Es fehlt die Option „--profile <folder>“. Siehe --help. [usage]\n',
  );
  expect((await kuvert(['whoami', ...profile, '--lang=de'])).stderr).toMatch(/^kuvert: Die Geheimnisdatei/);
});

test('A1 exit codes: 4 for a missing secret, 5 for a server that is not running', async () => {
  expect(await kuvert(['whoami', ...profile])).toMatchObject({ code: 4, stdout: '' });
  expect(await kuvert(['operator', 'keys', 'rotate'])).toMatchObject({ code: 5, stdout: '' });
});

test('A1 stdin that is not UTF-8 or too long is refused before a profile is opened', async () => {
  const argv = ['send', ...profile, '--to', 'ben@acme.test', '--text', '-', '--json'];
  const { code, stderr } = await kuvert(argv, 'x'.repeat(240_001));
  expect(code).toBe(2);
  expect(JSON.parse(stderr).error.code).toBe('text_too_long');
});

test('C9 an id of an operator command that is none, or of something else, is named in both languages', async () => {
  const why = ['operator', 'person', 'why', '--person', 'anna', '--sees', 'pe_x'];
  expect(await kuvert(why)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('“anna” is not an id'),
  });
  const group = ['group', 'add', 'Release', 'ben', '--lang', 'de', ...profile];
  expect(await kuvert(group)).toMatchObject({ code: 2, stderr: expect.stringContaining('„ben“ ist keine') });
});

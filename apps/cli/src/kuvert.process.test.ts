/** `kuvert` as people and scripts use it: real processes, a real server, folders of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../bin/kuvert.js', import.meta.url));

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let root: string;
let server: ChildProcess;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'kuvert-cli-'));
  server = await startServer();
});

afterAll(async () => {
  await stopServer();
  await rm(root, { recursive: true, force: true });
});

function environment(): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    KUVERT_DATA: join(root, 'data'),
    KUVERT_KEYS: join(root, 'keys'),
    KUVERT_PORT: '0',
    KUVERT_OPS_PORT: '0',
  };
}

/** Resolves when the server says that it runs. */
async function startServer(env: Record<string, string> = {}): Promise<ChildProcess> {
  const child = spawn(process.execPath, [PROGRAM, 'serve'], {
    env: { ...environment(), ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(createInterface({ input: child.stdout }), 'line');
  return child;
}

async function stopServer(): Promise<void> {
  if (server.exitCode !== null) return;
  const ended = once(server, 'close');
  server.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
}

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [PROGRAM, ...args], { env: environment(), stdio: 'pipe' });
}

async function kuvert(args: readonly string[], input: string | Uint8Array = ''): Promise<Ran> {
  const child = start(args);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  const collect = async (stream: AsyncIterable<Buffer> | null): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream ?? []) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  const [stdout, stderr, [code]] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    once(child, 'close'),
  ]);
  return { code, stdout, stderr };
}

/** Runs with `--json`, expects success, gives the objects. */
async function json(args: readonly string[], input?: string | Uint8Array) {
  const { code, stdout, stderr } = await kuvert([...args, '--json'], input);
  expect({ code, stderr }, args.join(' ')).toEqual({ code: 0, stderr: '' });
  return objects(stdout);
}

function objects(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

function as(name: string): string[] {
  const folder = join(root, 'data-demo', name);
  return ['--profile', folder, '--secret-file', `${folder}.secret`];
}

test('H3 a command finds what an earlier one has compiled, beside the code', async () => {
  const env = { ...environment(), NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
  const told = async (): Promise<string> => {
    const child = spawn(process.execPath, [PROGRAM, '--version'], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return text(child.stderr);
  };
  await told();
  const found = /reading cache from (\S+) for ESM \S+cli\/src\/main\.ts.* success/.exec(await told());
  expect(found?.[1]).toContain(join('apps', 'cli', 'node_modules', '.cache', 'compiled'));
});

test('A1 the demo enrols three people and shows a message that the server cannot read', async () => {
  const { code, stdout, stderr } = await kuvert(['demo']);
  expect(code, stderr).toBe(0);
  expect(stdout.trimEnd().split('\n').length).toBeLessThanOrEqual(24);
  expect(stdout).toMatch(/Ben read +Hello Ben, shall we have lunch at noon\?/);
  expect(stdout).toMatch(/a sealed envelope of [1-9]\d{2,} bytes \(no name, no text\)/);
  expect(stdout).not.toContain('\u001b');
  expect(await readdir(join(root, 'data-demo'))).toEqual([
    'anna',
    'anna.secret',
    'ben',
    'ben.secret',
    'cem',
    'cem.secret',
    'demo.json',
  ]);
  expect(await readFile(join(root, 'data-demo', 'demo.json'), 'utf8')).not.toContain('kuvert1_');
});

test('A1 a demo that is there is not played again', async () => {
  const { code, stdout } = await kuvert(['demo']);
  expect({ code, begin: stdout.split('\n')[0] }).toEqual({
    code: 0,
    begin: expect.stringContaining('Write as one of them'),
  });
  expect(await json(['inbox', ...as('anna')])).toEqual([]);
});

test('A1 text arrives byte for byte, whatever it is', async () => {
  const texts = ['', '👩‍👩‍👧 🏳️‍🌈', 'שלום مرحبا', '\0\r\n\ufeff\u001b[2J', 'Grüße\n', '👋'.repeat(60_000)];
  const lines = texts.map((text) => `${JSON.stringify({ to: 'ben@demo.test', text })}\n`).join('');
  const sent = await json(['send', ...as('anna'), '--jsonl', '-'], lines);
  expect(sent.map(({ state }) => state)).toEqual(texts.map(() => 'accepted'));
  const [last] = await json(
    ['send', ...as('anna'), '--to', 'ben@demo.test', '--text', '-'],
    '\ufefflast \0\r\n',
  );
  const received = await json(['inbox', ...as('ben')]);
  expect(received.map(({ text }) => text)).toEqual([...texts, '\ufefflast \0\r\n']);
  expect(received.map(({ messageId }) => messageId)).toEqual([...sent, last].map((one) => one?.messageId));
  for (const message of received) {
    expect(Object.keys(message)).toEqual(['messageId', 'from', 'sentAt', 'text']);
    expect(message.from).toBe('anna@demo.test');
    expect(new Date(String(message.sentAt)).toISOString()).toBe(message.sentAt);
  }
  expect(await json(['inbox', ...as('ben')])).toEqual([]);
  expect(await json(['status', ...as('anna'), String(last?.messageId)])).toEqual([
    { state: 'delivered', read: true },
  ]);
});

test('A1 whoami, people and history say what they promise', async () => {
  const [me] = await json(['whoami', ...as('cem')]);
  expect(me).toMatchObject({ name: 'Cem', mail: 'cem@demo.test', tenantName: 'Kuvert Demo' });
  const people = await json(['people', ...as('cem')]);
  expect(people.map(({ mail }) => mail)).toEqual(['anna@demo.test', 'ben@demo.test', 'cem@demo.test']);
  const [older, newer] = await json(['history', ...as('anna'), '--with', 'ben@demo.test', '--limit', '2']);
  expect(older).toMatchObject({ direction: 'out', to: 'ben@demo.test', text: '👋'.repeat(60_000) });
  expect(newer).toMatchObject({ direction: 'out', text: '\ufefflast \0\r\n' });
});

test('A1 an argument that is not UTF-8 is refused by name: no text goes out changed, and no file is called missing', async () => {
  const refusal = async (what: string) => {
    const given = `exec "$0" "$@" ${what} "$(printf 'n\\344me')"`;
    const args = ['send', ...as('anna'), '--to', 'ben@demo.test', '--json'];
    const child = spawn('/bin/sh', ['-c', given, process.execPath, PROGRAM, ...args], { env: environment() });
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    const [{ error } = {}] = objects(stderr) as { error?: { code: string; message: string } }[];
    return { exit: code, ...error };
  };
  const named = { exit: 2, code: 'usage', message: expect.stringContaining('not UTF-8: n\ufffdme') };
  expect(await refusal('--file')).toMatchObject(named);
  expect(await refusal('--option a --option b --poll')).toMatchObject(named);
  expect(await refusal('--text')).toMatchObject({ exit: 2, code: 'text_not_utf8' });
});

test('A1 refusals have their exit codes', async () => {
  const to = (mail: string, text: string) => ['send', ...as('anna'), '--to', mail, '--text', text, '--json'];
  const nobody = await kuvert(to('nobody@demo.test', 'x'));
  expect({ code: nobody.code, error: objects(nobody.stderr)[0] }).toMatchObject({
    code: 3,
    error: { error: { code: 'recipient_unknown' } },
  });
  const noUtf8 = await kuvert(to('ben@demo.test', '-'), Uint8Array.of(0x61, 0xff));
  expect({ code: noUtf8.code, error: objects(noUtf8.stderr)[0] }).toMatchObject({
    code: 2,
    error: { error: { code: 'text_not_utf8' } },
  });
  await writeFile(join(root, 'wrong'), 'wrong', { mode: 0o600 });
  const profile = join(root, 'data-demo', 'anna');
  const wrong = await kuvert([
    'whoami',
    '--profile',
    profile,
    '--secret-file',
    join(root, 'wrong'),
    '--json',
  ]);
  expect({ code: wrong.code, error: objects(wrong.stderr)[0] }).toMatchObject({
    code: 4,
    error: { error: { code: 'container_wrong_passphrase' } },
  });
  const missing = await kuvert([
    'whoami',
    '--profile',
    join(root, 'none'),
    '--secret-file',
    join(root, 'wrong'),
  ]);
  expect(missing).toMatchObject({
    code: 4,
    stdout: '',
    stderr: expect.stringContaining('[profile_missing]'),
  });
});

test('A1 follow prints what comes while it waits and ends with 0 on INT', async () => {
  const follower = start(['inbox', ...as('cem'), '--follow', '--json']);
  const lines = createInterface({ input: follower.stdout as NonNullable<ChildProcess['stdout']> });
  const first = once(lines, 'line');
  await json(['send', ...as('anna'), '--to', 'cem@demo.test', '--text', 'one']);
  expect(JSON.parse((await first)[0])).toMatchObject({ from: 'anna@demo.test', text: 'one' });
  const busy = await kuvert(['history', ...as('cem'), '--json']);
  expect({ code: busy.code, error: objects(busy.stderr)[0] }).toMatchObject({
    code: 4,
    error: { error: { code: 'profile_in_use' } },
  });
  const ended = once(follower, 'close');
  follower.kill('SIGINT');
  expect(await ended).toEqual([0, null]);
  expect(await json(['inbox', ...as('cem')])).toEqual([]);
});

test('A8 what is sent while the server is away goes out with the next command', async () => {
  const port = new URL(JSON.parse(await readFile(join(root, 'data', 'server.json'), 'utf8')).url).port;
  await stopServer();
  const { code, stdout, stderr } = await kuvert([
    'send',
    ...as('anna'),
    '--to',
    'ben@demo.test',
    '--text',
    'later',
    '--json',
  ]);
  expect({ code, state: objects(stdout)[0]?.state }).toEqual({ code: 0, state: 'queued' });
  expect(objects(stderr)[0]).toMatchObject({ notice: { code: 'server_unreachable' } });
  expect((await kuvert(['inbox', ...as('ben')])).code).toBe(5);
  expect((await kuvert(['operator', 'keys', 'rotate'])).code).toBe(5);
  server = await startServer({ KUVERT_PORT: port });
  const messageId = String(objects(stdout)[0]?.messageId);
  expect(await json(['status', ...as('anna'), messageId])).toEqual([{ state: 'accepted' }]);
  expect((await json(['inbox', ...as('ben')])).map(({ text }) => text)).toEqual(['later']);
});

test('E5 a revoked device is refused with 3', async () => {
  const [me] = await json(['whoami', ...as('cem')]);
  await json(['operator', 'device', 'revoke', '--device', String(me?.deviceId)]);
  const { code, stderr } = await kuvert(['inbox', ...as('cem'), '--json']);
  expect({ code, error: objects(stderr)[0] }).toMatchObject({
    code: 3,
    error: { error: { code: 'device_not_accepted' } },
  });
});

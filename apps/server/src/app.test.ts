/** Starting and stopping, in one process and as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildInstallation, type Installation } from './app.ts';
import { readConfig } from './config.ts';
import { createLog } from './log.ts';
import { sentenceOfStartFailure } from './start-error.ts';

let folder: string;
let installations: Installation[];
let children: ChildProcess[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kuvert-app-'));
  installations = [];
  children = [];
});

afterEach(async () => {
  for (const installation of installations) await installation.stop();
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
    }
  }
  rmSync(folder, { recursive: true, force: true });
});

const FREE_PORTS = { KUVERT_PORT: '0', KUVERT_OPS_PORT: '0' };

function build(environment: Record<string, string> = {}): Installation {
  const config = readConfig({ ...FREE_PORTS, ...environment }, { folder, onTerminal: false });
  const installation = buildInstallation(config, { log: createLog({ level: 'silent' }) });
  installations.push(installation);
  return installation;
}

async function started(environment: Record<string, string> = {}): Promise<Installation> {
  const installation = build(environment);
  await installation.start();
  return installation;
}

async function refusal(environment: Record<string, string> = {}): Promise<string> {
  try {
    await build(environment).start();
  } catch (error) {
    return sentenceOfStartFailure(error);
  }
  throw new Error('the server has started');
}

async function status(url: string): Promise<number> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
}

test('H1 a server starts in an empty folder, says where it listens, and goes on with the same data', async () => {
  const first = await started();
  expect(first.empty).toBe(true);
  expect(JSON.parse(readFileSync(join(folder, 'data', 'server.json'), 'utf8'))).toEqual({
    pid: process.pid,
    url: first.url,
    opsUrl: first.opsUrl,
    startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
  });
  expect(await status(`${first.opsUrl}/readyz`)).toBe(200);
  expect(await status(first.url)).toBe(200);
  expect(await status(`${first.url}/other`)).toBe(404);
  const key = first.context.channelHost.statics()[0]?.publicKey;
  await first.stop();
  await first.stop();
  expect(existsSync(join(folder, 'data', 'server.json'))).toBe(false);

  const second = await started();
  expect(second.context.channelHost.statics()[0]?.publicKey).toEqual(key);
});

test('H1 one page tells a person in a browser what this is, in German and English', async () => {
  const { url } = await started();
  const page = async (language: string) =>
    (await fetch(url, { headers: { 'accept-language': language } })).text();
  expect(await page('de-AT,de;q=0.9,en;q=0.8')).toContain('Dies ist ein Kuvert-Server');
  expect(await page('en;q=0.9,de;q=0.8')).toContain('This is a Kuvert server');
  expect(await page('fr')).toContain('This is a Kuvert server');
});

test('H1 a data folder that another server uses is refused, and that server goes on', async () => {
  const first = await started();
  expect(await refusal()).toMatch(/^Another process is using this data folder.*data\)\.$/);
  expect(await status(`${first.opsUrl}/readyz`)).toBe(200);
  expect(existsSync(join(folder, 'data', 'server.json'))).toBe(true);
});

test.each(['KUVERT_PORT', 'KUVERT_OPS_PORT'])(
  'H1 %s in use is told, and the next start works',
  async (name) => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    expect(await refusal({ [name]: String(port) })).toMatch(
      new RegExp(`^Another program already uses this port.*${name} ${port} on 127\\.0\\.0\\.1\\)\\.$`),
    );
    await new Promise((resolve) => other.close(resolve));
    await started({ [name]: String(port) });
  },
);

test('B5 keys inside the data folder are refused, also through a link, and no keys are made', async () => {
  expect(await refusal({ KUVERT_KEYS: './data/keys' })).toMatch(/^The keys folder must not lie inside/);
  expect(readdirSync(join(folder, 'data'))).toEqual(['lock']);
  symlinkSync(join(folder, 'data'), join(folder, 'link'));
  expect(await refusal({ KUVERT_KEYS: './link/keys' })).toMatch(/^The keys folder must not lie inside/);
  expect(readdirSync(join(folder, 'data'))).toEqual(['lock']);
  await started({ KUVERT_KEYS: './data-keys' });
});

test('B5 data without its keys, or with others, is refused and comes back with the right ones', async () => {
  await (await started()).stop();
  const before = readFileSync(join(folder, 'keys', 'kek.json'));
  rmSync(join(folder, 'keys', 'kek.json'));
  expect(await refusal()).toMatch(/^The keys for this data folder are missing.*keys\)\.$/);
  expect(existsSync(join(folder, 'keys', 'kek.json'))).toBe(false);

  await (await started({ KUVERT_DATA: './other', KUVERT_KEYS: './other-keys' })).stop();
  expect(await refusal({ KUVERT_KEYS: './other-keys' })).toMatch(
    /^The keys do not fit this data folder.*other-keys\)\.$/,
  );
  writeFileSync(join(folder, 'keys', 'kek.json'), 'no keys');
  expect(await refusal()).toMatch(/^The keys do not fit/);
  writeFileSync(join(folder, 'keys', 'kek.json'), before);
  await started();
});

test.runIf(process.getuid?.() === 0)('H1 a folder of another user is refused', async () => {
  mkdirSync(join(folder, 'data'));
  chownSync(join(folder, 'data'), 12_345, 12_345);
  expect(await refusal()).toMatch(/^This folder belongs to another user.*data\)\.$/);
  expect(existsSync(join(folder, 'keys'))).toBe(false);
});

test('H1 a file where the data folder should be is refused', async () => {
  writeFileSync(join(folder, 'data'), 'a file');
  expect(await refusal()).toMatch(/is not a folder\)\.$/);
});

test('B3 TLS files that cannot be used are refused', async () => {
  writeFileSync(join(folder, 'c.pem'), 'no certificate', { mode: 0o640 });
  expect(await refusal({ KUVERT_TLS_CERT: 'c.pem', KUVERT_TLS_KEY: 'missing.pem' })).toMatch(
    /KUVERT_TLS_KEY/,
  );
  expect(await refusal({ KUVERT_TLS_CERT: 'c.pem', KUVERT_TLS_KEY: 'c.pem' })).toMatch(
    /not a certificate and its key/,
  );
  chmodSync(join(folder, 'c.pem'), 0o644);
  expect(await refusal({ KUVERT_TLS_CERT: 'c.pem', KUVERT_TLS_KEY: 'c.pem' })).toMatch(
    /^Other users of this machine can read this key file.*c\.pem\)\.$/,
  );
  await started();
});

interface Process {
  readonly child: ChildProcess;
  readonly ready: Promise<{ url: string; opsUrl: string; dataDir: string; keysDir: string; empty: boolean }>;
  readonly exit: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

function run(environment: Record<string, string> = {}): Process {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./main.ts', import.meta.url))], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...FREE_PORTS, ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  children.push(child);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  return {
    child,
    ready: new Promise((resolve) => child.once('message', resolve as (message: unknown) => void)),
    // Not `close`: it never comes after a `disconnect` from our side.
    exit: Promise.all([
      new Promise<number | null>((resolve) => child.once('exit', resolve)),
      ...[child.stdout, child.stderr].map((stream) => new Promise((resolve) => stream?.once('end', resolve))),
    ]).then(([code]) => ({ code: code as number | null, ...output })),
  };
}

test('H1 the process tells its parent and its person where it listens, and ends with 0 on SIGTERM and on a second one', async () => {
  const { child, ready, exit } = run();
  const told = await ready;
  expect(told).toEqual({
    type: 'ready',
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    opsUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    dataDir: expect.stringMatching(/\/data$/),
    keysDir: expect.stringMatching(/\/keys$/),
    empty: true,
  });
  expect(await status(`${told.opsUrl}/livez`)).toBe(200);
  child.kill('SIGTERM');
  child.kill('SIGINT');
  const { code, stdout, stderr } = await exit;
  expect(code).toBe(0);
  expect(stdout).toContain(told.url);
  for (const line of stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ level: 'info' });
  expect(existsSync(join(folder, 'data', 'server.json'))).toBe(false);
});

test('H1 the process drains and ends with 0 when its parent is gone', async () => {
  const { child, ready, exit } = run();
  await ready;
  child.disconnect();
  expect((await exit).code).toBe(0);
});

test('H1 a signal during the start ends the process in order', async () => {
  const { child, exit } = run();
  await new Promise((resolve) => child.once('spawn', resolve));
  while (!existsSync(join(folder, 'data', 'lock'))) await new Promise((resolve) => setImmediate(resolve));
  child.kill('SIGTERM');
  expect((await exit).code).toBe(0);
  await started();
});

test.each([
  ['a setting that is not valid', { KUVERT_PORT: 'x' }, /^A setting is not valid \(KUVERT_PORT .*\)\.\n$/],
  ['a host beyond this machine', { KUVERT_HOST: '0.0.0.0' }, /^To listen beyond this machine.*\.\n$/],
  ['keys inside the data', { KUVERT_KEYS: './data' }, /^The keys folder must not lie inside.*\.\n$/],
])('H1 for %s the process says one sentence and ends with 1', async (_what, environment, sentence) => {
  const { exit } = run(environment);
  const { code, stdout, stderr } = await exit;
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toMatch(sentence);
});

test('H1 after kill -9 the next start goes on', async () => {
  const { child, ready, exit } = run();
  await ready;
  child.kill('SIGKILL');
  await exit;
  expect(existsSync(join(folder, 'data', 'server.json'))).toBe(true);
  const next = await started();
  expect(JSON.parse(readFileSync(join(folder, 'data', 'server.json'), 'utf8')).opsUrl).toBe(next.opsUrl);
});

// `npm start` itself, in a miniature repository whose server and demo only tell what happens to them. What the
// real server does with its signals is a journey of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyScripts, plantTree, ROOT, runProgram, type TemporaryFolder } from './planted-tree.ts';

/** Serves until a signal or the loss of its parent, and tells each of them; drains slowly enough to be hit twice. */
const SERVER = `
if (process.env.PLANTED_START_FAILURE) {
  console.error('Port 8420 is in use: please choose another with KUVERT_PORT.');
  process.exit(3);
}
let draining = false;
function drain(reason) {
  console.log('server: ' + reason);
  if (draining) return;
  draining = true;
  setTimeout(() => process.exit(0), 300);
}
process.on('SIGINT', () => drain('INT'));
process.on('SIGTERM', () => drain('TERM'));
process.on('disconnect', () => drain('disconnect'));
process.send({ type: 'ready', url: 'http://localhost:1', opsUrl: 'http://localhost:2', dataDir: '/planted/data', empty: true });
console.log('server: pid ' + process.pid + ' parent ' + process.ppid);
`;

const DEMO = `
console.log('demo: ' + process.argv.slice(2).join(' '));
if (process.env.PLANTED_DEMO === 'fails') process.exit(4);
if (process.env.PLANTED_DEMO === 'hangs') {
  process.on('SIGTERM', () => { console.log('demo: TERM'); process.exit(0); });
  console.log('demo: hanging');
  setInterval(() => {}, 1000);
} else console.log('demo: done');
`;

let tree: TemporaryFolder;

beforeAll(() => {
  tree = plantTree({
    'package.json': JSON.stringify({
      name: 'kuvert',
      private: true,
      type: 'module',
      scripts: { start: 'exec node scripts/start.mjs' },
    }),
    'package-lock.json': JSON.stringify({ packages: {} }),
    'apps/server/src/main.ts': SERVER,
    'apps/cli/bin/kuvert.js': DEMO,
  });
  copyScripts(tree);
  cpSync(join(ROOT, 'kuvert'), join(tree.path, 'kuvert'));
  mkdirSync(join(tree.path, 'node_modules', '.bin'), { recursive: true });
  symlinkSync(process.execPath, join(tree.path, 'node_modules', '.bin', 'node'));
});

afterAll(() => tree[Symbol.dispose]());

test('H1 npm start runs the demo on the data folder of the server and ends with the exit code of the server', async () => {
  const start = startNpm();
  await start.says('demo: done');
  expect(start.output()).toContain('demo: demo --data /planted/data\n');
  start.child.kill('SIGTERM');
  expect(await start.ended).toBe(0);
});

test('H1 npm start -- --empty leaves the demo out', async () => {
  const start = startNpm({ args: ['--', '--empty'] });
  await start.says('server: pid');
  start.child.kill('SIGTERM');
  await start.ended;
  expect(start.output()).not.toContain('demo:');
});

test('H1 an unknown option is answered with one sentence', async () => {
  const result = await runProgram(process.execPath, ['scripts/start.mjs', '--planted'], { cwd: tree.path });
  expect(result).toEqual({
    code: 2,
    stdout: '',
    stderr: 'npm start does not know --planted: please use --empty or nothing.\n',
  });
});

test('H1 when the server cannot start, its sentence is all that is said and its exit code is ours', async () => {
  const result = await runProgram(process.execPath, ['scripts/start.mjs'], {
    cwd: tree.path,
    env: { ...process.env, PLANTED_START_FAILURE: '1' },
  });
  expect(result).toEqual({
    code: 3,
    stdout: '',
    stderr: 'Port 8420 is in use: please choose another with KUVERT_PORT.\n',
  });
});

test('H1 a demo that fails leaves the server running', async () => {
  const start = startNpm({ env: { PLANTED_DEMO: 'fails' } });
  await start.says('The demo did not come to its end; the server goes on running.');
  expect(start.child.exitCode).toBeNull();
  start.child.kill('SIGTERM');
  expect(await start.ended).toBe(0);
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  'H1 %s, also twice, lets the server drain and ends the demo',
  async (signal) => {
    const start = startNpm({ env: { PLANTED_DEMO: 'hangs' }, direct: true });
    await start.says('demo: hanging');
    start.child.kill(signal);
    await start.says(`server: ${signal.slice(3)}\n`, 'demo: TERM');
    start.child.kill(signal);
    expect(await start.ended).toBe(0);
  },
);

test('H1 the server drains when npm is killed with -9', async () => {
  const start = startNpm();
  await start.says('demo: done');
  start.child.kill('SIGKILL');
  // The pipe closes only when the last process that could write to it has ended.
  await start.silent;
  expect(start.output()).toContain('server: TERM\n');
});

test('H1 the server drains when npm is ended with TERM', async () => {
  const start = startNpm();
  await start.says('demo: done');
  start.child.kill('SIGTERM');
  await start.silent;
  expect(start.output()).toContain('server: TERM\n');
});

test('H1 the server is told when the start command itself is killed with -9', async () => {
  const start = startNpm({ direct: true });
  await start.says('demo: done');
  start.child.kill('SIGKILL');
  await start.silent;
  expect(start.output()).toContain('server: disconnect\n');
});

test('H1 ./kuvert runs the command from any folder and through a link, and hands on arguments and exit code', async () => {
  using elsewhere = plantTree({});
  symlinkSync(join(tree.path, 'kuvert'), join(elsewhere.path, 'link'));
  const env = { ...process.env, PLANTED_DEMO: 'fails' };
  expect(await runProgram('./link', ['send', '--text', 'two words'], { cwd: elsewhere.path, env })).toEqual({
    code: 4,
    stdout: 'demo: send --text two words\n',
    stderr: '',
  });
});

test('H1 ./kuvert in a clone where nothing is installed says what to do', async () => {
  using bare = plantTree({});
  cpSync(join(ROOT, 'kuvert'), join(bare.path, 'kuvert'));
  expect(await runProgram('./kuvert', ['--help'], { cwd: bare.path })).toEqual({
    code: 1,
    stdout: '',
    stderr: `Kuvert is not installed yet: please run npm start in ${bare.path} first.\n`,
  });
});

interface RunningStart {
  readonly child: ChildProcess;
  /** The exit code. */
  readonly ended: Promise<number | null>;
  /** Resolves when every process of the start has ended. */
  readonly silent: Promise<unknown>;
  output(): string;
  /** Waits until every one of the texts has been written. */
  says(...texts: string[]): Promise<void>;
}

function startNpm(
  how: { args?: string[]; env?: Record<string, string>; direct?: boolean } = {},
): RunningStart {
  const [command, args] = how.direct
    ? [process.execPath, ['scripts/start.mjs']]
    : ['npm', ['start', '--silent', ...(how.args ?? [])]];
  const child = spawn(command, args, { cwd: tree.path, env: { ...process.env, ...how.env } });
  let text = '';
  const collect = (data: Buffer) => {
    text += data;
    child.emit('said');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return {
    child,
    ended: once(child, 'exit').then(([code]) => code),
    silent: once(child, 'close'),
    output: () => text,
    async says(...texts) {
      while (!texts.every((expected) => text.includes(expected))) {
        await Promise.race([
          once(child, 'said'),
          once(child, 'close').then(() => Promise.reject(new Error(text))),
        ]);
      }
    },
  };
}

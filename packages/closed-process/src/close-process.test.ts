import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const MODULE = JSON.stringify(new URL('./index.ts', import.meta.url).href);
const IS_LINUX = process.platform === 'linux';

let folder: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kuvert-closed-'));
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

/** A process that core files are allowed to, and that says when it has come so far. */
async function start(program: string): Promise<{ child: ChildProcess; said: string; errors: () => string }> {
  const one = spawn(
    'sh',
    ['-c', 'ulimit -c unlimited 2>/dev/null; exec "$@"', 'sh', process.execPath, '-e', program],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  child = one;
  let errors = '';
  one.stderr.on('data', (data) => {
    errors += data;
  });
  const [said] = await once(one.stdout, 'data');
  return { child: one, said: String(said).trim(), errors: () => errors };
}

const CLOSED = `import(${MODULE}).then(({ closeProcess }) => { console.log(closeProcess().coreDumps); setInterval(() => {}, 1000); });`;

test.skipIf(!IS_LINUX).each(['SIGSEGV', 'SIGABRT'] as const)(
  'H9 a closed process that dies by %s leaves no core file',
  async (signal) => {
    const { child, said } = await start(CLOSED);
    expect(said).toBe('off');
    const facts = readFileSync(`/proc/${child.pid}/limits`, 'utf8');
    expect(facts).toMatch(/^Max core file size\s+0\s+0\s/m);
    expect(readFileSync(`/proc/${child.pid}/coredump_filter`, 'utf8').trim()).toMatch(/^0+$/);
    const ended = once(child, 'exit');
    child.kill(signal);
    expect(await ended).toEqual([null, signal]);
    expect(readdirSync(folder)).toEqual([]);
  },
);

test.skipIf(!IS_LINUX)('H9 a closed process opens no debugger at SIGUSR1, and goes on', async () => {
  const { child, errors } = await start(`${CLOSED} process.on('SIGUSR2', () => console.log('still here'));`);
  child.kill('SIGUSR1');
  child.kill('SIGUSR2');
  const [said] = await once(child.stdout as NodeJS.ReadableStream, 'data');
  expect(String(said)).toContain('still here');
  expect(errors()).not.toContain('Debugger');
});

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { FolderError, openSafeFolder, writeFileAtomic } from './index.ts';

const root = mkdtempSync(join(tmpdir(), 'safe-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const isRoot = process.getuid?.() === 0;
const door = new URL('./index.ts', import.meta.url).href;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FolderError);
  return (error as FolderError).code;
}

test('H1 a folder is made for its owner alone and given free again', async () => {
  const path = join(root, 'a', 'b');
  const folder = await openSafeFolder(path, { create: true });
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(await codeOf(openSafeFolder(path))).toBe('folder_in_use');
  folder.release();
  folder.release();
  (await openSafeFolder(path)).release();
});

test('H1 a folder that others may enter is closed to them', async () => {
  const path = join(root, 'wide');
  mkdirSync(path, { mode: 0o777 });
  (await openSafeFolder(path)).release();
  expect(statSync(path).mode & 0o077).toBe(0);
});

test('H1 a missing folder, or a file in its place, is not made by accident', async () => {
  expect(await codeOf(openSafeFolder(join(root, 'none')))).toBe('folder_missing');
  writeFileSync(join(root, 'file'), '');
  expect(await codeOf(openSafeFolder(join(root, 'file')))).toBe('folder_missing');
});

test('H1 the lock of a killed process is gone with it', async () => {
  const path = join(root, 'killed');
  const script = `import { openSafeFolder } from ${JSON.stringify(door)};
    await openSafeFolder(${JSON.stringify(path)}, { create: true });
    process.stdout.write('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  expect(await codeOf(openSafeFolder(path))).toBe('folder_in_use');
  child.kill('SIGKILL');
  await once(child, 'exit');
  (await openSafeFolder(path)).release();
});

test.skipIf(!isRoot)('H1 a folder of another user is refused and left alone', async () => {
  const path = join(root, 'foreign');
  mkdirSync(path);
  chownSync(path, 65534, 65534);
  expect(await codeOf(openSafeFolder(path))).toBe('folder_not_owned');
  expect(readdirSync(path)).toEqual([]);
});

function mounted(options: string, path: string): boolean {
  mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!isRoot)('H1 a read-only folder and a full disk are told apart', async (context) => {
  const readOnly = join(root, 'ro');
  const full = join(root, 'full');
  if (!mounted('ro,size=8m', readOnly)) return context.skip('mounting is not allowed here');
  try {
    expect(await codeOf(openSafeFolder(readOnly))).toBe('folder_read_only');
    expect(await codeOf(openSafeFolder(join(readOnly, 'new'), { create: true }))).toBe('folder_read_only');
    expect(mounted('size=1m', full)).toBe(true);
    expect(await codeOf(openSafeFolder(full))).toBe('disk_full');
    writeFileSync(join(full, 'fill'), new Uint8Array(1024 * 1024));
    expect(await codeOf(openSafeFolder(full, { freeBytesMin: 0 }))).toBe('disk_full');
    expect(await codeOf(writeFileAtomic(join(full, 'x'), 'y'))).toBe('disk_full');
    expect(readdirSync(full)).toEqual(['fill']);
  } finally {
    for (const path of [readOnly, full]) spawnSync('umount', ['-l', path]);
  }
});

test('H1 a file is replaced whole, for its owner alone, and nothing is left beside it', async () => {
  const path = join(root, 'atomic');
  const folder = await openSafeFolder(path, { create: true });
  await folder.writeFileAtomic('x', 'one');
  await folder.writeFileAtomic('x', new Uint8Array([1, 2]));
  folder.release();
  expect([...readFileSync(join(path, 'x'))]).toEqual([1, 2]);
  expect(statSync(join(path, 'x')).mode & 0o777).toBe(0o600);
  expect(readdirSync(path).sort()).toEqual(['lock', 'x']);
});

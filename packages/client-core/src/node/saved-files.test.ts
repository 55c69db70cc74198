import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { fileTarget } from './saved-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'saved-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('A9 a folder that is none, or leads nowhere, is told as that, and nothing is written', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, 'mine');
  symlinkSync(join(folder, 'nowhere', 'at all'), join(folder, 'link'));
  for (const at of [file, join(file, 'below'), join(folder, 'link')])
    await expect(fileTarget(at, 'key')).rejects.toThrow('folder_is_file');
  expect(readFileSync(file, 'utf8')).toBe('mine');
  if (process.platform === 'linux') await expect(fileTarget('/proc/nowhere/at/all', 'key')).rejects.toThrow();
  const deep = await fileTarget(join(folder, 'made', 'with', 'all', 'above'), 'key');
  await deep.discard();
  expect(readdirSync(join(folder, 'made', 'with', 'all'))).toEqual(['above']);
});

test('A9 what stands there is kept, links too: a saved file takes the next number', async () => {
  symlinkSync('/etc/hostname', join(folder, 'a.txt'));
  for (const words of ['one', 'two']) {
    const target = await fileTarget(folder, words);
    await target.write(Buffer.from(words));
    expect(await target.finish('a.txt')).toBe(join(folder, words === 'one' ? 'a (2).txt' : 'a (3).txt'));
  }
  expect(readlinkSync(join(folder, 'a.txt'))).toBe('/etc/hostname');
  expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
});

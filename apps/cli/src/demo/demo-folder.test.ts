import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DemoFolder } from './demo-folder.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kuvert-demo-'));
});
afterEach(() => rm(root, { recursive: true }));

test('A1 the demo of another installation is moved aside whole, never deleted', async () => {
  const folder = new DemoFolder(join(root, 'data'));
  expect(await folder.setAside(new Date())).toBeUndefined();
  await mkdir(join(folder.path, 'anna'), { recursive: true });
  await writeFile(join(folder.path, 'anna', 'container'), 'precious');
  const aside = await folder.setAside(new Date('2026-11-21T06:07:08.999Z'));
  expect(aside).toMatch(/data-demo-20261121T060708-[0-9a-f]{4}$/);
  expect(await readFile(join(aside ?? '', 'anna', 'container'), 'utf8')).toBe('precious');
  expect(await readdir(root)).toHaveLength(1);
});

test('A1 a demo goes on with what it wrote down, and a damaged note counts as none', async () => {
  const folder = new DemoFolder(join(root, 'data'));
  expect(await folder.read()).toBeUndefined();
  const state = await folder.begin();
  state.finished = true;
  await folder.write(state);
  expect(await folder.read()).toEqual(state);
  await writeFile(join(folder.path, 'demo.json'), '{"version":');
  expect(await folder.read()).toBeUndefined();
});

test('E3 secrets of the demo are for their owner only, and one that is there stays', async () => {
  const folder = new DemoFolder(join(root, 'data'));
  const [person] = (await folder.begin()).people;
  if (person === undefined) throw new Error('a demo has people');
  await folder.makeSecret(person);
  const secret = await readFile(folder.secretFile(person), 'utf8');
  expect((await stat(folder.secretFile(person))).mode & 0o777).toBe(0o600);
  expect((await stat(folder.path)).mode & 0o777).toBe(0o700);
  await folder.makeSecret(person);
  expect(await readFile(folder.secretFile(person), 'utf8')).toBe(secret);
});

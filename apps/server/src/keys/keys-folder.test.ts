import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KuvertError } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openServerKeys } from './keys-folder.ts';

let root: string;
let folders: { keys: string; data: string };
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'keys-'));
  folders = { keys: join(root, 'keys'), data: join(root, 'data') };
  mkdirSync(folders.data);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KuvertError);
  return (error as KuvertError).code;
}

test('B5 keys are made with an empty data folder, for their owner alone, and are the same at the next start', async () => {
  const first = await openServerKeys(folders);
  expect(readdirSync(folders.keys).sort()).toEqual(['kek.json', 'lock', 'operator.key']);
  expect(statSync(folders.keys).mode & 0o777).toBe(0o700);
  for (const file of ['kek.json', 'operator.key']) {
    expect(statSync(join(folders.keys, file)).mode & 0o777).toBe(0o600);
  }
  const second = await openServerKeys(folders);
  expect(second.operatorKey).toEqual(first.operatorKey);
  expect(second.provider.keyIds()).toEqual(first.provider.keyIds());
});

test('B5 keys are never made anew for data that is there', async () => {
  writeFileSync(join(folders.data, 'keyring.json'), '{}');
  expect(await codeOf(openServerKeys(folders))).toBe('keys_missing');
  expect(readdirSync(root)).toEqual(['data']);
  mkdirSync(folders.keys);
  expect(await codeOf(openServerKeys(folders))).toBe('keys_missing');
  expect(readdirSync(folders.keys)).not.toContain('kek.json');
});

test('B5 a keys folder inside the data folder is refused, also behind a link', async () => {
  expect(await codeOf(openServerKeys({ ...folders, keys: join(folders.data, 'keys') }))).toBe(
    'keys_inside_data',
  );
  expect(await codeOf(openServerKeys({ ...folders, keys: folders.data }))).toBe('keys_inside_data');
  symlinkSync(folders.data, join(root, 'link'));
  expect(await codeOf(openServerKeys({ ...folders, keys: join(root, 'link', 'k') }))).toBe(
    'keys_inside_data',
  );
  expect(readdirSync(folders.data)).toEqual([]);
  await openServerKeys({ ...folders, keys: join(root, 'data-keys') });
});

test('B5 a damaged key file is named as wrong, and nothing of it is in the error', async () => {
  await openServerKeys(folders);
  const secret = '{"format":1,"versions":[{"id":"a","key":"5ecre7';
  writeFileSync(join(folders.keys, 'kek.json'), secret);
  const error = await openServerKeys(folders).catch((reason: unknown) => reason);
  expect((error as KuvertError).code).toBe('keys_wrong');
  expect(`${(error as Error).stack} ${String((error as Error).cause)}`).not.toContain('5ecre7');
});

test('B5 a wrapped key opens only in its place, and after rotation under the version that wrapped it', async () => {
  const { provider } = await openServerKeys(folders);
  const context = new Uint8Array([1]);
  const key = new Uint8Array(32).fill(7);
  const wrapped = await provider.wrap(key, context);
  const added = await provider.addVersion();
  expect(await provider.unwrap(wrapped, context)).toEqual(key);
  expect((await provider.wrap(key, context)).keyId).toBe(added);
  expect(await codeOf(provider.unwrap(wrapped, new Uint8Array([2])))).toBe('keys_wrong');
  await provider.retire(wrapped.keyId);
  expect(await codeOf(provider.unwrap(wrapped, context))).toBe('keys_wrong');
  expect(readFileSync(join(folders.keys, 'kek.json'), 'utf8')).not.toContain(wrapped.keyId);
});

test('H9 key files that others can read are closed at the start, and it is told that they were open', async () => {
  expect((await openServerKeys(folders)).openKeyFiles).toBe(0);
  const kek = join(folders.keys, 'kek.json');
  const operator = join(folders.keys, 'operator.key');
  for (const [kekMode, operatorMode, count] of [
    [0o644, 0o600, 1],
    [0o640, 0o604, 2],
    [0o400, 0o600, 0],
  ] as const) {
    chmodSync(kek, kekMode);
    chmodSync(operator, operatorMode);
    expect((await openServerKeys(folders)).openKeyFiles).toBe(count);
    for (const file of [kek, operator]) expect(statSync(file).mode & 0o077).toBe(0);
  }
});

test('H9 a key file that is no file is refused', async () => {
  await openServerKeys(folders);
  rmSync(join(folders.keys, 'operator.key'));
  mkdirSync(join(folders.keys, 'operator.key'));
  expect(await codeOf(openServerKeys(folders))).toBe('keys_wrong');
});

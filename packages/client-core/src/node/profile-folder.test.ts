import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '@kuvert/protocol';
import { Database } from '@signalapp/sqlcipher';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openProfile } from './profile.ts';
import { openProfileFolder } from './profile-folder.ts';
import { openSqlcipherStore } from './store-sqlcipher/index.ts';

const secret = utf8('correct horse');
let folder: string;
let profileDir: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kuvert-profile-'));
  profileDir = join(folder, 'profile');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('F1 a profile is one process’s at a time, and opens with its secret alone', async () => {
  await expect(openProfile({ profileDir, secret })).rejects.toMatchObject({ code: 'profile_missing' });
  const open = await openProfileFolder({ profileDir, secret, create: true });
  const second = openProfileFolder({ profileDir, secret, create: false });
  await expect(second).rejects.toMatchObject({ code: 'profile_in_use' });
  open.store.values.put('note', utf8('kept'));
  open.close();
  const wrong = openProfileFolder({ profileDir, secret: utf8('wrong'), create: true });
  await expect(wrong).rejects.toMatchObject({ code: 'container_wrong_passphrase' });
  const again = await openProfileFolder({ profileDir, secret, create: false });
  expect(again.store.values.get('note')).toEqual(utf8('kept'));
  again.close();
  await expect(openProfile({ profileDir, secret })).rejects.toMatchObject({ code: 'profile_missing' });
  await expect(openProfile({ profileDir, secret: new Uint8Array(0) })).rejects.toMatchObject({
    code: 'secret_missing',
  });
});

test('F1 nothing that is stored in a profile can be read in its files', async () => {
  const open = await openProfileFolder({ profileDir, secret, create: true });
  open.store.values.put('note', utf8('a canary in the container'));
  const files = await readdir(profileDir);
  const contents = await Promise.all(files.map((name) => readFile(join(profileDir, name))));
  open.close();
  expect(files).toContain('container.db');
  for (const content of contents) expect(content.includes('canary')).toBe(false);
});

test('F1 a database of a newer release is left alone', () => {
  const path = join(folder, 'newer.db');
  const key = new Uint8Array(32).fill(3);
  const store = openSqlcipherStore(path, key);
  store.close();
  const database = new Database(path);
  database.exec(`PRAGMA key = "x'${Buffer.from(key).toString('hex')}'"; PRAGMA user_version = 99`);
  database.close();
  expect(() => openSqlcipherStore(path, key)).toThrow('container_too_new');
  expect(() => openSqlcipherStore(path, new Uint8Array(32))).toThrow('container_damaged');
});

test('C1 a transaction is kept whole or not at all', () => {
  const store = openSqlcipherStore(':memory:', new Uint8Array(32));
  expect(store.values.increment('counter')).toBe(1);
  const failing = () =>
    store.transaction(() => {
      store.values.increment('counter');
      store.transaction(() => store.values.increment('counter'));
      throw new Error('on purpose');
    });
  expect(failing).toThrow('on purpose');
  expect(store.values.increment('counter')).toBe(2);
  store.close();
});

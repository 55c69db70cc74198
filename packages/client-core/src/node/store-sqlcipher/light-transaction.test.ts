import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openSqlcipherStore } from './open-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'kuvert-light-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('P1 a transaction that does not wait for the disk is all or nothing as any other, alone and inside of another', () => {
  const [path, key] = [join(folder, 'light.db'), randomBytes(32)];
  const store = openSqlcipherStore(path, key);
  expect(store.lightTransaction(() => store.values.increment('a'))).toBe(1);
  expect(() =>
    store.lightTransaction(() => {
      store.values.increment('a');
      throw new Error('no');
    }),
  ).toThrow('no');
  store.transaction(() => {
    store.values.increment('a');
    store.lightTransaction(() => store.values.increment('a'));
  });
  store.lightTransaction(() => store.transaction(() => store.values.increment('a')));
  store.close();
  const again = openSqlcipherStore(path, key);
  expect(again.values.increment('a')).toBe(5);
  again.close();
});

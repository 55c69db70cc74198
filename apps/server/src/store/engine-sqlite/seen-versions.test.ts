/** What was remembered of a gate within something that is taken back counts no more: later lists would be refused for ever (H2). */
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SpaceFile } from './space-file.ts';
import { key, layouts, newFolder } from './testing.ts';

const GATE = 0;
const KEY = Uint8Array.from(key(1));
const SALT = new Uint8Array(8);

let file: SpaceFile;
let remove: () => void;
beforeEach(() => {
  const place = newFolder();
  remove = place.remove;
  file = new SpaceFile({
    file: join(place.folder, 'space.db'),
    keyHex: Buffer.alloc(32, 1).toString('hex'),
    create: true,
    layouts: layouts.map((layout) => ({ ...layout, gate: true })),
    spaces: 'tenants',
    reserveBytes: 0,
  });
  file.begin();
  write(1);
  file.commit(SALT, false);
});
afterEach(() => {
  file.close();
  remove();
});

function write(byte: number): void {
  file.put(GATE, KEY, Uint8Array.of(byte), null, []);
}

test('H2 P1 a version that was remembered in a transaction that is rolled back is forgotten with it', () => {
  const before = file.version(GATE, KEY);
  file.begin();
  write(2);
  expect(file.version(GATE, KEY)).not.toBe(before);
  file.rollback();
  expect(file.version(GATE, KEY)).toBe(before);
});

test('H2 P1 a version that was remembered in a list that does not count is forgotten with it', () => {
  const before = file.version(GATE, KEY);
  file.begin();
  file.attempt(
    () => {
      write(2);
      return file.version(GATE, KEY);
    },
    () => false,
  );
  expect(file.version(GATE, KEY)).toBe(before);
  file.rollback();
});

/** `docs/asvs.md` has every requirement of levels 1 and 2 once, and names tests that are there. */
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = new URL('../..', import.meta.url).pathname;
const page = readFileSync(new URL('../../docs/asvs.md', import.meta.url), 'utf8');

/** Requirements of levels 1 and 2 of ASVS 5.0.0, by section. */
const REQUIREMENTS: { readonly [section: string]: readonly number[] } = {
  '1.1': [1, 2],
  '1.2': [1, 2, 3, 4, 5, 6, 7, 8, 9],
  '1.3': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  '1.4': [1, 2, 3],
  '1.5': [1, 2],
  '2.1': [1, 2, 3],
  '2.2': [1, 2, 3],
  '2.3': [1, 2, 3, 4],
  '2.4': [1],
  '3.2': [1, 2],
  '3.3': [1, 2, 3, 4],
  '3.4': [1, 2, 3, 4, 5, 6],
  '3.5': [1, 2, 3, 4, 5],
  '3.7': [1, 2],
  '4.1': [1, 2, 3],
  '4.2': [1],
  '4.3': [1, 2],
  '4.4': [1, 2, 3, 4],
  '5.1': [1],
  '5.2': [1, 2, 3],
  '5.3': [1, 2],
  '5.4': [1, 2, 3],
  '6.1': [1, 2, 3],
  '6.3': [1, 2, 3, 4],
  '6.2': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  '6.4': [1, 2, 3, 4],
  '6.5': [1, 2, 3, 4, 5],
  '6.6': [1, 2, 3],
  '6.8': [1, 2, 3, 4],
  '7.1': [1, 2, 3],
  '7.3': [1, 2],
  '7.6': [1, 2],
  '7.2': [1, 2, 3, 4],
  '7.4': [1, 2, 3, 4, 5],
  '7.5': [1, 2],
  '8.1': [1, 2],
  '8.2': [1, 2, 3],
  '8.3': [1],
  '8.4': [1],
  '9.1': [1, 2, 3],
  '9.2': [1, 2, 3, 4],
  '10.1': [1, 2],
  '10.2': [1, 2],
  '10.3': [1, 2, 3, 4],
  '10.4': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  '10.5': [1, 2, 3, 4, 5],
  '10.6': [1, 2],
  '10.7': [1, 2, 3],
  '11.1': [1, 2],
  '11.2': [1, 2, 3],
  '11.3': [1, 2, 3],
  '11.4': [1, 2, 3, 4],
  '11.5': [1],
  '11.6': [1],
  '12.1': [1, 2, 3],
  '12.2': [1, 2],
  '12.3': [1, 2, 3, 4],
  '13.1': [1],
  '13.2': [1, 2, 3, 4, 5],
  '13.3': [1, 2],
  '13.4': [1, 2, 3, 4, 5],
  '14.1': [1, 2],
  '14.2': [1, 2, 3, 4],
  '14.3': [1, 2, 3],
  '15.1': [1, 2, 3],
  '15.2': [1, 2, 3],
  '15.3': [1, 2, 3, 4, 5, 6, 7],
  '16.1': [1],
  '16.2': [1, 2, 3, 4, 5],
  '16.3': [1, 2, 3, 4],
  '16.4': [1, 2, 3],
  '16.5': [1, 2, 3],
  '17.1': [1],
  '17.2': [1, 2, 3, 4],
  '17.3': [1, 2],
};

test('H9 every requirement of ASVS 5.0.0 up to level 2 has one row', () => {
  const rows = page.split('\n').filter((line) => /^\| \d/.test(line));
  const ids = rows.flatMap((line) => (line.split('|')[1] ?? '').trim().split(', '));
  const wanted = Object.entries(REQUIREMENTS).flatMap(([section, ones]) =>
    ones.map((one) => `${section}.${one}`),
  );
  expect(ids.toSorted()).toEqual(wanted.toSorted());
  expect(wanted).toHaveLength(253);
});

test('H9 the tests that it names are there', () => {
  const there = new Set(
    ['apps', 'packages', 'tests']
      .flatMap((folder) =>
        globSync(`${folder}/**/*.test.ts`, { cwd: ROOT, exclude: (name) => name.includes('node_modules') }),
      )
      .map((path) => basename(path)),
  );
  const named = [...page.matchAll(/`([^`*]*\.test\.ts)`/g)].map(([, path = '']) => basename(path));
  expect(named.filter((name) => !there.has(name))).toEqual([]);
});

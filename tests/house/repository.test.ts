import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './planted-tree.ts';

test('house the lockfile names no address to download from, so that every registry can serve it', () => {
  const { packages } = readJson('package-lock.json');
  const resolved = Object.values(packages as Record<string, { resolved?: string }>)
    .map((entry) => entry.resolved ?? '')
    .filter((address) => address.includes(':'));
  expect(resolved).toEqual([]);
});

test('house every package that npm fetches is pinned by a hash in the lockfile', () => {
  const { packages } = readJson('package-lock.json');
  const unpinned = Object.entries(packages as Record<string, { integrity?: string; link?: boolean }>)
    .filter(([path, entry]) => path.startsWith('node_modules/') && !entry.link && !entry.integrity)
    .map(([path]) => path);
  expect(unpinned).toEqual([]);
});

test('house every package says AGPL-3.0-only and the licence text is the whole one', () => {
  const manifests = globSync(['package.json', '{apps,packages}/*/package.json'], { cwd: ROOT });
  expect(manifests.length).toBeGreaterThanOrEqual(8);
  expect(manifests.filter((path) => readJson(path).license !== 'AGPL-3.0-only')).toEqual([]);
  const text = readFileSync(join(ROOT, 'LICENSE'), 'utf8');
  expect(text).toContain('GNU AFFERO GENERAL PUBLIC LICENSE');
  expect(text).toContain('13. Remote Network Interaction');
  expect(text).toContain('END OF TERMS AND CONDITIONS');
});

test('house versions are exact, so that an update is a commit', () => {
  const loose = globSync(['package.json', '{apps,packages}/*/package.json'], { cwd: ROOT }).flatMap(
    (path) => {
      const { dependencies, devDependencies, optionalDependencies } = readJson(path);
      return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
        .filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(String(version)))
        .map(([name]) => `${path}: ${name}`);
    },
  );
  expect(loose).toEqual([]);
});

test('house npm leaves no shell between itself and our commands, so that they see npm die', () => {
  const { scripts } = readJson('package.json');
  expect(scripts.start).toMatch(/^exec node /);
  expect(scripts.test).toMatch(/^exec node /);
});

test('house the pipeline calls npm test and nothing else', () => {
  const commands = readFileSync(join(ROOT, '.ci/run'), 'utf8').trim().split('\n');
  expect(commands).toHaveLength(2);
  expect(commands[0]).toMatch(/^#!/);
  expect(commands[1]).toMatch(/^cd "[^"]+"[^"]+"[^"]+" && exec npm test$/);
});

function readJson(path: string) {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
}

/** A long past on a device: found by its words, and given to a new device as a whole. The long form is `npm run bench -- --only history,search`. */
import { PROJECT_ROOT, resultOf, Site } from '@kuvert/testkit';
import { expect, test } from 'vitest';

test('A4 A8 N9 of four thousand messages each query finds what there is, and a new device gets all of them once, also when both devices are killed on the way', async () => {
  await using site = new Site();
  const args = ['bench/main.ts', '--short', '--json', '--only', 'history,search'];
  const child = site.children.start(process.execPath, args, { cwd: PROJECT_ROOT, env: site.environment() });
  const { code, json, stderr } = await resultOf(child);
  expect(code, stderr).toBe(0);
  const transfers = json.filter(({ what }) => what === 'history');
  expect(transfers).toMatchObject([
    { cuts: 0, msgs: 4_000, lost: 0, twice: 0 },
    { cuts: 2, msgs: 4_000, lost: 0, twice: 0 },
  ]);
  expect(json.filter(({ what }) => what === 'search').length).toBeGreaterThan(20);
});

import { expect, test } from 'vitest';
import type { RowAhead } from './delivery.ts';
import { sealAll } from './submit-ahead.ts';

const nextTick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const members = (count: number) => Array.from({ length: count }, (_, i) => i);
const sealed = {} as RowAhead;

test('H3 members are sealed for in slices, in their order, until the commit is heard of', async () => {
  const asked: number[] = [];
  const sealing = sealAll(members(100), 600, (member) => {
    asked.push(member);
    return member % 2 === 0 ? sealed : undefined;
  });
  expect(asked).toEqual([]);
  await nextTick();
  const atOnce = asked.length;
  expect(atOnce).toBeLessThan(50);
  await nextTick();
  expect(asked.length).toBeGreaterThan(atOnce);
  const all = sealing.end();
  await nextTick();
  expect(asked).toEqual(members(all.length));
  expect(all.slice(0, 3)).toEqual([sealed, undefined, sealed]);
});

test('H8 neither many members nor large records take memory before a commit', async () => {
  let count = 0;
  const seal = () => {
    count++;
    return sealed;
  };
  sealAll(members(1_000), 600, seal);
  for (let i = 0; i < 10; i++) await nextTick();
  expect(count).toBe(0);
  sealAll(members(500), 60_000, seal);
  for (let i = 0; i < 10; i++) await nextTick();
  expect(count).toBe(Math.floor(1_048_576 / 60_000));
});

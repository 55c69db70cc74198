import { randomBytes } from 'node:crypto';
import { type DeviceId, idToBytes, KuvertError, makeId } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CommitOps, TenantScope } from '../../store/index.ts';
import { createDeletions, type Deletions, keyText, type LeavingRow } from './deletions.ts';

const anna = makeId('device', randomBytes(16));
const ben = makeId('device', randomBytes(16));

/** The lists that were committed, by the numbers of their rows. */
let lists: number[][];
let isFull = false;
let errors: unknown[];

const scope = {
  tenant: makeId('tenant', randomBytes(16)),
  commit: async (list: readonly Uint8Array[]) => {
    if (isFull) throw new KuvertError('disk_full');
    lists.push(list.map((key) => key.at(-1) ?? 0));
    return { committed: true };
  },
} as unknown as TenantScope;
const ops = { delete: (_collection: unknown, storedKey: Uint8Array) => storedKey } as unknown as CommitOps;

function make(mayWait = true): Deletions {
  return createDeletions({
    ops,
    mayWait,
    onPointersGone: () => undefined,
    onError: (error) => errors.push(error),
  });
}

const rowOf = (deviceId: DeviceId, number: number, isFetched: boolean): LeavingRow => ({
  storedKey: Uint8Array.of(...idToBytes(deviceId), number),
  isGone: false,
  isFetched,
});

beforeEach(() => {
  vi.useFakeTimers();
  lists = [];
  isFull = false;
  errors = [];
});
afterEach(() => {
  expect(errors).toEqual([]);
  vi.useRealTimers();
});

test('what was fetched goes behind what was not, all of it together', async () => {
  const deletions = make();
  deletions.add(scope, anna, rowOf(anna, 1, true));
  deletions.add(scope, ben, rowOf(ben, 2, false));
  await vi.advanceTimersByTimeAsync(100);
  deletions.add(scope, anna, rowOf(anna, 3, true));
  expect(lists).toEqual([[2]]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(lists).toEqual([[2], [1, 3]]);
});

test('rows of one device go in the order of their acknowledgements', async () => {
  const deletions = make();
  deletions.add(scope, anna, rowOf(anna, 1, true));
  deletions.add(scope, anna, rowOf(anna, 2, false));
  await vi.advanceTimersByTimeAsync(100);
  expect(lists).toEqual([]);
  const idle = deletions.idle();
  await vi.advanceTimersByTimeAsync(100);
  await idle;
  expect(lists).toEqual([[1, 2]]);
});

test('nothing waits where others serve the same devices', async () => {
  const deletions = make(false);
  deletions.add(scope, anna, rowOf(anna, 1, true));
  await vi.advanceTimersByTimeAsync(100);
  expect(lists).toEqual([[1]]);
});

test('who is in a hurry waits for the own rows only', async () => {
  const deletions = make();
  deletions.add(scope, anna, rowOf(anna, 1, true));
  deletions.add(scope, ben, rowOf(ben, 2, true));
  const hurried = deletions.hurry(scope.tenant, anna);
  await vi.advanceTimersByTimeAsync(100);
  await hurried;
  expect(lists).toEqual([[1]]);
  expect([...deletions.leavingOf(scope.tenant, ben).values()].map(({ isGone }) => isGone)).toEqual([false]);
  await deletions.hurry(scope.tenant, anna);
});

test('rows are known until they are gone, whether they wait, are being removed or could not be', async () => {
  const deletions = make();
  const [first, second] = [rowOf(anna, 1, true), rowOf(anna, 2, true)];
  const known = () => [first, second].map((row) => deletions.has(scope.tenant, anna, keyText(row.storedKey)));
  deletions.add(scope, anna, first);
  expect(known()).toEqual([true, false]);
  deletions.add(scope, anna, second);
  expect(known()).toEqual([true, true]);
  expect(deletions.has(scope.tenant, ben, keyText(first.storedKey))).toBe(false);
  isFull = true;
  await vi.advanceTimersByTimeAsync(1_000);
  const hurried = deletions.hurry(scope.tenant, anna);
  await vi.advanceTimersByTimeAsync(100);
  await hurried;
  expect(known()).toEqual([true, true]);
  expect(deletions.leavingOf(scope.tenant, anna).size).toBe(2);
  isFull = false;
  deletions.retry();
  await vi.advanceTimersByTimeAsync(100);
  expect(known()).toEqual([false, false]);
  expect([first.isGone, second.isGone]).toEqual([true, true]);
  expect(lists).toEqual([[1, 2]]);
});

test('a list is bounded, and who has more left stands behind the others', async () => {
  const deletions = make();
  for (let i = 0; i < 600; i++) deletions.add(scope, anna, rowOf(anna, 1, false));
  deletions.add(scope, ben, rowOf(ben, 2, false));
  await vi.advanceTimersByTimeAsync(100);
  expect(lists.map((list) => list.length)).toEqual([512, 89]);
  expect(lists[1]?.[0]).toBe(2);
});

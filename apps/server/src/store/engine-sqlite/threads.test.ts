import { afterEach, beforeEach, expect, test } from 'vitest';
import { key, newFolder, openEngine, put } from './testing.ts';

let folder: string;
let remove: () => void;
beforeEach(() => {
  ({ folder, remove } = newFolder());
});
afterEach(() => remove());

const DUE = 1_000;
const due = (n: number, size: number) => ({ ...put(n, size), expiresAt: DUE }) as ReturnType<typeof put>;

test('H3 tenants on several threads each have their own rows, and find them again whatever the number of threads is', async () => {
  const spaces = Array.from({ length: 30 }, (_, n) => `tn_${n}`);
  let batches = 0;
  const engine = await openEngine(folder, { threads: 3, openFilesMax: 12, onBatch: () => batches++ });
  for (let round = 0; round < 3; round++) {
    await Promise.all(spaces.map((space, n) => engine.commit(space, [put(1000 * round + n)])));
  }
  expect(batches).toBeGreaterThan(3);
  expect(engine.load).toEqual({ requests: 0, bytes: 0 });
  await engine.close();
  const again = await openEngine(folder, { threads: 2 });
  for (const [n, space] of spaces.entries()) {
    for (let round = 0; round < 3; round++) {
      expect(await again.get(space, 0, key(1000 * round + n))).toBeDefined();
      expect(await again.get(space, 0, key(1000 * round + n + 1))).toBeUndefined();
    }
  }
  await again.close();
});

test('P7 the queue has one limit for all threads together', async () => {
  const engine = await openEngine(folder, { threads: 3, queueMax: 60 });
  const spaces = ['tn_a', 'tn_b', 'tn_c', 'tn_d', 'tn_e', 'tn_f'];
  await Promise.all(spaces.map((space) => engine.get(space, 0, key(0))));
  const all = spaces.flatMap((space) => Array.from({ length: 20 }, (_, n) => engine.commit(space, [put(n)])));
  const refused = (await Promise.allSettled(all)).filter((outcome) => outcome.status === 'rejected');
  expect(refused).toHaveLength(60);
  await engine.close();
});

test('F1 while much expires, others are served in between, and in the end all of it is gone', async () => {
  const engine = await openEngine(folder);
  const rows = 3_000;
  await engine.commit(
    'tn_a',
    Array.from({ length: rows }, (_, n) => due(n, 2_000)),
  );
  let batches = 0;
  const expiring = engine.expire('tn_a', 0, DUE, rows + 1).then((count) => ({ count, batches }));
  let served = 0;
  for (; batches === 0 || served < 5; served++) {
    await engine.commit('tn_a', [put(rows + served)]);
    batches++;
  }
  const done = await expiring;
  expect(done.count).toBe(rows);
  // Had it been one step, the first of the others would have waited for all of it.
  expect(done.batches).toBeGreaterThan(1);
  expect(await engine.expire('tn_a', 0, DUE, 10)).toBe(0);
  await engine.close();
});

test('F1 rows that expire soonest are told in order, without their documents', async () => {
  const engine = await openEngine(folder);
  const times = [30, 10, 20, 40];
  await engine.commit(
    'tn_a',
    times.map((expiresAt, n) => ({ ...put(n, 500), expiresAt }) as ReturnType<typeof put>),
  );
  const rows = await engine.expiring('tn_a', 0, 30, 10);
  expect(rows.map((row) => row.expiresAt)).toEqual([10, 20, 30]);
  expect(rows.map((row) => row.doc.length)).toEqual([0, 0, 0]);
  expect((await engine.expiring('tn_a', 0, 9, 10)).length).toBe(0);
  expect((await engine.expiring('tn_a', 0, 99, 2)).map((row) => row.expiresAt)).toEqual([10, 20]);
  await engine.close();
});

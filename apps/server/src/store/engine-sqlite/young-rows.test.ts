import { cpSync, rmSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CollectionLayout, Engine, EngineOp } from '../engine.ts';
import { controlRows, key, layouts, newFolder, numberOf, openEngine } from './testing.ts';

const SHORT_LIVED = layouts.length;
const withShortLived: readonly CollectionLayout[] = [
  ...layouts,
  { name: 'short-lived', indexes: [], expires: true, shortLived: true, spaces: 'all' },
];

/** Two or three of them make the log be folded. */
const LARGE_BYTES = 100_000;
const ALIKE = 'alike';
const ALIKE_DOC = Uint8Array.from(Buffer.from(ALIKE));

function row(n: number, expiresAt?: number): EngineOp {
  const doc = Uint8Array.from(Buffer.from(`row ${n}`.padEnd(n % 3 === 0 ? LARGE_BYTES : 0)));
  return { kind: 'put', collection: SHORT_LIVED, key: key(n), expect: 'any', doc, entries: [], expiresAt };
}
/** Of many that differ by their keys alone, as those of a message to a group do: they travel together. */
function alike(n: number): EngineOp {
  const row = { collection: SHORT_LIVED, key: key(n), doc: ALIKE_DOC, expiresAt: 9_000 };
  return { kind: 'put', ...row, expect: 'any', entries: [] };
}
const gone = (n: number): EngineOp => ({ kind: 'delete', collection: SHORT_LIVED, key: key(n) });
const present = (n: number): EngineOp => ({
  kind: 'check',
  collection: SHORT_LIVED,
  key: key(n),
  version: 'present',
});
/** Rows of another collection: the second can fail only after the first was written, so the list needs a savepoint. */
const unique = (n: number, entry: number): EngineOp => ({
  kind: 'put',
  collection: 1,
  key: key(n),
  expect: 'any',
  doc: new Uint8Array(1),
  entries: [key(entry)],
  expiresAt: undefined,
});

async function numbers(engine: Engine): Promise<number[]> {
  const rows = await controlRows(engine, SHORT_LIVED);
  for (const stored of rows)
    expect([`row ${numberOf(stored)}`, ALIKE]).toContain(Buffer.from(stored.doc).toString().trimEnd());
  return rows.map(numberOf);
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('put' as const), rows: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('alike' as const), rows: fc.integer({ min: 12, max: 30 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      which: fc.array(fc.nat({ max: 80 }), { minLength: 1, maxLength: 20 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('get' as const, 'check' as const),
      which: fc.nat({ max: 40 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('refused' as const, 'expire' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'range' as const,
        'count' as const,
        'crash' as const,
        'crash' as const,
        'reopen' as const,
      ),
    }),
  },
);

test('P1 rows that are young are found, counted, deleted, expired, refused and kept over a crash as all others', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { folder, remove } = newFolder();
      const open = (from: string) => openEngine(from, { layouts: withShortLived, foldAfterMs: 600_000 });
      let place = folder;
      let crashes = 0;
      let engine = await open(place);
      try {
        const model = new Set<number>();
        const expiring = new Set<number>();
        const sorted = () => [...model].sort((a, b) => a - b);
        let next = 0;
        for (const action of steps) {
          if (action.kind === 'put') {
            const fresh = Array.from({ length: action.rows }, () => next++);
            // Every fourth one has expired when somebody looks.
            const ops = fresh.map((n) => row(n, n % 4 === 0 ? 1_000 : 9_000));
            expect(await engine.commit('control', ops)).toEqual({ committed: true });
            for (const n of fresh) model.add(n);
            for (const n of fresh) if (n % 4 === 0) expiring.add(n);
          } else if (action.kind === 'alike') {
            const fresh = Array.from({ length: action.rows }, () => next++);
            const [first = 0, second = 0] = fresh;
            // In one batch: the rows are asked for when they have only just come.
            const outcomes = await Promise.all([
              engine.commit('control', [...fresh.map(alike), gone(second)]),
              engine.commit('control', [present(first), gone(first)]),
            ]);
            expect(outcomes).toEqual([{ committed: true }, { committed: true }]);
            for (const n of fresh.slice(2)) model.add(n);
          } else if (action.kind === 'delete') {
            await engine.commit('control', action.which.map(gone));
            for (const n of action.which) model.delete(n);
          } else if (action.kind === 'get') {
            const found = await engine.get('control', SHORT_LIVED, key(action.which));
            expect(found !== undefined).toBe(model.has(action.which));
          } else if (action.kind === 'check') {
            const { committed } = await engine.commit('control', [present(action.which), gone(action.which)]);
            expect(committed).toBe(model.delete(action.which));
          } else if (action.kind === 'refused') {
            const first = [...model][0] ?? 0;
            const list = [row(next++), gone(first), unique(1, 1), unique(2, 1)];
            expect((await engine.commit('control', list)).committed).toBe(false);
          } else if (action.kind === 'expire') {
            while ((await engine.expire('control', SHORT_LIVED, 5_000, 1_000)) > 0);
            for (const n of expiring) model.delete(n);
            expiring.clear();
          } else if (action.kind === 'range') expect(await numbers(engine)).toEqual(sorted());
          else if (action.kind === 'count') {
            const counted = {
              collection: SHORT_LIVED,
              from: new Uint8Array(0),
              before: undefined,
              limit: 1_000,
            };
            expect(await engine.count?.('control', counted)).toBe(model.size);
          } else if (action.kind === 'crash') {
            // It goes on with what a kill would have left, and looks at nothing before it does.
            const copy = `${folder}-${++crashes}`;
            cpSync(place, copy, { recursive: true });
            await engine.close();
            rmSync(place, { recursive: true });
            place = copy;
            engine = await open(place);
          } else {
            await engine.close();
            engine = await open(place);
          }
        }
        expect(await numbers(engine)).toEqual(sorted());
      } finally {
        await engine.close();
        rmSync(place, { recursive: true, force: true });
        remove();
      }
    }),
    { numRuns: 15 },
  );
});

test('P1 rows that were young at a fold come back after one crash and after another one right behind it', async () => {
  const { folder, remove } = newFolder();
  const open = (from: string) => openEngine(from, { layouts: withShortLived, foldAfterMs: 600_000 });
  const engine = await open(folder);
  try {
    const there = new Set<number>();
    // Large enough that the log is folded every few of them, and gone soon enough to be young.
    for (let n = 0; n < 36; n += 3) {
      await engine.commit('control', [row(n), row(n + 1), gone(n - 3), gone(n - 5)]);
      there.add(n).add(n + 1);
      there.delete(n - 3);
      there.delete(n - 5);
      const [first, second] = [`${folder}-first`, `${folder}-second`];
      cpSync(folder, first, { recursive: true });
      const after = await open(first);
      expect(await after.get('control', SHORT_LIVED, key(n + 1))).toBeDefined();
      cpSync(first, second, { recursive: true });
      const later = await open(second);
      for (const engine of [after, later]) {
        expect(await numbers(engine)).toEqual([...there].sort((a, b) => a - b));
        await engine.close();
      }
      for (const crashed of [first, second]) rmSync(crashed, { recursive: true });
    }
  } finally {
    await engine.close();
    remove();
  }
});

test('P1 a list that is refused takes nothing with it that a look at all rows has put into their table', async () => {
  const { folder, remove } = newFolder();
  const engine = await openEngine(folder, { layouts: withShortLived, foldAfterMs: 600_000 });
  try {
    const there = new Set<number>();
    const look = async () => {
      const expected = [...there].sort((a, b) => a - b);
      expect(await numbers(engine)).toEqual(expected);
      expect(await engine.commit('control', [present(1_000), row(1_000)])).toMatchObject({
        reason: 'missing',
      });
      expect(await numbers(engine)).toEqual(expected);
    };
    // As large as makes every few of them fold the log, and gone soon enough to be young.
    for (let n = 0; n < 60; n += 3) {
      await engine.commit('control', [row(n), row(n + 1)]);
      there.add(n).add(n + 1);
      await look();
      await engine.commit('control', [gone(n), gone(n - 2)]);
      there.delete(n);
      there.delete(n - 2);
      await look();
    }
  } finally {
    await engine.close();
    remove();
  }
});

test.each([0, SHORT_LIVED])(
  'P1 rows of collection %i that differ by their keys alone go together, are deleted together, and come back over a crash',
  async (collection) => {
    const { folder, remove } = newFolder();
    const open = (from: string) => openEngine(from, { layouts: withShortLived, foldAfterMs: 600_000 });
    const engine = await open(folder);
    const doc = Uint8Array.of(7);
    const same = (n: number): EngineOp => {
      return { kind: 'put', collection, key: key(n), expect: 'any', doc, entries: [], expiresAt: 9_000 };
    };
    const other = (n: number): EngineOp => ({ ...same(n), doc: Uint8Array.of(8) }) as EngineOp;
    const without = (n: number): EngineOp => ({ kind: 'delete', collection, key: key(n) });
    const span = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
    const stored = async (from: Engine) =>
      (await controlRows(from, collection)).map((row) => [numberOf(row), row.doc[0], row.expiresAt]);
    try {
      await engine.commit('control', [other(1_000)]);
      const list = [...span(0, 300).map(same), other(300), ...span(301, 310).map(same), without(1_000)];
      expect(await engine.commit('control', list)).toEqual({ committed: true });
      expect((await engine.get('control', collection, key(5)))?.doc).toEqual(doc);
      // Refused behind rows that were put already: all of them go with it.
      const refused = [...span(400, 420).map(same), ...span(0, 10).map(without), unique(1, 1), unique(2, 1)];
      expect(await engine.commit('control', refused)).toMatchObject({ committed: false, failedAt: 31 });
      await engine.commit('control', [
        ...span(0, 300)
          .filter((n) => n % 2 === 0)
          .map(without),
        same(500),
      ]);
      const left = [...span(0, 310).filter((n) => n % 2 === 1 || n >= 300), 500];
      const expected = left.map((n) => [n, n === 300 ? 8 : 7, 9_000]);
      const copy = `${folder}-copy`;
      cpSync(folder, copy, { recursive: true });
      const again = await open(copy);
      expect(await stored(again)).toEqual(expected);
      await again.close();
      rmSync(copy, { recursive: true });
      expect(await stored(engine)).toEqual(expected);
    } finally {
      await engine.close();
      remove();
    }
  },
);

import { cpSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Engine, EngineOp } from '../engine.ts';
import { controlRows, key, layouts, newFolder, numberOf, openEngine, put } from './testing.ts';

let folder: string;
let remove: () => void;
beforeEach(() => {
  ({ folder, remove } = newFolder());
});
afterEach(() => remove());

const ROWS_A_LIST = 3;
let copies = 0;

/** An engine that folds by size only. */
function openUnhurried(): Promise<Engine> {
  return openEngine(folder, { foldAfterMs: 600_000 });
}

function insert(n: number): EngineOp {
  return { ...put(n), expect: 'absent' } as EngineOp;
}

/** The folder as a power cut would leave it now. */
function copied(): string {
  const to = `${folder}-${++copies}`;
  cpSync(folder, to, { recursive: true });
  return to;
}

function redoOf(data: string): string {
  return join(data, 'control.db-redo');
}

/** Numbers of the rows in a copied folder, which is gone afterwards. */
async function numbersIn(data: string): Promise<number[]> {
  const engine = await openEngine(data);
  try {
    return (await controlRows(engine)).map(numberOf);
  } finally {
    await engine.close();
    rmSync(data, { recursive: true });
  }
}

/** Commits `lists` lists one after the other, the first with numbers 0, 1, 2. */
async function commitLists(engine: Engine, lists: number): Promise<void> {
  for (let list = 0; list < lists; list++) {
    const ops = Array.from({ length: ROWS_A_LIST }, (_, i) => put(list * ROWS_A_LIST + i, 300));
    await engine.commit('control', ops);
  }
}

function firstNumbers(lists: number): number[] {
  return Array.from({ length: lists * ROWS_A_LIST }, (_, n) => n);
}

test('P1 what was confirmed is there after a crash, from the log, in the order in which it happened', async () => {
  const engine = await openUnhurried();
  await commitLists(engine, 5);
  await engine.commit('control', [{ kind: 'delete', collection: 0, key: key(4) }, put(100)]);
  await engine.commit('control', [put(4, 7)]);
  await engine.commit('control', [{ kind: 'delete', collection: 0, key: key(9) }]);
  expect(await numbersIn(copied())).toEqual([...firstNumbers(5).filter((n) => n !== 9), 100]);
  await engine.close();
});

test('P1 a log that was cut anywhere gives whole lists from the start on and nothing of the others', async () => {
  const engine = await openUnhurried();
  // The first list is committed together with the salt of the first turn, so it is in the file.
  await commitLists(engine, 6);
  const whole = readFileSync(redoOf(folder));
  const record = whole.readUInt32LE(0) + 4 + 16;
  for (const cut of [
    0,
    3,
    20,
    record - 1,
    record,
    record + 1,
    2 * record + 100,
    5 * record - 1,
    5 * record,
  ]) {
    const data = copied();
    truncateSync(redoOf(data), cut);
    expect(await numbersIn(data), `cut at ${cut}`).toEqual(firstNumbers(1 + Math.floor(cut / record)));
  }
  for (const at of [2, 30, record + 5, 3 * record + 60]) {
    const data = copied();
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    writeFileSync(redoOf(data), bytes);
    expect(await numbersIn(data), `changed at ${at}`).toEqual(firstNumbers(1 + Math.floor(at / record)));
  }
  await engine.close();
});

test('P1 a release that counts its collections in another order finds in the log what was confirmed, where it belongs', async () => {
  const engine = await openUnhurried();
  await commitLists(engine, 4);
  await engine.commit('control', [{ kind: 'delete', collection: 0, key: key(4) }]);
  const data = copied();
  await engine.close();
  const [plain, indexed] = layouts;
  if (plain === undefined || indexed === undefined) throw new Error('two layouts are tested with');
  const later = await openEngine(data, { layouts: [indexed, { ...plain, name: 'newer' }, plain] });
  const numbersOf = async (collection: number) => (await controlRows(later, collection)).map(numberOf);
  expect(await numbersOf(2)).toEqual(firstNumbers(4).filter((n) => n !== 4));
  expect([await numbersOf(0), await numbersOf(1)]).toEqual([[], []]);
  // From now on the log speaks with the numbers of the later release.
  await later.commit('control', [{ ...put(50), collection: 2 } as EngineOp]);
  await later.commit('control', [{ ...put(51), collection: 2 } as EngineOp]);
  const next = `${data}-next`;
  cpSync(data, next, { recursive: true });
  await later.close();
  expect(await numbersIn(next)).toEqual([...firstNumbers(4).filter((n) => n !== 4), 50, 51]);
  rmSync(data, { recursive: true });
});

test('P1 lists that were refused are not in the log, and checks of versions do not stand in its way', async () => {
  const engine = await openUnhurried();
  await engine.commit('control', [put(0)]);
  await engine.commit('control', [put(1)]);
  const row = await engine.get('control', 0, key(1));
  const check: EngineOp = { kind: 'check', collection: 0, key: key(1), version: row?.version ?? 0 };
  const outcomes = await Promise.all([
    engine.commit('control', [check, put(1, 9), put(2)]),
    engine.commit('control', [check, put(3)]),
    engine.commit('control', [put(4)]),
    engine.commit('control', [put(5), insert(4)]),
    engine.commit('control', [put(6)]),
  ]);
  expect(outcomes.map(({ committed }) => committed)).toEqual([true, false, true, false, true]);
  expect(await numbersIn(copied())).toEqual([0, 1, 2, 4, 6]);
  await engine.close();
});

test('H3 what changes nothing is not written: lists that only check, lists that are refused', async () => {
  const engine = await openUnhurried();
  await engine.commit('control', [put(0)]);
  await engine.commit('control', [put(1)]);
  const before = readFileSync(redoOf(folder));
  const absent: EngineOp = { kind: 'check', collection: 0, key: key(7), version: 'absent' };
  expect(await engine.commit('control', [absent])).toMatchObject({ committed: true });
  expect(await engine.commit('control', [insert(1)])).toMatchObject({ committed: false });
  expect(readFileSync(redoOf(folder)).equals(before)).toBe(true);
  await engine.close();
});

test('P5 a log of an earlier turn brings nothing back', async () => {
  const engine = await openUnhurried();
  await commitLists(engine, 4);
  const old = readFileSync(redoOf(folder));
  await engine.commit(
    'control',
    firstNumbers(4).map((n): EngineOp => ({ kind: 'delete', collection: 0, key: key(n) })),
  );
  await engine.close();
  expect(existsSync(redoOf(folder))).toBe(false);
  writeFileSync(redoOf(folder), old);
  expect(await numbersIn(copied())).toEqual([]);
});

test('P1 a log that is folded again and again loses nothing, whenever the power goes', async () => {
  const engine = await openUnhurried();
  const kept: number[] = [];
  for (let n = 0; n < 60; n++) {
    await engine.commit('control', [put(n, 20_000)]);
    kept.push(n);
    if (n >= 5) {
      await engine.commit('control', [{ kind: 'delete', collection: 0, key: key(n - 5) }]);
      kept.shift();
    }
    if (n % 7 === 0) expect(await numbersIn(copied())).toEqual(kept);
  }
  expect(readFileSync(redoOf(folder)).length).toBeLessThan(1024 * 1024);
  await engine.close();
});

test('B5 nothing in the log can be read without the key of its space', async () => {
  const engine = await openUnhurried();
  const doc = new Uint8Array(64).fill(0x41);
  await engine.commit('control', [put(0)]);
  await engine.commit('control', [{ ...put(1), doc } as EngineOp]);
  expect(readFileSync(redoOf(folder)).includes('AAAAAAAA')).toBe(false);
  await engine.close();
});

test('P5 what was committed is gone from the log soon, also when nothing else comes', async () => {
  const engine = await openEngine(folder, { foldAfterMs: 1 });
  await engine.commit('control', [put(0)]);
  await engine.commit('control', [put(1)]);
  // A copy that is taken in the middle of a fold would be of two moments.
  const isFolded = () => expect.poll(() => existsSync(redoOf(folder))).toBe(false);
  await isFolded();
  expect(await numbersIn(copied())).toEqual([0, 1]);
  await engine.commit('control', [put(2)]);
  await engine.commit('control', [put(3)]);
  await isFolded();
  expect(await numbersIn(copied())).toEqual([0, 1, 2, 3]);
  await engine.close();
});

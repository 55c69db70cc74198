/**
 * A process that is killed inside a fold of the redo log (docs/decisions/0014): strace ends it before one of its system calls, so that each run is
 * killed at a place of its own, and nothing of the product has to know of it.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { controlRows, key, newFolder, openEngine, put } from './testing.ts';

const CHILD = new URL('./fold-child.ts', import.meta.url).pathname;
/** What a fold and the log are made of: SQLite writes with the first, the log with the second. */
const CALLS = ['pwrite64', 'pwritev', 'fdatasync', 'fsync', 'ftruncate', 'unlink'] as const;
type Call = (typeof CALLS)[number];
/** After so many lists of the child its log has been folded by its size, once. */
const LISTS = 20;
const NEVER_MS = 600_000;

let folder: string;
let remove: () => void;
beforeEach(() => {
  ({ folder, remove } = newFolder());
});
afterEach(() => remove());

function startAnew(): void {
  remove();
  ({ folder, remove } = newFolder());
}

interface Run {
  readonly signal: NodeJS.Signals | null;
  /** Number of the last list that was confirmed. */
  readonly confirmed: number;
}

/** Runs the child under strace. @param order what strace is to do; @returns undefined where tracing is not possible */
function traced(order: readonly string[], foldAfterMs: number, lists = LISTS): Run | undefined {
  const run = spawnSync(
    'strace',
    ['-f', '-qq', ...order, process.execPath, CHILD, folder, String(foldAfterMs), String(lists)],
    { encoding: 'utf8' },
  );
  if (run.error !== undefined || /ptrace|not permitted/i.test(run.stderr)) return undefined;
  expect(run.stderr).toBe('');
  return { signal: run.signal, confirmed: Number(run.stdout.trimEnd().split('\n').at(-1) ?? 0) };
}

/** Runs it and kills it before the n-th of these calls of the thread that writes. */
const killedAt = (call: Call, nth: number, foldAfterMs: number, lists?: number) =>
  traced(
    ['-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${nth}`],
    foldAfterMs,
    lists,
  );

/** The list whose changes are in the folder, all of them and nothing of any other. */
async function listIn(data: string): Promise<number> {
  const engine = await openEngine(data);
  try {
    const rows = await controlRows(engine);
    const [row, count] = rows;
    const list = count?.doc.length ?? 0;
    expect(rows.map((one) => [...one.key])).toEqual(list === 0 ? [] : [[...key(list)], [...key(0xffff)]]);
    expect(row?.doc.length).toBe(list === 0 ? undefined : 20_000);
    return list;
  } finally {
    await engine.close();
  }
}

/** What was confirmed is there, or what was under way as well; and it stays so, also when the store goes on. */
async function expectWhole({ confirmed }: Run): Promise<void> {
  const list = await listIn(folder);
  expect([confirmed, confirmed + 1]).toContain(list);
  const engine = await openEngine(folder);
  await engine.commit('control', [put(list + 1, 20_000), { kind: 'delete', collection: 0, key: key(list) }]);
  await engine.commit('control', [put(0xffff, list + 1)]);
  await engine.close();
  expect(await listIn(folder)).toBe(list + 1);
}

interface Traced {
  readonly call: Call;
  /** Which of its kind it is in its thread. */
  readonly nth: number;
  readonly file: string;
}

/** The calls of the thread that writes, on files of the store, in their order. */
function callsIn(trace: string): Traced[] {
  const counts = new Map<string, number>();
  return trace.split('\n').flatMap((line) => {
    const parts = /^(\d+) +(\w+)\((?:"([^"]*)"|\d+<([^>]*)>)/.exec(line);
    if (parts === null) return [];
    const [, thread, call, path, opened] = parts;
    const nth = (counts.get(`${thread} ${call}`) ?? 0) + 1;
    counts.set(`${thread} ${call}`, nth);
    const file = path ?? opened ?? '';
    return file.startsWith(folder) ? [{ call: call as Call, nth, file }] : [];
  });
}

/** A run that nobody disturbs, call by call. */
function observed(foldAfterMs: number, lists = LISTS): Traced[] | undefined {
  const file = join(folder, 'trace');
  const order = ['-y', '-o', file, '-e', `trace=${CALLS.join(',')}`];
  if (traced(order, foldAfterMs, lists) === undefined) return undefined;
  const calls = callsIn(readFileSync(file, 'utf8'));
  startAnew();
  return calls;
}

describe('P1 killed inside a fold of the redo log, it loses nothing that was confirmed and does nothing a second time', () => {
  test('by its size, before each write and each sync of it', async (context) => {
    const calls = observed(NEVER_MS);
    if (calls === undefined) return context.skip('strace is not installed, or tracing is not allowed here');
    // What lies between two appends to the log and is none is the fold; the first log begins with the second list.
    const isLog = ({ file }: Traced) => file.endsWith('-redo');
    const [begin, end] = [calls.findIndex(isLog), calls.findLastIndex(isLog)];
    const fold = calls.slice(begin, end).filter((call) => !isLog(call));
    expect(fold.length).toBeGreaterThan(3);
    // Every write would be many runs; the first and last of each kind are where something begins or ends.
    const step = Math.ceil(fold.length / 4);
    const places = fold.filter(
      (one, at) => at % step === 0 || at >= fold.length - 2 || one.call !== 'pwrite64',
    );
    // And the first append after it, which overwrites what the log held before.
    const next = calls
      .slice(calls.indexOf(fold.at(-1) as Traced))
      .filter(isLog)
      .slice(0, 2);
    for (const { call, nth } of [...places, ...next]) {
      const run = killedAt(call, nth, NEVER_MS);
      if (run === undefined) throw new Error('strace has stopped working');
      expect(run.signal, `${call} ${nth}`).toBe('SIGKILL');
      await expectWhole(run);
      startAnew();
    }
  });

  test('after a while, before the log is removed and before what comes next', async (context) => {
    const lists = 6;
    const calls = observed(1, lists);
    if (calls === undefined) return context.skip('strace is not installed, or tracing is not allowed here');
    const removals = calls.filter(({ call }) => call === 'unlink');
    expect(removals.length).toBeGreaterThan(1);
    for (const [call, nth] of [
      ['unlink', 1],
      ['unlink', 2],
      ['fdatasync', 4],
      ['pwritev', 2],
    ] as const) {
      const run = killedAt(call, nth, 1, 100);
      expect(run?.signal, `${call} ${nth}`).toBe('SIGKILL');
      if (run !== undefined) await expectWhole(run);
      startAnew();
    }
  });

  test('killed again while the log is run after the first kill', async (context) => {
    const first = killedAt('pwritev', 9, NEVER_MS);
    if (first === undefined) return context.skip('strace is not installed, or tracing is not allowed here');
    expect(first).toMatchObject({ signal: 'SIGKILL' });
    expect(first.confirmed).toBeGreaterThan(2);
    // Opening runs the log and folds it; the child that is killed in it has confirmed nothing of its own.
    for (const [call, nth] of [
      ['pwrite64', 1],
      ['pwrite64', 4],
      ['fsync', 1],
      ['unlink', 1],
    ] as const) {
      expect(killedAt(call, nth, NEVER_MS), `${call} ${nth}`).toEqual({ signal: 'SIGKILL', confirmed: 0 });
    }
    await expectWhole(first);
  });
});

/**
 * Random histories of a file with its redo log and its young rows (conformance/row-histories.ts). Everything runs in this thread, with a clock that the history
 * moves, a log that is folded after a few rows, and a disk that is full when the history says so. A crash comes before or behind any append, COMMIT
 * or removal of the log, in a batch as well as while the file is opened or closed, and the history goes on with the files as they were then: what was answered is
 * there, and what was not answered yet is there whole or not at all.
 *
 * Some are part of `npm test`; `npm run fuzz -- --only "young rows"` acts out as many as it is told, from a new seed.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  afterList,
  expiredBy,
  HISTORY_LAYOUTS,
  type HistoryRequest,
  type HistoryStep,
  inOrder,
  type ModelState,
  NO_ROWS,
  numberBack,
  operationsOf,
  rowHistory,
  type Weather,
  withoutRows,
} from '../conformance/row-histories.ts';
import { needsRoom } from '../engine.ts';
import { readExpired, readOutcome, readRows } from './answers.ts';
import { LoggedFile } from './logged-file.ts';
import {
  Packer,
  packCommit,
  packCount,
  packExpire,
  packExpiring,
  packGet,
  packRange,
  Unpacker,
} from './packing.ts';
import { key, numberOf } from './testing.ts';
import { runGroup } from './work-group.ts';

type Call = 'append' | 'commit' | 'remove';
/** What stands between the code and the disk; nothing while nobody disturbs it. */
const disk = vi.hoisted(() => ({
  around: undefined as ((call: Call, act: () => unknown) => unknown) | undefined,
}));
const past = vi.hoisted(
  () =>
    <T>(call: Call, act: () => T): T =>
      disk.around === undefined ? act() : (disk.around(call, act) as T),
);

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>();
  return {
    ...real,
    writevSync: (...given: Parameters<typeof real.writevSync>) =>
      past('append', () => real.writevSync(...given)),
    rmSync: (...given: Parameters<typeof real.rmSync>) => past('remove', () => real.rmSync(...given)),
  };
});

vi.mock('@signalapp/sqlcipher', async (original) => {
  const real = await original<typeof import('@signalapp/sqlcipher')>();
  const { prepare } = real.Database.prototype;
  real.Database.prototype.prepare = function prepareWatched(
    this: InstanceType<typeof real.Database>,
    sql: string,
  ) {
    const statement = prepare.call(this, sql);
    if (sql !== 'COMMIT') return statement;
    const run = statement.run.bind(statement);
    statement.run = (values) => past('commit', () => run(values));
    return statement;
  } as typeof prepare;
  return real;
});

/** Half of all rows expire before. */
const EXPIRING_MS = 6_000;
/** The range over all rows of a collection: all keys begin with a zero, and no bytes at all are NULL for the driver. */
const everything = (collection: number) => ({
  collection,
  index: undefined,
  from: new Uint8Array(1),
  before: undefined,
  after: undefined,
  descending: false,
  limit: 10_000,
  bytesMax: Number.MAX_SAFE_INTEGER,
});

let root: string;
let nowMs = 0;
beforeAll(() => {
  // Where there is a disk in memory the waiting for the other one is saved: nothing here cuts the power.
  root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'young-'));
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

function noRoom(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** A request of a batch with what has to be true of its answer. */
interface Asked {
  pack(into: Packer): void;
  /** @returns what checks it, and brings the model to where the file is then; to be called in the order of the requests */
  hear(reader: Unpacker): () => void;
}

/** One file, what has to be in it, and what befalls it. */
class History {
  readonly #folder = mkdtempSync(join(root, 'history-'));
  readonly #reserveBytes: number;
  #place = join(this.#folder, '0');
  #file: LoggedFile | undefined;
  #copies = 0;
  #state: ModelState = NO_ROWS;
  readonly #came = HISTORY_LAYOUTS.map(() => 0);
  #weather: Weather | undefined;
  #wasFull = false;
  /** Where the files were copied to at the moment of a crash. */
  #crashed: string | undefined;
  #isAnswered = false;

  constructor(reserveBytes: number) {
    this.#reserveBytes = reserveBytes;
    mkdirSync(this.#place);
    this.#file = this.#open(this.#place);
  }

  [Symbol.dispose](): void {
    this.#file?.rows.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  run(step: HistoryStep): void {
    if (step.do === 'wait') nowMs += step.ms;
    else if (step.do === 'crash') for (let n = 0; n < step.times; n++) this.#goOnWith(this.#copy());
    else {
      const before = this.#state;
      let possible: readonly ModelState[] = [];
      this.#under(step.weather, () => {
        if (step.do === 'batch') possible = this.#batch(step.requests);
        else if (step.do === 'reopen') this.#reopen();
        else if (this.#file?.isBehind) this.#file.settle();
      });
      const copy = this.#crashed;
      this.#crashed = undefined;
      if (copy === undefined) return;
      // What was not answered yet when it crashed may be there or not.
      const all = this.#isAnswered ? [this.#state] : [before, this.#state, ...possible];
      const found = JSON.stringify(this.#lookInto(copy));
      const then = all.find((state) => JSON.stringify(inOrder(state)) === found);
      if (then === undefined)
        expect(found).toEqual([before, this.#state].map((one) => JSON.stringify(inOrder(one))));
      this.#state = then ?? before;
      this.#goOnWith(copy);
    }
  }

  expectAll(): void {
    expect(this.#all(this.#file)).toEqual(inOrder(this.#state));
  }

  #open(place: string): LoggedFile {
    return new LoggedFile({
      file: join(place, 'space.db'),
      keyHex: '01'.repeat(32),
      create: true,
      layouts: HISTORY_LAYOUTS,
      spaces: 'control',
      reserveBytes: this.#reserveBytes,
    });
  }

  #reopen(): void {
    this.#file?.close();
    this.#file = undefined;
    try {
      this.#file = this.#open(this.#place);
    } catch (error) {
      expect(error).toMatchObject({ failure: 'disk_full' });
      this.#weather = undefined;
      this.#file = this.#open(this.#place);
    }
  }

  /** The files as a kill would leave them now. */
  #copy(): string {
    const to = join(this.#folder, String(++this.#copies));
    cpSync(this.#place, to, { recursive: true });
    return to;
  }

  #goOnWith(copy: string): void {
    this.#file?.close();
    rmSync(this.#place, { recursive: true });
    this.#place = copy;
    this.#file = this.#open(copy);
  }

  /** What is in a copy, which stays as it is. */
  #lookInto(copy: string) {
    const other = `${copy}-again`;
    cpSync(copy, other, { recursive: true });
    const file = this.#open(other);
    try {
      return this.#all(file);
    } finally {
      file.rows.close();
      rmSync(other, { recursive: true });
    }
  }

  #all(file: LoggedFile | undefined) {
    return HISTORY_LAYOUTS.map((_, collection) => {
      const rows = file?.rows.range({
        ...everything(collection),
        before: null,
        afterEntry: null,
        afterKey: null,
      });
      return rows?.map(({ k, doc, exp }) => [
        numberOf({ key: k }),
        Buffer.from(doc).toString(),
        exp ?? undefined,
      ]);
    });
  }

  #under(weather: Weather, act: () => void): void {
    this.#weather = weather;
    let [calls, moments] = [0, 0];
    let wasAnswered = false;
    this.#isAnswered = false;
    const moment = () => {
      if (moments++ !== weather.crashAt) return;
      this.#crashed = this.#copy();
      wasAnswered = this.#isAnswered;
    };
    disk.around = (call, go) => {
      const { fullFrom = Infinity } = this.#weather ?? {};
      const isFull = call !== 'remove' && calls++ >= fullFrom;
      if (isFull) this.#wasFull = true;
      moment();
      if (isFull && call === 'commit') throw noRoom('SQLITE_FULL');
      const done = go();
      moment();
      // What was written finds no room when it is to be made durable.
      if (isFull) throw noRoom('ENOSPC');
      return done;
    };
    const watch = disk.around;
    // Copies are made behind the back of the one who watches.
    disk.around = (call, go) => {
      disk.around = undefined;
      try {
        return watch(call, go);
      } finally {
        disk.around = self;
      }
    };
    const self = disk.around;
    try {
      act();
    } finally {
      disk.around = undefined;
      this.#weather = undefined;
      this.#isAnswered = wasAnswered;
    }
  }

  /** @returns what may be there after a crash in it, beside what was before and what is now */
  #batch(requests: readonly HistoryRequest[]): readonly ModelState[] {
    const { isTight = false } = this.#weather ?? {};
    this.#wasFull = false;
    const before = this.#state;
    let whole = before;
    const asked = requests.map((request): Asked => {
      if (request.do !== 'list')
        return request.do === 'expire' ? this.#expire(request) : this.#look(request, before);
      const list = operationsOf(request.pieces, this.#came);
      whole = afterList(whole, list).state;
      return {
        pack: (into) => packCommit(into, list, needsRoom(list)),
        hear: (reader) => {
          const outcome = attempt(() => readOutcome(reader));
          return () => {
            if (outcome === undefined) {
              expect(this.#wasFull || (isTight && needsRoom(list))).toBe(true);
              return;
            }
            const expected = afterList(this.#state, list);
            expect(outcome).toEqual(expected.outcome);
            this.#state = expected.state;
          };
        },
      };
    });
    const work = new Packer(256);
    for (const { pack } of asked) pack(work);
    const heard: (() => void)[] = [];
    const hear = (answers: Uint8Array<ArrayBuffer>) => {
      const reader = new Unpacker(answers);
      while (!reader.done) {
        const request = reader.u32();
        const answer = asked[request]?.hear(reader);
        if (answer === undefined || heard[request] !== undefined) throw new Error('an answer too many');
        heard[request] = answer;
      }
    };
    const { file } = { file: this.#file };
    if (file === undefined) throw new Error('no file is open');
    hear(runGroup(file, { work: work.take(), mayOnlyShrink: false }, this.#surroundings(isTight), hear));
    expect(heard.filter((answer) => answer !== undefined)).toHaveLength(asked.length);
    for (const answer of heard) answer();
    this.#isAnswered = true;
    file.foldLong();
    return [whole];
  }

  #surroundings(isTight: boolean) {
    return {
      reserve: {
        isTight: () => isTight,
        release: () => {
          const { isHelped = false } = this.#weather ?? {};
          if (isHelped && this.#weather) this.#weather = { ...this.#weather, fullFrom: undefined };
          return isHelped;
        },
      },
      step: () => undefined,
    };
  }

  #expire({ at, share, limit }: Extract<HistoryRequest, { do: 'expire' }>): Asked {
    const untilMs = 1_000 + share * 1_000;
    return {
      pack: (into) => packExpire(into, at, untilMs, limit),
      hear: (reader) => {
        const removed = attempt(() => readExpired(reader));
        return () => {
          if (removed === undefined) {
            expect(this.#wasFull).toBe(true);
            return;
          }
          const due = expiredBy(this.#state[at], untilMs);
          expect(removed.count).toBeLessThanOrEqual(Math.min(due.length, limit));
          if (!removed.more) expect(removed.count).toBe(due.length);
          this.#state = withoutRows(this.#state, at, due.slice(0, removed.count));
        };
      },
    };
  }

  #look(request: Exclude<HistoryRequest, { do: 'list' | 'expire' }>, before: ModelState): Asked {
    const { at } = request;
    const rows = inOrder(before)[at] ?? [];
    const stored = (reader: Unpacker) =>
      readRows(reader).map((row) => [numberOf(row), Buffer.from(row.doc).toString(), row.expiresAt]);
    if (request.do === 'get') {
      const n = numberBack(this.#came[at] ?? 0, request.which);
      const expected = rows.filter(([other]) => other === n);
      return look((into) => packGet(into, at, key(n)), stored, expected);
    }
    if (request.do === 'count')
      return look(
        (into) => packCount(into, everything(at)),
        (reader) => reader.u32(),
        rows.length,
      );
    if (request.do === 'rows') return look((into) => packRange(into, everything(at)), stored, rows);
    return look(
      (into) => packExpiring(into, at, EXPIRING_MS, 10_000),
      (reader) => readRows(reader).map(numberOf),
      expiredBy(before[at], EXPIRING_MS),
    );
  }
}

/** Reads see what was there before their batch. */
function look(pack: Asked['pack'], read: (reader: Unpacker) => unknown, expected: unknown): Asked {
  return {
    pack,
    hear: (reader) => {
      const found = read(reader);
      return () => expect(found).toEqual(expected);
    },
  };
}

/** Undefined when it was refused because the disk is full. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(error).toMatchObject({ code: 'disk_full' });
    return undefined;
  }
}

test('P1 P2 young rows are there as answered, whatever was looked at, refused, folded, full or cut short before', () => {
  const { KUVERT_FUZZ_RUNS: runs, KUVERT_FUZZ_SEED: seed, KUVERT_FUZZ_PATH: path } = process.env;
  fc.assert(
    fc.property(rowHistory, ({ reserveBytes, steps }) => {
      using history = new History(reserveBytes);
      for (const step of steps) history.run(step);
      history.expectAll();
    }),
    {
      numRuns: Number(runs ?? 150),
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      ...(path === undefined ? {} : { path }),
    },
  );
});

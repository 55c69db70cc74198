/**
 * What random histories of young rows are made of, and a model of what must come of them: a few maps. For engine-sqlite/young-histories.test.ts,
 * which acts them out on files.
 */
import fc from 'fast-check';
import type { CollectionLayout, EngineOp, EngineOutcome } from '../engine.ts';

const [YOUNG, OTHER_YOUNG, GATE, UNIQUE] = [0, 1, 2, 3] as const;
/** Two short-lived collections, one that is remembered, and one whose lists can fail at their second write. */
export const HISTORY_LAYOUTS: readonly CollectionLayout[] = [
  { name: 'young', indexes: [], expires: true, shortLived: true, spaces: 'all' },
  { name: 'other-young', indexes: [], expires: true, shortLived: true, spaces: 'all' },
  { name: 'gate', indexes: [], expires: false, gate: true, spaces: 'all' },
  { name: 'unique', indexes: [{ name: 'one', unique: true }], expires: false, spaces: 'all' },
];

/** A short-lived collection. */
export type Short = typeof YOUNG | typeof OTHER_YOUNG;

/** Part of a list. `which` counts back from the row that came last, also to rows that are gone. */
type Piece =
  | {
      readonly do: 'come';
      readonly to: Short;
      readonly rows: number;
      readonly size: number;
      readonly alike: boolean;
    }
  | { readonly do: 'go'; readonly from: Short; readonly which: readonly number[] }
  | { readonly do: 'is-there'; readonly to: Short; readonly which: number }
  | {
      readonly do: 'gate';
      readonly gate: number;
      readonly how: 'put' | 'insert' | 'delete' | 'present' | 'absent';
    }
  | { readonly do: 'unique'; readonly row: number; readonly entry: number };

/** One request of a batch. */
export type HistoryRequest =
  | { readonly do: 'list'; readonly pieces: readonly Piece[] }
  | { readonly do: 'rows' | 'count' | 'expiring'; readonly at: number }
  | { readonly do: 'get'; readonly at: Short; readonly which: number }
  | { readonly do: 'expire'; readonly at: Short; readonly share: number; readonly limit: number };

/**
 * What befalls the disk during a step: from which call on it is full, whether giving the reserve up makes room, and the moment, before or behind a
 * call, at which a crash leaves the files as they are.
 */
export interface Weather {
  readonly fullFrom: number | undefined;
  readonly isHelped: boolean;
  readonly isTight: boolean;
  readonly crashAt: number | undefined;
}

/** One step of a history. */
export type HistoryStep =
  | { readonly do: 'batch'; readonly requests: readonly HistoryRequest[]; readonly weather: Weather }
  | { readonly do: 'settle' | 'reopen'; readonly weather: Weather }
  | { readonly do: 'crash'; readonly times: number }
  | { readonly do: 'wait'; readonly ms: number };

/** A row of the model; `entry` is the one in the unique index. */
export interface ModelRow {
  readonly doc: string;
  readonly expiresAt: number | undefined;
  readonly entry?: number;
}
/** Rows by number, for each collection. */
export type ModelState = readonly ReadonlyMap<number, ModelRow>[];

/** Before anything has come. */
export const NO_ROWS: ModelState = HISTORY_LAYOUTS.map(() => new Map());

/** For comparing. */
export function inOrder(state: ModelState): [number, string, number | undefined][][] {
  return state.map((rows) =>
    [...rows].sort(([one], [other]) => one - other).map(([n, { doc, expiresAt }]) => [n, doc, expiresAt]),
  );
}

/** The number that counts back from the one that came last. */
export function numberBack(came: number, which: number): number {
  return Math.max(0, came - 1 - which);
}

/** When row `n` expires: each at a time of its own, so that it is known which of them go first. */
function expiresAt(n: number): number {
  return 1_000 + ((n * 7_919) % 10_007);
}

/** The operations of a list. @param came how many rows have come, by collection; those that come now are counted */
export function operationsOf(pieces: readonly Piece[], came: number[]): EngineOp[] {
  return pieces.flatMap((piece): EngineOp[] => {
    if (piece.do === 'come') {
      const { to: collection, rows, size, alike } = piece;
      const first = came[collection] ?? 0;
      came[collection] = first + rows;
      const shared = docOf(`of ${first}`, size);
      return Array.from({ length: rows }, (_, at): EngineOp => {
        const doc = alike ? shared : docOf(`of ${first + at}`, size);
        const time = expiresAt(alike ? first : first + at);
        return {
          kind: 'put',
          collection,
          key: key(first + at),
          expect: 'any',
          doc,
          entries: [],
          expiresAt: time,
        };
      });
    }
    if (piece.do === 'go')
      return piece.which.map((which) => ({
        kind: 'delete',
        collection: piece.from,
        key: key(numberBack(came[piece.from] ?? 0, which)),
      }));
    if (piece.do === 'is-there') {
      const n = numberBack(came[piece.to] ?? 0, piece.which);
      return [{ kind: 'check', collection: piece.to, key: key(n), version: 'present' }];
    }
    if (piece.do === 'unique') {
      const [n, entries] = [piece.row, [key(piece.entry)]];
      const doc = docOf(`entry ${piece.entry}`, 0);
      return [
        { kind: 'put', collection: UNIQUE, key: key(n), expect: 'any', doc, entries, expiresAt: undefined },
      ];
    }
    const place = { collection: GATE, key: key(piece.gate) };
    if (piece.how === 'delete') return [{ kind: 'delete', ...place }];
    if (piece.how === 'present' || piece.how === 'absent')
      return [{ kind: 'check', ...place, version: piece.how }];
    const expect = piece.how === 'insert' ? 'absent' : 'any';
    return [{ kind: 'put', ...place, expect, doc: docOf('gate', 0), entries: [], expiresAt: undefined }];
  });
}

function docOf(text: string, size: number): Uint8Array {
  return Uint8Array.from(Buffer.from(text.padEnd(size, '.')));
}

/** The key of a row. */
const key = (n: number) => Uint8Array.of(n >> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255);
const keyNumber = (bytes: Uint8Array) => Buffer.from(bytes).readUInt32BE(0);

/** What a list must come to. */
export function afterList(
  state: ModelState,
  list: readonly EngineOp[],
): { readonly outcome: EngineOutcome; readonly state: ModelState } {
  const refused = (failedAt: number, reason: 'exists' | 'missing' | 'changed' | 'not_unique') => {
    const index = reason === 'not_unique' ? 0 : undefined;
    return { outcome: { committed: false, failedAt, reason, index } as const, state };
  };
  for (const [at, op] of list.entries()) {
    if (op.kind !== 'check') continue;
    const isThere = state[op.collection]?.has(keyNumber(op.key)) === true;
    if (op.version === 'present' && !isThere) return refused(at, 'missing');
    if (op.version === 'absent' && isThere) return refused(at, 'changed');
  }
  const next = state.map((rows) => new Map(rows));
  for (const [at, op] of list.entries()) {
    const rows = next[op.collection];
    if (op.kind === 'check' || rows === undefined) continue;
    const n = keyNumber(op.key);
    if (op.kind === 'delete') {
      rows.delete(n);
      continue;
    }
    if (op.expect === 'absent' && rows.has(n)) return refused(at, 'exists');
    const [bytes] = op.entries;
    const entry = bytes ? keyNumber(bytes) : undefined;
    const isTaken = [...rows].some(([other, row]) => other !== n && row.entry === entry);
    if (entry !== undefined && isTaken) return refused(at, 'not_unique');
    const doc = Buffer.from(op.doc).toString();
    rows.set(n, { doc, expiresAt: op.expiresAt, ...(entry === undefined ? {} : { entry }) });
  }
  return { outcome: { committed: true }, state: next };
}

/** The numbers of rows whose time has come, soonest first. */
export function expiredBy(rows: ReadonlyMap<number, ModelRow> | undefined, nowMs: number): number[] {
  return [...(rows ?? [])]
    .filter(([, row]) => (row.expiresAt ?? Infinity) <= nowMs)
    .sort(([, one], [, other]) => (one.expiresAt ?? 0) - (other.expiresAt ?? 0))
    .map(([n]) => n);
}

/** Without some of its rows. */
export function withoutRows(state: ModelState, collection: number, gone: readonly number[]): ModelState {
  const rows = new Map(state[collection]);
  for (const n of gone) rows.delete(n);
  return state.with(collection, rows);
}

const short = fc.constantFrom<Short>(YOUNG, YOUNG, OTHER_YOUNG);
const recent = fc.nat({ max: 12 });
const of = <const T extends string>(name: T) => fc.constant(name);

const piece: fc.Arbitrary<Piece> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: of('come'),
      to: short,
      rows: fc.integer({ min: 1, max: 4 }),
      size: fc.constantFrom(0, 0, 40, 400),
      alike: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: of('go'),
      from: short,
      which: fc.array(recent, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: of('is-there'), to: short, which: recent }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: of('gate'),
      gate: fc.nat({ max: 2 }),
      how: fc.constantFrom('put', 'insert', 'delete', 'present', 'absent'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: of('unique'), row: fc.nat({ max: 2 }), entry: fc.nat({ max: 2 }) }),
  },
);

const request: fc.Arbitrary<HistoryRequest> = fc.oneof(
  {
    weight: 7,
    arbitrary: fc.record({ do: of('list'), pieces: fc.array(piece, { minLength: 1, maxLength: 3 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('rows', 'count', 'expiring'),
      at: fc.nat({ max: HISTORY_LAYOUTS.length - 1 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: of('get'), at: short, which: recent }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: of('expire'),
      at: short,
      share: fc.nat({ max: 10 }),
      limit: fc.constantFrom(1, 3, 1_000),
    }),
  },
) as fc.Arbitrary<HistoryRequest>;

const seldom = (max: number, freq: number) => fc.option(fc.nat({ max }), { nil: undefined, freq });
const weather: fc.Arbitrary<Weather> = fc
  .record({
    isRough: fc.nat({ max: 3 }),
    fullFrom: seldom(4, 1),
    isHelped: fc.boolean(),
    isTight: fc.nat({ max: 4 }).map((n) => n === 0),
    crashAt: seldom(8, 1),
  })
  .map(({ isRough, ...rough }) =>
    isRough === 0 ? rough : { fullFrom: undefined, isHelped: false, isTight: false, crashAt: undefined },
  );

const step: fc.Arbitrary<HistoryStep> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: of('batch'),
      requests: fc.array(request, { minLength: 1, maxLength: 4 }),
      weather,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('settle', 'reopen'), weather }) },
  { weight: 2, arbitrary: fc.record({ do: of('crash'), times: fc.integer({ min: 1, max: 2 }) }) },
  { weight: 2, arbitrary: fc.record({ do: of('wait'), ms: fc.constantFrom(50, 200, 500) }) },
) as fc.Arbitrary<HistoryStep>;

/** A history, and the size of its reserve: the log is folded after a quarter of it, which is a few rows or many. */
export const rowHistory = fc.record({
  reserveBytes: fc.constantFrom(4, 2_000, 8_000, 40_000),
  steps: fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
});

/** How a query finds its documents: which index, which ranges of it, and what is left to test and to sort. */
import type { Document } from 'bson';
import { AFTER_ALL, bsonClass, compareValues, inverted, sortKey } from './bson-order.ts';
import type { CollectionState, Index, RecordId } from './collection-state.ts';
import { CommandError } from './command-error.ts';
import { compileFilter, hasOperators } from './match.ts';
import { asNumber } from './numbers.ts';
import { indexValuesAt } from './paths.ts';

/** What is asked. */
export interface Query {
  readonly filter: Document;
  readonly sort?: Document | undefined;
  /** Name of an index or its key. */
  readonly hint?: unknown;
  readonly min?: Document | undefined;
  readonly max?: Document | undefined;
  readonly variables?: Document;
}

/** A document with its number. */
export type Found = readonly [id: RecordId, doc: Document];

/** Inclusive lower and exclusive upper bound. */
type Range = readonly [from: string, before: string];

interface Plan {
  readonly index: Index;
  readonly ranges: readonly Range[];
  readonly sorted: boolean;
  readonly backwards: boolean;
  readonly score: number;
}

/** How the double would run a query, as `explain` and tests see it. */
export function explain(state: CollectionState, query: Query): { index: string | undefined; sorts: boolean } {
  const plan = choose(state, query);
  return { index: plan?.index.name, sorts: query.sort !== undefined && plan?.sorted !== true };
}

/** Runs a query lazily, in the order asked for; without one in the order of insertion or of the index used. */
export function* run(state: CollectionState, query: Query): Generator<Found> {
  const matches = compileFilter(query.filter, query.variables);
  const plan = choose(state, query);
  const candidates = plan === undefined ? state.records.entries() : throughIndex(state, plan);
  const sort = Object.keys(query.sort ?? {}).length > 0 ? query.sort : undefined;
  if (sort === undefined || plan?.sorted || '$natural' in sort) {
    const backwards = asNumber(sort?.$natural) === -1;
    for (const found of backwards ? [...candidates].reverse() : candidates)
      if (matches(found[1])) yield found;
    return;
  }
  const found = [...candidates].filter(([, doc]) => matches(doc));
  yield* sortedBy(found, sort, ([, doc]) => doc);
}

/** Sorts by one or more paths; an array counts with its least (or, descending, greatest) element. */
export function sortedBy<T>(list: readonly T[], sort: Document, docOf: (one: T) => Document): T[] {
  const order = Object.entries(sort).map(([path, way]) => ({ path, descending: asNumber(way) === -1 }));
  const keyed = list.map((one) => ({
    one,
    keys: order.map(({ path, descending }) => {
      const keys = indexValuesAt(docOf(one), path).values.map(sortKey).sort();
      return (descending ? keys.at(-1) : keys[0]) ?? '';
    }),
  }));
  keyed.sort((a, b) => {
    for (const [at, { descending }] of order.entries()) {
      const [left = '', right = ''] = [a.keys[at], b.keys[at]];
      if (left !== right) return left < right === descending ? 1 : -1;
    }
    return 0;
  });
  return keyed.map(({ one }) => one);
}

function* throughIndex(state: CollectionState, plan: Plan): Generator<Found> {
  const seen = plan.index.multikey || plan.ranges.length > 1 ? new Set<RecordId>() : undefined;
  for (const [from, before] of plan.ranges) {
    const { entries } = plan.index;
    const pairs = plan.backwards ? entries.entriesReversed(before, undefined, true) : entries.entries(from);
    for (const [entry, id] of pairs) {
      if (plan.backwards ? entry < from : entry >= before) break;
      if (seen?.has(id)) continue;
      seen?.add(id);
      const doc = state.records.get(id);
      if (doc !== undefined) yield [id, doc];
    }
  }
}

function choose(state: CollectionState, query: Query): Plan | undefined {
  const sort = Object.entries(query.sort ?? {});
  const hinted = query.hint === undefined ? undefined : indexOf(state, query.hint);
  if (hinted === 'natural') return undefined;
  const conditions = conditionsOf(query.filter);
  let best: Plan | undefined;
  for (const index of hinted === undefined ? state.indexes.values() : [hinted]) {
    if (hinted === undefined && (index.sparse || !coversPartial(index, query.filter))) continue;
    const plan = planFor(index, conditions, sort, query);
    if (best === undefined || plan.score > best.score) best = plan;
  }
  return best !== undefined && (best.score > 0 || hinted !== undefined) ? best : undefined;
}

function indexOf(state: CollectionState, hint: unknown): Index | 'natural' {
  if (typeof hint === 'object' && hint !== null && '$natural' in hint) return 'natural';
  for (const index of state.indexes.values()) {
    if (index.name === hint) return index;
    if (
      typeof hint === 'object' &&
      hint !== null &&
      JSON.stringify(shape(hint)) === JSON.stringify(shape(index.spec.key))
    ) {
      return index;
    }
  }
  throw new CommandError(
    'BadValue',
    'error processing query: planner returned error :: caused by :: hint provided does not correspond to an existing index',
  );
}

function shape(key: Document): [string, number][] {
  return Object.entries(key).map(([path, way]) => [path, asNumber(way) ?? 1]);
}

/** A partial index serves a query that says every condition of the index itself. */
function coversPartial(index: Index, filter: Document): boolean {
  if (index.partial === undefined) return true;
  const said = conditionsOf(filter);
  return Object.entries(index.spec.partialFilterExpression as Document).every(([path, condition]) => {
    const mine = said.get(path) ?? [];
    if (hasOperators(condition) && condition.$exists !== undefined && Object.keys(condition).length === 1) {
      return mine.some((one) => one.operator !== '$exists' && one.operand !== null);
    }
    const wanted = hasOperators(condition) ? Object.entries(condition) : [['$eq', condition] as const];
    return wanted.every(([operator, operand]) =>
      mine.some((one) => one.operator === operator && compareValues(one.operand, operand) === 0),
    );
  });
}

interface Condition {
  readonly operator: string;
  readonly operand: unknown;
}

/** What must hold of each path, from the top level and its `$and`. */
function conditionsOf(filter: Document, into = new Map<string, Condition[]>()): Map<string, Condition[]> {
  for (const [name, condition] of Object.entries(filter)) {
    if (name === '$and') for (const part of condition as Document[]) conditionsOf(part, into);
    else if (!name.startsWith('$')) {
      const list = into.get(name) ?? [];
      into.set(name, list);
      if (hasOperators(condition)) {
        for (const [operator, operand] of Object.entries(condition)) list.push({ operator, operand });
      } else if (!(condition instanceof RegExp) && bsonClass(condition) !== 'BSONRegExp') {
        list.push({ operator: '$eq', operand: condition });
      }
    }
  }
  return into;
}

function planFor(
  index: Index,
  conditions: Map<string, Condition[]>,
  sort: [string, unknown][],
  query: Query,
): Plan {
  let prefixes = [''];
  let equalities = 0;
  let ranged = 0;
  let ranges: Range[] | undefined;
  let exact = true;
  for (const { path, descending } of index.fields) {
    const known = (conditions.get(path) ?? []).filter(({ operand }) => !Array.isArray(operand));
    const lists = (conditions.get(path) ?? []).filter(({ operator }) => operator === '$in');
    const encode = (value: unknown): string => (descending ? inverted(sortKey(value)) : sortKey(value));
    const equal = known.find(({ operator }) => operator === '$eq');
    if (equal !== undefined) {
      prefixes = prefixes.map((prefix) => prefix + encode(equal.operand));
      equalities += 1;
      continue;
    }
    const values = lists[0]?.operand;
    if (
      Array.isArray(values) &&
      !values.some((value) => Array.isArray(value) || bsonClass(value) === 'BSONRegExp')
    ) {
      const keys = [...new Set(values.map(encode))].sort();
      prefixes = prefixes.flatMap((prefix) => keys.map((key) => prefix + key));
      exact = keys.length <= 1 && exact;
      equalities += 1;
      continue;
    }
    const bounds = known.filter(({ operator }) => ['$gt', '$gte', '$lt', '$lte'].includes(operator));
    if (bounds.length > 0) {
      const used = index.multikey ? bounds.slice(0, 1) : bounds;
      ranges = prefixes.map((prefix) => rangeOf(prefix, used, descending));
      ranged = 1;
    }
    break;
  }
  ranges ??= prefixes.map((prefix) => [prefix, prefix + AFTER_ALL]);
  if (query.min !== undefined || query.max !== undefined) {
    const whole = (bound: Document | undefined): string =>
      index.fields
        .map(({ path, descending }) =>
          descending ? inverted(sortKey(bound?.[path])) : sortKey(bound?.[path]),
        )
        .join('');
    ranges = [
      [
        query.min === undefined ? '' : whole(query.min),
        query.max === undefined ? AFTER_ALL : whole(query.max),
      ],
    ];
  }
  const way =
    sort.length > 0 && exact && !index.multikey
      ? followsSort(index, equalities, sort, conditions)
      : undefined;
  return {
    index,
    ranges,
    sorted: way !== undefined,
    backwards: way === 'backwards',
    score: equalities * 4 + ranged * 2 + (way === undefined ? 0 : 3),
  };
}

function rangeOf(prefix: string, bounds: readonly Condition[], descending: boolean): Range {
  let from = prefix;
  let before = prefix + AFTER_ALL;
  for (const { operator, operand } of bounds) {
    const key = sortKey(operand);
    const bracket = key[0] ?? '';
    const whole = descending ? inverted(bracket) : bracket;
    const anyType = bsonClass(operand) === 'MinKey' || bsonClass(operand) === 'MaxKey';
    const here = prefix + (descending ? inverted(key) : key);
    const up = (operator === '$gt' || operator === '$gte') !== descending;
    const inclusive = operator === '$gte' || operator === '$lte';
    const low = up ? (inclusive ? here : here + AFTER_ALL) : anyType ? prefix : prefix + whole;
    const high = up ? prefix + (anyType ? '' : whole) + AFTER_ALL : inclusive ? here + AFTER_ALL : here;
    if (low > from) from = low;
    if (high < before) before = high;
  }
  return [from, before];
}

/** Whether the entries come in the order asked for, behind the parts that are equal anyway. */
function followsSort(
  index: Index,
  equalities: number,
  sort: [string, unknown][],
  conditions: Map<string, Condition[]>,
): 'forwards' | 'backwards' | undefined {
  const fixed = (path: string): boolean =>
    (conditions.get(path) ?? []).some(({ operator }) => operator === '$eq');
  const wanted = sort
    .filter(([path]) => !fixed(path))
    .map(([path, way]) => ({ path, descending: asNumber(way) === -1 }));
  const has = index.fields.slice(equalities);
  if (wanted.length > has.length) return undefined;
  if (wanted.some(({ path }, at) => has[at]?.path !== path)) return undefined;
  const turned = wanted.map(({ descending }, at) => has[at]?.descending !== descending);
  if (turned.every((one) => !one)) return 'forwards';
  return turned.every((one) => one) ? 'backwards' : undefined;
}

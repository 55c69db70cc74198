/** find, getMore, killCursors, aggregate, count, distinct. */
import type { Document, Long } from 'bson';
import { aggregateDocs, readsOf } from './aggregate.ts';
import { sortKey } from './bson-order.ts';
import { CommandError } from './command-error.ts';
import { compileFilter } from './match.ts';
import { asNumber, truthy } from './numbers.ts';
import type { Operation } from './operation.ts';
import { indexValuesAt } from './paths.ts';
import { compileProjection } from './projection.ts';
import { explain as explainQuery, run } from './scan.ts';
import { txnNumberOf } from './sessions.ts';

/** As a server of MongoDB. */
const FIRST_BATCH = 101;

function ownerOf(operation: Operation): string {
  return `${operation.session?.id ?? ''} ${operation.transaction?.number ?? ''}`;
}

function* part<T>(list: Iterable<T>, skip: number, limit: number): Generator<T> {
  let at = 0;
  for (const one of list) {
    at += 1;
    if (at <= skip) continue;
    yield one;
    if (limit > 0 && at >= skip + limit) return;
  }
}

function* each<T, U>(list: Iterable<T>, change: (one: T) => U): Generator<U> {
  for (const one of list) yield change(one);
}

/** find */
export function find(operation: Operation): Document {
  const { command, ns, variables } = operation;
  const skip = asNumber(command.skip) ?? 0;
  const limit = asNumber(command.limit) ?? 0;
  const batchSize = asNumber(command.batchSize);
  if (skip < 0 || limit < 0 || (batchSize ?? 0) < 0) {
    throw new CommandError(51024, "BSON field 'limit', 'skip' or 'batchSize' value must be >= 0");
  }
  const filter: Document = command.filter ?? {};
  const project = compileProjection(command.projection, variables);
  const state = operation.read(ns);
  const { sort, hint, min, max } = command;
  compileFilter(filter, variables);
  const found = state === undefined ? [] : run(state, { filter, sort, hint, min, max, variables });
  const docs = each(part(found, skip, limit), ([, doc]) => project(doc));
  const cursor = operation.engine.cursors.begin(ns, docs, {
    batchSize: Math.min(batchSize ?? FIRST_BATCH, limit > 0 ? Math.max(limit, 1) : Number.POSITIVE_INFINITY),
    single: truthy(command.singleBatch),
    owner: ownerOf(operation),
  });
  return { cursor: operation.engine.atTime(operation.at, cursor), ok: 1 };
}

/** getMore */
export function getMore(operation: Operation): Document {
  const { command, engine } = operation;
  const batchSize = asNumber(command.batchSize) || Number.POSITIVE_INFINITY;
  const cursor = engine.cursors.more(txnNumberOf(command.getMore), batchSize, ownerOf(operation));
  return { cursor: engine.atTime(operation.at, cursor), ok: 1 };
}

/** killCursors */
export function killCursors({ command, engine }: Operation): Document {
  const ids = (command.cursors as Long[]).map((id) => [id, engine.cursors.kill(txnNumberOf(id))] as const);
  return {
    cursorsKilled: ids.filter(([, killed]) => killed).map(([id]) => id),
    cursorsNotFound: ids.filter(([, killed]) => !killed).map(([id]) => id),
    cursorsAlive: [],
    cursorsUnknown: [],
    ok: 1,
  };
}

/** aggregate, also of a database and with `$out` and `$merge` at its end */
export async function aggregate(operation: Operation): Promise<Document> {
  const { command, engine, db } = operation;
  const pipeline = command.pipeline as Document[] | undefined;
  if (!Array.isArray(pipeline))
    throw new CommandError('TypeMismatch', "'pipeline' option must be specified as an array");
  const ofDatabase = typeof command.aggregate !== 'string';
  const ns = ofDatabase ? `${db}.$cmd.aggregate` : operation.ns;
  const docs = await aggregateDocs(operation, ofDatabase ? undefined : ns, pipeline);
  const cursor = engine.cursors.begin(ns, docs, {
    batchSize: asNumber(command.cursor?.batchSize) ?? FIRST_BATCH,
    single: false,
    owner: ownerOf(operation),
  });
  return { cursor: readsOf(pipeline) ? engine.atTime(operation.at, cursor) : cursor, ok: 1 };
}

/** count */
export function count(operation: Operation): Document {
  const { command, ns } = operation;
  const state = operation.read(ns);
  const skip = asNumber(command.skip) ?? 0;
  const limit = Math.abs(asNumber(command.limit) ?? 0);
  const filter: Document = command.query ?? {};
  if (state === undefined) return { n: 0, ok: 1 };
  if (Object.keys(filter).length === 0 && skip === 0 && limit === 0) return { n: state.records.size, ok: 1 };
  let n = 0;
  for (const _ of part(run(state, { filter, hint: command.hint }), skip, limit)) n += 1;
  return { n, ok: 1 };
}

/** distinct */
export function distinct(operation: Operation): Document {
  const { command, ns } = operation;
  const state = operation.read(ns);
  const values = new Map<string, unknown>();
  const found = state === undefined ? [] : run(state, { filter: command.query ?? {}, hint: command.hint });
  for (const [, doc] of found) {
    for (const value of indexValuesAt(doc, String(command.key)).values) {
      if (value !== undefined) values.set(sortKey(value), value);
    }
  }
  const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
  return operation.engine.atTime(operation.at, { values: sorted, ok: 1 });
}

/** explain of a find: which index it takes, and whether it has to sort */
export function explain(operation: Operation): Document {
  const inner = operation.command.explain as Document;
  const state = operation.read(`${operation.db}.${inner.find ?? inner.aggregate ?? inner.count}`);
  const filter = inner.filter ?? inner.query ?? {};
  const plan =
    state === undefined
      ? { index: undefined, sorts: false }
      : explainQuery(state, { filter, sort: inner.sort, hint: inner.hint });
  const scan =
    plan.index === undefined
      ? { stage: 'COLLSCAN' }
      : { stage: 'FETCH', inputStage: { stage: 'IXSCAN', indexName: plan.index } };
  return { queryPlanner: { winningPlan: plan.sorts ? { stage: 'SORT', inputStage: scan } : scan }, ok: 1 };
}

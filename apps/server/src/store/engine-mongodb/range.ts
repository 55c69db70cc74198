/** Reads of more than one row. */
import { KuvertError } from '@kuvert/protocol';
import type { Filter } from 'mongodb';
import type { RangeQuery, ScannedRow, StoredRow } from '../engine.ts';
import { afterPrefix, splitTuple } from '../tuple-codec.ts';
import { translateBounds } from './index-entries.ts';
import type { OpenSpace } from './open-space.ts';
import { keyOfRow, lowestId, type RowDocument, rowId, upperId } from './stored-rows.ts';

/** Rows that are sorted here at most, for a range over texts. */
const SORTED_ROWS_MAX = 20_000;
const PAGE_ROWS = 1_000;

type IndexQuery = RangeQuery & { readonly index: number };

/** @see Engine.range */
export async function readRange(space: OpenSpace, query: RangeQuery): Promise<StoredRow[]> {
  return query.index === undefined
    ? readKeyRange(space, query)
    : readIndexRange(space, { ...query, index: query.index });
}

async function readKeyRange(space: OpenSpace, query: RangeQuery): Promise<StoredRow[]> {
  const { collection, descending, after, bytesMax = Number.POSITIVE_INFINITY } = query;
  const layout = space.layout(collection);
  const beyond = after && rowId(layout, space.name, after.key);
  const bounds = {
    ...(beyond && !descending ? { $gt: beyond } : { $gte: lowestId(layout, space.name, query.from) }),
    $lt: beyond && descending ? beyond : upperId(layout, space.name, query.before),
  };
  const filter = { t: space.name, _id: bounds };
  const found = space
    .table(collection)
    .find(filter as Filter<RowDocument>)
    .sort({ _id: descending ? -1 : 1 })
    .limit(query.limit)
    .batchSize(query.limit + 1);
  const rows: StoredRow[] = [];
  let bytes = 0;
  for await (const document of found) {
    const row = space.row(collection, document, undefined);
    rows.push(row);
    bytes += row.doc.length;
    if (bytes >= bytesMax) break;
  }
  return rows;
}

async function readIndexRange(space: OpenSpace, query: IndexQuery): Promise<StoredRow[]> {
  const bounds = translateBounds(query.from, query.before);
  if (bounds !== undefined) {
    const rows = await readHidden(space, query, bounds);
    if (rows.every((row) => isOrderedBehind(row, bounds.equal.length))) return rows;
  }
  return readSorted(space, query);
}

/** True when the parts that put these rows in order are kept in clear. */
function isOrderedBehind(row: StoredRow, count: number): boolean {
  return (
    splitTuple(row.entry)
      ?.slice(count)
      .every((part) => part.isOrdered) === true
  );
}

async function readHidden(
  space: OpenSpace,
  query: IndexQuery,
  bounds: NonNullable<ReturnType<typeof translateBounds>>,
): Promise<StoredRow[]> {
  const { collection, index, after, descending, limit } = query;
  const range: Record<string, string> = { $gte: space.partsText(collection, index, bounds.from) };
  if (bounds.before !== undefined) range.$lt = space.partsText(collection, index, bounds.before);
  else if (bounds.equal.length > 0) {
    const end = afterPrefix(space.hiddenBytes(collection, index, bounds.equal));
    if (end !== undefined) range.$lt = Buffer.from(end).toString('hex');
  }
  if (after === undefined) return findByEntry(space, query, { entry: range, limit });
  const entry = space.entryText(collection, index, after.entry);
  const beyond = rowId(space.layout(collection), space.name, after.key);
  // First the rest of those with the same entry, then what comes behind it.
  const same = await findByEntry(space, query, { entry, id: beyond, limit });
  if (same.length === limit) return same;
  const rest = { ...range, [descending ? '$lt' : '$gt']: entry };
  return [...same, ...(await findByEntry(space, query, { entry: rest, limit: limit - same.length }))];
}

async function findByEntry(
  space: OpenSpace,
  { collection, index, descending }: IndexQuery,
  what: {
    readonly entry: string | Record<string, string>;
    readonly id?: RowDocument['_id'];
    readonly limit: number;
  },
): Promise<StoredRow[]> {
  const name = space.layout(collection).indexes[index]?.name ?? '';
  const field = `i_${name}`;
  const direction = descending ? -1 : 1;
  const filter: Record<string, unknown> = { t: space.name, [field]: what.entry };
  if (what.id !== undefined) filter._id = { [descending ? '$lt' : '$gt']: what.id };
  const documents = await space
    .table(collection)
    .find(filter as Filter<RowDocument>)
    .hint(name)
    .sort({ [field]: direction, _id: direction })
    .limit(what.limit)
    .batchSize(what.limit + 1)
    .toArray();
  return documents.map((document) => space.row(collection, document, index));
}

/** A range over texts: MongoDB has only their hashes, so all rows of the index are opened, sorted and cut here. */
async function readSorted(space: OpenSpace, query: IndexQuery): Promise<StoredRow[]> {
  const { from, before, after, descending, limit } = query;
  const all: StoredRow[] = [];
  for (let last: StoredRow | undefined; ; ) {
    const whole: IndexQuery = { ...query, limit: PAGE_ROWS, descending: false };
    const position = last && { entry: last.entry, key: last.key };
    const bounds = { equal: [], from: [], before: undefined };
    const page = await readHidden(space, { ...whole, after: position }, bounds);
    all.push(...page);
    if (all.length > SORTED_ROWS_MAX) throw new KuvertError('too_large');
    last = page[page.length - 1];
    if (page.length < PAGE_ROWS) break;
  }
  const sign = descending ? -1 : 1;
  const order = (a: Pick<StoredRow, 'entry' | 'key'>, b: Pick<StoredRow, 'entry' | 'key'>) =>
    sign * (Buffer.compare(a.entry, b.entry) || Buffer.compare(a.key, b.key));
  return all
    .filter((row) => Buffer.compare(row.entry, from) >= 0)
    .filter((row) => before === undefined || Buffer.compare(row.entry, before) < 0)
    .filter((row) => after === undefined || order(row, after) > 0)
    .sort(order)
    .slice(0, limit);
}

/** @see Engine.expiring */
export async function readExpiring(
  space: OpenSpace,
  what: { readonly collection: number; readonly untilMs: number; readonly limit: number },
): Promise<StoredRow[]> {
  const { collection, untilMs, limit } = what;
  const documents = await space
    .table(collection)
    .find({ t: space.name, e: { $lte: untilMs } }, { projection: { _id: 1, v: 1, e: 1 } })
    .hint('expiry')
    .sort({ e: 1 })
    .limit(limit)
    .batchSize(limit + 1)
    .toArray();
  return documents.map(({ _id, v, e }) => ({
    key: keyOfRow(space.layout(collection), space.name, _id),
    version: v,
    doc: new Uint8Array(0),
    expiresAt: e,
    entry: new Uint8Array(0),
  }));
}

/** @see Engine.scan */
export async function* scanSpace(space: OpenSpace, collection: number): AsyncGenerator<ScannedRow[]> {
  const layout = space.layout(collection);
  let beyond: RowDocument['_id'] | undefined;
  for (;;) {
    const lower =
      beyond === undefined ? { $gte: lowestId(layout, space.name, new Uint8Array(0)) } : { $gt: beyond };
    const documents = await space
      .table(collection)
      .find({
        t: space.name,
        _id: { ...lower, $lt: upperId(layout, space.name, undefined) },
      } as Filter<RowDocument>)
      .sort({ _id: 1 })
      .limit(PAGE_ROWS)
      .toArray();
    if (documents.length > 0) yield documents.map((document) => space.open(collection, document));
    beyond = documents[documents.length - 1]?._id;
    if (documents.length < PAGE_ROWS) return;
  }
}

/** @see Engine.expire */
export async function expireRows(
  space: OpenSpace,
  what: { readonly collection: number; readonly nowMs: number; readonly limit: number },
): Promise<number> {
  let removed = 0;
  while (removed < what.limit) {
    const limit = Math.min(PAGE_ROWS, what.limit - removed);
    const rows = await readExpiring(space, { ...what, untilMs: what.nowMs, limit });
    if (rows.length === 0) break;
    const ids = rows.map((row) => rowId(space.layout(what.collection), space.name, row.key));
    const { deletedCount } = await space
      .table(what.collection)
      // A row that got a later time meanwhile stays.
      .deleteMany({ t: space.name, _id: { $in: ids }, e: { $lte: what.nowMs } });
    removed += deletedCount;
    if (rows.length < limit) break;
  }
  return removed;
}

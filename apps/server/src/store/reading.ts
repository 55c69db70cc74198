/** The reads of a scope and of a transaction. The only difference: a transaction is told of every row that was seen. */
import { concatBytes, KuvertError } from '@kuvert/protocol';
import { encodeParts } from './binary-keys.ts';
import type { AnyCollection, IndexDeclaration, KeyValue } from './collection.ts';
import { type CursorScope, readCursor, writeCursor } from './cursors.ts';
import type { RangeQuery, StoredRow } from './engine.ts';
import { asDocument, isBinary } from './handles.ts';
import { decodeBinaryRow, decodeRow, encodeKey, entryForLookup } from './row-codec.ts';
import type { Space } from './space.ts';
import { PAGE_ROWS_MAX } from './store.ts';
import { afterPrefix, encodeTuple } from './tuple-codec.ts';

/** What was seen under a key. */
export type Seen = (collection: number, key: Uint8Array, version: number | 'absent') => void;

/** A query with its types taken off. */
export interface AnyQuery {
  readonly index?: string | undefined;
  readonly equals?: readonly unknown[];
  readonly from?: KeyValue;
  readonly before?: KeyValue;
  readonly order?: 'asc' | 'desc';
  readonly limit?: number;
  readonly bytesMax?: number;
  readonly cursor?: string;
}

const NOTHING_SEEN: Seen = () => undefined;
const LIMIT_DEFAULT = 100;

/** The row under a key, or undefined. */
export async function findRow(
  space: Space,
  collection: AnyCollection,
  key: readonly unknown[],
  seen: Seen = NOTHING_SEEN,
): Promise<unknown> {
  const number = space.numberOf(collection);
  const storedKey = encodeKey(collection, key);
  const row = await space.engine.get(space.name, number, storedKey);
  seen(number, storedKey, row?.version ?? 'absent');
  return row === undefined ? undefined : decodeRow(collection, row, space);
}

/** The first row that an index names for these values, or undefined. */
export async function findRowBy(
  space: Space,
  collection: AnyCollection,
  by: { readonly index: string; readonly values: readonly unknown[] },
  seen: Seen = NOTHING_SEEN,
): Promise<unknown> {
  const number = space.numberOf(collection);
  const index = indexOf(collection, by.index);
  if (by.values.length !== index.declaration.fields.length) {
    throw new Error(`findBy ${collection.name}.${by.index} takes all fields of the index`);
  }
  const entry = await entryForLookup(asDocument(collection), index.declaration, by.values, space);
  const [row] = await space.engine.range(space.name, {
    collection: number,
    index: index.number,
    from: entry,
    before: afterPrefix(entry),
    after: undefined,
    descending: false,
    limit: 1,
  });
  if (row === undefined) return undefined;
  seen(number, row.key, row.version);
  return decodeRow(collection, row, space);
}

/** A page of rows. */
export async function listRows(
  space: Space,
  collection: AnyCollection,
  query: AnyQuery,
  seen: Seen = NOTHING_SEEN,
): Promise<{ rows: unknown[]; next: string | undefined }> {
  const limit = query.limit ?? LIMIT_DEFAULT;
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_ROWS_MAX) throw new KuvertError('bad_request');
  const number = space.numberOf(collection);
  const index = query.index === undefined ? undefined : indexOf(collection, query.index);
  const descending = query.order === 'desc';
  const bounds = await boundsOf(space, collection, index?.declaration, query);
  const range: RangeQuery = {
    collection: number,
    index: index?.number,
    descending,
    limit,
    bytesMax: query.bytesMax,
    after: undefined,
    ...bounds,
  };
  const paged = await cursorScope(space, collection, query.index, range);
  const after = query.cursor === undefined ? undefined : readCursor(paged, query.cursor);
  const stored = await space.engine.range(space.name, { ...range, after });
  for (const row of stored) seen(number, row.key, row.version);
  const rows = await openRows(space, collection, stored);
  const last = isFull(stored, range) ? stored.at(-1) : undefined;
  return { rows, next: last === undefined ? undefined : writeCursor(paged, positionOf(last)) };
}

function isFull(page: readonly StoredRow[], { limit, bytesMax }: RangeQuery): boolean {
  if (page.length >= limit || bytesMax === undefined) return page.length >= limit;
  return page.reduce((bytes, { doc }) => bytes + doc.length, 0) >= bytesMax;
}

/** All at once, so that the keys of all subjects are fetched together and not one after the other. */
async function openRows(
  space: Space,
  collection: AnyCollection,
  stored: readonly StoredRow[],
): Promise<unknown[]> {
  if (isBinary(collection)) return stored.map((row) => decodeBinaryRow(collection, row));
  const opened = await Promise.all(
    stored.map(async (row) => {
      try {
        return { row: await decodeRow(collection, row, space) };
      } catch (error) {
        // The key of whoever was erased since the page was read is gone, and so is the row.
        if (!(error instanceof KuvertError && error.code === 'not_found')) throw error;
        const again = await space.engine.get(space.name, space.numberOf(collection), row.key);
        if (again !== undefined) throw error;
        return undefined;
      }
    }),
  );
  return opened.flatMap((found) => (found === undefined ? [] : [found.row]));
}

/** How many rows have these leading key values. */
export async function countRows(
  space: Space,
  collection: AnyCollection,
  query: { readonly equals: readonly unknown[]; readonly limit: number },
): Promise<number> {
  const { limit } = query;
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_ROWS_MAX) throw new KuvertError('bad_request');
  const { engine, name } = space;
  const range = {
    collection: space.numberOf(collection),
    limit,
    ...(await boundsOf(space, collection, undefined, query)),
  };
  if (engine.count !== undefined) return engine.count(name, range);
  return (await engine.range(name, { ...range, index: undefined, after: undefined, descending: false }))
    .length;
}

function positionOf(row: StoredRow) {
  return { entry: row.entry, key: row.key };
}

async function cursorScope(
  space: Space,
  collection: AnyCollection,
  index: string | undefined,
  { descending, from, before }: RangeQuery,
): Promise<CursorScope> {
  const key = await space.cursorKey();
  return { key, collection: collection.name, index: index ?? '', descending, from, before };
}

function indexOf(collection: AnyCollection, name: string): { number: number; declaration: IndexDeclaration } {
  const { indexList } = asDocument(collection);
  const number = indexList.findIndex((index) => index.name === name);
  const declaration = indexList[number];
  if (declaration === undefined) throw new Error(`${collection.name} has no index ${name}`);
  return { number, declaration };
}

async function boundsOf(
  space: Space,
  collection: AnyCollection,
  index: IndexDeclaration | undefined,
  query: AnyQuery,
): Promise<{ from: Uint8Array; before: Uint8Array | undefined }> {
  const equals = query.equals ?? [];
  if (index?.blind !== undefined && equals.length > 0) {
    const entry = await entryForLookup(asDocument(collection), index, equals, space);
    return { from: entry, before: afterPrefix(entry) };
  }
  const encodeBound = (values: readonly unknown[]) =>
    isBinary(collection) ? encodeParts(collection.parts, values) : encodeTuple(values as readonly KeyValue[]);
  const prefix = encodeBound(equals);
  const upTo = (bound: KeyValue) =>
    isBinary(collection) ? encodeBound([...equals, bound]) : concatBytes(prefix, encodeTuple([bound]));
  return {
    from: query.from === undefined ? prefix : upTo(query.from),
    before: query.before === undefined ? afterPrefix(prefix) : upTo(query.before),
  };
}

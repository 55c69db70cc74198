/** The SQL on the tables of one SQLCipher file (`space-tables.ts`). Each statement is prepared once. */
import type { Database } from '@signalapp/sqlcipher';
import type { CollectionLayout } from '../engine.ts';

type Bytes = Uint8Array<ArrayBuffer>;
/** A prepared statement. */
export type Statement = ReturnType<Database['prepare']>;

/** A row of a table; `ix` is its entry in the index that was asked. Not an interface: the driver takes types with an index signature only. */
export type Row = {
  readonly k: Bytes;
  readonly ver: number;
  readonly doc: Bytes;
  readonly exp: number | null;
  readonly ix?: Bytes;
};

/** Rows between two keys, or between two entries of an index, that stand behind a row. */
export interface RangeQuery {
  readonly collection: number;
  readonly index: number | undefined;
  readonly descending: boolean;
  readonly limit: number;
  /** Of a range over the key: enough once the documents come to so many bytes. */
  readonly bytesMax: number;
  readonly from: Bytes;
  readonly before: Bytes | null;
  readonly afterEntry: Bytes | null;
  readonly afterKey: Bytes | null;
}

/** Rows that one statement removes: a call costs more than a row. */
export const DELETES_TOGETHER = 16;

/** From so many rows on they are read together. */
const TOGETHER_FROM = 16;
/** So many at first, and then as many as those before let expect: a page of the largest rows is to be no piece of memory that nobody has. */
const TOGETHER_FIRST = 64;
const TOGETHER_BYTES = 262_144;
/** Of a row that does not expire. */
const NO_EXPIRY = -1;

/** What is asked of every collection in the same words; parameters are key, version, document, expiry, entries, in this order. */
const SQL = {
  insert,
  insertIfFree: (layout: CollectionLayout) => `${insert(layout)} ON CONFLICT (k) DO NOTHING`,
  put(layout: CollectionLayout) {
    const entries = layout.indexes.map(({ name }) => `, "ix_${name}" = excluded."ix_${name}"`);
    return `${insert(layout)} ON CONFLICT (k) DO UPDATE SET ver = excluded.ver, doc = excluded.doc, exp = excluded.exp${entries.join('')}`;
  },
  delete: ({ name }: CollectionLayout) => `DELETE FROM "${name}" WHERE k = ?`,
  deleteTogether: ({ name }: CollectionLayout) =>
    `DELETE FROM "${name}" WHERE k IN (${Array(DELETES_TOGETHER).fill('?').join(', ')})`,
  version: ({ name }: CollectionLayout) => `SELECT ver FROM "${name}" WHERE k = ?`,
  get: ({ name }: CollectionLayout) => `SELECT k, ver, doc, exp FROM "${name}" WHERE k = ?`,
  expiring: ({ name }: CollectionLayout) =>
    `SELECT k, ver, x'' AS doc, exp FROM "${name}" WHERE exp <= ? ORDER BY exp LIMIT ?`,
  deleteExpired({ name, clustered }: CollectionLayout) {
    const id = clustered ? 'k' : 'id';
    return `DELETE FROM "${name}" WHERE ${id} IN (SELECT ${id} FROM "${name}" WHERE exp <= ? ORDER BY exp LIMIT ?)`;
  },
} satisfies Record<string, (layout: CollectionLayout) => string>;

function insert({ name, indexes }: CollectionLayout): string {
  const columns = indexes.map((index) => `, "ix_${index.name}"`).join('');
  return `INSERT INTO "${name}" (k, ver, doc, exp${columns}) VALUES (?, ?, ?, ?${', ?'.repeat(indexes.length)})`;
}

/** @see the top of this file */
export class SpaceStatements {
  readonly #db: Database;
  readonly #layouts: readonly CollectionLayout[];
  readonly #prepared = new Map<string, Statement>();
  readonly #ofCollections: { readonly [What in keyof typeof SQL]?: Statement }[] = [];

  constructor(db: Database, layouts: readonly CollectionLayout[]) {
    this.#db = db;
    this.#layouts = layouts;
  }

  /** @throws Error for a number that no collection has */
  layout(collection: number): CollectionLayout {
    const layout = this.#layouts[collection];
    if (layout === undefined) throw new Error(`no collection number ${collection}`);
    return layout;
  }

  prepare(sql: string): Statement {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      // The driver compiles a function at each reading of a row with a persistent one.
      statement = this.#db.prepare(sql, { persistent: !sql.startsWith('SELECT') });
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  exec(sql: string): void {
    this.prepare(sql).run();
  }

  of(collection: number, what: keyof typeof SQL): Statement {
    const known = this.#ofCollections[collection]?.[what];
    if (known !== undefined) return known;
    const statement = this.prepare(SQL[what](this.layout(collection)));
    this.#ofCollections[collection] = { ...this.#ofCollections[collection], [what]: statement };
    return statement;
  }

  range(query: RangeQuery): Row[] {
    if (query.index !== undefined || query.limit < TOGETHER_FROM) {
      const { select, values } = this.#select(query);
      return this.prepare(select).all<Row>(values);
    }
    const rows: Row[] = [];
    let { afterKey } = query;
    let bytes = 0;
    let atOnce = TOGETHER_FIRST;
    while (rows.length < query.limit && bytes < query.bytesMax) {
      const limit = Math.min(query.limit - rows.length, atOnce);
      const some = this.#rangeTogether({ ...query, afterKey, limit });
      for (const row of some) {
        rows.push(row);
        bytes += row.doc.length;
      }
      if (some.length < limit) break;
      afterKey = some.at(-1)?.k ?? null;
      const rowBytes = Math.max(1, bytes / rows.length);
      atOnce = Math.ceil(Math.min(TOGETHER_BYTES, query.bytesMax - bytes) / rowBytes);
    }
    return rows;
  }

  #select(query: RangeQuery): { select: string; values: (Bytes | number)[] } {
    const { name, indexes } = this.layout(query.collection);
    const index = query.index === undefined ? undefined : indexes[query.index];
    const column = index === undefined ? 'k' : `"ix_${index.name}"`;
    const compare = query.descending ? '<' : '>';
    const direction = query.descending ? 'DESC' : 'ASC';
    const where = [`${column} >= ?`];
    const values: (Bytes | number)[] = [query.from];
    if (index !== undefined) where.push(`${column} IS NOT NULL`);
    if (query.before !== null) {
      where.push(`${column} < ?`);
      values.push(query.before);
    }
    if (query.afterKey !== null) {
      if (index === undefined) {
        where.push(`k ${compare} ?`);
        values.push(query.afterKey);
      } else {
        where.push(`(${column}, k) ${compare} (?, ?)`);
        values.push(query.afterEntry ?? new Uint8Array(0), query.afterKey);
      }
    }
    values.push(query.limit);
    const order = index === undefined ? `k ${direction}` : `${column} ${direction}, k ${direction}`;
    const entry = index === undefined ? '' : `, ${column} AS ix`;
    const select = `SELECT k, ver, doc, exp${entry} FROM "${name}" WHERE ${where.join(' AND ')} ORDER BY ${order} LIMIT ?`;
    return { select, values };
  }

  /**
   * Rows over the key, as one value with the bytes of all and one with their numbers: handing a value over costs several times what reading it
   * does. SQLite goes through the rows of a subquery with a limit in its order.
   */
  #rangeTogether(query: RangeQuery): Row[] {
    const { select, values } = this.#select(query);
    const found = this.prepare(
      `SELECT CAST(group_concat(k || doc, '') AS BLOB) AS bytes, group_concat(length(k) || ',' || length(doc) || ',' || ver || ',' || ifnull(exp, ${NO_EXPIRY})) AS numbers FROM (${select})`,
    ).get<{ bytes: Bytes | null; numbers: string | null }>(values);
    if (found === undefined || found.bytes === null || found.numbers === null) return [];
    const { bytes } = found;
    const numbers = found.numbers.split(',').map(Number);
    const rows: Row[] = [];
    for (let i = 0, at = 0; i < numbers.length; i += 4) {
      const [keyBytes, docBytes, ver, exp] = numbers.slice(i, i + 4) as [number, number, number, number];
      const docAt = at + keyBytes;
      rows.push({
        k: bytes.subarray(at, docAt),
        ver,
        doc: bytes.subarray(docAt, docAt + docBytes),
        exp: exp === NO_EXPIRY ? null : exp,
      });
      at = docAt + docBytes;
    }
    return rows;
  }

  /** How many rows a range over the key has, `limit` at most. */
  count({ collection, limit, from, before }: Pick<RangeQuery, 'collection' | 'limit' | 'from' | 'before'>) {
    const { name } = this.layout(collection);
    const [upTo, bound] = before === null ? ['', []] : ['AND k < ? ', [before]];
    const sql = `SELECT count(*) AS n FROM (SELECT 1 FROM "${name}" WHERE k >= ? ${upTo}LIMIT ?)`;
    return this.prepare(sql).get<{ n: number }>([from, ...bound, limit])?.n ?? 0;
  }

  /** Before the database is closed. */
  forget(): void {
    this.#prepared.clear();
    this.#ofCollections.length = 0;
  }
}

/** One SQLCipher file: the statements on its tables (`space-tables.ts`), and how a row gets there. */
import { randomInt } from 'node:crypto';
import type { Database } from '@signalapp/sqlcipher';
import type { CollectionLayout } from '../engine.ts';
import { sqliteCode } from './file-errors.ts';
import {
  NUMBERS_TABLE,
  openSpaceDatabase,
  REDO_TABLE,
  type SpaceFileSettings,
  YOUNG_TABLE,
} from './space-tables.ts';
import { textOf, unpackRows, type YoungRow, YoungRows } from './young-rows.ts';

/** What a step of removing expired rows should take, its commit included. */
const EXPIRE_STEP_MS = 5;
const EXPIRE_ROWS_FIRST = 32;
/** However slow the disk is. */
const EXPIRE_ROWS_MIN = 16;
const EXPIRE_ROWS_MAX = 1_000;

/** Rows that one statement removes: a call costs more than a row. */
const DELETES_TOGETHER = 16;
/** Versions that are remembered of one collection. */
const SEEN_MAX = 8_192;

type Row = { k: Bytes; ver: number; doc: Bytes; exp: number | null; ix?: Bytes };
type Bytes = Uint8Array<ArrayBuffer>;
type Statement = ReturnType<Database['prepare']>;

/** @see the top of this file */
export class SpaceFile {
  readonly #db: Database;
  readonly #layouts: readonly CollectionLayout[];
  readonly #statements = new Map<string, Statement>();
  readonly #inserts: (Statement | undefined)[] = [];
  readonly #puts: (Statement | undefined)[] = [];
  readonly #deletes: (Statement | undefined)[] = [];
  readonly #freshInserts: (Statement | undefined)[] = [];
  readonly #manyDeletes: (Statement | undefined)[] = [];
  readonly #versions: (Statement | undefined)[] = [];
  /** Versions by key as text, of gates. */
  readonly #seen: (Map<string, number> | undefined)[] = [];
  readonly #young = new YoungRows();
  /** Names of collections by the numbers in the redo log. */
  #namesInLog: readonly string[];
  /** Between a savepoint and its end, rows go to the file at once, so that they go with the savepoint. */
  #isInSavepoint = false;
  /**
   * Versions only have to differ from all versions of the same row that a running transaction may have seen, so they start
   * anywhere and count up; transactions do not survive the process.
   */
  #version = randomInt(1, 2 ** 47) * 16;
  /** Rows of the next step of {@link SpaceFile.expire}. */
  #expireRows = EXPIRE_ROWS_FIRST;
  #expired = { count: 0, tookMs: 0 };

  /** @throws OpenError */
  constructor(settings: SpaceFileSettings) {
    this.#layouts = settings.layouts;
    this.#db = openSpaceDatabase(settings);
    this.#namesInLog = this.#prepare(`SELECT collection FROM ${NUMBERS_TABLE} ORDER BY number`)
      .all<{ collection: string }>()
      .map(({ collection }) => collection);
  }

  #prepare(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql, { persistent: true });
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #layout(collection: number): CollectionLayout {
    const layout = this.#layouts[collection];
    if (layout === undefined) throw new Error(`no collection number ${collection}`);
    return layout;
  }

  #exec(sql: string): void {
    this.#prepare(sql).run();
  }

  begin(): void {
    this.#exec('BEGIN IMMEDIATE');
  }

  /** Before each batch of changes. */
  lookAtClock(): void {
    this.#young.lookAtClock();
  }

  /** The number of a collection that the redo log calls by this one: it may have been written by another release. */
  numberFromLog(number: number): number {
    const name = this.#namesInLog[number];
    return name === undefined ? number : this.#numberOf(name);
  }

  /** From now on the redo log is written with the numbers of this release. It must be empty, and no transaction open. */
  takeOwnNumbers(): void {
    const names = this.#layouts.map(({ name }) => name);
    if (names.join() === this.#namesInLog.join()) return;
    this.begin();
    this.#prepare(`DELETE FROM ${NUMBERS_TABLE}`).run();
    for (const [number, name] of names.entries())
      this.#prepare(`INSERT INTO ${NUMBERS_TABLE} (number, collection) VALUES (?, ?)`).run([number, name]);
    this.#exec('COMMIT');
    this.#namesInLog = names;
  }

  /** @throws Error for a collection that this release does not know */
  #numberOf(collection: string): number {
    const number = this.#layouts.findIndex(({ name }) => name === collection);
    if (number < 0) throw new Error(`no collection ${collection}`);
    return number;
  }

  /** True when some rows are in no table yet. */
  get hasYoung(): boolean {
    return this.#young.collections().length > 0;
  }

  /**
   * Writes all changes to the disk.
   * @param redoSalt of the redo log's next turn
   * @param mayStayYoung rows that are young are written beside the tables, so that most of them never come into one
   * @throws a driver error; then {@link SpaceFile.rollback} has to follow
   */
  commit(redoSalt: Bytes, mayStayYoung: boolean): void {
    this.#prepare(`DELETE FROM ${YOUNG_TABLE}`).run();
    for (const collection of this.#young.known()) {
      this.#writeAll(collection, this.#young.takeOld(collection, mayStayYoung));
      const packed = this.#young.pack(collection);
      if (packed === undefined) continue;
      this.#prepare(`INSERT INTO ${YOUNG_TABLE} (collection, rows) VALUES (?, ?)`).run([
        this.#layout(collection).name,
        packed,
      ]);
    }
    this.#prepare(`INSERT OR REPLACE INTO ${REDO_TABLE} (id, salt) VALUES (1, ?)`).run([redoSalt]);
    this.#exec('COMMIT');
  }

  /** Gives up all changes since the last COMMIT. */
  rollback(): void {
    this.#young.forget();
    this.#isInSavepoint = false;
    this.#forgetVersions();
    try {
      this.#exec('ROLLBACK');
    } catch {
      // SQLite has often rolled back by itself already, and then refuses a second time; the error that led here is the one that counts.
    }
  }

  /** Runs changes that count only if `isGood` says so of their result. */
  attempt<T>(change: () => T, isGood: (result: T) => boolean): T {
    for (const collection of this.#young.collections()) this.#settle(collection);
    this.#exec('SAVEPOINT list');
    this.#isInSavepoint = true;
    const result = change();
    this.#isInSavepoint = false;
    if (!isGood(result)) {
      this.#exec('ROLLBACK TO list');
      this.#forgetVersions();
    }
    this.#exec('RELEASE list');
    return result;
  }

  /** Takes up the rows that were young at the last COMMIT. If there are some, a transaction has to follow: they may have to go into their tables. */
  restoreYoung(): void {
    const kept = this.#prepare(`SELECT collection, rows FROM ${YOUNG_TABLE}`).all<{
      collection: string;
      rows: Bytes;
    }>();
    for (const { collection: name, rows } of kept) {
      for (const { k, doc, exp } of unpackRows(rows)) {
        const row = { ver: ++this.#version, doc: copyOf(doc), exp };
        this.#young.add(this.#numberOf(name), { key: k, keyBytes: k.length }, row);
      }
    }
  }

  /** Puts the young rows of a collection into its table. */
  #settle(collection: number): void {
    this.#writeAll(collection, this.#young.takeAll(collection));
  }

  #writeAll(collection: number, rows: readonly YoungRow[]): void {
    for (const { k, ver, doc, exp } of rows) this.#write(collection, k, ver, doc, exp, []);
  }

  /** Salt of the turn of the redo log that this file does not contain. */
  redoSalt(): Bytes | undefined {
    return this.#prepare(`SELECT salt FROM ${REDO_TABLE} WHERE id = 1`).get<{ salt: Bytes }>()?.salt;
  }

  #insertSql(collection: number): string {
    const { name, indexes } = this.#layout(collection);
    const columns = indexes.map((index) => `, "ix_${index.name}"`).join('');
    return `INSERT INTO "${name}" (k, ver, doc, exp${columns}) VALUES (?, ?, ?, ?${', ?'.repeat(indexes.length)})`;
  }

  #changed(collection: number, key: Bytes): void {
    this.#seen[collection]?.delete(textOf(key));
  }

  /** What was remembered of rows counts no more: a transaction or a part of it was rolled back, or rows went without being named. */
  #forgetVersions(): void {
    this.#seen.length = 0;
  }

  /** Adds a row. @returns false when the key is taken. @throws a driver error for a unique index. */
  insert(
    collection: number,
    key: Bytes,
    doc: Bytes,
    exp: number | null,
    entries: readonly (Bytes | null)[],
  ): boolean {
    let statement = this.#inserts[collection];
    if (statement === undefined) {
      statement = this.#prepare(`${this.#insertSql(collection)} ON CONFLICT (k) DO NOTHING`);
      this.#inserts[collection] = statement;
    }
    this.#changed(collection, key);
    this.#settle(collection);
    return statement.run([key, ++this.#version, doc, exp, ...entries]).changes === 1;
  }

  /** Adds or replaces a row. @throws a driver error for a unique index. */
  put(
    collection: number,
    key: Bytes,
    doc: Bytes,
    exp: number | null,
    entries: readonly (Bytes | null)[],
  ): void {
    this.#changed(collection, key);
    const ver = ++this.#version;
    if (this.#mayBeYoung(collection, 1))
      this.#young.add(collection, { key, keyBytes: key.length }, { ver, doc: copyOf(doc), exp });
    else this.#write(collection, key, ver, doc, exp, entries);
  }

  /** Adds or replaces rows that differ by their keys alone, which lie one behind the other. Not for collections with indexes. */
  putAll(
    collection: number,
    rows: {
      readonly key: Bytes;
      readonly keyBytes: number;
      readonly doc: Bytes;
      readonly exp: number | null;
    },
  ): void {
    const { key, keyBytes, doc, exp } = rows;
    const count = key.length / keyBytes;
    const ver = this.#version + 1;
    this.#version += count;
    const isYoung = this.#mayBeYoung(collection, count);
    if (isYoung) this.#young.add(collection, rows, { ver, doc: copyOf(doc), exp });
    for (let i = 0; i < count && (!isYoung || this.#seen[collection] !== undefined); i++) {
      const each = key.subarray(i * keyBytes, (i + 1) * keyBytes);
      this.#changed(collection, each);
      if (!isYoung) this.#write(collection, each, ver + i, doc, exp, []);
    }
  }

  #mayBeYoung(collection: number, rows: number): boolean {
    const isShortLived = this.#layout(collection).shortLived === true;
    return isShortLived && !this.#isInSavepoint && this.#young.takes(collection, rows);
  }

  #write(
    collection: number,
    key: Bytes,
    ver: number,
    doc: Bytes,
    exp: number | null,
    entries: readonly (Bytes | null)[],
  ): void {
    if (this.#isFresh(collection)) {
      try {
        this.#insertFresh(collection).run([key, ver, doc, exp]);
        return;
      } catch (error) {
        if (!sqliteCode(error).startsWith('SQLITE_CONSTRAINT')) throw error;
      }
    }
    let statement = this.#puts[collection];
    if (statement === undefined) {
      const set = this.#layout(collection).indexes.map(
        ({ name }) => `, "ix_${name}" = excluded."ix_${name}"`,
      );
      statement = this.#prepare(
        `${this.#insertSql(collection)} ON CONFLICT (k) DO UPDATE SET ver = excluded.ver, doc = excluded.doc, exp = excluded.exp${set.join('')}`,
      );
      this.#puts[collection] = statement;
    }
    statement.run([key, ver, doc, exp, ...entries]);
  }

  /** Rows of bytes that expire are written once and taken away; looking first whether there is one already costs more than it is worth. */
  #isFresh(collection: number): boolean {
    const { indexes, expires } = this.#layout(collection);
    return expires && indexes.length === 0;
  }

  #insertFresh(collection: number): Statement {
    let statement = this.#freshInserts[collection];
    if (statement === undefined) {
      statement = this.#prepare(this.#insertSql(collection));
      this.#freshInserts[collection] = statement;
    }
    return statement;
  }

  /** Removes rows of one collection. @param all their keys, one behind the other, `keyBytes` each */
  deleteAll(collection: number, all: Bytes, keyBytes: number): void {
    const isShortLived = this.#layout(collection).shortLived === true;
    const keys = isShortLived ? this.#young.remove(collection, all, keyBytes) : keysIn(all, keyBytes);
    let at = 0;
    for (; at + DELETES_TOGETHER <= keys.length; at += DELETES_TOGETHER) {
      let statement = this.#manyDeletes[collection];
      if (statement === undefined) {
        const places = Array(DELETES_TOGETHER).fill('?').join(', ');
        statement = this.#prepare(`DELETE FROM "${this.#layout(collection).name}" WHERE k IN (${places})`);
        this.#manyDeletes[collection] = statement;
      }
      const together = keys.slice(at, at + DELETES_TOGETHER);
      for (const key of together) this.#changed(collection, key);
      statement.run(together);
    }
    for (; at < keys.length; at++) this.#delete(collection, keys[at] as Bytes);
  }

  #delete(collection: number, key: Bytes): void {
    this.#changed(collection, key);
    let statement = this.#deletes[collection];
    if (statement === undefined) {
      statement = this.#prepare(`DELETE FROM "${this.#layout(collection).name}" WHERE k = ?`);
      this.#deletes[collection] = statement;
    }
    statement.run([key]);
  }

  /**
   * Version of a row, undefined when there is none. Gates are asked for with every submit, and nobody else writes this file, so what was
   * seen of them is remembered until they are written.
   */
  version(collection: number, key: Bytes): number | undefined {
    if (this.#layout(collection).gate !== true) return this.#findVersion(collection, key);
    let seen = this.#seen[collection];
    if (seen === undefined) {
      seen = new Map();
      this.#seen[collection] = seen;
    }
    const text = textOf(key);
    const known = seen.get(text);
    if (known !== undefined) return known;
    const found = this.#findVersion(collection, key);
    if (found === undefined) return undefined;
    if (seen.size >= SEEN_MAX) seen.clear();
    seen.set(text, found);
    return found;
  }

  #findVersion(collection: number, key: Bytes): number | undefined {
    const young = this.#young.get(collection, key);
    if (young !== undefined) return young.ver;
    let statement = this.#versions[collection];
    if (statement === undefined) {
      statement = this.#prepare(`SELECT ver FROM "${this.#layout(collection).name}" WHERE k = ?`);
      this.#versions[collection] = statement;
    }
    return statement.get<{ ver: number }>([key])?.ver;
  }

  get(collection: number, key: Bytes): Row | undefined {
    return (
      this.#young.get(collection, key) ??
      this.#prepare(`SELECT k, ver, doc, exp FROM "${this.#layout(collection).name}" WHERE k = ?`).get<Row>([
        key,
      ])
    );
  }

  range(query: {
    collection: number;
    index: number | undefined;
    descending: boolean;
    limit: number;
    from: Bytes;
    before: Bytes | null;
    afterEntry: Bytes | null;
    afterKey: Bytes | null;
  }): Row[] {
    this.#settle(query.collection);
    const { name, indexes } = this.#layout(query.collection);
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
    return this.#prepare(
      `SELECT k, ver, doc, exp${index === undefined ? '' : `, ${column} AS ix`} FROM "${name}" WHERE ${where.join(' AND ')} ORDER BY ${order} LIMIT ?`,
    ).all<Row>(values);
  }

  /** How many rows a range over the key has, `limit` at most. */
  count(query: { collection: number; limit: number; from: Bytes; before: Bytes | null }): number {
    this.#settle(query.collection);
    const { name } = this.#layout(query.collection);
    const [upTo, bound] = query.before === null ? ['', []] : ['AND k < ? ', [query.before]];
    return (
      this.#prepare(`SELECT count(*) AS n FROM (SELECT 1 FROM "${name}" WHERE k >= ? ${upTo}LIMIT ?)`).get<{
        n: number;
      }>([query.from, ...bound, query.limit])?.n ?? 0
    );
  }

  /** One step of removing what has expired, of at most `limit` rows; {@link SpaceFile.sizeExpireStep} says how many it really takes. */
  expire(collection: number, nowMs: number, limit: number): { count: number; more: boolean } {
    this.#settle(collection);
    const { name, clustered } = this.#layout(collection);
    const rows = Math.min(limit, this.#expireRows);
    const id = clustered ? 'k' : 'id';
    const beganMs = performance.now();
    const count = this.#prepare(
      `DELETE FROM "${name}" WHERE ${id} IN (SELECT ${id} FROM "${name}" WHERE exp <= ? ORDER BY exp LIMIT ?)`,
    ).run([nowMs, rows]).changes;
    this.#expired = { count, tookMs: performance.now() - beganMs };
    return { count, more: count === rows };
  }

  /**
   * To be called after the commit of an expiry: how many rows fit into {@link EXPIRE_STEP_MS} depends on their size, on where they lie and on
   * the disk, most of it in the commit, so each step says how large the next one may be.
   */
  sizeExpireStep(commitMs: number): void {
    const { count, tookMs } = this.#expired;
    const factor = EXPIRE_STEP_MS / (tookMs + commitMs);
    // A step that had few rows says nothing about larger ones, unless it took long already.
    if (count < this.#expireRows && factor > 1) return;
    const rows = Math.floor(count * Math.min(2, factor));
    this.#expireRows = Math.min(EXPIRE_ROWS_MAX, Math.max(EXPIRE_ROWS_MIN, rows));
  }

  /** Rows whose time is at or before `untilMs`, soonest first, without their documents. */
  expiring(collection: number, untilMs: number, limit: number): Row[] {
    this.#settle(collection);
    const { name } = this.#layout(collection);
    return this.#prepare(
      `SELECT k, ver, x'' AS doc, exp FROM "${name}" WHERE exp <= ? ORDER BY exp LIMIT ?`,
    ).all<Row>([untilMs, limit]);
  }

  /** The number of the index that a driver error of `insert` or `put` names, undefined when it is another error. */
  violatedIndex(collection: number, error: unknown): number | undefined {
    if (!sqliteCode(error).startsWith('SQLITE_CONSTRAINT_UNIQUE')) return undefined;
    const message = String((error as Error).message);
    const found = this.#layout(collection).indexes.findIndex(({ name }) => message.endsWith(`.ix_${name}`));
    return found < 0 ? undefined : found;
  }

  /** Lets SQLite's log be written from its start again, which needs no further disk space. Not within a transaction. */
  recycleLog(): void {
    this.#db.pragma('wal_checkpoint(RESTART)');
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }
}

function keysIn(all: Bytes, keyBytes: number): Bytes[] {
  return Array.from({ length: all.length / keyBytes }, (_, i) =>
    all.subarray(i * keyBytes, (i + 1) * keyBytes),
  );
}

/** Of a view of a buffer that is used again. */
function copyOf(bytes: Bytes): Bytes {
  return Uint8Array.prototype.slice.call(bytes) as Bytes;
}

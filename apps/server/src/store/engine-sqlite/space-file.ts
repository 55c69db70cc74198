/** One SQLCipher file: how rows get into its tables and out of them (`space-statements.ts`), and which are not there yet (`young-rows.ts`). */
import { randomInt } from 'node:crypto';
import type { Database } from '@signalapp/sqlcipher';
import type { CollectionLayout } from '../engine.ts';
import { ExpireStep } from './expire-step.ts';
import { sqliteCode } from './file-errors.ts';
import { SeenVersions } from './seen-versions.ts';
import { DELETES_TOGETHER, type RangeQuery, type Row, SpaceStatements } from './space-statements.ts';
import {
  NUMBERS_TABLE,
  openSpaceDatabase,
  REDO_TABLE,
  type SpaceFileSettings,
  YOUNG_TABLE,
} from './space-tables.ts';
import { unpackRows, type YoungRow, YoungRows } from './young-rows.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** @see the top of this file */
export class SpaceFile {
  readonly #db: Database;
  readonly #layouts: readonly CollectionLayout[];
  readonly #sql: SpaceStatements;
  readonly #seen = new SeenVersions();
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
  readonly #expireStep = new ExpireStep();

  /** @throws OpenError */
  constructor(settings: SpaceFileSettings) {
    this.#layouts = settings.layouts;
    this.#db = openSpaceDatabase(settings);
    this.#sql = new SpaceStatements(this.#db, settings.layouts);
    this.#namesInLog = this.#sql
      .prepare(`SELECT collection FROM ${NUMBERS_TABLE} ORDER BY number`)
      .all<{ collection: string }>()
      .map(({ collection }) => collection);
  }

  begin(): void {
    this.#sql.exec('BEGIN IMMEDIATE');
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
    this.#sql.prepare(`DELETE FROM ${NUMBERS_TABLE}`).run();
    for (const [number, name] of names.entries())
      this.#sql
        .prepare(`INSERT INTO ${NUMBERS_TABLE} (number, collection) VALUES (?, ?)`)
        .run([number, name]);
    this.#sql.exec('COMMIT');
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
    this.#sql.prepare(`DELETE FROM ${YOUNG_TABLE}`).run();
    for (const collection of this.#young.known()) {
      this.#writeAll(collection, this.#young.takeOld(collection, mayStayYoung));
      const packed = this.#young.pack(collection);
      if (packed === undefined) continue;
      this.#sql
        .prepare(`INSERT INTO ${YOUNG_TABLE} (collection, rows) VALUES (?, ?)`)
        .run([this.#sql.layout(collection).name, packed]);
    }
    this.#sql.prepare(`INSERT OR REPLACE INTO ${REDO_TABLE} (id, salt) VALUES (1, ?)`).run([redoSalt]);
    this.#sql.exec('COMMIT');
  }

  /** Gives up all changes since the last COMMIT. */
  rollback(): void {
    this.#young.forget();
    this.#isInSavepoint = false;
    this.#seen.forget();
    try {
      this.#sql.exec('ROLLBACK');
    } catch {
      // SQLite has often rolled back by itself already, and then refuses a second time; the error that led here is the one that counts.
    }
  }

  /** Runs changes that count only if `isGood` says so of their result. */
  attempt<T>(change: () => T, isGood: (result: T) => boolean): T {
    for (const collection of this.#young.collections()) this.#settle(collection);
    this.#sql.exec('SAVEPOINT list');
    this.#isInSavepoint = true;
    const result = change();
    this.#isInSavepoint = false;
    if (!isGood(result)) {
      this.#sql.exec('ROLLBACK TO list');
      this.#seen.forget();
    }
    this.#sql.exec('RELEASE list');
    return result;
  }

  /** To be called when the answers to a batch are on their way. @see YoungRows.index */
  indexYoung(): void {
    this.#young.index();
  }

  /** Takes up the rows that were young at the last COMMIT. If there are some, a transaction has to follow: they may have to go into their tables. */
  restoreYoung(): void {
    const kept = this.#sql.prepare(`SELECT collection, rows FROM ${YOUNG_TABLE}`).all<{
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
    return this.#sql.prepare(`SELECT salt FROM ${REDO_TABLE} WHERE id = 1`).get<{ salt: Bytes }>()?.salt;
  }

  /** Adds a row. @returns false when the key is taken. @throws a driver error for a unique index. */
  insert(
    collection: number,
    key: Bytes,
    doc: Bytes,
    exp: number | null,
    entries: readonly (Bytes | null)[],
  ): boolean {
    this.#seen.changed(collection, key);
    this.#settle(collection);
    const values = [key, ++this.#version, doc, exp, ...entries];
    return this.#sql.of(collection, 'insertIfFree').run(values).changes === 1;
  }

  /** Adds or replaces a row. @throws a driver error for a unique index. */
  put(
    collection: number,
    key: Bytes,
    doc: Bytes,
    exp: number | null,
    entries: readonly (Bytes | null)[],
  ): void {
    this.#seen.changed(collection, key);
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
    for (let i = 0; i < count && (!isYoung || this.#seen.hasOf(collection)); i++) {
      const each = key.subarray(i * keyBytes, (i + 1) * keyBytes);
      this.#seen.changed(collection, each);
      if (!isYoung) this.#write(collection, each, ver + i, doc, exp, []);
    }
  }

  #mayBeYoung(collection: number, rows: number): boolean {
    const isShortLived = this.#sql.layout(collection).shortLived === true;
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
        this.#sql.of(collection, 'insert').run([key, ver, doc, exp]);
        return;
      } catch (error) {
        if (!sqliteCode(error).startsWith('SQLITE_CONSTRAINT')) throw error;
      }
    }
    this.#sql.of(collection, 'put').run([key, ver, doc, exp, ...entries]);
  }

  /** Rows of bytes that expire are written once and taken away; looking first whether there is one already costs more than it is worth. */
  #isFresh(collection: number): boolean {
    const { indexes, expires } = this.#sql.layout(collection);
    return expires && indexes.length === 0;
  }

  /** Removes rows of one collection. @param all their keys, one behind the other, `keyBytes` each */
  deleteAll(collection: number, all: Bytes, keyBytes: number): void {
    const isShortLived = this.#sql.layout(collection).shortLived === true;
    const keys = isShortLived ? this.#young.remove(collection, all, keyBytes) : keysIn(all, keyBytes);
    let at = 0;
    for (; at + DELETES_TOGETHER <= keys.length; at += DELETES_TOGETHER) {
      const together = keys.slice(at, at + DELETES_TOGETHER);
      for (const key of together) this.#seen.changed(collection, key);
      this.#sql.of(collection, 'deleteTogether').run(together);
    }
    for (; at < keys.length; at++) this.#delete(collection, keys[at] as Bytes);
  }

  #delete(collection: number, key: Bytes): void {
    this.#seen.changed(collection, key);
    this.#sql.of(collection, 'delete').run([key]);
  }

  /** Version of a row, undefined when there is none. */
  version(collection: number, key: Bytes): number | undefined {
    if (this.#sql.layout(collection).gate !== true) return this.#findVersion(collection, key);
    return this.#seen.get(collection, key, () => this.#findVersion(collection, key));
  }

  #findVersion(collection: number, key: Bytes): number | undefined {
    const young = this.#young.get(collection, key);
    if (young !== undefined) return young.ver;
    return this.#sql.of(collection, 'version').get<{ ver: number }>([key])?.ver;
  }

  get(collection: number, key: Bytes): Row | undefined {
    return this.#young.get(collection, key) ?? this.#sql.of(collection, 'get').get<Row>([key]);
  }

  range(query: RangeQuery): Row[] {
    this.#settle(query.collection);
    return this.#sql.range(query);
  }

  /** How many rows a range over the key has, `limit` at most. */
  count(query: Pick<RangeQuery, 'collection' | 'limit' | 'from' | 'before'>): number {
    this.#settle(query.collection);
    return this.#sql.count(query);
  }

  /** One step of removing what has expired, of at most `limit` rows; {@link SpaceFile.sizeExpireStep} says how many it really takes. */
  expire(collection: number, nowMs: number, limit: number): { count: number; more: boolean } {
    this.#settle(collection);
    const rows = Math.min(limit, this.#expireStep.rows);
    const beganMs = performance.now();
    const count = this.#sql.of(collection, 'deleteExpired').run([nowMs, rows]).changes;
    this.#expireStep.removed(count, performance.now() - beganMs);
    return { count, more: count === rows };
  }

  /** To be called after the commit of an expiry. */
  sizeExpireStep(commitMs: number): void {
    this.#expireStep.committed(commitMs);
  }

  /** Rows whose time is at or before `untilMs`, soonest first, without their documents. */
  expiring(collection: number, untilMs: number, limit: number): Row[] {
    this.#settle(collection);
    return this.#sql.of(collection, 'expiring').all<Row>([untilMs, limit]);
  }

  /** The number of the index that a driver error of `insert` or `put` names, undefined when it is another error. */
  violatedIndex(collection: number, error: unknown): number | undefined {
    if (!sqliteCode(error).startsWith('SQLITE_CONSTRAINT_UNIQUE')) return undefined;
    const message = String((error as Error).message);
    const found = this.#sql
      .layout(collection)
      .indexes.findIndex(({ name }) => message.endsWith(`.ix_${name}`));
    return found < 0 ? undefined : found;
  }

  /** Lets SQLite's log be written from its start again, which needs no further disk space. Not within a transaction. */
  recycleLog(): void {
    this.#db.pragma('wal_checkpoint(RESTART)');
  }

  close(): void {
    this.#sql.forget();
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

/** Reading columns: the driver gives blobs as Buffers and what is absent as null. */
import type { Database } from '@signalapp/sqlcipher';

/** What can be bound to a statement. */
export type Param = string | number | Uint8Array<ArrayBuffer> | null;
/** A row as the driver gives it. */
export type Row = Record<string, string | number | Uint8Array<ArrayBuffer> | null>;

/**
 * An empty byte string as the driver understands it: it binds one without any memory behind it as NULL, so this one is the end of a
 * longer one.
 */
const NO_BYTES = new Uint8Array(1).subarray(1);

function bound(params: readonly Param[]): Param[] {
  return params.map((param) => (param instanceof Uint8Array && param.length === 0 ? NO_BYTES : param));
}

/**
 * The few shapes in which statements are run here; statements are cached by the driver. How many rows are wanted is bound as `LIMIT (? + 0)`: SQLite
 * looks at what is bound to a bare `LIMIT ?` when it plans, and so plans such a statement anew each time, which takes longer than running it.
 */
export class Sql {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }
  run(sql: string, ...params: Param[]): number {
    return this.#database.prepare(sql).run(bound(params)).changes;
  }
  insert(sql: string, ...params: Param[]): number {
    return this.#database.prepare(sql).run(bound(params)).lastInsertRowid;
  }
  get(sql: string, ...params: Param[]): Row | undefined {
    return this.#database.prepare(sql).get<Row>(bound(params));
  }
  all(sql: string, ...params: Param[]): Row[] {
    return this.#database.prepare(sql).all<Row>(bound(params));
  }
  /** Statements without parameters, such as those that make tables. */
  exec(sql: string): void {
    this.#database.exec(sql);
  }
  transaction<T>(body: () => T): T {
    return this.#database.transaction(body)();
  }
}

/** A text column that is set. */
export function text<T extends string = string>(row: Row, column: string): T {
  const value = row[column];
  if (typeof value !== 'string') throw new TypeError(`column ${column} holds no text`);
  return value as T;
}

/** A text column that may be null. */
export function textOrNone<T extends string = string>(row: Row, column: string): T | undefined {
  return row[column] === null ? undefined : text<T>(row, column);
}

/** A number column that is set. */
export function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw new TypeError(`column ${column} holds no number`);
  return value;
}

/** A number column that may be null. */
export function numberOrNone(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : number(row, column);
}

/** A blob column that is set, as plain bytes. */
export function bytes(row: Row, column: string): Uint8Array<ArrayBuffer> {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw new TypeError(`column ${column} holds no bytes`);
  return new Uint8Array(value.buffer, value.byteOffset, value.length);
}

/** A blob column that may be null. */
export function bytesOrNone(row: Row, column: string): Uint8Array<ArrayBuffer> | undefined {
  return row[column] === null ? undefined : bytes(row, column);
}

import type { ValueStore } from '../../store.ts';
import { bytes, type Sql } from './rows.ts';

/** @see ValueStore */
export class SqlValueStore implements ValueStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }
  get(name: string): Uint8Array<ArrayBuffer> | undefined {
    const row = this.#sql.get('SELECT value FROM value WHERE name = ?', name);
    return row && bytes(row, 'value');
  }
  put(name: string, value: Uint8Array<ArrayBuffer>): void {
    this.#sql.run('INSERT OR REPLACE INTO value (name, value) VALUES (?, ?)', name, value);
  }
  delete(name: string): void {
    this.#sql.run('DELETE FROM value WHERE name = ?', name);
  }
  increment(name: string): number {
    return this.#sql.transaction(() => {
      const present = this.get(name);
      const next = (present === undefined ? 0 : Number(Buffer.from(present).toString())) + 1;
      this.put(name, Uint8Array.from(Buffer.from(String(next))));
      return next;
    });
  }
}

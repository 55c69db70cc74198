import type { SightingStore } from '../../store.ts';
import { number, type Sql } from './rows.ts';

/** @see SightingStore */
export class SqlSightingStore implements SightingStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }
  find(legHash: Uint8Array<ArrayBuffer>): number | undefined {
    const row = this.#sql.get('SELECT visit FROM seen_leg WHERE hash = ?', legHash);
    return row && number(row, 'visit');
  }
  put(legHash: Uint8Array<ArrayBuffer>, visit: number, atMs: number): void {
    this.#sql.run('INSERT OR REPLACE INTO seen_leg (hash, visit, at) VALUES (?, ?, ?)', legHash, visit, atMs);
  }
  forget(beforeMs: number): void {
    this.#sql.run('DELETE FROM seen_leg WHERE at < ?', beforeMs);
  }
}

import type { EarlierSighting, SightingStore } from '../../inbox-store.ts';
import { number, type Sql } from './rows.ts';

/** @see SightingStore */
export class SqlSightingStore implements SightingStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }
  find(legHash: Uint8Array<ArrayBuffer>): EarlierSighting | undefined {
    const row = this.#sql.get('SELECT visit, at FROM seen_leg WHERE hash = ?', legHash);
    return row && { visit: number(row, 'visit'), atMs: number(row, 'at') };
  }
  put(legHash: Uint8Array<ArrayBuffer>, { visit, atMs }: EarlierSighting): void {
    this.#sql.run('INSERT OR REPLACE INTO seen_leg (hash, visit, at) VALUES (?, ?, ?)', legHash, visit, atMs);
  }
  forget(beforeMs: number): void {
    this.#sql.run('DELETE FROM seen_leg WHERE at < ?', beforeMs);
  }
}

import type { DeviceId } from '@kuvert/protocol';
import type { Quarantined, RepairStore } from '../../store.ts';
import { number, type Sql } from './rows.ts';

/** How many legs that could not be opened are kept. */
const QUARANTINE_ROWS_MAX = 1_000;

/** @see RepairStore */
export class SqlRepairStore implements RepairStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }
  quarantine({ legHash, leg, senderDevice, reason, atMs }: Quarantined): void {
    const sql = 'INSERT OR IGNORE INTO quarantine (leg_hash, leg, device, reason, at) VALUES (?, ?, ?, ?, ?)';
    this.#sql.run(sql, legHash, leg, senderDevice ?? null, reason, atMs);
    this.#sql.run(
      'DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?',
      QUARANTINE_ROWS_MAX,
    );
  }
  countRequests(legHash: Uint8Array<ArrayBuffer>): number {
    const row = this.#sql.get('SELECT requests FROM quarantine WHERE leg_hash = ?', legHash);
    return row === undefined ? 0 : number(row, 'requests');
  }
  addRequest(legHash: Uint8Array<ArrayBuffer>): void {
    this.#sql.run('UPDATE quarantine SET requests = requests + 1 WHERE leg_hash = ?', legHash);
  }
  countRequestsTo(device: DeviceId, sinceMs: number): number {
    const sql = 'SELECT coalesce(sum(requests), 0) AS n FROM quarantine WHERE device = ? AND at >= ?';
    const row = this.#sql.get(sql, device, sinceMs);
    return row === undefined ? 0 : number(row, 'n');
  }
}

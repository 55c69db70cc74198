import type { DeviceId, SubmitClass } from '@kuvert/protocol';
import type { Quarantined, RepairStore, SettledLegs } from '../../store.ts';
import { bytes, bytesOrNone, number, type Sql, text, textOrNone } from './rows.ts';

/** How many legs that could not be opened are kept. */
const QUARANTINE_ROWS_MAX = 1_000;

/** @see RepairStore */
export class SqlRepairStore implements RepairStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }
  quarantine(entry: Quarantined): void {
    const sql = `INSERT OR IGNORE INTO quarantine
      (leg_hash, leg, device, reason, at, class, body, accepted_at, expires_at, open) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
    const { legHash, leg, senderDevice, reason, atMs, body, acceptedAtMs, expiresAtMs } = entry;
    const facts = [entry.class, body ?? null, acceptedAtMs, expiresAtMs, entry.isOpen ? 1 : 0] as const;
    this.#sql.run(sql, legHash, leg, senderDevice ?? null, reason, atMs, ...facts);
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
  countOpen(device: DeviceId, beforeMs: number): number {
    const sql = 'SELECT count(*) AS n FROM quarantine WHERE open = 1 AND device = ? AND at < ?';
    const row = this.#sql.get(sql, device, beforeMs);
    return row === undefined ? 0 : number(row, 'n');
  }
  listOpenDevices(limit: number): DeviceId[] {
    const sql = 'SELECT DISTINCT device FROM quarantine WHERE open = 1 AND device IS NOT NULL LIMIT (? + 0)';
    return this.#sql.all(sql, limit).map((row) => text<DeviceId>(row, 'device'));
  }
  settleOpen(device: DeviceId, which: SettledLegs): boolean {
    const isAnswer = typeof which === 'object';
    const open = `SELECT id FROM quarantine WHERE open = 1 AND device = ?
      ${isAnswer ? 'AND accepted_at >= ? AND at <= ?' : ''} ORDER BY id ${which === 'all' ? '' : 'LIMIT 1'}`;
    const times = isAnswer ? [which.writtenAtMs, which.sentAgainAtMs] : [];
    return this.#sql.run(`UPDATE quarantine SET open = 0 WHERE id IN (${open})`, device, ...times) > 0;
  }
  listQuarantined(reason: string, limit: number): Quarantined[] {
    const sql = 'SELECT * FROM quarantine WHERE reason = ? AND accepted_at > 0 ORDER BY id LIMIT (? + 0)';
    return this.#sql.all(sql, reason, limit).map((row) => ({
      legHash: bytes(row, 'leg_hash'),
      leg: bytes(row, 'leg'),
      body: bytesOrNone(row, 'body'),
      class: number(row, 'class') as SubmitClass,
      acceptedAtMs: number(row, 'accepted_at'),
      expiresAtMs: number(row, 'expires_at'),
      senderDevice: textOrNone<DeviceId>(row, 'device'),
      reason: text(row, 'reason'),
      atMs: number(row, 'at'),
      isOpen: number(row, 'open') === 1,
    }));
  }
  release(legHash: Uint8Array<ArrayBuffer>): void {
    this.#sql.run('DELETE FROM quarantine WHERE leg_hash = ?', legHash);
  }
}

import type {
  KyberPrekeyRow,
  LastResortUse,
  OneTimePrekeyRow,
  PrekeyCounters,
  PrekeyRows,
  SessionWrites,
  SignedPrekeyRow,
} from '@kuvert/crypto/session';
import { type CborValue, type DeviceId, decodeCbor, encodeCbor } from '@kuvert/protocol';
import type { SessionStore } from '../../store.ts';
import { bytes, number, type Row, type Sql } from './rows.ts';
import { SqlValueStore } from './values.ts';

const COUNTERS = 'prekey-counters';

/** @see SessionStore */
export class SqlSessionStore implements SessionStore {
  readonly #sql: Sql;
  readonly #values: SqlValueStore;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#values = new SqlValueStore(sql);
  }

  loadSession(device: DeviceId): Uint8Array<ArrayBuffer> | undefined {
    const row = this.#sql.get('SELECT record FROM session WHERE device = ?', device);
    return row && bytes(row, 'record');
  }
  loadOneTimePrekey(id: number): OneTimePrekeyRow | undefined {
    const row = this.#sql.get('SELECT * FROM one_time_prekey WHERE id = ?', id);
    return row && { id, record: bytes(row, 'record') };
  }
  loadSignedPrekey(id: number): SignedPrekeyRow | undefined {
    const row = this.#sql.get('SELECT * FROM signed_prekey WHERE id = ?', id);
    return row && signedOf(row);
  }
  loadKyberPrekey(id: number): KyberPrekeyRow | undefined {
    const row = this.#sql.get('SELECT * FROM kyber_prekey WHERE id = ?', id);
    return row && kyberOf(row);
  }
  hasLastResortUse({ kyberId, signedId, baseKey }: LastResortUse): boolean {
    const sql = 'SELECT 1 FROM last_resort_use WHERE kyber = ? AND signed = ? AND base_key = ?';
    return this.#sql.get(sql, kyberId, signedId, baseKey) !== undefined;
  }

  apply(writes: SessionWrites): void {
    this.#sql.transaction(() => {
      for (const { device, record } of writes.sessions) {
        this.#sql.run('INSERT OR REPLACE INTO session (device, record) VALUES (?, ?)', device, record);
      }
      for (const id of writes.usedOneTimePrekeys)
        this.#sql.run('DELETE FROM one_time_prekey WHERE id = ?', id);
      for (const id of writes.usedKyberPrekeys) {
        this.#sql.run('DELETE FROM kyber_prekey WHERE id = ? AND last_resort = 0', id);
      }
      for (const { kyberId, signedId, baseKey } of writes.lastResortUses) {
        const sql = 'INSERT OR IGNORE INTO last_resort_use (kyber, signed, base_key) VALUES (?, ?, ?)';
        this.#sql.run(sql, kyberId, signedId, baseKey);
      }
    });
  }

  addPrekeys(rows: PrekeyRows, counters: PrekeyCounters): void {
    this.#sql.transaction(() => {
      for (const { id, record } of rows.oneTime) {
        this.#sql.run('INSERT OR REPLACE INTO one_time_prekey (id, record) VALUES (?, ?)', id, record);
      }
      for (const { id, record, createdAtMs } of rows.signed) {
        const sql = 'INSERT OR REPLACE INTO signed_prekey (id, record, created_at) VALUES (?, ?, ?)';
        this.#sql.run(sql, id, record, createdAtMs);
      }
      for (const { id, record, lastResort, createdAtMs } of rows.kyber) {
        const sql =
          'INSERT OR REPLACE INTO kyber_prekey (id, record, last_resort, created_at) VALUES (?, ?, ?, ?)';
        this.#sql.run(sql, id, record, lastResort ? 1 : 0, createdAtMs);
      }
      this.#values.put(COUNTERS, encodeCbor(counters as unknown as CborValue));
    });
  }
  prekeyCounters(): PrekeyCounters | undefined {
    const value = this.#values.get(COUNTERS);
    return value && (decodeCbor(value) as unknown as PrekeyCounters);
  }
  listReplaceable(): { signed: SignedPrekeyRow[]; lastResort: KyberPrekeyRow[] } {
    return {
      signed: this.#sql.all('SELECT * FROM signed_prekey ORDER BY created_at, id').map(signedOf),
      lastResort: this.#sql
        .all('SELECT * FROM kyber_prekey WHERE last_resort = 1 ORDER BY created_at, id')
        .map(kyberOf),
    };
  }
  deletePrekeys(ids: { signed: readonly number[]; lastResort: readonly number[] }): void {
    this.#sql.transaction(() => {
      for (const id of ids.signed) this.#sql.run('DELETE FROM signed_prekey WHERE id = ?', id);
      for (const id of ids.lastResort) {
        this.#sql.run('DELETE FROM kyber_prekey WHERE id = ?', id);
        this.#sql.run('DELETE FROM last_resort_use WHERE kyber = ?', id);
      }
    });
  }
  clearPrekeys(): void {
    this.#sql.transaction(() => {
      for (const table of ['one_time_prekey', 'signed_prekey', 'kyber_prekey', 'last_resort_use']) {
        this.#sql.run(`DELETE FROM ${table}`);
      }
      this.#values.delete(COUNTERS);
    });
  }

  markForRenewal(device: DeviceId): void {
    this.#sql.run('INSERT OR IGNORE INTO renewal (device) VALUES (?)', device);
  }
  isMarkedForRenewal(device: DeviceId): boolean {
    return this.#sql.get('SELECT 1 FROM renewal WHERE device = ?', device) !== undefined;
  }
  markAllForRenewal(): void {
    this.#sql.run('INSERT OR IGNORE INTO renewal (device) SELECT device FROM session');
  }
  clearRenewal(device: DeviceId): void {
    this.#sql.run('DELETE FROM renewal WHERE device = ?', device);
  }
}

function signedOf(row: Row): SignedPrekeyRow {
  return { id: number(row, 'id'), record: bytes(row, 'record'), createdAtMs: number(row, 'created_at') };
}

function kyberOf(row: Row): KyberPrekeyRow {
  return { ...signedOf(row), lastResort: number(row, 'last_resort') === 1 };
}

import type { PersonId } from '@kuvert/protocol';
import type { TrustRow, TrustStore } from '../../trust/store.ts';
import { bytesOrNone, numberOrNone, type Sql } from './rows.ts';

/** @see TrustStore */
export class SqlTrustStore implements TrustStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }
  get(personId: PersonId): TrustRow {
    const row = this.#sql.get('SELECT * FROM trust WHERE person = ?', personId);
    return {
      verifiedKey: row && bytesOrNone(row, 'verified_key'),
      verifiedAtMs: row && numberOrNone(row, 'verified_at'),
      acceptedKey: row && bytesOrNone(row, 'accepted_key'),
      changedKey: row && bytesOrNone(row, 'changed_key'),
    };
  }
  setVerified(personId: PersonId, key: Uint8Array<ArrayBuffer> | undefined, atMs: number): void {
    const sql = `INSERT INTO trust (person, verified_key, verified_at) VALUES (?, ?, ?)
      ON CONFLICT (person) DO UPDATE SET verified_key = excluded.verified_key, verified_at = excluded.verified_at`;
    this.#sql.run(sql, personId, key ?? null, key === undefined ? null : atMs);
  }
  setAccepted(personId: PersonId, key: Uint8Array<ArrayBuffer>): void {
    const sql = `INSERT INTO trust (person, accepted_key) VALUES (?, ?)
      ON CONFLICT (person) DO UPDATE SET accepted_key = excluded.accepted_key`;
    this.#sql.run(sql, personId, key);
  }
  setChanged(personId: PersonId, key: Uint8Array<ArrayBuffer>): void {
    const sql = `INSERT INTO trust (person, changed_key) VALUES (?, ?)
      ON CONFLICT (person) DO UPDATE SET changed_key = excluded.changed_key`;
    this.#sql.run(sql, personId, key);
  }
}

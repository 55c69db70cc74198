import type { PersonId } from '@kuvert/protocol';
import type { TrustChoice, TrustRow, TrustStore } from '../../trust/store.ts';
import { bytesOrNone, number, numberOrNone, type Sql, text } from './rows.ts';

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
  choose({ personId, verifiedKey, verifiedAtMs, acceptedKey, stampMs }: TrustChoice): void {
    const sql = `INSERT INTO trust (person, verified_key, verified_at, accepted_key, stamp) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (person) DO UPDATE SET verified_key = excluded.verified_key, verified_at = excluded.verified_at,
        accepted_key = excluded.accepted_key, stamp = excluded.stamp WHERE excluded.stamp > stamp`;
    this.#sql.run(sql, personId, verifiedKey ?? null, verifiedAtMs ?? null, acceptedKey ?? null, stampMs);
  }
  listChoices(): TrustChoice[] {
    return this.#sql.all('SELECT * FROM trust WHERE stamp > 0 ORDER BY stamp').map((row) => ({
      personId: text<PersonId>(row, 'person'),
      verifiedKey: bytesOrNone(row, 'verified_key'),
      verifiedAtMs: numberOrNone(row, 'verified_at'),
      acceptedKey: bytesOrNone(row, 'accepted_key'),
      stampMs: number(row, 'stamp'),
    }));
  }
  setChanged(personId: PersonId, key: Uint8Array<ArrayBuffer>): void {
    const sql = `INSERT INTO trust (person, changed_key) VALUES (?, ?)
      ON CONFLICT (person) DO UPDATE SET changed_key = excluded.changed_key`;
    this.#sql.run(sql, personId, key);
  }
}

import type { PersonId } from '@kuvert/protocol';
import type { SettingStore, StoredSetting } from '../../ticks/store.ts';
import { number, type Sql, text } from './rows.ts';

/** @see SettingStore */
export class SqlSettingStore implements SettingStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }
  get(name: string, scope: PersonId | undefined): string | undefined {
    const row = this.#sql.get('SELECT value FROM setting WHERE scope = ? AND name = ?', scope ?? '', name);
    return row && (text(row, 'value') || undefined);
  }
  put({ name, scope, value, stampMs }: StoredSetting): void {
    const sql = `INSERT INTO setting (scope, name, value, stamp) VALUES (?, ?, ?, ?)
      ON CONFLICT (scope, name) DO UPDATE SET value = excluded.value, stamp = excluded.stamp
      WHERE (excluded.stamp, excluded.value) > (stamp, value)`;
    this.#sql.run(sql, scope ?? '', name, value ?? '', stampMs);
  }
  list(): StoredSetting[] {
    return this.#sql.all('SELECT * FROM setting ORDER BY scope, name').map((row) => ({
      name: text(row, 'name'),
      scope: text<PersonId>(row, 'scope') || undefined,
      value: text(row, 'value') || undefined,
      stampMs: number(row, 'stamp'),
    }));
  }
}

import type { PersonId } from '@kuvert/protocol';
import type { SettingStore } from '../../ticks/store.ts';
import { type Sql, text } from './rows.ts';

/** @see SettingStore */
export class SqlSettingStore implements SettingStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }
  get(name: string, scope: PersonId | undefined): string | undefined {
    const row = this.#sql.get('SELECT value FROM setting WHERE scope = ? AND name = ?', scope ?? '', name);
    return row && text(row, 'value');
  }
  put(name: string, scope: PersonId | undefined, value: string | undefined): void {
    if (value === undefined) {
      this.#sql.run('DELETE FROM setting WHERE scope = ? AND name = ?', scope ?? '', name);
    } else {
      const sql = 'INSERT OR REPLACE INTO setting (scope, name, value) VALUES (?, ?, ?)';
      this.#sql.run(sql, scope ?? '', name, value);
    }
  }
  list(): { name: string; scope: PersonId | undefined; value: string }[] {
    return this.#sql.all('SELECT * FROM setting ORDER BY scope, name').map((row) => ({
      name: text(row, 'name'),
      scope: text<PersonId>(row, 'scope') || undefined,
      value: text(row, 'value'),
    }));
  }
}

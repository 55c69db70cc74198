import type { ConversationId, DeviceId, PersonId } from '@kuvert/protocol';
import type { ConversationRow, ConversationSetting, ConversationStore } from '../../conversations/store.ts';
import { bytes, number, type Row, type Sql, text, textOrNone } from './rows.ts';

/** @see ConversationStore */
export class SqlConversationStore implements ConversationStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  ensure({ conversationId, personId, mail, createdAtMs }: ConversationRow): void {
    const sql =
      'INSERT INTO conversation (conversation, person, mail, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING';
    this.#sql.transaction(() => {
      this.#sql.run(sql, conversationId, personId ?? null, mail ?? null, createdAtMs);
      const early = personId !== undefined && mail !== undefined ? this.findByMail(mail) : undefined;
      if (early === undefined) return;
      this.#sql.run(
        'UPDATE entry SET conversation = ? WHERE conversation = ?',
        conversationId,
        early.conversationId,
      );
      const move = 'UPDATE OR IGNORE conversation_setting SET conversation = ? WHERE conversation = ?';
      this.#sql.run(move, conversationId, early.conversationId);
      this.#sql.run('DELETE FROM conversation_setting WHERE conversation = ?', early.conversationId);
      this.#sql.run('DELETE FROM conversation WHERE conversation = ?', early.conversationId);
    });
  }
  get(conversationId: ConversationId): ConversationRow | undefined {
    const row = this.#sql.get('SELECT * FROM conversation WHERE conversation = ?', conversationId);
    return row && rowOf(row);
  }
  findByPerson(personId: PersonId): ConversationRow | undefined {
    const row = this.#sql.get('SELECT * FROM conversation WHERE person = ?', personId);
    return row && rowOf(row);
  }
  findByMail(mail: string): ConversationRow | undefined {
    const row = this.#sql.get('SELECT * FROM conversation WHERE person IS NULL AND mail = ?', mail);
    return row && rowOf(row);
  }
  list(limit: number): ConversationRow[] {
    return this.#sql.all('SELECT * FROM conversation LIMIT (? + 0)', limit).map(rowOf);
  }
  listNameless(limit: number): { conversationId: ConversationId; personId: PersonId }[] {
    const sql = `SELECT conversation, person FROM conversation
      WHERE person >= 'pe_' AND person < 'pe~' AND person NOT IN (SELECT person FROM person) LIMIT (? + 0)`;
    return this.#sql.all(sql, limit).map((row) => ({
      conversationId: text<ConversationId>(row, 'conversation'),
      personId: text<PersonId>(row, 'person'),
    }));
  }
  countUnread(): Map<ConversationId, number> {
    const rows = this.#sql.all(
      'SELECT conversation, count(*) AS n FROM entry WHERE unread = 1 GROUP BY conversation',
    );
    return new Map(rows.map((row) => [text<ConversationId>(row, 'conversation'), number(row, 'n')]));
  }
  listWithProblem(): { personId: PersonId | undefined; mail: string | undefined }[] {
    const sql = `SELECT DISTINCT to_person, to_mail FROM outbox WHERE class = 1 AND work > 0 AND problem IS NOT NULL LIMIT 10000`;
    return this.#sql.all(sql).map((row) => ({
      personId: textOrNone<PersonId>(row, 'to_person'),
      mail: textOrNone(row, 'to_mail'),
    }));
  }

  listSettings(): ConversationSetting[] {
    return this.#sql.all('SELECT * FROM conversation_setting').map(settingOf);
  }
  getSetting(conversationId: ConversationId, name: string): ConversationSetting | undefined {
    const sql = 'SELECT * FROM conversation_setting WHERE conversation = ? AND name = ?';
    const row = this.#sql.get(sql, conversationId, name);
    return row && settingOf(row);
  }
  putSetting(setting: ConversationSetting, { isDue }: { isDue: boolean }): void {
    const { conversationId, name, value, stampMs, device } = setting;
    const sql = `INSERT OR REPLACE INTO conversation_setting (conversation, name, value, stamp, device, due)
      VALUES (?, ?, ?, ?, ?, ?)`;
    this.#sql.run(sql, conversationId, name, value, stampMs, device, isDue ? 1 : 0);
  }
}

function rowOf(row: Row): ConversationRow {
  return {
    conversationId: text<ConversationId>(row, 'conversation'),
    personId: textOrNone<PersonId>(row, 'person'),
    mail: textOrNone(row, 'mail'),
    createdAtMs: number(row, 'created_at'),
  };
}

/** A row of `conversation_setting`. */
export function settingOf(row: Row): ConversationSetting {
  return {
    conversationId: text<ConversationId>(row, 'conversation'),
    name: text(row, 'name'),
    value: bytes(row, 'value'),
    stampMs: number(row, 'stamp'),
    device: text<DeviceId>(row, 'device'),
  };
}

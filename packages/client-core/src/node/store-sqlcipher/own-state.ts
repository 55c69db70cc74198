import type { ContentId, DeviceId, PersonId } from '@kuvert/protocol';
import type { ConversationSetting, OwnStateStore } from '../../conversations/store.ts';
import { settingOf } from './conversations.ts';
import { type Sql, text } from './rows.ts';

/** @see OwnStateStore */
export class SqlOwnStateStore implements OwnStateStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  takeDueSettings(limit: number, bytesMax: number): (ConversationSetting & { personId: PersonId })[] {
    const sql = `SELECT conversation_setting.*, person FROM conversation_setting JOIN conversation USING (conversation)
      WHERE due = 1 AND person IS NOT NULL LIMIT (? + 0)`;
    const taken: (ConversationSetting & { personId: PersonId })[] = [];
    let size = 0;
    for (const row of this.#sql.all(sql, limit)) {
      const setting = settingOf(row);
      size += setting.value.length;
      if (size > bytesMax && taken.length > 0) break;
      taken.push({ ...setting, personId: text<PersonId>(row, 'person') });
      const told = 'UPDATE conversation_setting SET due = 0 WHERE conversation = ? AND name = ?';
      this.#sql.run(told, setting.conversationId, setting.name);
    }
    return taken;
  }
  addRemoved(contentId: ContentId, device: DeviceId, { isDue }: { isDue: boolean }): void {
    const sql = 'INSERT OR IGNORE INTO removed (content_id, device, due) VALUES (?, ?, ?)';
    this.#sql.run(sql, contentId, device, isDue ? 1 : 0);
  }
  tellRemovedAgain(): void {
    this.#sql.run('UPDATE removed SET due = 1');
  }
  takeRemoved(limit: number): { contentId: ContentId; device: DeviceId }[] {
    const sql = `UPDATE removed SET due = 0
      WHERE (content_id, device) IN (SELECT content_id, device FROM removed WHERE due = 1 LIMIT (? + 0)) RETURNING *`;
    return this.#sql.all(sql, limit).map((row) => ({
      contentId: text<ContentId>(row, 'content_id'),
      device: text<DeviceId>(row, 'device'),
    }));
  }
}

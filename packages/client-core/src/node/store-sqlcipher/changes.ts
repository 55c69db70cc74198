import type { ContentId, ConversationId, DeviceId, PersonId } from '@kuvert/protocol';
import type { ChangeStore, MessageChange } from '../../conversations/store.ts';
import { bytes, number, type Row, type Sql, text } from './rows.ts';

const OF = 'target = ? AND author = ?';

/** @see ChangeStore */
export class SqlChangeStore implements ChangeStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  add(change: MessageChange): void {
    const { target, author, kind, conversationId, who, device, contentId, stampMs, atMs, content } = change;
    this.#sql.run(
      `INSERT OR IGNORE INTO message_change (target, author, kind, conversation, who, device, content_id, stamp, at, content)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      target,
      author,
      kind,
      conversationId,
      who,
      device,
      contentId,
      stampMs,
      atMs,
      content,
    );
    if (kind !== 'reaction') return;
    const mine = `${OF} AND kind = 'reaction' AND who = ? AND conversation = ?`;
    this.#sql.run(
      `DELETE FROM message_change WHERE ${mine} AND (stamp, content_id) < (SELECT stamp, content_id FROM message_change
        WHERE ${mine} ORDER BY stamp DESC, content_id DESC LIMIT 1)`,
      ...[target, author, who, conversationId],
      ...[target, author, who, conversationId],
    );
  }
  list(target: ContentId, author: PersonId): MessageChange[] {
    return this.#sql.all(`SELECT * FROM message_change WHERE ${OF}`, target, author).map(changeRow);
  }
  forget(target: ContentId, author: PersonId): MessageChange[] {
    const gone = this.list(target, author);
    for (const { contentId, device } of gone) {
      // What `inbox` has not printed is not printed any more.
      const sql = `UPDATE entry SET content = x'', unprinted = NULL WHERE content_id = ? AND sender_device = ? AND kind = 'removed'`;
      this.#sql.run(sql, contentId, device);
    }
    this.#sql.run(`DELETE FROM message_change WHERE ${OF}`, target, author);
    return gone;
  }
}

function changeRow(row: Row): MessageChange {
  return {
    target: text<ContentId>(row, 'target'),
    author: text<PersonId>(row, 'author'),
    kind: text<MessageChange['kind']>(row, 'kind'),
    conversationId: text<ConversationId>(row, 'conversation'),
    who: text<PersonId>(row, 'who'),
    device: text<DeviceId>(row, 'device'),
    contentId: text<ContentId>(row, 'content_id'),
    stampMs: number(row, 'stamp'),
    atMs: number(row, 'at'),
    content: bytes(row, 'content'),
  };
}

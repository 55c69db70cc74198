import type { ContentId, DeviceId, ErrorCode, PersonId } from '@kuvert/protocol';
import type { NoticeStore } from '../../store.ts';
import type { Notice } from '../../types.ts';
import { number, numberOrNone, type Row, type Sql, text, textOrNone } from './rows.ts';

/** How many notices are kept, seen and unseen. */
const NOTICES_MAX = 1_000;

/** @see NoticeStore */
export class SqlNoticeStore implements NoticeStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }
  add(notice: Omit<Notice, 'noticeId'>): void {
    const { kind, personId, deviceId, messageId, code, count, atMs } = notice;
    const about = [kind, personId ?? null, deviceId ?? null, messageId ?? null, code ?? null] as const;
    this.#sql.transaction(() => {
      this.#sql.run(
        `DELETE FROM notice WHERE seen = 0 AND kind = ? AND person IS ? AND device IS ? AND message IS ? AND code IS ?`,
        ...about,
      );
      const sql =
        'INSERT INTO notice (kind, person, device, message, code, at, count) VALUES (?, ?, ?, ?, ?, ?, ?)';
      this.#sql.run(sql, ...about, atMs, count ?? null);
      this.#sql.run('DELETE FROM notice WHERE id <= (SELECT max(id) FROM notice) - ?', NOTICES_MAX);
    });
  }
  withdraw(match: { kind: Notice['kind']; personId?: PersonId; deviceId?: DeviceId }): void {
    this.#sql.run(
      'DELETE FROM notice WHERE seen = 0 AND kind = ? AND person IS coalesce(?, person) AND device IS coalesce(?, device)',
      match.kind,
      match.personId ?? null,
      match.deviceId ?? null,
    );
  }
  listUnseen(limit: number): Notice[] {
    return this.#sql.all('SELECT * FROM notice WHERE seen = 0 ORDER BY id LIMIT ?', limit).map(noticeOf);
  }
  markSeen(noticeIds: readonly number[]): void {
    this.#sql.transaction(() => {
      for (const id of noticeIds) this.#sql.run('UPDATE notice SET seen = 1 WHERE id = ?', id);
    });
  }
}

function noticeOf(row: Row): Notice {
  const personId = textOrNone<PersonId>(row, 'person');
  const deviceId = textOrNone<DeviceId>(row, 'device');
  const messageId = textOrNone<ContentId>(row, 'message');
  const code = textOrNone<ErrorCode>(row, 'code');
  const count = numberOrNone(row, 'count');
  return {
    noticeId: number(row, 'id'),
    kind: text<Notice['kind']>(row, 'kind'),
    atMs: number(row, 'at'),
    ...(personId && { personId }),
    ...(deviceId && { deviceId }),
    ...(messageId && { messageId }),
    ...(code && { code }),
    ...(count !== undefined && { count }),
  };
}

import {
  type ContentId,
  type DeviceId,
  type ErrorCode,
  type GroupId,
  ID_TYPES,
  type PersonId,
} from '@kuvert/protocol';
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
    const { kind, personId, groupId, deviceId, messageId, code, count, atMs } = notice;
    const about = [
      kind,
      groupId ?? personId ?? null,
      deviceId ?? null,
      messageId ?? null,
      code ?? null,
    ] as const;
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
  withdraw(match: {
    kind: Notice['kind'];
    personId?: PersonId;
    groupId?: GroupId;
    deviceId?: DeviceId;
  }): void {
    this.#sql.run(
      'DELETE FROM notice WHERE seen = 0 AND kind = ? AND person IS coalesce(?, person) AND device IS coalesce(?, device)',
      match.kind,
      match.groupId ?? match.personId ?? null,
      match.deviceId ?? null,
    );
  }
  listUnseen(limit: number): Notice[] {
    return this.#sql
      .all('SELECT * FROM notice WHERE seen = 0 ORDER BY id LIMIT (? + 0)', limit)
      .map(noticeOf);
  }
  markSeen(noticeIds: readonly number[]): void {
    this.#sql.transaction(() => {
      for (const id of noticeIds) this.#sql.run('UPDATE notice SET seen = 1 WHERE id = ?', id);
    });
  }
}

function noticeOf(row: Row): Notice {
  const about = textOrNone(row, 'person');
  const isGroup = about?.startsWith(`${ID_TYPES.group.prefix}_`) ?? false;
  const deviceId = textOrNone<DeviceId>(row, 'device');
  const messageId = textOrNone<ContentId>(row, 'message');
  const code = textOrNone<ErrorCode>(row, 'code');
  const count = numberOrNone(row, 'count');
  return {
    noticeId: number(row, 'id'),
    kind: text<Notice['kind']>(row, 'kind'),
    atMs: number(row, 'at'),
    ...(about && (isGroup ? { groupId: about as GroupId } : { personId: about as PersonId })),
    ...(deviceId && { deviceId }),
    ...(messageId && { messageId }),
    ...(code && { code }),
    ...(count !== undefined && { count }),
  };
}

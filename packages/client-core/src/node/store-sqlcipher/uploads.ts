import type { AttachmentId, ContentId } from '@kuvert/protocol';
import type { UploadRow, UploadState, UploadStore } from '../../attachments/store.ts';
import { bytes, number, numberOrNone, type Row, type Sql, text } from './rows.ts';

/** Attachments of messages of one's own. */
export const UPLOAD_TABLES = `
CREATE TABLE upload (
  attachment TEXT PRIMARY KEY, content_id TEXT NOT NULL, sealed_bytes INTEGER NOT NULL, sealed_sha256 BLOB NOT NULL,
  state TEXT NOT NULL DEFAULT 'upload', stored_at INTEGER
) WITHOUT ROWID;
CREATE INDEX upload_open ON upload (state) WHERE state <> 'stored';
`;

/** Of a file whose message has disappeared here: how long it stays elsewhere, and when it is gone everywhere. */
export const OUTLIVED_UPLOADS = `
ALTER TABLE upload ADD COLUMN timer INTEGER;
ALTER TABLE upload ADD COLUMN remove_at INTEGER;
`;

/** @see UploadStore */
export class SqlUploadStore implements UploadStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }
  add(row: Parameters<UploadStore['add']>[0]): void {
    const sql =
      'INSERT INTO upload (attachment, content_id, sealed_bytes, sealed_sha256) VALUES (?, ?, ?, ?)';
    this.#sql.run(sql, row.attachment, row.contentId, row.sealedBytes, row.sealedSha256);
  }
  get(attachment: AttachmentId): UploadRow | undefined {
    const row = this.#sql.get('SELECT * FROM upload WHERE attachment = ?', attachment);
    return row && uploadOf(row);
  }
  list(state: UploadState, limit: number): UploadRow[] {
    const sql = 'SELECT * FROM upload WHERE state = ? ORDER BY sealed_bytes LIMIT (? + 0)';
    return this.#sql.all(sql, state, limit).map(uploadOf);
  }
  setState(attachment: AttachmentId, state: UploadState, storedAtMs?: number): void {
    const sql = 'UPDATE upload SET state = ?, stored_at = coalesce(?, stored_at) WHERE attachment = ?';
    this.#sql.run(sql, state, storedAtMs ?? null, attachment);
  }
  setOutlived(attachment: AttachmentId, timerMs: number): void {
    const sql = "UPDATE upload SET state = 'outlived', timer = ? WHERE attachment = ? AND state = 'stored'";
    this.#sql.run(sql, timerMs, attachment);
  }
  setRemoval(attachment: AttachmentId, removeAtMs: number): void {
    this.#sql.run('UPDATE upload SET remove_at = ? WHERE attachment = ?', removeAtMs, attachment);
  }
  listOutlived(limit: number): UploadRow[] {
    // The second condition lets SQLite use the index, which leaves the many stored ones out.
    const sql =
      "SELECT * FROM upload WHERE state = 'outlived' AND state <> 'stored' ORDER BY sealed_bytes DESC LIMIT (? + 0)";
    return this.#sql.all(sql, limit).map(uploadOf);
  }
  listStale(beforeMs: number, limit: number): UploadRow[] {
    const sql = `SELECT upload.* FROM upload JOIN outbox USING (content_id)
      WHERE state = 'stored' AND stored_at < ? AND accepted_at IS NULL AND parked = 0 LIMIT (? + 0)`;
    return this.#sql.all(sql, Math.floor(beforeMs), limit).map(uploadOf);
  }
  delete(attachment: AttachmentId): void {
    this.#sql.run('DELETE FROM upload WHERE attachment = ?', attachment);
  }
  takeDone(limit: number): UploadRow[] {
    const sql = `SELECT upload.* FROM upload JOIN outbox USING (content_id)
      WHERE state = 'stored' AND accepted_at IS NOT NULL LIMIT (? + 0)`;
    return this.#sql.all(sql, limit).map(uploadOf);
  }
}

function uploadOf(row: Row): UploadRow {
  return {
    attachment: text<AttachmentId>(row, 'attachment'),
    contentId: text<ContentId>(row, 'content_id'),
    sealedBytes: number(row, 'sealed_bytes'),
    sealedSha256: bytes(row, 'sealed_sha256'),
    state: text<UploadState>(row, 'state'),
    storedAtMs: numberOrNone(row, 'stored_at'),
    timerMs: numberOrNone(row, 'timer'),
    removeAtMs: numberOrNone(row, 'remove_at'),
  };
}

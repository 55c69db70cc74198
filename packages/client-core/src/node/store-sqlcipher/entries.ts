import {
  type CborValue,
  type ChainId,
  type ContentId,
  type ConversationId,
  type DeviceId,
  encodeCbor,
  type PersonId,
} from '@kuvert/protocol';
import type { EntryPlace, EntryRow, EntryStore, ListedEntry, NewEntry } from '../../conversations/store.ts';
import type { EntryId } from '../../conversations/types.ts';
import type { Notice } from '../../types.ts';
import { AT_MAX_MS, entryOf, IDS_PER_MS, listedOf, NOTICE } from './entry-rows.ts';
import { numberOrNone, type Sql, text } from './rows.ts';
import type { SqlSearchStore } from './search.ts';

const DIRECTIONS = ['in', 'out', 'system'] as const;

const NEXT_ARRIVAL = '(SELECT coalesce(max(unprinted), 0) + 1 FROM entry WHERE unprinted IS NOT NULL)';
const HAS = 'SELECT 1 FROM entry WHERE content_id = ? AND sender_device = ?';
/** Entries with what the outbox says of those of one's own. */
export const WITH_OUTBOX = `SELECT entry.*, outbox.accepted_at AS sent_accepted_at, outbox.chain AS sent_chain, outbox.chain_seq AS sent_chain_seq,
  outbox.problem AS sent_problem, outbox.seq AS sent_seq
  FROM entry LEFT JOIN outbox ON direction = 1 AND outbox.content_id = entry.content_id`;

/** @see EntryStore */
export class SqlEntryStore implements EntryStore {
  readonly #sql: Sql;
  readonly #search: Pick<SqlSearchStore, 'put' | 'delete'>;

  constructor(sql: Sql, search: Pick<SqlSearchStore, 'put' | 'delete'>) {
    this.#sql = sql;
    this.#search = search;
  }

  add(entry: NewEntry): boolean {
    if (this.#sql.get(HAS, entry.contentId, entry.senderDevice) !== undefined) return false;
    const { conversationId, contentId, senderDevice, senderPerson, chain } = entry;
    const atMs = Math.min(Math.max(0, Math.floor(entry.atMs)), AT_MAX_MS);
    const sql = `INSERT INTO entry (id, conversation, direction, kind, content_id, sender_device, sender_person, content, at,
      written_at, accepted_at, chain, chain_seq, unread, unprinted, timer, expires_at, delivered)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CASE WHEN ? THEN ${NEXT_ARRIVAL} END, ?, ?, ?)`;
    const entryId = this.#freeId(atMs);
    this.#sql.run(
      sql,
      entryId,
      conversationId,
      DIRECTIONS.indexOf(entry.direction),
      entry.kind,
      contentId,
      senderDevice,
      senderPerson,
      entry.content,
      atMs,
      entry.writtenAtMs,
      entry.acceptedAtMs ?? null,
      chain?.id ?? null,
      chain?.seq ?? null,
      entry.isUnread ? 1 : 0,
      entry.isPrinted ? 0 : 1,
      entry.timerMs ?? null,
      entry.expiresAtMs ?? null,
      entry.isDelivered ? 1 : 0,
    );
    this.#search.put({ ...entry, entryId, edited: undefined });
    return true;
  }
  get(entryId: EntryId): ListedEntry | undefined {
    const row = this.#sql.get(`${WITH_OUTBOX} WHERE entry.id = ? AND entry.kind <> 'removed'`, entryId);
    return row && listedOf(row);
  }
  find(contentId: ContentId, senderDevice?: DeviceId): EntryRow[] {
    const sql = `SELECT * FROM entry WHERE content_id = ? AND sender_device = coalesce(?, sender_device) AND direction <> 2`;
    return this.#sql.all(sql, contentId, senderDevice ?? null).map(entryOf);
  }
  findSentBy(chain: ChainId): ConversationId | undefined {
    // What this device has sent has its number in the outbox, what another one has sent in its entry.
    const sql = `SELECT conversation FROM entry WHERE chain = ? AND direction = 1 UNION ALL
      SELECT conversation FROM outbox JOIN entry USING (content_id) WHERE outbox.chain = ? AND direction = 1 LIMIT 1`;
    const row = this.#sql.get(sql, chain, chain);
    return row && text<ConversationId>(row, 'conversation');
  }
  list(
    conversationId: ConversationId,
    range: { after?: EntryPlace; before?: EntryPlace; from?: 'start' | 'end' },
    limit: number,
  ): ListedEntry[] {
    const after = range.after ?? { atMs: -1, writtenAtMs: 0, id: '' };
    const before = range.before ?? { atMs: AT_MAX_MS + 1, writtenAtMs: 0, id: '' };
    const order = range.from === 'start' ? 'ASC' : 'DESC';
    const sql = `${WITH_OUTBOX} WHERE conversation = ? AND entry.kind <> 'removed'
      AND (at, written_at, entry.content_id) > (?, ?, ?) AND (at, written_at, entry.content_id) < (?, ?, ?)
      ORDER BY at ${order}, written_at ${order}, entry.content_id ${order} LIMIT (? + 0)`;
    const rows = this.#sql.all(sql, conversationId, ...placeParams(after), ...placeParams(before), limit);
    const entries = rows.map(listedOf);
    return range.from === 'start' ? entries : entries.reverse();
  }
  listLast(
    limit: number,
    { conversationId, withNotices = false }: { conversationId?: ConversationId; withNotices?: boolean } = {},
  ): ListedEntry[] {
    const shown = withNotices
      ? "entry.kind <> 'removed'"
      : `entry.kind NOT IN ('removed', 'timer') AND direction <> ${NOTICE}`;
    if (conversationId === undefined) {
      return this.#sql
        .all(`${WITH_OUTBOX} WHERE ${shown} ORDER BY id DESC LIMIT (? + 0)`, limit)
        .map(listedOf)
        .reverse();
    }
    const sql = `${WITH_OUTBOX} WHERE ${shown} AND conversation = ?
      ORDER BY at DESC, written_at DESC, entry.content_id DESC LIMIT (? + 0)`;
    return this.#sql.all(sql, conversationId, limit).map(listedOf).reverse();
  }

  putNotice(conversationId: ConversationId, key: string, notice: Omit<Notice, 'noticeId'>): void {
    const { kind, personId = '', deviceId = '', atMs } = notice;
    const content = encodeCbor(notice as unknown as CborValue);
    const update = 'UPDATE entry SET content = ? WHERE content_id = ? AND sender_device = ?';
    if (this.#sql.run(update, content, key, deviceId) > 0) return;
    const sql = `INSERT INTO entry (id, conversation, direction, kind, content_id, sender_device, sender_person, content, at,
      written_at) VALUES (?, ?, ${NOTICE}, ?, ?, ?, ?, ?, ?, ?)`;
    const entryId = this.#freeId(atMs);
    this.#sql.run(sql, entryId, conversationId, kind, key, deviceId, personId, content, atMs, atMs);
  }
  deleteNotices(match: { kind: Notice['kind']; personId?: PersonId; deviceId?: DeviceId }): ConversationId[] {
    const sql = `DELETE FROM entry WHERE direction = ${NOTICE} AND kind = ? AND sender_person = coalesce(?, sender_person)
      AND sender_device = coalesce(?, sender_device) RETURNING conversation`;
    const { kind, personId, deviceId } = match;
    return this.#sql
      .all(sql, kind, personId ?? null, deviceId ?? null)
      .map((row) => text<ConversationId>(row, 'conversation'));
  }

  markRead(conversationId: ConversationId, upTo: EntryPlace): EntryRow[] {
    const where = 'conversation = ? AND unread = 1 AND (at, written_at, content_id) <= (?, ?, ?)';
    const rows = this.#sql.all(`SELECT * FROM entry WHERE ${where}`, conversationId, ...placeParams(upTo));
    this.#sql.run(`UPDATE entry SET unread = 0 WHERE ${where}`, conversationId, ...placeParams(upTo));
    return rows.map(entryOf);
  }

  markEachRead(rows: readonly EntryRow[]): readonly EntryRow[] {
    for (const row of rows) this.#sql.run('UPDATE entry SET unread = 0 WHERE id = ?', row.entryId);
    return rows;
  }

  forget(entryId: EntryId, as: 'deleted' | 'removed'): void {
    const row = this.#sql.get('SELECT * FROM entry WHERE id = ?', entryId);
    if (row === undefined) return;
    if (row.direction === NOTICE) {
      this.#sql.run('DELETE FROM entry WHERE id = ?', entryId);
      return;
    }
    this.#search.delete(entryOf(row));
    const sql = `UPDATE entry SET kind = ?, content = x'', edited = NULL, unread = 0, unprinted = NULL, timer = NULL, expires_at = NULL WHERE id = ?`;
    this.#sql.run(sql, as, entryId);
  }
  setEdited(entryId: EntryId, edited: Uint8Array<ArrayBuffer>): void {
    const row = this.#sql.get('SELECT * FROM entry WHERE id = ?', entryId);
    if (row === undefined) return;
    const entry = entryOf(row);
    this.#search.delete(entry);
    this.#sql.run('UPDATE entry SET edited = ? WHERE id = ?', edited, entryId);
    this.#search.put({ ...entry, edited });
  }
  setExpiry(entryId: EntryId, expiresAtMs: number): void {
    this.#sql.run('UPDATE entry SET expires_at = ? WHERE id = ?', expiresAtMs, entryId);
  }
  listExpired(nowMs: number, limit: number): EntryRow[] {
    const sql = 'SELECT * FROM entry WHERE expires_at IS NOT NULL AND expires_at <= ? LIMIT (? + 0)';
    return this.#sql.all(sql, nowMs, limit).map(entryOf);
  }
  nextExpiry(): number | undefined {
    const row = this.#sql.get('SELECT min(expires_at) AS at FROM entry WHERE expires_at IS NOT NULL');
    return row && numberOrNone(row, 'at');
  }
  addEarlyDeletion(contentId: ContentId, who: PersonId | DeviceId): void {
    this.#sql.run('INSERT OR IGNORE INTO early_deletion (content_id, who) VALUES (?, ?)', contentId, who);
  }
  takeEarlyDeletion(contentId: ContentId, who: PersonId | DeviceId): boolean {
    return this.#sql.run('DELETE FROM early_deletion WHERE content_id = ? AND who = ?', contentId, who) > 0;
  }

  /** The first number of this millisecond, or of the next ones, that no entry has. */
  #freeId(atMs: number): EntryId {
    for (let base = atMs * IDS_PER_MS; ; base += IDS_PER_MS) {
      const row = this.#sql.get(
        'SELECT max(id) AS id FROM entry WHERE id BETWEEN ? AND ?',
        base,
        base + IDS_PER_MS - 1,
      );
      const last = row && numberOrNone(row, 'id');
      if (last === undefined) return base;
      if (last < base + IDS_PER_MS - 1) return last + 1;
    }
  }
}

function placeParams({ atMs, writtenAtMs, id }: EntryPlace): [number, number, string] {
  return [atMs, writtenAtMs, id];
}

import type { ChainId, ContentId, DeviceId, PersonId } from '@kuvert/protocol';
import type { EntryRow } from '../../conversations/store.ts';
import type { MessageStore, StoredMessage } from '../../store.ts';
import type { SqlEntryStore } from './entries.ts';
import { entryOf } from './entry-rows.ts';
import { number, numberOrNone, type Sql, text } from './rows.ts';

/** Numbers of one gap that are looked for. */
const NUMBERS_MAX = 10_000;

/** What arrived is kept as entries. @see MessageStore */
export class SqlMessageStore implements MessageStore {
  readonly #sql: Sql;
  readonly #entries: SqlEntryStore;

  constructor(sql: Sql, entries: SqlEntryStore) {
    this.#sql = sql;
    this.#entries = entries;
  }

  add({ sentAtMs, isRead = false, ...message }: Parameters<MessageStore['add']>[0]): boolean {
    return this.#entries.add({
      ...message,
      direction: 'in',
      atMs: sentAtMs,
      isUnread: !isRead,
      isPrinted: false,
    });
  }
  has(senderDevice: DeviceId, contentId: ContentId): boolean {
    const sql = 'SELECT 1 FROM entry WHERE sender_device = ? AND content_id = ?';
    return this.#sql.get(sql, senderDevice, contentId) !== undefined;
  }
  find(senderDevice: DeviceId, contentId: ContentId): StoredMessage | undefined {
    const sql = 'SELECT * FROM entry WHERE sender_device = ? AND content_id = ? AND direction = 0';
    const row = this.#sql.get(sql, senderDevice, contentId);
    return row && messageOf(entryOf(row));
  }
  listUnprinted(limit: number): StoredMessage[] {
    const sql = 'SELECT * FROM entry WHERE unprinted IS NOT NULL ORDER BY unprinted LIMIT (? + 0)';
    return this.#sql.all(sql, limit).map((row) => messageOf(entryOf(row)));
  }
  markPrinted(senderDevice: DeviceId, contentId: ContentId): void {
    this.#sql.run(
      `UPDATE entry SET unprinted = NULL, content = CASE kind WHEN 'removed' THEN x'' ELSE content END
        WHERE sender_device = ? AND content_id = ?`,
      senderDevice,
      contentId,
    );
  }
  listContentIdsBeyond(chain: ChainId, afterSeq: number, limit: number): ContentId[] {
    const sql =
      'SELECT content_id FROM entry WHERE chain = ? AND chain_seq > ? ORDER BY chain_seq LIMIT (? + 0)';
    return this.#sql.all(sql, chain, afterSeq, limit).map((row) => text<ContentId>(row, 'content_id'));
  }

  listNumbers(chain: ChainId, { from, to }: { readonly from: number; readonly to: number }): number[] {
    const sql =
      'SELECT chain_seq FROM entry WHERE chain = ? AND direction = 0 AND chain_seq BETWEEN ? AND ? LIMIT (? + 0)';
    return this.#sql.all(sql, chain, from, to, NUMBERS_MAX).map((row) => number(row, 'chain_seq'));
  }
  acceptedAround(
    chain: ChainId,
    { from, to }: { readonly from: number; readonly to: number },
  ): { beforeMs: number | undefined; afterMs: number | undefined } {
    const of = 'SELECT accepted_at FROM entry WHERE chain = ? AND direction = 0 AND chain_seq';
    const before = this.#sql.get(`${of} < ? ORDER BY chain_seq DESC LIMIT 1`, chain, from);
    const after = this.#sql.get(`${of} > ? ORDER BY chain_seq LIMIT 1`, chain, to);
    return {
      beforeMs: before && numberOrNone(before, 'accepted_at'),
      afterMs: after && numberOrNone(after, 'accepted_at'),
    };
  }

  markAckDue(personId: PersonId): void {
    this.#sql.run('INSERT OR IGNORE INTO ack_due (person) VALUES (?)', personId);
  }
  listAcksDue(): PersonId[] {
    return this.#sql.all('SELECT person FROM ack_due').map((row) => text<PersonId>(row, 'person'));
  }
  clearAckDue(personId: PersonId): void {
    this.#sql.run('DELETE FROM ack_due WHERE person = ?', personId);
  }
}

/** Messages without a kind that people see are marked as printed when they lose it. */
function messageOf(entry: EntryRow): StoredMessage {
  const { conversationId, senderDevice, senderPerson, contentId, content, chain, timerMs, atMs } = entry;
  return {
    conversationId,
    senderDevice,
    senderPerson,
    contentId,
    sentAtMs: atMs,
    writtenAtMs: entry.writtenAtMs,
    acceptedAtMs: entry.acceptedAtMs ?? atMs,
    kind: KINDS[entry.kind] ?? 'too-new',
    content,
    chain,
    timerMs,
    edited: entry.edited,
  };
}

const KINDS: { readonly [K in EntryRow['kind']]?: StoredMessage['kind'] } = {
  text: 'text',
  content: 'content',
  removed: 'change',
};

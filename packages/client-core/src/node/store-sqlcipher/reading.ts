import type { ChainId, ContentId, DeviceId } from '@kuvert/protocol';
import type { EntryRow, ReadingStore } from '../../conversations/store.ts';
import { entryOf } from './entry-rows.ts';
import { number, numberOrNone, type Sql, text } from './rows.ts';

/** @see ReadingStore */
export class SqlReadingStore implements ReadingStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  markDue(chain: ChainId, device: DeviceId, atMs: number): void {
    // The earliest time stays: nothing is to disappear later elsewhere than here.
    this.#sql.run('INSERT OR IGNORE INTO read_due (chain, device, at) VALUES (?, ?, ?)', chain, device, atMs);
  }
  takeDue(limit: number): { chain: ChainId; device: DeviceId; atMs: number }[] {
    const rows = this.#sql.all('SELECT * FROM read_due LIMIT (? + 0)', limit).map((row) => ({
      chain: text<ChainId>(row, 'chain'),
      device: text<DeviceId>(row, 'device'),
      atMs: number(row, 'at'),
    }));
    for (const { chain } of rows) this.#sql.run('DELETE FROM read_due WHERE chain = ?', chain);
    return rows;
  }
  firstUnread(chain: ChainId): number {
    const row = this.#sql.get(
      'SELECT min(chain_seq) AS seq FROM entry WHERE chain = ? AND unread = 1',
      chain,
    );
    return (row && numberOrNone(row, 'seq')) ?? Number.MAX_SAFE_INTEGER;
  }

  markChain(chain: ChainId, seq: number, atMs: number): EntryRow[] {
    const known = `INSERT INTO read_mark (chain, seq, at) VALUES (?, ?, ?)
      ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, at = excluded.at WHERE excluded.seq > seq`;
    this.#sql.run(known, chain, seq, atMs);
    return this.#markRead('chain = ? AND chain_seq <= ?', chain, seq);
  }
  markSingle(contentId: ContentId, atMs: number): EntryRow[] {
    const isHere =
      this.#sql.get('SELECT 1 FROM entry WHERE content_id = ? AND direction = 0', contentId) !== undefined;
    if (isHere) return this.#markRead('content_id = ?', contentId);
    this.#sql.run('INSERT OR IGNORE INTO read_single (content_id, at) VALUES (?, ?)', contentId, atMs);
    return [];
  }
  findReadAt(contentId: ContentId, chain: EntryRow['chain']): number | undefined {
    const single = this.#sql.get('DELETE FROM read_single WHERE content_id = ? RETURNING at', contentId);
    if (single !== undefined) return number(single, 'at');
    if (chain === undefined) return undefined;
    const row = this.#sql.get('SELECT at FROM read_mark WHERE chain = ? AND seq >= ?', chain.id, chain.seq);
    return row && number(row, 'at');
  }

  #markRead(where: string, ...params: (string | number)[]): EntryRow[] {
    const rows = this.#sql.all(`SELECT * FROM entry WHERE ${where} AND unread = 1`, ...params);
    this.#sql.run(`UPDATE entry SET unread = 0 WHERE ${where} AND unread = 1`, ...params);
    return rows.map(entryOf);
  }
}

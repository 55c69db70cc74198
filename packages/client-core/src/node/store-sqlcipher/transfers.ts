import {
  type ChainId,
  type DeviceId,
  decodeCbor,
  encodeCbor,
  type HistoryNumbers,
  type PersonId,
  type RequestId,
} from '@kuvert/protocol';
import type { EntryRow, ListedEntry } from '../../conversations/store.ts';
import type { EntryId } from '../../conversations/types.ts';
import type { IncomingTransfer, OutgoingTransfer, TransferStore } from '../../history-transfer/store.ts';
import { WITH_OUTBOX } from './entries.ts';
import { entryOf, idsFrom, listedOf, NOTICE } from './entry-rows.ts';
import { number, type Sql, text } from './rows.ts';
import { SqlValueStore } from './values.ts';

const INCOMING = 'history-incoming';
const SHOWN = `direction <> ${NOTICE} AND entry.kind <> 'removed'`;

/** @see TransferStore */
export class SqlTransferStore implements TransferStore {
  readonly #sql: Sql;
  readonly #values: SqlValueStore;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#values = new SqlValueStore(sql);
  }

  putOutgoing({ transfer, to, part, beforeEntry, total }: OutgoingTransfer): void {
    const sql =
      'INSERT OR REPLACE INTO transfer (device, transfer, part, before_entry, total) VALUES (?, ?, ?, ?, ?)';
    this.#sql.run(sql, to, transfer, part, beforeEntry, total);
  }
  listOutgoing(): OutgoingTransfer[] {
    return this.#sql.all('SELECT * FROM transfer LIMIT 100').map((row) => ({
      to: text<DeviceId>(row, 'device'),
      transfer: text<RequestId>(row, 'transfer'),
      part: number(row, 'part'),
      beforeEntry: number(row, 'before_entry'),
      total: number(row, 'total'),
    }));
  }
  deleteOutgoing(transfer: RequestId): void {
    this.#sql.run('DELETE FROM transfer WHERE transfer = ?', transfer);
  }
  countPartsWaiting(): number {
    const sql = "SELECT count(*) AS n FROM outbox WHERE work > 0 AND class = 2 AND kind = 'history'";
    const row = this.#sql.get(sql);
    return row === undefined ? 0 : number(row, 'n');
  }

  putIncoming(transfer: IncomingTransfer): void {
    this.#values.put(INCOMING, encodeCbor({ ...transfer }));
  }
  getIncoming(): IncomingTransfer | undefined {
    const value = this.#values.get(INCOMING);
    return (
      value && ({ partsTotal: undefined, ...(decodeCbor(value) as object) } as unknown as IncomingTransfer)
    );
  }

  countMessages(): number {
    const row = this.#sql.get(`SELECT count(*) AS n FROM entry WHERE ${SHOWN}`);
    return row === undefined ? 0 : number(row, 'n');
  }
  listMessages(beforeEntry: EntryId, limit: number): Exclude<ListedEntry, { direction: 'system' }>[] {
    const sql = `${WITH_OUTBOX} WHERE entry.id < ? AND ${SHOWN} ORDER BY entry.id DESC LIMIT (? + 0)`;
    return this.#sql
      .all(sql, beforeEntry, limit)
      .map(listedOf)
      .filter((row) => row.direction !== 'system');
  }
  listNumbersBeside(limit: number): HistoryNumbers[] {
    // Numbers that follow each other differ from their place in the order by the same amount.
    const sql = `SELECT sender_device, chain, min(chain_seq) AS first, max(chain_seq) AS last FROM (
        SELECT sender_device, chain, chain_seq,
          chain_seq - dense_rank() OVER (PARTITION BY sender_device, chain ORDER BY chain_seq) AS island
        FROM entry WHERE direction = 0 AND kind = 'removed' AND chain IS NOT NULL)
      GROUP BY sender_device, chain, island ORDER BY last - first DESC, last DESC LIMIT (? + 0)`;
    return this.#sql.all(sql, limit).map((row) => ({
      senderDevice: text<DeviceId>(row, 'sender_device'),
      chain: text<ChainId>(row, 'chain'),
      from: number(row, 'first'),
      to: number(row, 'last'),
    }));
  }
  listForgottenSent(ownDevice: DeviceId, writtenSinceMs: number): EntryRow[] {
    const sql = `SELECT * FROM entry WHERE id >= ? AND direction = 1 AND sender_device = ? AND kind IN ('text', 'content')
      AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.content_id = entry.content_id) ORDER BY written_at, id`;
    return this.#sql.all(sql, idsFrom(writtenSinceMs), ownDevice).map(entryOf);
  }
  listPeers(): PersonId[] {
    const sql =
      'SELECT person FROM conversation WHERE person IS NOT NULL ORDER BY created_at DESC LIMIT 100000';
    return this.#sql.all(sql).map((row) => text<PersonId>(row, 'person'));
  }
}

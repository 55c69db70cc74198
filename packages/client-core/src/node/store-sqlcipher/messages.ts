import type { ChainId, ContentId, DeviceId, PersonId } from '@kuvert/protocol';
import type { MessageStore, StoredMessage } from '../../store.ts';
import { bytes, number, type Row, type Sql, text, textOrNone } from './rows.ts';

/** @see MessageStore */
export class SqlMessageStore implements MessageStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  add(message: Omit<StoredMessage, 'seq'>): boolean {
    // Only a message that is there already may be passed over: OR IGNORE would pass over every other fault of a row too.
    const sql = `INSERT INTO message
      (sender_device, sender_person, content_id, sent_at, accepted_at, kind, content, chain, chain_seq)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sender_device, content_id) DO NOTHING`;
    const { senderDevice, senderPerson, contentId, sentAtMs, acceptedAtMs, kind, content, chain } = message;
    const params = [senderDevice, senderPerson, contentId, sentAtMs, acceptedAtMs, kind, content] as const;
    return this.#sql.run(sql, ...params, chain?.id ?? null, chain?.seq ?? null) > 0;
  }
  has(senderDevice: DeviceId, contentId: ContentId): boolean {
    const sql = 'SELECT 1 FROM message WHERE sender_device = ? AND content_id = ?';
    return this.#sql.get(sql, senderDevice, contentId) !== undefined;
  }
  listUnprinted(limit: number): StoredMessage[] {
    return this.#sql
      .all('SELECT * FROM message WHERE printed = 0 ORDER BY seq LIMIT ?', limit)
      .map(messageOf);
  }
  markPrinted(senderDevice: DeviceId, contentId: ContentId): void {
    this.#sql.run(
      'UPDATE message SET printed = 1 WHERE sender_device = ? AND content_id = ?',
      senderDevice,
      contentId,
    );
  }
  listLast({ personId, limit }: { personId?: PersonId; limit: number }): StoredMessage[] {
    const rows =
      personId === undefined
        ? this.#sql.all('SELECT * FROM message ORDER BY seq DESC LIMIT ?', limit)
        : this.#sql.all(
            'SELECT * FROM message WHERE sender_person = ? ORDER BY seq DESC LIMIT ?',
            personId,
            limit,
          );
    return rows.map(messageOf).reverse();
  }
  listContentIdsBeyond(chain: ChainId, afterSeq: number, limit: number): ContentId[] {
    const sql = 'SELECT content_id FROM message WHERE chain = ? AND chain_seq > ? ORDER BY chain_seq LIMIT ?';
    return this.#sql.all(sql, chain, afterSeq, limit).map((row) => text<ContentId>(row, 'content_id'));
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

function messageOf(row: Row): StoredMessage {
  const chain = textOrNone<ChainId>(row, 'chain');
  return {
    seq: number(row, 'seq'),
    senderDevice: text<DeviceId>(row, 'sender_device'),
    senderPerson: text<PersonId>(row, 'sender_person'),
    contentId: text<ContentId>(row, 'content_id'),
    sentAtMs: number(row, 'sent_at'),
    acceptedAtMs: number(row, 'accepted_at'),
    kind: text<StoredMessage['kind']>(row, 'kind'),
    content: bytes(row, 'content'),
    chain: chain && { id: chain, seq: number(row, 'chain_seq') },
  };
}

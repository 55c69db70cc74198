import type { ChainState } from '@kuvert/crypto/session';
import {
  type CborValue,
  type ChainId,
  type ConversationId,
  type DeviceId,
  decodeCbor,
  encodeCbor,
  type PersonId,
} from '@kuvert/protocol';
import type { ChainStore, FollowedChain, OwnChain, Tombstone } from '../../store.ts';
import { bytes, number, type Row, type Sql, text } from './rows.ts';

/** Tombstones that are remembered. */
const TOMBSTONES_MAX = 256;

/** @see ChainStore */
export class SqlChainStore implements ChainStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  getOwn(conversation: ConversationId): OwnChain | undefined {
    const row = this.#sql.get('SELECT * FROM own_chain WHERE conversation = ?', conversation);
    return row && ownOf(row);
  }
  findOwn(chain: ChainId): OwnChain | undefined {
    const row = this.#sql.get('SELECT * FROM own_chain WHERE chain = ?', chain);
    return row && ownOf(row);
  }
  putOwn(chain: OwnChain): void {
    const sql = `INSERT OR REPLACE INTO own_chain
      (chain, conversation, person, seq, link, accepted_seq, accepted_link, accepted_at, told_seq, told_at, told_times, devices)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
    const { conversation, personId, head, accepted, acceptedAtMs, toldSeq, toldAtMs, toldTimes, devices } =
      chain;
    const ends = [head.seq, head.link, accepted.seq, accepted.link, acceptedAtMs] as const;
    const told = [toldSeq, toldAtMs, toldTimes, devices.join(' ')] as const;
    this.#sql.run(sql, head.id, conversation, personId, ...ends, ...told);
  }
  forgetOwn(): void {
    this.#sql.run('DELETE FROM own_chain');
  }
  listUnconfirmed(limit: number): OwnChain[] {
    const sql = `SELECT * FROM own_chain WHERE accepted_seq > told_seq OR EXISTS (SELECT 1 FROM outbox
      WHERE outbox.chain = own_chain.chain AND chain_seq <= accepted_seq AND delivered_at IS NULL) LIMIT (? + 0)`;
    return this.#sql.all(sql, limit).map(ownOf);
  }

  getFollowed(senderDevice: DeviceId, chain: ChainId): FollowedChain | undefined {
    const row = this.#sql.get(
      'SELECT * FROM followed_chain WHERE device = ? AND chain = ?',
      senderDevice,
      chain,
    );
    return row && followedOf(row);
  }
  putFollowed(chain: FollowedChain): void {
    const sql = `INSERT OR REPLACE INTO followed_chain
      (device, chain, person, state, head_seq, open, noticed, late, base, lifetime, changed)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(changed), 0) + 1 FROM followed_chain WHERE person = ?))`;
    const { senderDevice, personId, state, headSeq, noticed, late, base, lifetimeMs } = chain;
    const isOpen = state.ahead.length > 0 || state.lost.length > 0 || headSeq > state.seq || late > 0;
    const encoded = encodeCbor(state as unknown as CborValue);
    const facts = [headSeq, isOpen ? 1 : 0, noticed, late, base, lifetimeMs] as const;
    this.#sql.run(sql, senderDevice, state.id, personId, encoded, ...facts, personId);
  }
  listFollowed(personId: PersonId, limit: number): FollowedChain[] {
    const sql = 'SELECT * FROM followed_chain WHERE person = ? ORDER BY changed DESC LIMIT (? + 0)';
    return this.#sql.all(sql, personId, limit).map(followedOf);
  }
  listOpenGaps(limit: number): FollowedChain[] {
    const sql = 'SELECT * FROM followed_chain WHERE open > 0 OR noticed > 0 LIMIT (? + 0)';
    return this.#sql.all(sql, limit).map(followedOf);
  }

  listExcused(senderDevice: DeviceId, chain: ChainId): { from: number; to: number }[] {
    const sql = 'SELECT first, last FROM excused WHERE device = ? AND chain = ? ORDER BY first';
    const rows = this.#sql.all(sql, senderDevice, chain);
    return rows.map((row) => ({ from: number(row, 'first'), to: number(row, 'last') }));
  }
  addExcused(senderDevice: DeviceId, chain: ChainId, { from, to }: { from: number; to: number }): void {
    const sql = 'INSERT OR REPLACE INTO excused (device, chain, first, last) VALUES (?, ?, ?, ?)';
    this.#sql.run(sql, senderDevice, chain, from, to);
  }
  addTombstone({ fromMs, toMs, count }: Omit<Tombstone, 'id'>): void {
    this.#sql.run('INSERT INTO tombstone (from_at, to_at, count) VALUES (?, ?, ?)', fromMs, toMs, count);
    // Long after the messages of that time are accounted for.
    this.#sql.run('DELETE FROM tombstone WHERE id <= (SELECT max(id) FROM tombstone) - ?', TOMBSTONES_MAX);
  }
  listTombstones(limit: number): Tombstone[] {
    return this.#sql
      .all('SELECT * FROM tombstone WHERE count > 0 ORDER BY id LIMIT (? + 0)', limit)
      .map((row) => ({
        id: number(row, 'id'),
        fromMs: number(row, 'from_at'),
        toMs: number(row, 'to_at'),
        count: number(row, 'count'),
      }));
  }
  useTombstone(id: number, count: number): void {
    this.#sql.run('UPDATE tombstone SET count = max(0, count - ?) WHERE id = ?', count, id);
  }
}

function ownOf(row: Row): OwnChain {
  const id = text<ChainId>(row, 'chain');
  return {
    conversation: text<ConversationId>(row, 'conversation'),
    personId: text<PersonId>(row, 'person'),
    head: { id, seq: number(row, 'seq'), link: bytes(row, 'link') },
    accepted: { id, seq: number(row, 'accepted_seq'), link: bytes(row, 'accepted_link') },
    acceptedAtMs: number(row, 'accepted_at'),
    toldSeq: number(row, 'told_seq'),
    toldAtMs: number(row, 'told_at'),
    toldTimes: number(row, 'told_times'),
    devices: text(row, 'devices').split(' ').filter(Boolean) as DeviceId[],
  };
}

function followedOf(row: Row): FollowedChain {
  return {
    senderDevice: text<DeviceId>(row, 'device'),
    personId: text<PersonId>(row, 'person'),
    state: decodeCbor(bytes(row, 'state')) as unknown as ChainState,
    headSeq: number(row, 'head_seq'),
    noticed: number(row, 'noticed'),
    late: number(row, 'late'),
    base: number(row, 'base'),
    lifetimeMs: number(row, 'lifetime'),
  };
}

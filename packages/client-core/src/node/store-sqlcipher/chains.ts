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
import type { ChainStore, FollowedChain, OwnChain } from '../../store.ts';
import { bytes, number, type Row, type Sql, text } from './rows.ts';

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
      (chain, conversation, person, seq, link, accepted_seq, accepted_link, accepted_at, told_seq)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
    const { conversation, personId, head, accepted, acceptedAtMs, toldSeq } = chain;
    const ends = [head.seq, head.link, accepted.seq, accepted.link, acceptedAtMs, toldSeq] as const;
    this.#sql.run(sql, head.id, conversation, personId, ...ends);
  }
  listUntold(acceptedBeforeMs: number): OwnChain[] {
    const sql = 'SELECT * FROM own_chain WHERE accepted_seq > told_seq AND accepted_at <= ? LIMIT 1000';
    return this.#sql.all(sql, acceptedBeforeMs).map(ownOf);
  }

  getFollowed(senderDevice: DeviceId, chain: ChainId): FollowedChain | undefined {
    const row = this.#sql.get(
      'SELECT * FROM followed_chain WHERE device = ? AND chain = ?',
      senderDevice,
      chain,
    );
    return row && followedOf(row);
  }
  putFollowed({ senderDevice, personId, state, headSeq, noticed }: FollowedChain): void {
    const sql = `INSERT OR REPLACE INTO followed_chain
      (device, chain, person, state, head_seq, open, noticed, changed)
      VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(changed), 0) + 1 FROM followed_chain WHERE person = ?))`;
    const open = state.ahead.length > 0 || state.lost.length > 0 || headSeq > state.seq ? 1 : 0;
    const encoded = encodeCbor(state as unknown as CborValue);
    this.#sql.run(sql, senderDevice, state.id, personId, encoded, headSeq, open, noticed, personId);
  }
  listFollowed(personId: PersonId, limit: number): FollowedChain[] {
    const sql = 'SELECT * FROM followed_chain WHERE person = ? ORDER BY changed DESC LIMIT ?';
    return this.#sql.all(sql, personId, limit).map(followedOf);
  }
  listOpenGaps(limit: number): FollowedChain[] {
    const sql = 'SELECT * FROM followed_chain WHERE open > 0 OR noticed > 0 LIMIT ?';
    return this.#sql.all(sql, limit).map(followedOf);
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
  };
}

function followedOf(row: Row): FollowedChain {
  return {
    senderDevice: text<DeviceId>(row, 'device'),
    personId: text<PersonId>(row, 'person'),
    state: decodeCbor(bytes(row, 'state')) as unknown as ChainState,
    headSeq: number(row, 'head_seq'),
    noticed: number(row, 'noticed'),
  };
}

import type { GroupState } from '@kuvert/crypto/groups';
import type { GroupKey, SenderKeyRow } from '@kuvert/crypto/session';
import {
  type CborValue,
  type ChainId,
  type ConversationId,
  type DeviceId,
  decodeCbor,
  encodeCbor,
  type GroupId,
  KEY_ALGORITHMS,
  KuvertError,
} from '@kuvert/protocol';
import type { GroupRow, GroupStore, LogRow, OwnSenderKey } from '../../groups/store.ts';
import { DecodedOnce, digestOf } from './decoded-once.ts';
import { bytes, bytesOrNone, number, numberOrNone, type Row, type Sql, text } from './rows.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** The tables of groups; a group stands in `conversation.person` and `outbox.to_person` by its id, whose prefix tells it from a person. */
export const GROUP_TABLES = `
CREATE TABLE chat_group (
  grp TEXT PRIMARY KEY, conversation TEXT NOT NULL UNIQUE, state BLOB NOT NULL, title TEXT NOT NULL,
  key_number INTEGER NOT NULL DEFAULT 0, key_devices BLOB, own BLOB, own_count INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE group_entry (
  grp TEXT NOT NULL, epoch INTEGER NOT NULL, hash BLOB NOT NULL, entry BLOB NOT NULL, signature BLOB NOT NULL,
  PRIMARY KEY (grp, epoch)
) WITHOUT ROWID;
CREATE TABLE group_key (
  grp TEXT NOT NULL, number INTEGER NOT NULL, hash BLOB, key BLOB, PRIMARY KEY (grp, number)
) WITHOUT ROWID;
CREATE TABLE sender_key (
  device TEXT NOT NULL, distribution TEXT NOT NULL, grp TEXT NOT NULL, record BLOB NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (device, distribution)
) WITHOUT ROWID;
CREATE INDEX sender_key_by_group ON sender_key (grp, device, at);
CREATE TABLE group_ack (
  chain TEXT NOT NULL, device TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (chain, device)
) WITHOUT ROWID;
`;

/**
 * How many messages the present sender key has sealed, in a row of its own: it changes with each of them, and the group's own row, which has all
 * its members, would be written anew.
 */
export const GROUP_COUNT = `
CREATE TABLE group_count (grp TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO group_count (grp, count) SELECT grp, own_count FROM chat_group;
ALTER TABLE chat_group DROP COLUMN own_count;
`;

/**
 * What is as large as the group, each in a row of its own with a digest before it: whoever knows the value for a digest reads that alone. The table
 * has row ids because of that: to find a row without one, SQLite reads all of it.
 */
const GROUP_PARTS = `
CREATE TABLE group_part (
  id INTEGER PRIMARY KEY, grp TEXT NOT NULL, part TEXT NOT NULL, digest BLOB NOT NULL, value BLOB NOT NULL, UNIQUE (grp, part)
);
`;

/** The state after the log, the own sender key without its count, and the devices that have the present group key. */
type Part = 'state' | 'own' | 'key-devices';
const FORMER_COLUMNS: Readonly<Record<Part, string>> = {
  state: 'state',
  own: 'own',
  'key-devices': 'key_devices',
};

/** Moves what is large out of the rows of groups. */
export function migrateToGroupParts(sql: Sql): void {
  sql.exec(GROUP_PARTS);
  for (const [part, column] of Object.entries(FORMER_COLUMNS) as [Part, string][]) {
    for (const row of sql.all(`SELECT grp, ${column} AS value FROM chat_group WHERE ${column} IS NOT NULL`)) {
      putPart(sql, text<GroupId>(row, 'grp'), part, bytes(row, 'value'));
    }
    sql.exec(`ALTER TABLE chat_group DROP COLUMN ${column}`);
  }
}

function putPart(sql: Sql, groupId: GroupId, part: Part, value: Bytes): void {
  const put = `INSERT INTO group_part (grp, part, digest, value) VALUES (?, ?, ?, ?)
    ON CONFLICT (grp, part) DO UPDATE SET digest = excluded.digest, value = excluded.value WHERE digest <> excluded.digest`;
  sql.run(put, groupId, part, digestOf(value), value);
}

const GROUPS = `SELECT chat_group.*, digest FROM chat_group JOIN group_part USING (grp)`;

/** @see GroupStore */
export class SqlGroupStore implements GroupStore {
  readonly #sql: Sql;
  readonly #states = new DecodedOnce<GroupState>();
  readonly #ownKeys = new DecodedOnce<Omit<OwnSenderKey, 'count'>>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  get(groupId: GroupId): GroupRow | undefined {
    const row = this.#sql.get(`${GROUPS} WHERE part = 'state' AND grp = ?`, groupId);
    return row && this.#rowOf(row);
  }
  findByConversation(conversationId: ConversationId): GroupRow | undefined {
    const row = this.#sql.get(`${GROUPS} WHERE part = 'state' AND conversation = ?`, conversationId);
    return row && this.#rowOf(row);
  }
  list(): GroupRow[] {
    return this.#sql.all(`${GROUPS} WHERE part = 'state'`).map((row) => this.#rowOf(row));
  }
  put({ groupId, conversationId, state, title }: GroupRow): void {
    const sql = `INSERT INTO chat_group (grp, conversation, title) VALUES (?, ?, ?)
      ON CONFLICT (grp) DO UPDATE SET title = excluded.title`;
    this.#sql.run(sql, groupId, conversationId, title);
    putPart(this.#sql, groupId, 'state', encodeCbor(state as unknown as CborValue));
  }

  addEntries(groupId: GroupId, entries: readonly LogRow[]): void {
    const sql = 'INSERT INTO group_entry (grp, epoch, hash, entry, signature) VALUES (?, ?, ?, ?, ?)';
    for (const { epoch, hash, signed } of entries) {
      this.#sql.run(sql, groupId, epoch, hash, signed.bytes, signed.signature);
    }
  }
  entryHash(groupId: GroupId, epoch: number): Bytes | undefined {
    const row = this.#sql.get('SELECT hash FROM group_entry WHERE grp = ? AND epoch = ?', groupId, epoch);
    return row && bytes(row, 'hash');
  }
  listEntries(groupId: GroupId, afterEpoch: number, limit: number): LogRow[] {
    const sql = 'SELECT * FROM group_entry WHERE grp = ? AND epoch > ? ORDER BY epoch LIMIT (? + 0)';
    return this.#sql.all(sql, groupId, afterEpoch, limit).map((row) => ({
      epoch: number(row, 'epoch'),
      hash: bytes(row, 'hash'),
      signed: {
        alg: KEY_ALGORITHMS.ed25519,
        bytes: bytes(row, 'entry'),
        signature: bytes(row, 'signature'),
      },
    }));
  }

  putKeyHash(groupId: GroupId, keyNumber: number, hash: Bytes): void {
    const sql = `INSERT INTO group_key (grp, number, hash) VALUES (?, ?, ?)
      ON CONFLICT (grp, number) DO UPDATE SET hash = excluded.hash`;
    this.#sql.run(sql, groupId, keyNumber, hash);
  }
  getKeyHash(groupId: GroupId, keyNumber: number): Bytes | undefined {
    const row = this.#sql.get('SELECT hash FROM group_key WHERE grp = ? AND number = ?', groupId, keyNumber);
    return row && bytesOrNone(row, 'hash');
  }
  putKey(groupId: GroupId, { number: keyNumber, key }: GroupKey): void {
    const sql = `INSERT INTO group_key (grp, number, key) VALUES (?, ?, ?)
      ON CONFLICT (grp, number) DO UPDATE SET key = excluded.key`;
    this.#sql.run(sql, groupId, keyNumber, key);
  }
  getKey(groupId: GroupId, keyNumber: number): GroupKey | undefined {
    const row = this.#sql.get(
      'SELECT key FROM group_key WHERE grp = ? AND number = ? AND hash IS NOT NULL',
      groupId,
      keyNumber,
    );
    const key = row && bytesOrNone(row, 'key');
    return key && { number: keyNumber, key };
  }
  listKeys(groupId: GroupId): GroupKey[] {
    const sql = `SELECT number, key FROM group_key WHERE grp = ? AND key IS NOT NULL AND hash IS NOT NULL
      ORDER BY number`;
    return this.#sql
      .all(sql, groupId)
      .map((row) => ({ number: number(row, 'number'), key: bytes(row, 'key') }));
  }
  takeEarlyKey(groupId: GroupId, keyNumber: number): Bytes | undefined {
    const sql = 'SELECT key FROM group_key WHERE grp = ? AND number = ? AND hash IS NULL';
    const row = this.#sql.get(sql, groupId, keyNumber);
    const key = row && bytesOrNone(row, 'key');
    if (key) this.#sql.run('DELETE FROM group_key WHERE grp = ? AND number = ?', groupId, keyNumber);
    return key;
  }
  getKeyDevices(groupId: GroupId): { number: number; devices: DeviceId[] } | undefined {
    const sql = `SELECT key_number, value FROM chat_group JOIN group_part USING (grp) WHERE part = 'key-devices' AND grp = ?`;
    const row = this.#sql.get(sql, groupId);
    return (
      row && { number: number(row, 'key_number'), devices: decodeCbor(bytes(row, 'value')) as DeviceId[] }
    );
  }
  putKeyDevices(groupId: GroupId, keyNumber: number, devices: readonly DeviceId[]): void {
    this.#sql.run('UPDATE chat_group SET key_number = ? WHERE grp = ?', keyNumber, groupId);
    putPart(this.#sql, groupId, 'key-devices', encodeCbor([...devices]));
  }

  getOwnKey(groupId: GroupId): OwnSenderKey | undefined {
    const sql = `SELECT digest, count FROM group_part LEFT JOIN group_count USING (grp) WHERE part = 'own' AND grp = ?`;
    const row = this.#sql.get(sql, groupId);
    if (row === undefined) return undefined;
    const key = this.#decoded(this.#ownKeys, row, { groupId, part: 'own' });
    return { ...key, count: numberOrNone(row, 'count') ?? 0 };
  }
  putOwnKey(groupId: GroupId, { count, ...key }: OwnSenderKey): void {
    putPart(this.#sql, groupId, 'own', encodeCbor(key as CborValue));
    const sql = `INSERT INTO group_count (grp, count) VALUES (?, ?)
      ON CONFLICT (grp) DO UPDATE SET count = excluded.count`;
    this.#sql.run(sql, groupId, count);
  }
  countOwnMessage(groupId: GroupId): void {
    this.#sql.run('UPDATE group_count SET count = count + 1 WHERE grp = ?', groupId);
  }

  loadSenderKey(device: DeviceId, distribution: string): Bytes | undefined {
    const sql = 'SELECT record FROM sender_key WHERE device = ? AND distribution = ?';
    const row = this.#sql.get(sql, device, distribution);
    return row && bytes(row, 'record');
  }
  putSenderKeys(groupId: GroupId, rows: readonly SenderKeyRow[], atMs: number): void {
    const sql = `INSERT INTO sender_key (device, distribution, grp, record, at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (device, distribution) DO UPDATE SET record = excluded.record`;
    for (const { device, distribution, record } of rows) {
      this.#sql.run(sql, device, distribution, groupId, record, atMs);
    }
  }
  updateSenderKeys(rows: readonly SenderKeyRow[]): void {
    for (const { device, distribution, record } of rows) {
      const sql = 'UPDATE sender_key SET record = ? WHERE device = ? AND distribution = ?';
      this.#sql.run(sql, record, device, distribution);
    }
  }
  findSenderKeyGroup(device: DeviceId, distribution: string): GroupId | undefined {
    const sql = 'SELECT grp FROM sender_key WHERE device = ? AND distribution = ?';
    const row = this.#sql.get(sql, device, distribution);
    return row && text<GroupId>(row, 'grp');
  }
  pruneSenderKeys(groupId: GroupId, device: DeviceId, keep: number): void {
    this.#sql.run(
      `DELETE FROM sender_key WHERE grp = ? AND device = ? AND distribution NOT IN (
        SELECT distribution FROM sender_key WHERE grp = ? AND device = ? ORDER BY at DESC LIMIT (? + 0))`,
      groupId,
      device,
      groupId,
      device,
      keep,
    );
  }

  putAck(chain: ChainId, device: DeviceId, seq: number): void {
    const sql = `INSERT INTO group_ack (chain, device, seq) VALUES (?, ?, ?)
      ON CONFLICT (chain, device) DO UPDATE SET seq = max(seq, excluded.seq)`;
    this.#sql.run(sql, chain, device, seq);
  }
  getAck(chain: ChainId, device: DeviceId): number {
    const row = this.#sql.get('SELECT seq FROM group_ack WHERE chain = ? AND device = ?', chain, device);
    return row === undefined ? 0 : number(row, 'seq');
  }
  listAcks(chain: ChainId): Map<DeviceId, number> {
    const rows = this.#sql.all('SELECT device, seq FROM group_ack WHERE chain = ?', chain);
    return new Map(rows.map((row) => [text<DeviceId>(row, 'device'), number(row, 'seq')]));
  }

  #rowOf(row: Row): GroupRow {
    const groupId = text<GroupId>(row, 'grp');
    return {
      groupId,
      conversationId: text<ConversationId>(row, 'conversation'),
      state: this.#decoded(this.#states, row, { groupId, part: 'state' }),
      title: text(row, 'title'),
    };
  }

  #decoded<T>(kept: DecodedOnce<T>, row: Row, of: { readonly groupId: GroupId; readonly part: Part }): T {
    const read = () => {
      const sql = 'SELECT value FROM group_part WHERE grp = ? AND part = ?';
      const value = this.#sql.get(sql, of.groupId, of.part);
      if (value === undefined) throw new KuvertError('container_damaged');
      return bytes(value, 'value');
    };
    return kept.of({ name: of.groupId, digest: bytes(row, 'digest'), read });
  }
}

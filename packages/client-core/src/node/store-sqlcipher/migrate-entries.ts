/**
 * One table of entries for what came in and what went out, per conversation. What the first release kept in `message`, and
 * the texts of its outbox, become entries; what was received before counts as read.
 */

import { randomBytes } from 'node:crypto';
import { conversationIdFor } from '@kuvert/crypto/session';
import {
  type ContentId,
  type ConversationId,
  type DeviceId,
  decodeCbor,
  decodeContent,
  makeId,
  type PersonId,
  utf8,
} from '@kuvert/protocol';
import type { OwnDevice } from '../../own-device.ts';
import { SqlConversationStore } from './conversations.ts';
import { SqlEntryStore } from './entries.ts';
import { bytes, number, numberOrNone, type Row, type Sql, text, textOrNone } from './rows.ts';
import { SEARCH_TABLES } from './search.ts';

const TABLES = `
CREATE TABLE conversation (
  conversation TEXT PRIMARY KEY, person TEXT, mail TEXT, created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX conversation_by_person ON conversation (person) WHERE person IS NOT NULL;
CREATE UNIQUE INDEX conversation_by_mail ON conversation (mail) WHERE person IS NULL;
CREATE TABLE conversation_setting (
  conversation TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, stamp INTEGER NOT NULL, device TEXT NOT NULL,
  due INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (conversation, name)
) WITHOUT ROWID;
CREATE INDEX setting_due ON conversation_setting (conversation) WHERE due = 1;

-- id: the time times 2,048, plus a number for those of one millisecond; so the newest have the highest, also after a
-- transfer of history. direction: 0 in, 1 out, 2 notice, whose content_id is what it replaces others by. unprinted: the number of
-- its arrival, until \`inbox\` has printed it.
CREATE TABLE entry (
  id INTEGER PRIMARY KEY, conversation TEXT NOT NULL, direction INTEGER NOT NULL, kind TEXT NOT NULL,
  content_id TEXT NOT NULL, sender_device TEXT NOT NULL, sender_person TEXT NOT NULL, content BLOB NOT NULL,
  at INTEGER NOT NULL, written_at INTEGER NOT NULL, accepted_at INTEGER, chain TEXT, chain_seq INTEGER,
  unread INTEGER NOT NULL DEFAULT 0, unprinted INTEGER, timer INTEGER, expires_at INTEGER, delivered INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX entry_by_content ON entry (content_id, sender_device);
CREATE INDEX entry_in_order ON entry (conversation, at, written_at, content_id) WHERE kind <> 'removed';
CREATE INDEX entry_unprinted ON entry (unprinted) WHERE unprinted IS NOT NULL;
CREATE INDEX entry_unread ON entry (conversation, at) WHERE unread = 1;
CREATE INDEX entry_by_chain ON entry (chain, chain_seq) WHERE chain IS NOT NULL;
CREATE INDEX entry_expiring ON entry (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX entry_notice ON entry (kind, sender_person) WHERE direction = 2;
-- who: the author who takes a message back, or the device of a message that was deleted on another device of one's own.
CREATE TABLE early_deletion (content_id TEXT NOT NULL, who TEXT NOT NULL, PRIMARY KEY (content_id, who)) WITHOUT ROWID;

CREATE TABLE read_due (chain TEXT PRIMARY KEY, device TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE read_mark (chain TEXT PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE read_single (content_id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE removed_due (content_id TEXT NOT NULL, device TEXT NOT NULL, PRIMARY KEY (content_id, device)) WITHOUT ROWID;
CREATE TABLE transfer (
  device TEXT PRIMARY KEY, transfer TEXT NOT NULL, part INTEGER NOT NULL, before_entry INTEGER NOT NULL, total INTEGER NOT NULL
) WITHOUT ROWID;
ALTER TABLE outbox ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0;
CREATE INDEX outbox_fresh ON outbox (seq) WHERE fresh = 1;
`;

/** @see the top of this file */
export function migrateToEntries(sql: Sql): void {
  sql.exec(TABLES);
  sql.exec(SEARCH_TABLES);
  const own = sql.get("SELECT value FROM value WHERE name = 'own-device'");
  if (own !== undefined) moveRows(sql, decodeCbor(bytes(own, 'value')) as unknown as OwnDevice);
  sql.exec('DROP TABLE message');
}

/** The index of words is made when all is moved (`SqlSearchStore.refresh`). */
function moveRows(sql: Sql, own: OwnDevice): void {
  const conversations = new SqlConversationStore(sql);
  const entries = new SqlEntryStore(sql, { put: () => undefined, delete: () => undefined });
  const known = new Map<string, ConversationId>();
  const conversationOf = (person: PersonId | undefined, mail: string | undefined, createdAtMs: number) => {
    const key = person ?? mail ?? '';
    const present = known.get(key);
    if (present !== undefined) return present;
    const conversationId = person
      ? conversationIdFor(own.tenantId, own.personId, person)
      : makeId('conversation', Uint8Array.from(randomBytes(16)));
    conversations.ensure({ conversationId, personId: person, mail, createdAtMs });
    known.set(key, conversationId);
    return conversationId;
  };
  for (const row of pages(sql, 'SELECT * FROM message WHERE seq > ? ORDER BY seq LIMIT 1000')) {
    const senderPerson = text<PersonId>(row, 'sender_person');
    const chain = textOrNone(row, 'chain');
    const atMs = number(row, 'sent_at');
    entries.add({
      conversationId: conversationOf(senderPerson, undefined, atMs),
      direction: 'in',
      kind: text(row, 'kind') === 'text' ? 'text' : 'too-new',
      contentId: text<ContentId>(row, 'content_id'),
      senderDevice: text<DeviceId>(row, 'sender_device'),
      senderPerson,
      content: bytes(row, 'content'),
      atMs,
      writtenAtMs: atMs,
      acceptedAtMs: number(row, 'accepted_at'),
      chain: chain === undefined ? undefined : { id: text(row, 'chain'), seq: number(row, 'chain_seq') },
      isUnread: false,
      isPrinted: number(row, 'printed') === 1,
      timerMs: undefined,
    });
  }
  for (const row of pages(sql, 'SELECT * FROM outbox WHERE seq > ? AND class = 1 ORDER BY seq LIMIT 1000')) {
    const atMs = number(row, 'sent_at');
    const content = decodeContent(bytes(row, 'content'));
    entries.add({
      conversationId: conversationOf(textOrNone(row, 'to_person'), textOrNone(row, 'to_mail'), atMs),
      direction: 'out',
      kind: 'text',
      contentId: text<ContentId>(row, 'content_id'),
      senderDevice: own.deviceId,
      senderPerson: own.personId,
      content: utf8(content.kind === 'text' ? content.text : ''),
      atMs,
      writtenAtMs: atMs,
      acceptedAtMs: numberOrNone(row, 'accepted_at'),
      chain: undefined,
      isUnread: false,
      isPrinted: true,
      timerMs: undefined,
    });
  }
}

/** The rows of a statement that gives those after a number, a thousand at a time: a long history does not fit into memory. */
function* pages(sql: Sql, statement: string): Generator<Row> {
  for (let after = 0; ; ) {
    const rows = sql.all(statement, after);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield* rows;
    after = number(last, 'seq');
  }
}

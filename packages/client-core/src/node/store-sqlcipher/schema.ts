import { GROUP_COUNT, GROUP_TABLES, migrateToGroupParts } from './groups.ts';
import { migrateToEntries } from './migrate-entries.ts';
import type { Sql } from './rows.ts';
import { OUTLIVED_UPLOADS, UPLOAD_TABLES } from './uploads.ts';

/**
 * The tables of a profile as they were first. Ids are kept as text, so that a look into an opened database needs no tool; times are Unix
 * milliseconds.
 */
const FIRST = `
CREATE TABLE value (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE person (person TEXT PRIMARY KEY, mail TEXT NOT NULL, name TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX person_by_mail ON person (mail);
CREATE TABLE account (
  person TEXT PRIMARY KEY, account_key BLOB NOT NULL, version INTEGER NOT NULL, hash BLOB NOT NULL, list BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE device (device TEXT PRIMARY KEY, person TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE take (person TEXT PRIMARY KEY, request TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE session (device TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE renewal (device TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE one_time_prekey (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE signed_prekey (id INTEGER PRIMARY KEY, record BLOB NOT NULL, created_at INTEGER NOT NULL);
CREATE TABLE kyber_prekey (
  id INTEGER PRIMARY KEY, record BLOB NOT NULL, last_resort INTEGER NOT NULL, created_at INTEGER NOT NULL
);
CREATE TABLE last_resort_use (
  kyber INTEGER NOT NULL, signed INTEGER NOT NULL, base_key BLOB NOT NULL, PRIMARY KEY (kyber, signed, base_key)
) WITHOUT ROWID;

-- work: 0 done, 1 seal, 2 submit
CREATE TABLE outbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, content_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, class INTEGER NOT NULL,
  to_mail TEXT, to_person TEXT, content BLOB NOT NULL, sent_at INTEGER NOT NULL, work INTEGER NOT NULL DEFAULT 1,
  problem TEXT, parked INTEGER NOT NULL DEFAULT 0, frame BLOB, chain TEXT, chain_seq INTEGER, link_after BLOB,
  submit_id TEXT, list_hash BLOB, body BLOB, accepted_at INTEGER, delivered_at INTEGER, resends INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX outbox_waiting ON outbox (class) WHERE work > 0;
CREATE INDEX outbox_unresolved ON outbox (to_mail) WHERE to_person IS NULL;
CREATE INDEX outbox_to_seal ON outbox (to_person, seq) WHERE work = 1 AND parked = 0;
CREATE INDEX outbox_unacked ON outbox (chain, chain_seq) WHERE delivered_at IS NULL;
CREATE INDEX outbox_to_submit ON outbox (seq) WHERE work = 2 AND parked = 0;
CREATE INDEX outbox_by_chain ON outbox (chain, chain_seq);
CREATE INDEX outbox_by_person ON outbox (to_person, seq);
CREATE INDEX outbox_with_frame ON outbox (sent_at) WHERE frame IS NOT NULL;
CREATE TABLE leg (
  seq INTEGER NOT NULL, device TEXT NOT NULL, hash BLOB NOT NULL, bytes BLOB, current INTEGER NOT NULL,
  acked INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (seq, device, hash)
) WITHOUT ROWID;
CREATE INDEX leg_by_hash ON leg (hash);

CREATE TABLE message (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, sender_device TEXT NOT NULL, sender_person TEXT NOT NULL,
  content_id TEXT NOT NULL, sent_at INTEGER NOT NULL, accepted_at INTEGER NOT NULL, kind TEXT NOT NULL,
  content BLOB NOT NULL, chain TEXT, chain_seq INTEGER, printed INTEGER NOT NULL DEFAULT 0,
  UNIQUE (sender_device, content_id)
);
CREATE INDEX message_unprinted ON message (seq) WHERE printed = 0;
CREATE INDEX message_by_person ON message (sender_person, seq);
CREATE INDEX message_by_chain ON message (chain, chain_seq);
CREATE TABLE ack_due (person TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE own_chain (
  chain TEXT PRIMARY KEY, conversation TEXT NOT NULL UNIQUE, person TEXT NOT NULL, seq INTEGER NOT NULL,
  link BLOB NOT NULL, accepted_seq INTEGER NOT NULL, accepted_link BLOB NOT NULL, accepted_at INTEGER NOT NULL,
  told_seq INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE followed_chain (
  device TEXT NOT NULL, chain TEXT NOT NULL, person TEXT NOT NULL, state BLOB NOT NULL, head_seq INTEGER NOT NULL,
  open INTEGER NOT NULL, noticed INTEGER NOT NULL, changed INTEGER NOT NULL, PRIMARY KEY (device, chain)
) WITHOUT ROWID;
CREATE INDEX followed_open ON followed_chain (device) WHERE open > 0 OR noticed > 0;
CREATE INDEX followed_by_person ON followed_chain (person, changed);

CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY AUTOINCREMENT, leg_hash BLOB NOT NULL UNIQUE, leg BLOB NOT NULL, device TEXT,
  reason TEXT NOT NULL, at INTEGER NOT NULL, requests INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX quarantine_by_device ON quarantine (device, at);
CREATE TABLE notice (
  id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, at INTEGER NOT NULL, person TEXT, device TEXT,
  message TEXT, code TEXT, count INTEGER, seen INTEGER NOT NULL DEFAULT 0
);
`;

/**
 * What is told with receipts, how the person has set it, whose keys were compared, and what shows that nothing is missing (A3, B6, P3).
 * `receipt.device` is who says it; `kind` 1 delivered, 2 read.
 */
const TICKS = `
CREATE TABLE receipt (
  chain TEXT NOT NULL, kind INTEGER NOT NULL, device TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  person TEXT NOT NULL, at INTEGER NOT NULL, due INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (chain, kind, device, first)
) WITHOUT ROWID;
CREATE INDEX receipt_due ON receipt (person) WHERE due = 1;
INSERT INTO receipt (chain, kind, device, first, last, person, at)
  SELECT chain, 1, '', chain_seq, chain_seq, to_person, delivered_at FROM outbox
  WHERE delivered_at IS NOT NULL AND chain IS NOT NULL AND class = 1 AND to_person IS NOT NULL;
CREATE TABLE setting (
  scope TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, stamp INTEGER NOT NULL, PRIMARY KEY (scope, name)
) WITHOUT ROWID;
CREATE TABLE trust (
  person TEXT PRIMARY KEY, verified_key BLOB, verified_at INTEGER, accepted_key BLOB, changed_key BLOB, stamp INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE seen_leg (hash BLOB PRIMARY KEY, visit INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX seen_leg_by_time ON seen_leg (at);
CREATE TABLE tombstone (
  id INTEGER PRIMARY KEY AUTOINCREMENT, from_at INTEGER NOT NULL, to_at INTEGER NOT NULL, count INTEGER NOT NULL
);
CREATE TABLE excused (
  device TEXT NOT NULL, chain TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (device, chain, first)
) WITHOUT ROWID;
ALTER TABLE own_chain ADD COLUMN told_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE own_chain ADD COLUMN told_times INTEGER NOT NULL DEFAULT 0;
ALTER TABLE own_chain ADD COLUMN devices TEXT NOT NULL DEFAULT '';
ALTER TABLE followed_chain ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
ALTER TABLE followed_chain ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE followed_chain ADD COLUMN lifetime INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quarantine ADD COLUMN class INTEGER NOT NULL DEFAULT 1;
ALTER TABLE quarantine ADD COLUMN body BLOB;
ALTER TABLE quarantine ADD COLUMN accepted_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quarantine ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quarantine ADD COLUMN open INTEGER NOT NULL DEFAULT 0;
CREATE INDEX quarantine_open ON quarantine (device) WHERE open = 1;
`;

/** Several devices of a person: which of the listed ones the server delivers nothing to. */
const DEVICES = `
ALTER TABLE account ADD COLUMN inactive TEXT NOT NULL DEFAULT '';
CREATE INDEX leg_by_device ON leg (device) WHERE current = 1;
`;

/** Edits, reactions and votes, by the message that they are about, which may not have arrived. */
const CHANGES = `
CREATE TABLE message_change (
  target TEXT NOT NULL, author TEXT NOT NULL, kind TEXT NOT NULL, conversation TEXT NOT NULL, who TEXT NOT NULL, device TEXT NOT NULL,
  content_id TEXT NOT NULL, stamp INTEGER NOT NULL, at INTEGER NOT NULL, content BLOB NOT NULL,
  PRIMARY KEY (target, author, content_id, device)
) WITHOUT ROWID;
ALTER TABLE entry ADD COLUMN edited BLOB;
`;

/** Devices that were taken out: what they had sent before arrives still. */
const FORMER_DEVICES = `
ALTER TABLE device ADD COLUMN entry BLOB;
ALTER TABLE device ADD COLUMN removed_at INTEGER NOT NULL DEFAULT 0;
`;

/** What was deleted on all devices of one's own stays known, for a device that was away for longer than it is kept for it. */
const REMOVED = `
CREATE TABLE removed (
  content_id TEXT NOT NULL, device TEXT NOT NULL, due INTEGER NOT NULL, PRIMARY KEY (content_id, device)
) WITHOUT ROWID;
CREATE INDEX removed_due_now ON removed (content_id, device) WHERE due = 1;
INSERT INTO removed (content_id, device, due) SELECT content_id, device, 1 FROM removed_due;
DROP TABLE removed_due;
`;

/**
 * Each brings a profile from the version of its place to the next: statements, or a step that also moves rows. Only ever added to; what a
 * release has written stays.
 */
export const MIGRATIONS: readonly (string | ((sql: Sql) => void))[] = [
  FIRST,
  TICKS,
  migrateToEntries,
  DEVICES,
  GROUP_TABLES,
  CHANGES,
  UPLOAD_TABLES,
  FORMER_DEVICES,
  REMOVED,
  GROUP_COUNT,
  migrateToGroupParts,
  OUTLIVED_UPLOADS,
];

/**
 * How a SQLCipher file is opened and laid out: a table per collection, with a column per index, and one for the redo log. A table is
 * a rowid table with unique index on the key, because rows appended to a b-tree of random keys cost four times as much (facts: 121 k
 * against 28 k rows a second). A clustered collection, whose keys are not random, is its own index (docs/decisions/0006).
 */
import { existsSync } from 'node:fs';
import { Database } from '@signalapp/sqlcipher';
import type { CollectionLayout } from '../engine.ts';
import { OpenError, openErrorFrom } from './file-errors.ts';

/** Version of the layout of a file, kept in its `user_version`. */
export const FORMAT_VERSION = 1;
/** `KVRT`, so that a file says whose it is. */
const APPLICATION_ID = 0x4b565254;
const PAGE_BYTES = 4096;
/** One row: the salt of the turn of the redo log (redo-log.ts) whose lists are not in here yet. No collection has such a name. */
export const REDO_TABLE = '"/redo"';
/** Names by the numbers that the lists in the redo log call collections by: another release may have numbered them in another way. */
export const NUMBERS_TABLE = '"/numbers"';
/** Rows that were young at the last COMMIT (young-rows.ts), by name of their collection. */
export const YOUNG_TABLE = '"/young"';
/** Memory for pages of one file, in KiB; pages that the open transaction has changed stay in memory beyond it. */
const CACHE_KIB = 8_192;

/** Which file, and what is in it. */
export interface SpaceFileSettings {
  readonly file: string;
  readonly keyHex: string;
  readonly create: boolean;
  readonly layouts: readonly CollectionLayout[];
  readonly spaces: 'tenants' | 'control';
  readonly reserveBytes: number;
}

/** Opens a file and makes what is missing in it. @throws OpenError */
export function openSpaceDatabase(settings: SpaceFileSettings): Database {
  if (!settings.create && !existsSync(settings.file))
    throw new OpenError('data_damaged', 'the file is missing');
  const db = new Database(settings.file);
  try {
    db.pragma('cipher_log_level = NONE');
    db.pragma(`key = "x'${settings.keyHex}'"`);
    // Before anything is read: the index of the log is then kept in memory and not in a mapped file, whose pages a full disk takes
    // away from under the process (SIGBUS). Nobody else opens the file.
    db.pragma('locking_mode = EXCLUSIVE');
    checkFormat(db);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    // SQLite's log is written back before it outgrows what the reserve could make room for: it grows by what is folded at once
    // (logged-file.ts), and the file by both.
    const logBytes = settings.reserveBytes / 4;
    db.pragma(`wal_autocheckpoint = ${Math.floor(logBytes / PAGE_BYTES)}`);
    db.pragma(`journal_size_limit = ${settings.reserveBytes}`);
    db.pragma('temp_store = MEMORY');
    db.pragma(`cache_size = -${CACHE_KIB}`);
    // Only a COMMIT writes, so only there can the disk turn out to be full.
    db.pragma('cache_spill = OFF');
    db.exec('BEGIN IMMEDIATE');
    makeTables(db, settings);
    db.exec('COMMIT');
    return db;
  } catch (error) {
    db.close();
    throw openErrorFrom(error);
  }
}

function checkFormat(db: Database): void {
  const version = Number(db.pragma('user_version', { simple: true }));
  if (version > FORMAT_VERSION)
    throw new OpenError('data_too_new', `format ${version}, this server knows ${FORMAT_VERSION}`);
}

function makeTables(db: Database, { layouts, spaces: kind }: SpaceFileSettings): void {
  if (db.pragma('user_version', { simple: true }) !== FORMAT_VERSION) {
    db.pragma(`user_version = ${FORMAT_VERSION}`);
    db.pragma(`application_id = ${APPLICATION_ID}`);
  }
  db.exec(`CREATE TABLE IF NOT EXISTS ${REDO_TABLE} (id INTEGER PRIMARY KEY, salt BLOB NOT NULL)`);
  db.exec(
    `CREATE TABLE IF NOT EXISTS ${NUMBERS_TABLE} (number INTEGER PRIMARY KEY, collection TEXT NOT NULL)`,
  );
  db.exec(`CREATE TABLE IF NOT EXISTS ${YOUNG_TABLE} (collection TEXT PRIMARY KEY, rows BLOB NOT NULL)`);
  for (const { name, indexes, expires, clustered, spaces } of layouts) {
    if (spaces !== 'all' && spaces !== kind) continue;
    const columns = indexes.map((index) => `, "ix_${index.name}" BLOB`).join('');
    db.exec(
      clustered
        ? `CREATE TABLE IF NOT EXISTS "${name}" (k BLOB PRIMARY KEY NOT NULL, ver INTEGER NOT NULL, doc BLOB NOT NULL, exp INTEGER${columns}) WITHOUT ROWID`
        : `CREATE TABLE IF NOT EXISTS "${name}" (id INTEGER PRIMARY KEY, k BLOB NOT NULL, ver INTEGER NOT NULL, doc BLOB NOT NULL, exp INTEGER${columns});
       CREATE UNIQUE INDEX IF NOT EXISTS "${name}/k" ON "${name}" (k)`,
    );
    addColumns(db, name, indexes);
    for (const index of indexes) {
      const column = `"ix_${index.name}"`;
      db.exec(
        index.unique
          ? `CREATE UNIQUE INDEX IF NOT EXISTS "${name}/${index.name}" ON "${name}" (${column}) WHERE ${column} IS NOT NULL`
          : `CREATE INDEX IF NOT EXISTS "${name}/${index.name}" ON "${name}" (${column}, k) WHERE ${column} IS NOT NULL`,
      );
    }
    if (expires) {
      db.exec(`CREATE INDEX IF NOT EXISTS "${name}/exp" ON "${name}" (exp) WHERE exp IS NOT NULL`);
    }
  }
}

/** Columns of indexes that came with a later release; migrations.ts fills them. */
function addColumns(db: Database, name: string, indexes: CollectionLayout['indexes']): void {
  const there = new Set(
    db
      .prepare(`SELECT name FROM pragma_table_info('${name}')`)
      .all<{ name: string }>()
      .map((column) => column.name),
  );
  for (const index of indexes) {
    if (!there.has(`ix_${index.name}`)) db.exec(`ALTER TABLE "${name}" ADD COLUMN "ix_${index.name}" BLOB`);
  }
}

import { KuvertError } from '@kuvert/protocol';
import { Database, setLogger } from '@signalapp/sqlcipher';
import type { Store } from '../../store.ts';
import { SqlChainStore } from './chains.ts';
import { SqlChangeStore } from './changes.ts';
import { SqlConversationStore } from './conversations.ts';
import { SqlDirectoryStore } from './directory.ts';
import { SqlEntryStore } from './entries.ts';
import { SqlGroupStore } from './groups.ts';
import { SqlMessageStore } from './messages.ts';
import { SqlNoticeStore } from './notices.ts';
import { SqlOutboxStore } from './outbox.ts';
import { SqlOwnStateStore } from './own-state.ts';
import { SqlReadingStore } from './reading.ts';
import { SqlReceiptStore } from './receipts.ts';
import { SqlRepairStore } from './repairs.ts';
import { Sql } from './rows.ts';
import { MIGRATIONS } from './schema.ts';
import { SqlSearchStore } from './search.ts';
import { SqlSessionStore } from './sessions.ts';
import { SqlSettingStore } from './settings.ts';
import { SqlSightingStore } from './sightings.ts';
import { SqlTransferStore } from './transfers.ts';
import { SqlTrustStore } from './trust.ts';
import { SqlUploadStore } from './uploads.ts';
import { SqlValueStore } from './values.ts';

/** An open database of a profile. */
export interface OpenStore extends Store {
  close(): void;
}

/**
 * Opens the database of a profile, and makes it when it is new. The caller holds the profile's lock.
 * @param path of the file; `:memory:` in tests
 * @param key the raw key (`databaseKey` of the container), 32 bytes
 * @throws KuvertError `container_damaged`, `container_too_new`, `disk_full`
 */
export function openSqlcipherStore(path: string, key: Uint8Array): OpenStore {
  // SQLCipher would write its complaints, paths included, to standard error.
  setLogger(() => undefined);
  const database = new Database(path, { cacheStatements: true });
  try {
    database.exec('PRAGMA cipher_log_level = NONE');
    database.exec(`PRAGMA key = "x'${Buffer.from(key).toString('hex')}'"`);
    // Exclusive, so that the index of the log is kept in memory: a mapped file would end the process on a full disk (SIGBUS).
    database.exec(`
      PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
      PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY`);
    migrate(database);
    new SqlSearchStore(new Sql(database)).refresh();
  } catch (cause) {
    database.close();
    throw storeError(cause);
  }
  const sql = new Sql(database);
  const search = new SqlSearchStore(sql);
  const entries = new SqlEntryStore(sql, search);
  let depth = 0;
  const transaction = <T>(body: () => T): T => {
    depth++;
    try {
      return sql.transaction(body);
    } catch (cause) {
      throw storeError(cause);
    } finally {
      depth--;
    }
  };
  return {
    transaction,
    lightTransaction(body) {
      // Inside of another one that one decides.
      if (depth > 0) return transaction(body);
      sql.exec('PRAGMA synchronous = NORMAL');
      try {
        return transaction(body);
      } finally {
        sql.exec('PRAGMA synchronous = FULL');
      }
    },
    values: new SqlValueStore(sql),
    directory: new SqlDirectoryStore(sql),
    sessions: new SqlSessionStore(sql),
    outbox: new SqlOutboxStore(sql),
    messages: new SqlMessageStore(sql, entries),
    chains: new SqlChainStore(sql),
    repairs: new SqlRepairStore(sql),
    sightings: new SqlSightingStore(sql),
    notices: new SqlNoticeStore(sql),
    conversations: new SqlConversationStore(sql),
    entries,
    changes: new SqlChangeStore(sql),
    search,
    transfers: new SqlTransferStore(sql),
    reading: new SqlReadingStore(sql),
    ownState: new SqlOwnStateStore(sql),
    receipts: new SqlReceiptStore(sql),
    settings: new SqlSettingStore(sql),
    uploads: new SqlUploadStore(sql),
    trust: new SqlTrustStore(sql),
    groups: new SqlGroupStore(sql),
    close: () => database.close(),
  };
}

function migrate(database: Database): void {
  const version = database.pragma('user_version', { simple: true });
  if (typeof version !== 'number') throw new KuvertError('container_damaged');
  // Written by a newer release.
  if (version > MIGRATIONS.length) throw new KuvertError('container_too_new');
  if (version === MIGRATIONS.length) return;
  const sql = new Sql(database);
  sql.transaction(() => {
    for (const step of MIGRATIONS.slice(version)) typeof step === 'string' ? sql.exec(step) : step(sql);
    sql.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  });
}

/**
 * The driver's error in our words; whatever else is thrown stays what it is. A full disk ends a transaction by itself: taking it back then fails
 * as well, and the driver gives that, with the disk as its cause.
 */
function storeError(cause: unknown): unknown {
  const code = String((cause as { code?: unknown } | undefined)?.code ?? '');
  if (code.startsWith('SQLITE_FULL')) return new KuvertError('disk_full', { cause });
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) return new KuvertError('container_damaged', { cause });
  if (/^SQLITE_(READONLY|CANTOPEN|PERM)/.test(code)) return new KuvertError('folder_read_only', { cause });
  const inner = cause instanceof Error && code === 'SQLITE_ERROR' ? cause.cause : undefined;
  const known = inner === undefined ? undefined : storeError(inner);
  return known instanceof KuvertError ? known : cause;
}

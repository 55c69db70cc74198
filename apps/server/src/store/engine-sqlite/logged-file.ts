/**
 * A SQLCipher file with its redo log: what was changed since the file's last COMMIT lies durably in the log, and in the file's open
 * transaction or among its young rows, where everybody on this thread sees it. Folding commits that transaction, and the rows that stay young
 * beside the tables, and begins the log anew.
 *
 *     begin ─▶ changes ─▶ keep   (log appended and fsynced)   ─▶ … ─▶ fold (COMMIT with the salt of the log's next turn)
 *                    └──▶ rollback ─▶ restore (lists of the log run again)
 */
import { randomBytes } from 'node:crypto';
import { runList } from './commit-lists.ts';
import { openErrorFrom, sqliteCode } from './file-errors.ts';
import { Unpacker } from './packing.ts';
import { RedoLog, SALT_BYTES } from './redo-log.ts';
import { SpaceFile } from './space-file.ts';
import type { SpaceFileSettings } from './space-tables.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * How long a fold should keep others waiting: a longer one makes the next ones smaller. At 10 ms a busy file was folded eight times a second, for
 * which the young rows beside its tables were written each time: a seventh of the writer thread's work (docs/benchmarks.md).
 */
const FOLD_MS = 25;
const LOG_BYTES_MIN = 256 * 1024;
const LOG_BYTES_MAX = 8 * 1024 * 1024;

/** @see the head of this file */
export class LoggedFile {
  readonly rows: SpaceFile;
  readonly #log: RedoLog;
  readonly #bytesMax: number;
  /** Bytes of the log after which it is folded. */
  #foldBytes = LOG_BYTES_MIN;
  #isInTransaction = false;
  /** The transaction holds nothing but changes of the present batch. */
  #isFresh = false;

  /** @throws OpenError */
  constructor(settings: SpaceFileSettings) {
    this.rows = new SpaceFile(settings);
    this.#log = new RedoLog(`${settings.file}-redo`, Uint8Array.from(Buffer.from(settings.keyHex, 'hex')));
    // What a fold writes has to find room in the reserve, twice: in SQLite's log and in the file.
    this.#bytesMax = Math.min(LOG_BYTES_MAX, settings.reserveBytes / 4);
    try {
      this.restore();
      this.fold();
      this.#log.remove();
      this.rows.takeOwnNumbers();
    } catch (error) {
      this.rows.close();
      throw openErrorFrom(error);
    }
  }

  /** True while something is not in the file's tables. */
  get isBehind(): boolean {
    return this.#isInTransaction;
  }

  /** Begins to change rows, on top of what was kept before. */
  begin(): void {
    this.rows.lookAtClock();
    this.#isFresh = !this.#isInTransaction;
    if (!this.#isFresh) return;
    this.rows.begin();
    this.#isInTransaction = true;
  }

  /**
   * Makes changes durable.
   * @param lists what was changed, as {@link runList} reads it behind two bytes
   * @throws an error of the system or the driver; unless {@link isDiskFull}, nothing is known any more
   */
  keep(lists: readonly Bytes[]): void {
    // The first changes after a start are committed together with the salt of the first turn.
    if (!this.#log.isUsable) {
      this.fold();
      return;
    }
    this.#log.append(lists);
  }

  /** Folds when the log has grown long. To be called when what was kept is answered: nobody waits for a fold who need not. @throws as {@link LoggedFile.keep} */
  foldLong(): void {
    if (this.#log.bytes >= Math.min(this.#foldBytes, this.#bytesMax)) this.tryFold({ mayStayYoung: true });
  }

  /** Ends changes that came to nothing: then nothing is written. */
  leave(): void {
    // Otherwise it holds what was kept before, or what was young and was put into its table since.
    if (this.#isFresh) this.rollback();
  }

  /**
   * Writes to the file what was kept so far and what was changed since.
   * @param options.mayStayYoung not all of it into its tables
   * @throws as {@link LoggedFile.keep}
   */
  fold(options: { readonly mayStayYoung: boolean } = { mayStayYoung: false }): void {
    if (!this.#isInTransaction) return;
    const beganMs = performance.now();
    const salt = new Uint8Array(randomBytes(SALT_BYTES));
    const bytes = this.#log.bytes;
    this.rows.commit(salt, options.mayStayYoung);
    this.#isInTransaction = false;
    this.#log.begin(salt);
    const factor = FOLD_MS / (performance.now() - beganMs);
    if (bytes > 0)
      this.#foldBytes = Math.min(LOG_BYTES_MAX, Math.max(LOG_BYTES_MIN, bytes * Math.min(2, factor)));
    // Whoever asks for more than one of the young rows has them put into their table first.
    if (this.rows.hasYoung) this.begin();
  }

  /** Folds what is safe in the log, unless the disk is full: then it stays there. @throws as {@link LoggedFile.keep} */
  tryFold(options?: { readonly mayStayYoung: boolean }): void {
    try {
      this.fold(options);
    } catch (error) {
      this.rollback();
      if (!isDiskFull(error)) throw error;
      this.restore();
    }
  }

  /** Gives up all changes since the last COMMIT, those in the log as well: {@link LoggedFile.restore} has to follow. */
  rollback(): void {
    this.#isInTransaction = false;
    this.rows.rollback();
  }

  /** Takes up what was young at the last COMMIT, and changes again what the log holds. */
  restore(): void {
    const salt = this.rows.redoSalt();
    if (salt === undefined) return;
    this.rows.restoreYoung();
    if (this.rows.hasYoung) this.begin();
    for (const batch of this.#log.read(salt)) {
      this.begin();
      const reader = new Unpacker(batch);
      while (!reader.done) {
        reader.u8();
        reader.u8();
        runList(this.rows, reader, 0, (number) => this.rows.numberFromLog(number));
      }
    }
  }

  /** Folds and removes the log; what finds no room stays in it. @throws as {@link LoggedFile.keep} */
  settle(): void {
    this.tryFold();
    if (!this.#isInTransaction) this.#log.remove();
  }

  close(): void {
    this.settle();
    this.rows.close();
  }
}

/** True for errors that say that there is no room, and that nothing was written because of it. */
export function isDiskFull(error: unknown): boolean {
  return /^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(sqliteCode(error));
}

/**
 * The log that makes commits durable: a file of records `length · crc32 · BSON`, appended in the order of the commits and synced in groups.
 * What was acknowledged as journaled survives `kill -9`; a torn end is cut off when the file is read again. Without a file nothing is kept.
 */
import { closeSync, fdatasync, fsyncSync, ftruncateSync, openSync, readFileSync, write } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { BSON, type Document } from 'bson';
import { CommandError } from './command-error.ts';
import type { Change, LogRecord } from './log-record.ts';
import { asNumber } from './numbers.ts';

const writeTo = promisify(write);
const sync = promisify(fdatasync);

/** How long a write that did not ask for the journal may wait for it, as MongoDB's `journalCommitInterval`. */
const LAZY_MS = 100;

/** Asked before each sync; may take its time, and may throw what a disk that is full would. */
export type BeforeSync = () => Promise<void>;

interface Waiting {
  readonly frame: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** See the head of the file. */
export class CommitLog {
  readonly #file: number | undefined;
  readonly #beforeSync: BeforeSync;
  #waiting: Waiting[] = [];
  #size = 0;
  #syncing: Promise<void> | undefined;
  #lazy: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param path of the file, or undefined to keep nothing */
  constructor(path: string | undefined, beforeSync: BeforeSync) {
    this.#beforeSync = beforeSync;
    if (path === undefined) return;
    this.#file = openSync(path, 'a+', 0o600);
    const folder = openSync(dirname(path), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }

  /** What the file holds. A torn record at its end is cut off: nobody was told that it is there. */
  *read(): Generator<LogRecord> {
    if (this.#file === undefined) return;
    const bytes = readFileSync(this.#file);
    let at = 0;
    while (at + 8 <= bytes.length) {
      const end = at + 8 + bytes.readUInt32LE(at);
      if (end > bytes.length) break;
      const payload = bytes.subarray(at + 8, end);
      if (crc32(payload) !== bytes.readUInt32LE(at + 4)) break;
      yield recordOf(payload);
      at = end;
    }
    ftruncateSync(this.#file, at);
    this.#size = at;
  }

  /** Appends a record; resolves when it is durable. With `soon` false the sync may wait for others. */
  append(record: LogRecord, soon: boolean): Promise<void> {
    const payload = BSON.serialize(record, { ignoreUndefined: true });
    const head = Buffer.alloc(8);
    head.writeUInt32LE(payload.byteLength, 0);
    head.writeUInt32LE(crc32(payload), 4);
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ frame: Buffer.concat([head, payload]), resolve, reject });
    });
    done.catch(() => undefined);
    if (soon) this.#start();
    else this.#lazy ??= setTimeout(() => this.#start(), LAZY_MS);
    return done;
  }

  /** Writes what waits and closes the file. */
  async close(): Promise<void> {
    clearTimeout(this.#lazy);
    while (this.#waiting.length > 0 || this.#syncing !== undefined) {
      this.#start();
      await this.#syncing;
    }
    this.drop();
  }

  /** Closes the file without writing what waits, as a process that is killed does. */
  drop(): void {
    clearTimeout(this.#lazy);
    if (!this.#closed && this.#file !== undefined && this.#syncing === undefined) closeSync(this.#file);
    this.#closed = true;
  }

  #start(): void {
    clearTimeout(this.#lazy);
    this.#lazy = undefined;
    if (this.#syncing !== undefined) return;
    this.#syncing = this.#syncAll().finally(() => {
      this.#syncing = undefined;
      if (this.#closed && this.#file !== undefined) closeSync(this.#file);
    });
  }

  async #syncAll(): Promise<void> {
    // A turn of the event loop, so that what arrives together is synced together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0 && !this.#closed) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#beforeSync();
        if (this.#closed) return;
        await this.#write(Buffer.concat(group.map(({ frame }) => frame)));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(diskError(error));
      }
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.#file === undefined) return;
    try {
      for (let at = 0; at < bytes.length; ) at += (await writeTo(this.#file, bytes, at)).bytesWritten;
      await sync(this.#file);
      this.#size += bytes.length;
    } catch (error) {
      // Half a group must not stay before the records that come next.
      ftruncateSync(this.#file, this.#size);
      throw error;
    }
  }
}

/** Documents keep their exact types; the double's own numbers become JavaScript's again. */
function recordOf(payload: Buffer): LogRecord {
  const { c, s } = BSON.deserialize(payload, { promoteValues: false, bsonRegExp: true });
  const changes = (c as Document[]).map((change) =>
    'i' in change ? { ...change, i: asNumber(change.i) } : change,
  );
  if (s === undefined) return { c: changes as Change[] };
  return { c: changes as Change[], s: 'statement' in s ? { ...s, statement: asNumber(s.statement) } : s };
}

function diskError(error: unknown): unknown {
  if (error instanceof CommandError || (error as NodeJS.ErrnoException).code !== 'ENOSPC') return error;
  return new CommandError('OutOfDiskSpace', 'No space left on device');
}

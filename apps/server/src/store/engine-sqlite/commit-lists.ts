/**
 * Runs the commit lists of one batch on one file inside one transaction (group commit): one fsync for all of them.
 *
 * A list must happen whole or not at all. Its checks run before its writes; a savepoint is opened only when a write other
 * than the first one can still fail (an insert, or a write into a unique index), so the usual lists do without.
 */
import { OP, type Packer, STATUS, type Unpacker, VERSION } from './packing.ts';
import type { SpaceFile } from './space-file.ts';

type Bytes = Uint8Array<ArrayBuffer>;

interface Write {
  readonly at: number;
  readonly op: number;
  readonly collection: number;
  /** Of a run all of them, one behind the other. */
  readonly key: Bytes;
  /** Bytes of one key. */
  readonly keyBytes: number;
  readonly doc: Bytes;
  readonly exp: number | null;
  readonly entries: readonly (Bytes | null)[];
}

/** What became of one list. */
export interface ListResult {
  readonly request: number;
  status: number;
  readonly failedAt: number;
  readonly index: number;
  /** It was committed and has changed nothing, because it only checks. */
  readonly hasOnlyChecked?: boolean;
}

const NONE = 0xff;
const NO_BYTES = new Uint8Array(0);
const NO_ENTRIES: readonly (Bytes | null)[] = [];

/**
 * Runs the list at the reader's position (behind its request type). Leaves the file untouched when it fails.
 * @param numberFromLog given for a list that was committed before and is run again on the same rows, from the log: its checks held, versions are
 *   other ones now, and numbers of collections may be too
 */
export function runList(
  file: SpaceFile,
  reader: Unpacker,
  request: number,
  numberFromLog?: (number: number) => number,
): ListResult {
  const count = reader.u32();
  const writes: Write[] = [];
  let refused: ListResult | undefined;
  let fallible = 0;
  for (let at = 0; at < count; at++) {
    const op = reader.u8();
    const number = reader.u32();
    const collection = numberFromLog === undefined ? number : numberFromLog(number);
    if (op === OP.puts || op === OP.deletes) {
      const doc = op === OP.puts ? reader.some() : NO_BYTES;
      const exp = op === OP.puts ? reader.f64() : -1;
      const keys = reader.u32();
      const keyBytes = reader.u32();
      const key = reader.raw(keys * keyBytes);
      writes.push({ at, op, collection, key, keyBytes, doc, exp: exp < 0 ? null : exp, entries: NO_ENTRIES });
      at += keys - 1;
      continue;
    }
    const key = reader.some();
    if (op === OP.check) {
      const expected = reader.f64();
      if (numberFromLog === undefined)
        refused ??= checkVersion(file, { request, at, collection, key, expected });
    } else if (op === OP.delete) {
      writes.push({
        at,
        op,
        collection,
        key,
        keyBytes: key.length,
        doc: NO_BYTES,
        exp: null,
        entries: NO_ENTRIES,
      });
    } else {
      const doc = reader.some();
      const exp = reader.f64();
      const entryCount = reader.u8();
      const entries: (Bytes | null)[] = [];
      for (let i = 0; i < entryCount; i++) entries.push(reader.bytes());
      if ((op === OP.insert || entryCount > 0) && writes.length > 0) fallible++;
      writes.push({ at, op, collection, key, keyBytes: key.length, doc, exp: exp < 0 ? null : exp, entries });
    }
  }
  if (refused !== undefined) return refused;
  if (writes.length === 0)
    return { request, status: STATUS.committed, failedAt: 0, index: NONE, hasOnlyChecked: true };
  if (fallible === 0) return runWrites(file, writes, request);
  return file.attempt(
    () => runWrites(file, writes, request),
    ({ status }) => status === STATUS.committed,
  );
}

function checkVersion(
  file: SpaceFile,
  check: { request: number; at: number; collection: number; key: Bytes; expected: number },
): ListResult | undefined {
  const version = file.version(check.collection, check.key);
  const { request, expected, at: failedAt } = check;
  if (expected === VERSION.present) {
    return version === undefined ? { request, status: STATUS.missing, failedAt, index: NONE } : undefined;
  }
  const same = expected === VERSION.absent ? version === undefined : version === expected;
  return same ? undefined : { request, status: STATUS.changed, failedAt, index: NONE };
}

function runWrites(file: SpaceFile, writes: readonly Write[], request: number): ListResult {
  for (const write of writes) {
    const { op, collection, key, at: failedAt } = write;
    if (op === OP.delete || op === OP.deletes) {
      file.deleteAll(collection, key, write.keyBytes);
      continue;
    }
    if (op === OP.puts) {
      file.putAll(collection, write);
      continue;
    }
    try {
      if (op === OP.put) file.put(collection, key, write.doc, write.exp, write.entries);
      else if (!file.insert(collection, key, write.doc, write.exp, write.entries)) {
        return { request, status: STATUS.exists, failedAt, index: NONE };
      }
    } catch (error) {
      const index = file.violatedIndex(collection, error);
      if (index === undefined) throw error;
      return { request, status: STATUS.notUnique, failedAt, index };
    }
  }
  return { request, status: STATUS.committed, failedAt: 0, index: NONE };
}

/** Moves over a list without running it. */
export function skipList(reader: Unpacker): void {
  const count = reader.u32();
  for (let i = 0; i < count; i++) {
    const op = reader.u8();
    reader.u32();
    if (op === OP.puts || op === OP.deletes) {
      if (op === OP.puts) {
        reader.bytes();
        reader.f64();
      }
      const keys = reader.u32();
      reader.raw(keys * reader.u32());
      i += keys - 1;
      continue;
    }
    reader.bytes();
    if (op === OP.check) reader.f64();
    else if (op !== OP.delete) {
      reader.bytes();
      reader.f64();
      const entries = reader.u8();
      for (let e = 0; e < entries; e++) reader.bytes();
    }
  }
}

/** Writes results as answers: request, status, failed operation, index. */
export function packResults(into: Packer, results: readonly ListResult[]): void {
  for (const { request, status, failedAt, index } of results) {
    into.u32(request);
    into.u8(status);
    into.u32(failedAt);
    into.u8(index);
  }
}

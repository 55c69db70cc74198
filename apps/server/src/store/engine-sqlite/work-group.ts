/**
 * One batch of requests on one file. Reads come first and are answered at once: they see what was committed before the batch
 * and never a write that might still fail. Then all writes run in one transaction and are answered after its COMMIT.
 */
import { type ListResult, packResults, runList, skipList } from './commit-lists.ts';
import type { DiskReserve } from './disk-reserve.ts';
import { Packer, REQUEST, STATUS, Unpacker } from './packing.ts';
import { type SpaceFile, sqliteCode } from './space-file.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Room for answers that were not asked for a size beforehand. */
const ANSWER_BYTES = 4096;
/** Of one write. */
const RESULT_BYTES = 16;

interface WriteRequest {
  readonly request: number;
  readonly position: number;
  readonly kind: number;
  /** Nothing but deletes and checks: taken even when the disk is nearly full. */
  readonly shrinking: boolean;
}

type Answer = (file: SpaceFile, reader: Unpacker, answers: Packer) => void;

/** How reads are answered, by kind of request. */
const READS: ReadonlyMap<number, Answer> = new Map([
  [REQUEST.get, answerGet],
  [REQUEST.range, answerRange],
  [REQUEST.expiring, answerExpiring],
  [REQUEST.count, answerCount],
]);

/** What the group needs from its thread. */
export interface Surroundings {
  readonly reserve: Pick<DiskReserve, 'isTight' | 'release'>;
  /** Called by name at each step of the writer; crash tests end the process in it. */
  step(): void;
}

/**
 * Runs a batch. @returns the answers of its writes
 * @throws a driver error that is neither a full disk nor a refused list: then nothing may be acknowledged any
 * more, because what is on disk is not known (facts: no database survived a failed fsync by trying again).
 */
export function runGroup(
  file: SpaceFile,
  work: Bytes,
  surroundings: Surroundings,
  answerReads: (answers: Bytes) => void,
): Bytes {
  const reader = new Unpacker(work);
  const reads = new Packer(ANSWER_BYTES);
  const writes: WriteRequest[] = [];
  for (let request = 0; !reader.done; request++) {
    const kind = reader.u8();
    const answer = READS.get(kind);
    if (answer !== undefined) {
      reads.u32(request);
      answer(file, reader, reads);
    } else if (kind === REQUEST.commit) {
      const shrinking = reader.u8() === 1;
      writes.push({ request, position: reader.position, kind, shrinking });
      skipList(reader);
    } else {
      writes.push({ request, position: reader.position, kind, shrinking: true });
      reader.u32();
      reader.f64();
      reader.u32();
    }
  }
  if (reads.length > 0) answerReads(reads.take());
  const results = new Packer(writes.length * RESULT_BYTES);
  if (writes.length > 0) runWrites(file, reader, writes, surroundings, results);
  return results.take();
}

function runWrites(
  file: SpaceFile,
  reader: Unpacker,
  writes: readonly WriteRequest[],
  surroundings: Surroundings,
  results: Packer,
): void {
  const { reserve } = surroundings;
  const refuse = (write: WriteRequest) => packFull(results, write);
  const tight = reserve.isTight();
  let taken = writes;
  if (tight) {
    for (const write of writes) if (!write.shrinking) refuse(write);
    taken = writes.filter((write) => write.shrinking);
  }
  if (!tryWrites(file, reader, taken, surroundings, results)) {
    for (const write of taken) if (!write.shrinking) refuse(write);
    taken = taken.filter((write) => write.shrinking);
    reserve.release();
    recycle(file);
    if (!tryWrites(file, reader, taken, surroundings, results)) for (const write of taken) refuse(write);
  }
  // While space is short the log starts anew after every batch, so that it needs no more than it has.
  if (tight && taken.length > 0) recycle(file);
}

/** @returns false when the disk was full; then nothing of it happened. */
function tryWrites(
  file: SpaceFile,
  reader: Unpacker,
  writes: readonly WriteRequest[],
  surroundings: Surroundings,
  results: Packer,
): boolean {
  if (writes.length === 0) return true;
  const lists: ListResult[] = [];
  const expiries: { request: number; count: number; more: boolean }[] = [];
  try {
    file.exec('BEGIN IMMEDIATE');
    surroundings.step();
    for (const { request, position, kind } of writes) {
      reader.seek(position);
      if (kind === REQUEST.commit) lists.push(runList(file, reader, request));
      else expiries.push({ request, ...file.expire(reader.u32(), reader.f64(), reader.u32()) });
    }
    surroundings.step();
    const committingMs = performance.now();
    file.exec('COMMIT');
    if (expiries.length > 0) file.sizeExpireStep(performance.now() - committingMs);
    surroundings.step();
  } catch (error) {
    rollback(file);
    file.forgetVersions();
    if (sqliteCode(error).startsWith('SQLITE_FULL')) return false;
    throw error;
  }
  packResults(results, lists);
  for (const { request, count, more } of expiries) {
    results.u32(request);
    results.u8(STATUS.committed);
    results.u32(count);
    results.u8(more ? 1 : 0);
  }
  return true;
}

function packFull(results: Packer, write: WriteRequest): void {
  packResults(results, [{ request: write.request, status: STATUS.diskFull, failedAt: 0, index: 0 }]);
}

/** SQLite has often rolled back by itself already, and then refuses a second time. */
function rollback(file: SpaceFile): void {
  try {
    file.exec('ROLLBACK');
  } catch {
    // The error that led here is the one that counts.
  }
}

function recycle(file: SpaceFile): void {
  try {
    file.recycleLog();
  } catch {
    // The database file could not grow; the log keeps its content and the deletes are tried all the same.
  }
}

function answerGet(file: SpaceFile, reader: Unpacker, answers: Packer): void {
  const row = file.get(reader.u32(), reader.some());
  packRows(answers, row === undefined ? [] : [row]);
}

function answerExpiring(file: SpaceFile, reader: Unpacker, answers: Packer): void {
  packRows(answers, file.expiring(reader.u32(), reader.f64(), reader.u32()));
}

function answerCount(file: SpaceFile, reader: Unpacker, answers: Packer): void {
  const [collection, limit, from, before] = [reader.u32(), reader.u32(), reader.some(), reader.bytes()];
  answers.u32(file.count({ collection, limit, from, before }));
}

function answerRange(file: SpaceFile, reader: Unpacker, answers: Packer): void {
  const collection = reader.u32();
  const index = reader.u8();
  const descending = reader.u8() === 1;
  const limit = reader.u32();
  const [from, before, afterEntry, afterKey] = [
    reader.some(),
    reader.bytes(),
    reader.bytes(),
    reader.bytes(),
  ];
  packRows(
    answers,
    file.range({
      collection,
      index: index === 0 ? undefined : index - 1,
      descending,
      limit,
      from,
      before,
      afterEntry,
      afterKey,
    }),
  );
}

function packRows(
  answers: Packer,
  rows: readonly {
    k: Uint8Array;
    ver: number;
    doc: Uint8Array;
    exp: number | null;
    ix?: Uint8Array | undefined;
  }[],
): void {
  answers.u32(rows.length);
  for (const row of rows) {
    answers.f64(row.ver);
    answers.f64(row.exp ?? -1);
    answers.bytes(row.k);
    answers.bytes(row.ix ?? null);
    answers.bytes(row.doc);
  }
}

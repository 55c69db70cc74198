/**
 * One batch of requests on one file. Reads come first and are answered at once, large answers each on their own: they see what was committed
 * before the batch and never a write that might still fail. Then all writes run and are answered when they are durable, all of them at once.
 */
import { type ListResult, packResults, runList, skipList } from './commit-lists.ts';
import type { DiskReserve } from './disk-reserve.ts';
import { isDiskFull, type LoggedFile } from './logged-file.ts';
import { Packer, REQUEST, STATUS, Unpacker } from './packing.ts';
import type { SpaceFile } from './space-file.ts';
import type { WorkGroup } from './thread-messages.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Room for answers that were not asked for a size beforehand. */
const ANSWER_BYTES = 4096;
/** Answers of so many bytes do not wait for those of the batch's other reads. */
const ANSWERS_MAX = 16_384;
/** Of one write. */
const RESULT_BYTES = 16;

/** Kind of request and whether it shrinks, in front of a list. */
const LIST_HEAD_BYTES = 2;

interface WriteRequest {
  readonly request: number;
  readonly position: number;
  /** Where it ends. */
  readonly end: number;
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
  file: LoggedFile,
  { work, mayOnlyShrink }: Pick<WorkGroup, 'work' | 'mayOnlyShrink'>,
  surroundings: Surroundings,
  answerReads: (answers: Bytes) => void,
): Bytes {
  const reader = new Unpacker(work);
  let reads = new Packer(ANSWER_BYTES);
  const writes: WriteRequest[] = [];
  for (let request = 0; !reader.done; request++) {
    const kind = reader.u8();
    const answer = READS.get(kind);
    if (answer !== undefined) {
      reads.u32(request);
      answer(file.rows, reader, reads);
      if (reads.length >= ANSWERS_MAX) {
        answerReads(reads.take());
        reads = new Packer(ANSWER_BYTES);
      }
    } else if (kind === REQUEST.commit) {
      const shrinking = reader.u8() === 1;
      const { position } = reader;
      skipList(reader);
      writes.push({ request, position, end: reader.position, kind, shrinking });
    } else {
      const { position } = reader;
      reader.u32();
      reader.f64();
      reader.u32();
      writes.push({ request, position, end: reader.position, kind, shrinking: true });
    }
  }
  if (reads.length > 0) answerReads(reads.take());
  const results = new Packer(writes.length * RESULT_BYTES);
  if (writes.length > 0) runWrites({ file, work, reader, surroundings, results }, writes, mayOnlyShrink);
  return results.take();
}

/** What the writes of a batch share. */
interface Batch {
  readonly file: LoggedFile;
  readonly work: Bytes;
  readonly reader: Unpacker;
  readonly surroundings: Surroundings;
  readonly results: Packer;
}

function runWrites(batch: Batch, writes: readonly WriteRequest[], mayOnlyShrink: boolean): void {
  const { file, surroundings, results } = batch;
  const { reserve } = surroundings;
  const refuse = (write: WriteRequest) => packFull(results, write);
  const tight = reserve.isTight();
  let taken = writes;
  // While there is still room for it.
  if (tight) file.tryFold();
  if (tight || mayOnlyShrink) {
    for (const write of writes) if (!write.shrinking) refuse(write);
    taken = writes.filter((write) => write.shrinking);
  }
  // While space is short nothing is left for later, and SQLite's log starts anew after every batch, so that it needs no more than it has.
  if (!tryWrites(batch, taken, !tight)) {
    for (const write of taken) if (!write.shrinking) refuse(write);
    taken = taken.filter((write) => write.shrinking);
    reserve.release();
    recycle(file);
    file.restore();
    // Before somebody else takes what the reserve has left.
    file.tryFold();
    recycle(file);
    if (!tryWrites(batch, taken, false)) {
      for (const write of taken) refuse(write);
      file.restore();
    }
  }
  if (tight) recycle(file);
}

/** @returns false when the disk was full; then nothing of it happened, and the file was rolled back to its last COMMIT. */
function tryWrites(
  { file, work, reader, surroundings, results }: Batch,
  writes: readonly WriteRequest[],
  mayLog: boolean,
): boolean {
  if (writes.length === 0) return true;
  const lists: ListResult[] = [];
  const expiries: { request: number; count: number; more: boolean }[] = [];
  const isExpiring = writes.some(({ kind }) => kind !== REQUEST.commit);
  try {
    // How long an expiry takes to commit says how large its next step may be, so nothing else may be in it.
    if (isExpiring) file.fold();
    file.begin();
    surroundings.step();
    const pieces: Bytes[] = [];
    for (const { request, position, end, kind } of writes) {
      reader.seek(position);
      if (kind === REQUEST.commit) {
        const result = runList(file.rows, reader, request);
        lists.push(result);
        if (result.status === STATUS.committed && result.hasOnlyChecked !== true)
          addPiece(pieces, work.subarray(position - LIST_HEAD_BYTES, end));
      } else expiries.push({ request, ...file.rows.expire(reader.u32(), reader.f64(), reader.u32()) });
    }
    surroundings.step();
    if (pieces.length === 0 && expiries.every(({ count }) => count === 0)) file.leave();
    else if (mayLog && !isExpiring) file.keep(pieces);
    else {
      const foldingMs = performance.now();
      file.fold();
      if (isExpiring) file.rows.sizeExpireStep(performance.now() - foldingMs);
    }
    surroundings.step();
  } catch (error) {
    file.rollback();
    if (isDiskFull(error)) return false;
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

/** Adds a list to what goes into the log; lists that lie behind one another are one piece. */
function addPiece(pieces: Bytes[], list: Bytes): void {
  const last = pieces.at(-1);
  if (last === undefined || last.byteOffset + last.length !== list.byteOffset) pieces.push(list);
  else pieces[pieces.length - 1] = new Uint8Array(list.buffer, last.byteOffset, last.length + list.length);
}

function recycle(file: LoggedFile): void {
  try {
    file.rows.recycleLog();
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
  const bytesMax = reader.u32();
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
      bytesMax,
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

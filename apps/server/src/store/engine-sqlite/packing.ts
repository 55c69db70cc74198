/**
 * Requests and answers between the engine and its writer thread, packed into one buffer a batch: a structured clone of
 * thousands of small objects would cost more than SQLite itself. The buffer is moved to the other thread, not copied.
 *
 * Numbers are little-endian. A byte string is a length and its bytes; length 0xffffffff stands for null.
 */
import type { EngineOp, RangeQuery } from '../engine.ts';

export const REQUEST = { commit: 1, get: 2, range: 3, expire: 4, expiring: 5, count: 6 } as const;
/** `puts` and `deletes` stand for as many operations as they have keys, all of one length: a message to a group is many rows that differ by their key alone. */
export const OP = { put: 1, insert: 2, delete: 3, check: 4, puts: 5, deletes: 6 } as const;
/** What a check compares with, where it is not a version. Versions are positive. */
export const VERSION = { absent: 0, present: -1 } as const;
/** Outcome of a commit list. */
export const STATUS = { committed: 0, exists: 1, missing: 2, changed: 3, notUnique: 4, diskFull: 5 } as const;

const NULL_LENGTH = 0xffffffff;
/** More bytes than an answer can have. */
const NO_BOUND = 0xffffffff;
const EMPTY = new Uint8Array(0);

/** Grows as it is written. */
export class Packer {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #at = 0;

  /** @param room how many bytes are expected, or a buffer that nobody uses any more */
  constructor(room: number | ArrayBuffer) {
    this.#bytes = typeof room === 'number' ? new Uint8Array(room) : new Uint8Array(room);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#at;
  }

  #room(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, at + size));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#at = at + size;
    return at;
  }

  u8(value: number): void {
    const at = this.#room(1);
    this.#bytes[at] = value;
  }

  u32(value: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, value, true);
  }

  /** An integer up to 2⁵³ either way. */
  f64(value: number): void {
    const at = this.#room(8);
    this.#view.setFloat64(at, value, true);
  }

  bytes(value: Uint8Array | null): void {
    if (value === null) {
      this.u32(NULL_LENGTH);
      return;
    }
    const at = this.#room(4 + value.length);
    this.#view.setUint32(at, value.length, true);
    this.#bytes.set(value, at + 4);
  }

  /** Bytes whose length the reader knows. */
  raw(value: Uint8Array): void {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
  }

  /** What was written. The packer must not be used any more. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at);
  }
}

/** Reads in the order of writing. Byte strings are views into the buffer. */
export class Unpacker {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get position(): number {
    return this.#at;
  }

  seek(position: number): void {
    this.#at = position;
  }

  u8(): number {
    return this.#view.getUint8(this.#at++);
  }

  u32(): number {
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  f64(): number {
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  bytes(): Uint8Array<ArrayBuffer> | null {
    const length = this.u32();
    if (length === NULL_LENGTH) return null;
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** So many bytes. */
  raw(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** A byte string that cannot be null. */
  some(): Uint8Array<ArrayBuffer> {
    return this.bytes() ?? (EMPTY as Uint8Array<ArrayBuffer>);
  }
}

/** Adds a commit list as one request. @param isGrowing what `needsRoom` says of it */
export function packCommit(into: Packer, list: readonly EngineOp[], isGrowing: boolean): void {
  into.u8(REQUEST.commit);
  into.u8(isGrowing ? 0 : 1);
  into.u32(list.length);
  for (let at = 0; at < list.length; ) {
    const op = list[at] as EngineOp;
    const end = endOfRun(list, at);
    if (end - at > 1 && op.kind !== 'check') packRun(into, op, list.slice(at, end));
    else packOp(into, op);
    at = end;
  }
}

/** Behind the last operation that differs from the one at `at` by nothing but its key. */
function endOfRun(list: readonly EngineOp[], at: number): number {
  const first = list[at] as EngineOp;
  let end = at + 1;
  if (first.kind === 'check' || (first.kind === 'put' && !isPlainPut(first))) return end;
  for (let next = list[end]; next !== undefined; next = list[++end]) {
    if (next.collection !== first.collection || next.key.length !== first.key.length) break;
    if (next.kind !== first.kind) break;
    if (first.kind === 'put' && next.kind === 'put' && !isSamePut(first, next)) break;
  }
  return end;
}

type PutOp = Extract<EngineOp, { kind: 'put' }>;

function isPlainPut({ expect, entries }: PutOp): boolean {
  return expect !== 'absent' && entries.length === 0;
}

function isSamePut(one: PutOp, other: PutOp): boolean {
  return other.doc === one.doc && other.expiresAt === one.expiresAt && isPlainPut(other);
}

function packRun(into: Packer, first: Exclude<EngineOp, { kind: 'check' }>, run: readonly EngineOp[]): void {
  into.u8(first.kind === 'put' ? OP.puts : OP.deletes);
  into.u32(first.collection);
  if (first.kind === 'put') {
    into.bytes(first.doc);
    into.f64(first.expiresAt ?? -1);
  }
  into.u32(run.length);
  into.u32(first.key.length);
  for (const { key } of run) into.raw(key);
}

function packOp(into: Packer, op: EngineOp): void {
  if (op.kind === 'put') {
    into.u8(op.expect === 'absent' ? OP.insert : OP.put);
    into.u32(op.collection);
    into.bytes(op.key);
    into.bytes(op.doc);
    into.f64(op.expiresAt ?? -1);
    into.u8(op.entries.length);
    for (const entry of op.entries) into.bytes(entry);
  } else if (op.kind === 'delete') {
    into.u8(OP.delete);
    into.u32(op.collection);
    into.bytes(op.key);
  } else {
    into.u8(OP.check);
    into.u32(op.collection);
    into.bytes(op.key);
    into.f64(typeof op.version === 'number' ? op.version : VERSION[op.version]);
  }
}

/** Adds a look-up by key as one request. */
export function packGet(into: Packer, collection: number, key: Uint8Array): void {
  into.u8(REQUEST.get);
  into.u32(collection);
  into.bytes(key);
}

/** Adds a range query as one request. */
export function packRange(into: Packer, query: RangeQuery): void {
  into.u8(REQUEST.range);
  into.u32(query.collection);
  into.u8(query.index === undefined ? 0 : query.index + 1);
  into.u8(query.descending ? 1 : 0);
  into.u32(query.limit);
  into.u32(Math.min(query.bytesMax ?? NO_BOUND, NO_BOUND));
  into.bytes(query.from);
  into.bytes(query.before ?? null);
  into.bytes(query.after?.entry ?? null);
  into.bytes(query.after?.key ?? null);
}

/** Adds a question for the number of rows in a range over the key as one request. */
export function packCount(
  into: Packer,
  query: Pick<RangeQuery, 'collection' | 'from' | 'before' | 'limit'>,
): void {
  into.u8(REQUEST.count);
  into.u32(query.collection);
  into.u32(query.limit);
  into.bytes(query.from);
  into.bytes(query.before ?? null);
}

/** Adds an expiry as one request. */
export function packExpire(into: Packer, collection: number, nowMs: number, limit: number): void {
  into.u8(REQUEST.expire);
  into.u32(collection);
  into.f64(nowMs);
  into.u32(limit);
}

/** Adds a question for rows that expire soonest as one request. */
export function packExpiring(into: Packer, collection: number, untilMs: number, limit: number): void {
  into.u8(REQUEST.expiring);
  into.u32(collection);
  into.f64(untilMs);
  into.u32(limit);
}

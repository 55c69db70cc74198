/**
 * The record layer (wire.md §3). A Noise plaintext is a sequence of fragments, nothing before, between or
 * behind them:
 *
 *     flags u8 (bit 0: the record ends here; all others 0) ‖ length u16, big-endian ‖ bytes
 *
 * A record is the bytes of consecutive fragments up to one that ends it, at most 1 MiB. Small records of one
 * tick share a Noise message, because sealing costs about the same for one record as for fifty; a record is
 * only cut when it does not fit into a Noise message of its own.
 */
import { CHANNEL_LIMITS } from '@kuvert/protocol';
import { ChannelError } from './channel-error.ts';
import { NOISE_PLAINTEXT_BYTES_MAX } from './cipher-state.ts';

/** The longest record, in bytes. */
export const RECORD_BYTES_MAX = CHANNEL_LIMITS.recordBytesMax;

const FINAL = 1;
const HEAD_BYTES = 3;
const FRAGMENT_BYTES_MAX = NOISE_PLAINTEXT_BYTES_MAX - HEAD_BYTES;

/** Collects records and packs them into Noise plaintexts. */
export class RecordWriter {
  /** Mostly there is one record in a tick, and a list for it would be more memory than anything else here. */
  #first: Uint8Array | undefined;
  #others: Uint8Array[] | undefined;
  #pendingBytes = 0;

  /** Bytes that wait, heads included; 0 when there is nothing to {@link take}. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * Adds a record to the next plaintexts; its bytes are read at {@link take} and must not change until then.
   * @throws ChannelError `too_long` (nothing is added then)
   */
  add(record: Uint8Array): void {
    if (record.length > RECORD_BYTES_MAX) throw new ChannelError('too_long', 'a record is longer than 1 MiB');
    if (this.#first === undefined) this.#first = record;
    else if (this.#others === undefined) this.#others = [record];
    else this.#others.push(record);
    this.#pendingBytes += record.length + HEAD_BYTES;
  }

  /** Gives all that was added as Noise plaintexts, in order, and is empty then. */
  take(): Uint8Array<ArrayBuffer>[] {
    const plaintexts: Uint8Array<ArrayBuffer>[] = [];
    this.takeEach((plaintext) => plaintexts.push(plaintext.slice()));
    return plaintexts;
  }

  /**
   * Hands over each Noise plaintext and is empty then. A plaintext is only there during the call: the next one takes its place, for
   * memory of its own would cost more than filling it.
   */
  takeEach(use: (plaintext: Uint8Array<ArrayBuffer>) => void): void {
    const first = this.#first;
    if (first === undefined) return;
    const others = this.#others;
    const pendingBytes = this.#pendingBytes;
    this.#first = undefined;
    this.#others = undefined;
    this.#pendingBytes = 0;
    if (pendingBytes <= NOISE_PLAINTEXT_BYTES_MAX) use(packWhole(first, others, pendingBytes));
    else takePieces(others === undefined ? [first] : [first, ...others], use);
  }
}

/** Records that do not fit into one plaintext. */
function takePieces(records: readonly Uint8Array[], use: (plaintext: Uint8Array<ArrayBuffer>) => void): void {
  let first = 0;
  let offset = 0;
  while (first < records.length) {
    const { end, cutAt, sizeBytes } = fitOne(records, first, offset);
    use(pack(records, { first, offset, end, cutAt, sizeBytes }));
    first = end;
    offset = cutAt;
  }
}

/** Where plaintexts are packed, one after the other. */
const PLAINTEXT = new Uint8Array(NOISE_PLAINTEXT_BYTES_MAX);

interface Piece {
  /** The records `first` (from `offset` on) up to, not including, `end` are whole in this plaintext. */
  readonly first: number;
  readonly offset: number;
  readonly end: number;
  /** How many bytes of record `end` are out after this plaintext; 0 unless it was cut. */
  readonly cutAt: number;
  readonly sizeBytes: number;
}

function fitOne(
  records: readonly Uint8Array[],
  first: number,
  offset: number,
): Omit<Piece, 'first' | 'offset'> {
  let sizeBytes = 0;
  let from = offset;
  for (let end = first; end < records.length; end++, from = 0) {
    const left = lengthOf(records, end) - from;
    if (sizeBytes + HEAD_BYTES + left <= NOISE_PLAINTEXT_BYTES_MAX) {
      sizeBytes += HEAD_BYTES + left;
      continue;
    }
    const room = NOISE_PLAINTEXT_BYTES_MAX - sizeBytes - HEAD_BYTES;
    if (left <= FRAGMENT_BYTES_MAX || room <= 0) return { end, cutAt: from, sizeBytes };
    return { end, cutAt: from + room, sizeBytes: NOISE_PLAINTEXT_BYTES_MAX };
  }
  return { end: records.length, cutAt: 0, sizeBytes };
}

/** Writes a fragment. @returns where the next one goes */
function putFragment(at: number, bytes: Uint8Array, flags: number): number {
  PLAINTEXT[at] = flags;
  PLAINTEXT[at + 1] = bytes.length >> 8;
  PLAINTEXT[at + 2] = bytes.length & 0xff;
  PLAINTEXT.set(bytes, at + HEAD_BYTES);
  return at + HEAD_BYTES + bytes.length;
}

/** All records in one plaintext of this length. */
function packWhole(
  first: Uint8Array,
  others: readonly Uint8Array[] | undefined,
  sizeBytes: number,
): Uint8Array<ArrayBuffer> {
  let at = putFragment(0, first, FINAL);
  if (others !== undefined) for (const record of others) at = putFragment(at, record, FINAL);
  return PLAINTEXT.subarray(0, sizeBytes);
}

/** A record as a plaintext of its own, there until the next one is packed; undefined when it does not fit into one. */
export function packAlone(record: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  return record.length > FRAGMENT_BYTES_MAX
    ? undefined
    : packWhole(record, undefined, record.length + HEAD_BYTES);
}

function pack(records: readonly Uint8Array[], piece: Piece): Uint8Array<ArrayBuffer> {
  let at = 0;
  let from = piece.offset;
  for (let index = piece.first; index < piece.end; index++, from = 0) {
    const record = records[index] as Uint8Array;
    at = putFragment(at, from === 0 ? record : record.subarray(from), FINAL);
  }
  if (piece.cutAt > from) putFragment(at, (records[piece.end] as Uint8Array).subarray(from, piece.cutAt), 0);
  return PLAINTEXT.subarray(0, piece.sizeBytes);
}

function lengthOf(records: readonly Uint8Array[], index: number): number {
  return (records[index] as Uint8Array).length;
}

/** Takes Noise plaintexts apart. After a failure every call throws. */
export class RecordReader {
  #partial: Uint8Array<ArrayBuffer> | undefined;
  #partialBytes = 0;
  #over = false;

  /**
   * The records that this plaintext completes, in order. A record that lies in one fragment is a view of the
   * plaintext, which therefore must not be changed or reused.
   * @throws ChannelError `malformed`, `too_long`, `closed`
   */
  push(plaintext: Uint8Array): Uint8Array[] {
    if (this.#over) throw new ChannelError('closed', 'the record layer is over');
    try {
      return this.#read(plaintext);
    } catch (error) {
      this.#over = true;
      this.#partial = undefined;
      throw error;
    }
  }

  #read(plaintext: Uint8Array): Uint8Array[] {
    const records: Uint8Array[] = [];
    const total = plaintext.length;
    if (total === 0) throw new ChannelError('malformed', 'a message without a fragment');
    let at = 0;
    while (at < total) {
      if (at + HEAD_BYTES > total) throw new ChannelError('malformed', 'bytes behind the last fragment');
      const flags = plaintext[at] as number;
      const length = ((plaintext[at + 1] as number) << 8) | (plaintext[at + 2] as number);
      const start = at + HEAD_BYTES;
      at = start + length;
      if ((flags & ~FINAL) !== 0) throw new ChannelError('malformed', 'a fragment with unknown flags');
      if (at > total) throw new ChannelError('malformed', 'a fragment is longer than its message');
      const fragment = plaintext.subarray(start, at);
      if (flags === FINAL) {
        records.push(this.#partial === undefined ? fragment : this.#complete(fragment));
      } else {
        if (length === 0) throw new ChannelError('malformed', 'an empty fragment that ends nothing');
        this.#append(fragment);
      }
    }
    return records;
  }

  #complete(fragment: Uint8Array): Uint8Array {
    const record = this.#append(fragment).subarray(0, this.#partialBytes);
    this.#partial = undefined;
    this.#partialBytes = 0;
    return record;
  }

  /**
   * Copies into one buffer that doubles, so that a flood of tiny fragments costs no more memory than the
   * record.
   */
  #append(fragment: Uint8Array): Uint8Array<ArrayBuffer> {
    const needed = this.#partialBytes + fragment.length;
    if (needed > RECORD_BYTES_MAX) throw new ChannelError('too_long', 'a record is longer than 1 MiB');
    let buffer = this.#partial;
    if (buffer === undefined || buffer.length < needed) {
      const grown = new Uint8Array(Math.min(RECORD_BYTES_MAX, Math.max(needed, 2 * (buffer?.length ?? 0))));
      if (buffer !== undefined) grown.set(buffer.subarray(0, this.#partialBytes));
      buffer = grown;
      this.#partial = grown;
    }
    buffer.set(fragment, this.#partialBytes);
    this.#partialBytes = needed;
    return buffer;
  }
}

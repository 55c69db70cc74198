/**
 * A mailbox row's bytes and its place in the order. The value is a schema version byte and then what follows the delivery number
 * in a `deliver` record (packages/protocol/src/mailbox.ts): acceptedAt u64 | expiresAt u64 | suite u8 | class u8 | flags u8 | leg |
 * body?. So a row is delivered by writing a number in front of it, and no sender is in it.
 */
import {
  encodeDelivery,
  ID_BYTES,
  KuvertError,
  putU32,
  putU48,
  RECORD_TYPES,
  type Submit,
  sliceBytes,
  u48At,
} from '@kuvert/protocol';
import type { Random } from '../../clock.ts';
import { POINTER_ROW } from './collections.ts';

const ROW_VERSION = 1;
const ROW_ID_BYTES = 16;
/** Record type and delivery number. */
const RECORD_HEAD = 5;

/** The `deliver` record of one leg, its delivery number still 0. */
export function legRecord(
  submit: Submit,
  leg: Uint8Array,
  times: { readonly acceptedAtMs: number; readonly expiresAtMs: number },
): Uint8Array {
  return encodeDelivery({
    deliverySeq: 0,
    ...times,
    suite: submit.suite,
    class: submit.class,
    leg,
    ...(submit.body === undefined ? {} : { body: submit.body }),
  });
}

/** The stored form of a `deliver` record: a view into it, so it has to be stored before the record is numbered. */
export function rowFromRecord(record: Uint8Array): Uint8Array {
  const row = record.subarray(RECORD_HEAD - 1);
  row[0] = ROW_VERSION;
  return row;
}

/** How long the stored form of a `deliver` record of this length is. */
export function rowBytes(recordBytes: number): number {
  return recordBytes - (RECORD_HEAD - 1);
}

/** The `deliver` record of a stored row, its delivery number still 0. @throws KuvertError `data_too_new` for a later schema */
export function recordFromRow(row: Uint8Array): Uint8Array {
  if (row[0] !== ROW_VERSION) throw new KuvertError('data_too_new');
  const record = sliceBytes(RECORD_HEAD - 1 + row.length);
  record.set(row, RECORD_HEAD - 1);
  record[0] = RECORD_TYPES.deliver;
  record[RECORD_HEAD - 1] = 0;
  return record;
}

/** Writes the delivery number into a `deliver` record. */
export function numberRecord(record: Uint8Array, deliverySeq: number): void {
  putU32(record, 1, deliverySeq);
}

/** Gives out row ids. */
export interface RowIds {
  next(nowMs: number): Uint8Array;
  /** The same, behind the device's id: the stored key of a row. */
  nextKey(device: Uint8Array, nowMs: number): Uint8Array;
  /** Ids from now on come after this one, which another process gave out: its clock may have been ahead of ours. */
  goBeyond(rowId: Uint8Array): void;
}

/**
 * Row ids of this process: milliseconds (6 B), a count within them (4 B), and 6 random bytes of the process that keep two of them
 * apart. Each is greater than the one before, also when the clock steps back.
 */
export function createRowIds(random: Random): RowIds {
  const ownMark = random(6);
  let lastMs = 0;
  let count = 0;
  function write(into: Uint8Array<ArrayBuffer>, at: number, nowMs: number): void {
    if (nowMs > lastMs) {
      lastMs = nowMs;
      count = 0;
    } else {
      count++;
    }
    putU48(into, at, lastMs);
    putU32(into, at + 6, count);
    into.set(ownMark, at + 10);
  }
  return {
    next(nowMs) {
      const id = new Uint8Array(ROW_ID_BYTES);
      write(id, 0, nowMs);
      return id;
    },
    nextKey(device, nowMs) {
      const key = new Uint8Array(ID_BYTES + ROW_ID_BYTES);
      key.set(device);
      write(key, ID_BYTES, nowMs);
      return key;
    },
    goBeyond(rowId) {
      const ms = rowIdTimeMs(rowId);
      if (ms < lastMs) return;
      lastMs = ms + 1;
      count = 0;
    },
  };
}

/** A body of a message to a group and how many rows are left that point to it (`group-bodies.ts`). */
export interface CountedBody {
  readonly rowId: Uint8Array;
  readonly name: string;
  left: number;
}

/** True for a row whose bytes lie elsewhere, once for a whole group. */
export function isPointer(row: Uint8Array): boolean {
  return row.length === POINTER_ROW.length && row[0] === POINTER_ROW[0];
}

/** The row id at the end of a stored key. */
export function rowIdOf(storedKey: Uint8Array): Uint8Array {
  return storedKey.subarray(ID_BYTES);
}

/** The same record, to be numbered for another connection. */
export function copyRecord(record: Uint8Array): Uint8Array {
  const copy = sliceBytes(record.length);
  copy.set(record);
  return copy;
}

/** When a row was accepted, by its stored key; a clock that was set back makes it later, never earlier. */
export function rowTimeMs(storedKey: Uint8Array): number {
  return u48At(storedKey, ID_BYTES);
}

/** The same by the row id alone. */
export function rowIdTimeMs(rowId: Uint8Array): number {
  return u48At(rowId, 0);
}

/**
 * A mailbox row's bytes and its place in the order. The value is a schema version byte and then what follows the delivery number
 * in a `deliver` record (packages/protocol/src/mailbox.ts): acceptedAt u64 | expiresAt u64 | suite u8 | class u8 | flags u8 | leg |
 * body?. So a row is delivered by writing a number in front of it, and no sender is in it.
 */
import { encodeDelivery, ID_BYTES, KuvertError, RECORD_TYPES, type Submit } from '@kuvert/protocol';
import type { Random } from '../../clock.ts';

const ROW_VERSION = 1;
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

/** The stored form of a `deliver` record. */
export function rowFromRecord(record: Uint8Array): Uint8Array {
  const row = record.slice(RECORD_HEAD - 1);
  row[0] = ROW_VERSION;
  return row;
}

/** How long the stored form of a `deliver` record is. */
export function rowBytes(record: Uint8Array): number {
  return record.length - (RECORD_HEAD - 1);
}

/** The `deliver` record of a stored row, its delivery number still 0. @throws KuvertError `data_too_new` for a later schema */
export function recordFromRow(row: Uint8Array): Uint8Array {
  if (row[0] !== ROW_VERSION) throw new KuvertError('data_too_new');
  const record = new Uint8Array(RECORD_HEAD - 1 + row.length);
  record.set(row, RECORD_HEAD - 1);
  record[0] = RECORD_TYPES.deliver;
  record[RECORD_HEAD - 1] = 0;
  return record;
}

/** Writes the delivery number into a `deliver` record. */
export function numberRecord(record: Uint8Array, deliverySeq: number): void {
  new DataView(record.buffer, record.byteOffset).setUint32(1, deliverySeq);
}

/** Gives out row ids. */
export interface RowIds {
  next(nowMs: number): Uint8Array;
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
  return {
    next(nowMs) {
      if (nowMs > lastMs) {
        lastMs = nowMs;
        count = 0;
      } else {
        count++;
      }
      const id = new Uint8Array(16);
      const view = new DataView(id.buffer);
      view.setUint16(0, Math.floor(lastMs / 2 ** 32));
      view.setUint32(2, lastMs % 2 ** 32);
      view.setUint32(6, count);
      id.set(ownMark, 10);
      return id;
    },
    goBeyond(rowId) {
      const view = new DataView(rowId.buffer, rowId.byteOffset);
      const ms = view.getUint16(0) * 2 ** 32 + view.getUint32(2);
      if (ms < lastMs) return;
      lastMs = ms + 1;
      count = 0;
    },
  };
}

/** When a row was accepted, by its stored key; a clock that was set back makes it later, never earlier. */
export function rowTimeMs(storedKey: Uint8Array): number {
  const view = new DataView(storedKey.buffer, storedKey.byteOffset);
  return view.getUint16(ID_BYTES) * 2 ** 32 + view.getUint32(ID_BYTES + 2);
}

/** Reading the writer thread's answers, one per kind of request (packing.ts). */
import { KuvertError } from '@kuvert/protocol';
import type { EngineOutcome, StoredRow } from '../engine.ts';
import { STATUS, type Unpacker } from './packing.ts';

const COMMITTED: EngineOutcome = { committed: true };

/** @throws KuvertError `disk_full` */
export function readOutcome(reader: Unpacker): EngineOutcome {
  const status = reader.u8();
  const failedAt = reader.u32();
  const index = reader.u8();
  switch (status) {
    case STATUS.committed:
      return COMMITTED;
    case STATUS.exists:
      return { committed: false, failedAt, reason: 'exists', index: undefined };
    case STATUS.missing:
      return { committed: false, failedAt, reason: 'missing', index: undefined };
    case STATUS.changed:
      return { committed: false, failedAt, reason: 'changed', index: undefined };
    case STATUS.notUnique:
      return { committed: false, failedAt, reason: 'not_unique', index };
    default:
      throw new KuvertError('disk_full');
  }
}

/** Rows of a look-up or a range. Their bytes are views into the answer. */
export function readRows(reader: Unpacker): StoredRow[] {
  const rows: StoredRow[] = [];
  const count = reader.u32();
  for (let i = 0; i < count; i++) {
    const version = reader.f64();
    const expiresAt = reader.f64();
    const key = reader.some();
    const entry = reader.some();
    rows.push({ version, expiresAt: expiresAt < 0 ? undefined : expiresAt, key, entry, doc: reader.some() });
  }
  return rows;
}

/** How many rows expired, and whether there may be more. @throws KuvertError `disk_full` */
export function readExpired(reader: Unpacker): { count: number; more: boolean } {
  const status = reader.u8();
  const count = reader.u32();
  const more = reader.u8() === 1;
  if (status !== STATUS.committed) throw new KuvertError('disk_full');
  return { count, more };
}

/**
 * What a row looks like in MongoDB (docs/decisions/0007). Everything starts with the tenant, so that a tenant stays on one shard:
 *
 *     _id      tenant ‖ key; binary where keys have one width, else `tenant/hex of the key`, because MongoDB orders binary by length first
 *     t        tenant, the shard key
 *     v        version, another number with every write
 *     d        sealed: index entries and document (packages/crypto/src/sealing/row-sealing.ts)
 *     e        expiry in Unix milliseconds, absent for none
 *     i_NAME   entry of an index as hex, absent for none; texts and byte strings in it are hidden (index-entries.ts)
 *     l        changed by whoever relies on this row staying as it is until a commit (round.ts)
 */
import { framed, type RowSealer } from '@kuvert/crypto/sealing';
import { concatBytes, ID_BYTES, idToBytes, KuvertError, type TenantId, utf8 } from '@kuvert/protocol';
import type { CollectionLayout, SpaceName, StoredRow } from '../engine.ts';
import { afterPrefix } from '../tuple-codec.ts';

/** A document as the driver takes and gives it. */
export interface RowDocument {
  _id: string | Uint8Array;
  t: string;
  v: number;
  d: Uint8Array;
  e?: number;
  l?: number;
  [index: `i_${string}`]: string;
}

const CONTROL_BYTES = new Uint8Array(ID_BYTES);
const NO_ENTRY = 0xffff;

function spaceBytes(space: SpaceName): Uint8Array {
  return space === 'control' ? CONTROL_BYTES : idToBytes(space as TenantId);
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** The `_id` of a key. */
export function rowId(layout: CollectionLayout, space: SpaceName, key: Uint8Array): RowDocument['_id'] {
  return layout.keyBytes === undefined
    ? `${space}/${hexOf(key)}`
    : Buffer.from(concatBytes(spaceBytes(space), key));
}

/** The key in an `_id`. */
export function keyOfRow(layout: CollectionLayout, space: SpaceName, id: RowDocument['_id']): Uint8Array {
  if (typeof id !== 'string') return plainBytes(id).subarray(ID_BYTES);
  if (layout.keyBytes !== undefined) throw new KuvertError('data_damaged');
  return plainBytes(Buffer.from(id.slice(space.length + 1), 'hex'));
}

/** The least `_id` of a space that is not before the keys with these leading bytes. */
export function lowestId(layout: CollectionLayout, space: SpaceName, from: Uint8Array): RowDocument['_id'] {
  return layout.keyBytes === undefined ? `${space}/${hexOf(from)}` : padded(layout, spaceBytes(space), from);
}

/** The `_id` before which a range ends. */
export function upperId(
  layout: CollectionLayout,
  space: SpaceName,
  before: Uint8Array | undefined,
): RowDocument['_id'] {
  if (before !== undefined) return lowestId(layout, space, before);
  // '0' is the character after '/'.
  if (layout.keyBytes === undefined) return `${space}0`;
  return padded(layout, afterPrefix(spaceBytes(space)) ?? spaceBytes(space), new Uint8Array(0));
}

/** Zeros at the end change nothing in the order of bytes, and binary of equal length is ordered by its bytes. */
function padded(layout: CollectionLayout, space: Uint8Array, key: Uint8Array): Uint8Array {
  const id = Buffer.alloc(ID_BYTES + (layout.keyBytes ?? 0));
  id.set(space);
  id.set(key.subarray(0, layout.keyBytes ?? 0), ID_BYTES);
  return id;
}

/** A name for a row within one space, for maps. */
export function rowName(collection: number, key: Uint8Array): string {
  return `${collection}/${Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')}`;
}

/** Bytes of the driver as a plain view: a Buffer answers some calls of Uint8Array differently. */
function plainBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}

function placeOf(layout: CollectionLayout, key: Uint8Array, expiresAt: number | undefined): Uint8Array {
  return framed(layout.name, key, utf8(expiresAt === undefined ? '' : String(expiresAt)));
}

/** Everything of a row but its ids, sealed. */
export function sealRow(
  sealer: RowSealer,
  layout: CollectionLayout,
  row: {
    readonly key: Uint8Array;
    readonly doc: Uint8Array;
    readonly entries: readonly (Uint8Array | null)[];
    readonly expiresAt: number | undefined;
  },
): Uint8Array {
  const parts: Uint8Array[] = [new Uint8Array([row.entries.length])];
  for (const entry of row.entries) {
    const length = entry === null ? NO_ENTRY : entry.length;
    parts.push(new Uint8Array([length >> 8, length & 0xff]));
    if (entry !== null) parts.push(entry);
  }
  return sealer.seal(placeOf(layout, row.key, row.expiresAt), concatBytes(...parts, row.doc));
}

/** A row as it was put. */
export interface OpenedRow extends Omit<StoredRow, 'entry'> {
  readonly entries: readonly (Uint8Array | null)[];
}

/** @throws KuvertError `data_damaged` for a row that was altered or put in another's place */
export function openRow(
  sealer: RowSealer,
  layout: CollectionLayout,
  space: SpaceName,
  document: RowDocument,
): OpenedRow {
  const key = keyOfRow(layout, space, document._id);
  const expiresAt = document.e;
  let plain: Uint8Array;
  try {
    plain = sealer.open(placeOf(layout, key, expiresAt), plainBytes(document.d));
  } catch (cause) {
    throw new KuvertError('data_damaged', { cause });
  }
  const entries: (Uint8Array | null)[] = [];
  let at = 1;
  for (let left = plain[0] ?? 0; left > 0; left--) {
    const length = ((plain[at] ?? 0) << 8) | (plain[at + 1] ?? 0);
    at += 2;
    entries.push(length === NO_ENTRY ? null : plain.subarray(at, at + length));
    if (length !== NO_ENTRY) at += length;
  }
  return { key, version: document.v, doc: plain.subarray(at), expiresAt, entries };
}

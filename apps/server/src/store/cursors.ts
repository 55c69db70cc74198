/**
 * Page markers. A marker names the last row of a page and is authenticated under a key of its tenant together with the
 * collection, the index, the order and the bounds of the query, so that it fits nowhere else (design.md §5).
 *
 *     base64url( 16 bytes of HMAC ‖ length of entry (2) ‖ entry ‖ key )
 */
import { timingSafeEqual } from 'node:crypto';
import { framed, hmac } from '@kuvert/crypto/sealing';
import { concatBytes, KuvertError } from '@kuvert/protocol';

const MAC_BYTES = 16;

/** Where a page ended. `entry` is empty for a query over the key. */
export interface Position {
  readonly entry: Uint8Array;
  readonly key: Uint8Array;
}

/** The query that a marker belongs to. */
export interface CursorScope {
  /** From the tenant's data key, see `cursorKey` of `@kuvert/crypto/sealing`. */
  readonly key: Uint8Array;
  readonly collection: string;
  /** Name of the index, empty for the key. */
  readonly index: string;
  readonly descending: boolean;
  readonly from: Uint8Array;
  readonly before: Uint8Array | undefined;
}

function mac(scope: CursorScope, position: Uint8Array): Uint8Array {
  const { collection, index, descending, from, before } = scope;
  const order = descending ? 'desc' : 'asc';
  const bound = before === undefined ? [] : [before];
  return hmac(scope.key, framed(collection, index, order, from, position, ...bound)).subarray(0, MAC_BYTES);
}

/** Makes the marker of a position. */
export function writeCursor(scope: CursorScope, { entry, key }: Position): string {
  const length = new Uint8Array([entry.length >> 8, entry.length & 0xff]);
  const position = concatBytes(length, entry, key);
  return Buffer.from(concatBytes(mac(scope, position), position)).toString('base64url');
}

/** Reads a marker. @throws KuvertError `cursor_invalid` */
export function readCursor(scope: CursorScope, cursor: string): Position {
  const bytes = new Uint8Array(Buffer.from(cursor, 'base64url'));
  if (bytes.length < MAC_BYTES + 2 || Buffer.from(bytes).toString('base64url') !== cursor) {
    throw new KuvertError('cursor_invalid');
  }
  const position = bytes.subarray(MAC_BYTES);
  if (!timingSafeEqual(mac(scope, position), bytes.subarray(0, MAC_BYTES)))
    throw new KuvertError('cursor_invalid');
  const length = ((position[0] ?? 0) << 8) | (position[1] ?? 0);
  return { entry: position.slice(2, 2 + length), key: position.slice(2 + length) };
}

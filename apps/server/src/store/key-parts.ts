/**
 * Fixed-width parts of the key of a binary collection. Their bytes are simply joined: comparing joined bytes is comparing
 * part by part, and a prefix of parts is a prefix of bytes.
 */
import { ID_BYTES, type Id, type IdType, idAt, idToBytes } from '@kuvert/protocol';

/** One part: its width and how a value becomes that many bytes. */
export interface KeyPart<V> {
  readonly width: number;
  /** @throws Error when the value does not have the width; that is a mistake of the caller. */
  write(value: V | Uint8Array, into: Uint8Array, at: number): void;
  read(from: Uint8Array, at: number): V;
}

/** Value type of a part. */
export type PartValue<P> = P extends KeyPart<infer V> ? V : never;

function copy(value: Uint8Array, width: number, into: Uint8Array, at: number): void {
  if (value.length !== width) throw new Error(`a key part of ${value.length} bytes instead of ${width}`);
  into.set(value, at);
}

/** An id of one type. The 17 bytes are accepted too, so that a connection can keep them ready. */
export function idPart<T extends IdType>(type: T): KeyPart<Id<T>> {
  return {
    width: ID_BYTES,
    write: (value, into, at) =>
      copy(typeof value === 'string' ? idToBytes(value) : (value as Uint8Array), ID_BYTES, into, at),
    read: (from, at) => idAt(type, from, at),
  };
}

/** `width` bytes as they are, compared as unsigned bytes. */
export function bytesPart(width: number): KeyPart<Uint8Array> {
  return {
    width,
    write: (value, into, at) => copy(value, width, into, at),
    read: (from, at) => from.slice(at, at + width),
  };
}

/** An integer from 0 to 2⁵³−1 in 8 bytes, big-endian. */
export function integerPart(): KeyPart<number> {
  return {
    width: 8,
    write: (value, into, at) => {
      if (typeof value !== 'number') {
        copy(value, 8, into, at);
        return;
      }
      if (!Number.isSafeInteger(value) || value < 0)
        throw new Error('a key part that is no integer from 0 to 2^53-1');
      const view = new DataView(into.buffer, into.byteOffset);
      view.setUint32(at, Math.floor(value / 0x1_0000_0000));
      view.setUint32(at + 4, value % 0x1_0000_0000);
    },
    read: (from, at) => {
      const view = new DataView(from.buffer, from.byteOffset);
      return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
    },
  };
}

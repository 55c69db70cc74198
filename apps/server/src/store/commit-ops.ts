/** Operations of prebuilt lists on binary collections: an engine's operation with the handle in place of its number. */
import { encodeParts } from './binary-keys.ts';
import type { EngineOp } from './engine.ts';
import type { AnyBinary } from './handles.ts';
import type { Space } from './space.ts';
import type { CommitOp, CommitOps } from './store.ts';

interface BuiltOp extends CommitOp {
  readonly collection: AnyBinary;
  readonly key: Uint8Array;
  readonly doc: Uint8Array | undefined;
  readonly expect: 'any' | 'absent' | 'present';
  readonly expiresAt: number | undefined;
}

const NO_ENTRIES: readonly null[] = [];

function keyOf(collection: AnyBinary, key: readonly unknown[] | Uint8Array): Uint8Array {
  if (!(key instanceof Uint8Array)) {
    if (key.length !== collection.parts.length)
      throw new Error(`a key of ${collection.name} has other parts`);
    return encodeParts(collection.parts, key);
  }
  const { keyBytes } = collection;
  if (key.length !== keyBytes) throw new Error(`a stored key of ${collection.name} has ${keyBytes} bytes`);
  return key;
}

function built(op: BuiltOp): CommitOp {
  return op;
}

/** The builder behind `store.ops`. */
export const commitOps: CommitOps = {
  insert: (collection, key, value, expiresAt) =>
    built({
      kind: 'put',
      collection,
      key: keyOf(collection, key),
      doc: collection.codec.encode(value),
      expect: 'absent',
      expiresAt,
    }),
  put: (collection, key, value, expiresAt) =>
    built({
      kind: 'put',
      collection,
      key: keyOf(collection, key),
      doc: collection.codec.encode(value),
      expect: 'any',
      expiresAt,
    }),
  delete: (collection, key) =>
    built({
      kind: 'delete',
      collection,
      key: keyOf(collection, key),
      doc: undefined,
      expect: 'any',
      expiresAt: undefined,
    }),
  mustExist: (collection, key) =>
    built({
      kind: 'check',
      collection,
      key: keyOf(collection, key),
      doc: undefined,
      expect: 'present',
      expiresAt: undefined,
    }),
};

/** The engine's form of a built operation. */
export function engineOp(space: Space, op: CommitOp): EngineOp {
  const { kind, collection: handle, key, doc, expect, expiresAt } = op as BuiltOp;
  const collection = space.numberOf(handle);
  if (kind === 'delete') return { kind, collection, key };
  if (kind === 'check') return { kind, collection, key, version: 'present' };
  if (doc === undefined) throw new Error('a put without a value');
  if (expiresAt !== undefined && !handle.expires) throw new Error(`rows of ${handle.name} do not expire`);
  return {
    kind,
    collection,
    key,
    doc,
    expect: expect === 'absent' ? 'absent' : 'any',
    entries: NO_ENTRIES,
    expiresAt,
  };
}

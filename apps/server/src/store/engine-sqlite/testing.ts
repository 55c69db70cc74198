/** Folders and engines for the tests of this engine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CollectionLayout, Engine, EngineOp } from '../engine.ts';
import { openSqliteEngine, type SqliteEngineOptions } from './engine.ts';

/** One plain collection, one with a unique index. */
export const layouts: readonly CollectionLayout[] = [
  { name: 'plain', indexes: [], expires: true, spaces: 'all' },
  {
    name: 'indexed',
    indexes: [{ name: 'one', unique: true }],
    expires: false,

    spaces: 'all',
  },
];

/** A new folder, removed by the caller. */
export function newFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'engine-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** An engine with one key for all spaces. */
export function openEngine(folder: string, options: Partial<SqliteEngineOptions> = {}): Promise<Engine> {
  return openSqliteEngine({
    folder,
    layouts,
    spaceKeys: async () => ({ key: new Uint8Array(32).fill(1), create: true }),
    onFailure: () => undefined,
    // One thread, so that steps and batches are counted in one order.
    threads: 1,
    ...options,
  });
}

/** A put of a number into the plain collection. */
export function put(n: number, size = 4): EngineOp {
  return {
    kind: 'put',
    collection: 0,
    key: key(n),
    expect: 'any',
    doc: new Uint8Array(size),
    entries: [],
    expiresAt: undefined,
  };
}

/** The key of a number. */
export function key(n: number): Uint8Array {
  return new Uint8Array([n >> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255]);
}

/** The code of what a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
  throw new Error('this was expected to be refused');
}

/** The first thousand rows of a collection, those of {@link put} unless told, in order of their keys. */
export function controlRows(engine: Engine, collection = 0): ReturnType<Engine['range']> {
  return engine.range('control', {
    collection,
    index: undefined,
    from: new Uint8Array(0),
    before: undefined,
    after: undefined,
    descending: false,
    limit: 1_000,
  });
}

/** The number that a row was written with ({@link key}). */
export function numberOf(row: { readonly key: Uint8Array }): number {
  return Buffer.from(row.key).readUInt32BE(0);
}

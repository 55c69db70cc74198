/**
 * One run of the body of `scope.write`: reads are noted with their versions, writes are kept back, and at the end all of it
 * becomes one list for the engine (wire.md §5).
 */
import { KuvertError } from '@kuvert/protocol';
import type { AnyCollection, KeyValue } from './collection.ts';
import { engineOp } from './commit-ops.ts';
import { dataKeys, OWN_SUBJECT } from './data-keys.ts';
import type { EngineOp } from './engine.ts';
import { guardRows } from './guard-rows.ts';
import { asDocument } from './handles.ts';
import { findRow, findRowBy, listRows, type Seen } from './reading.ts';
import { encodeDocument, encodeKey } from './row-codec.ts';
import type { Space } from './space.ts';
import type { CommitOp } from './store.ts';
import { encodeTuple } from './tuple-codec.ts';

/** What was read is known to have changed already; the body has to run again. */
export class ReadChangedError extends Error {
  override readonly name = 'ReadChangedError';
}

interface ReadNote {
  readonly collection: number;
  readonly key: Uint8Array;
  readonly version: number | 'absent';
}

type Write =
  | { readonly kind: 'insert' | 'put'; readonly collection: AnyCollection; readonly row: unknown }
  | { readonly kind: 'delete'; readonly collection: AnyCollection; readonly key: Uint8Array }
  | { readonly kind: 'op'; readonly op: CommitOp };

/** A list ready to commit, with what each operation came from. */
export interface PreparedList {
  readonly ops: readonly EngineOp[];
  /** Operations before this one are checks. */
  readonly checks: number;
  /** Operations before this one are rows of new data keys. */
  readonly newKeys: number;
  readonly committed: () => void;
}

export class Transaction {
  readonly #space: Space;
  readonly #reads = new Map<string, ReadNote>();
  readonly #writes: Write[] = [];
  /** The last write per key of a document collection, for reading one's own writes. */
  readonly #latest = new Map<string, { readonly row: unknown }>();
  readonly #destroyed: string[] = [];
  #listed = false;
  #open = true;

  constructor(space: Space) {
    this.#space = space;
  }

  get hasReads(): boolean {
    return this.#reads.size > 0;
  }

  readonly #seen: Seen = (collection, key, version) => {
    const name = noteName(collection, key);
    const before = this.#reads.get(name);
    if (before !== undefined && before.version !== version) throw new ReadChangedError();
    this.#reads.set(name, { collection, key, version });
  };

  async get(collection: AnyCollection, ...key: readonly unknown[]): Promise<unknown> {
    const row = await this.find(collection, ...key);
    if (row === undefined) throw new KuvertError('not_found');
    return row;
  }

  async find(collection: AnyCollection, ...key: readonly unknown[]): Promise<unknown> {
    this.#mustBeOpen();
    const own = this.#latest.get(noteName(this.#space.numberOf(collection), encodeKey(collection, key)));
    return own === undefined ? findRow(this.#space, collection, key, this.#seen) : own.row;
  }

  async findBy(collection: AnyCollection, index: string, ...values: readonly unknown[]): Promise<unknown> {
    this.#mustBeOpen();
    this.#listed = true;
    return findRowBy(this.#space, collection, { index, values }, this.#seen);
  }

  async list(collection: AnyCollection, query: object = {}): Promise<unknown> {
    this.#mustBeOpen();
    this.#listed = true;
    return listRows(this.#space, collection, query, this.#seen);
  }

  async guard(name: string, ...parts: readonly KeyValue[]): Promise<void> {
    this.#mustBeOpen();
    // A list read before the guard could miss a row that a transaction under the same guard has just committed.
    if (this.#listed) throw new Error(`guard ${name} has to come before list and findBy`);
    const guarded = guardRows[this.#space.scope];
    const key = encodeTuple([name, ...parts]);
    await findRow(this.#space, guarded, [key], this.#seen);
    this.#writes.push({ kind: 'put', collection: guarded, row: { key } });
  }

  insert(collection: AnyCollection, row: unknown): void {
    this.#buffer('insert', collection, row);
  }

  put(collection: AnyCollection, row: unknown): void {
    this.#buffer('put', collection, row);
  }

  delete(collection: AnyCollection, ...key: readonly unknown[]): void {
    this.#mustBeOpen();
    const number = this.#space.numberOf(collection);
    const storedKey = encodeKey(collection, key);
    this.#writes.push({ kind: 'delete', collection, key: storedKey });
    this.#latest.set(noteName(number, storedKey), { row: undefined });
  }

  destroyKey(subject: string): void {
    this.#mustBeOpen();
    if (subject === OWN_SUBJECT) throw new Error('the key of a whole space is not that of a subject');
    this.#destroyed.push(subject);
    this.#writes.push({ kind: 'delete', collection: dataKeys, key: encodeTuple([subject]) });
  }

  apply(op: CommitOp): void {
    this.#mustBeOpen();
    this.#writes.push({ kind: 'op', op });
  }

  #buffer(kind: 'insert' | 'put', collection: AnyCollection, row: unknown): void {
    this.#mustBeOpen();
    const number = this.#space.numberOf(collection);
    const document = row as Record<string, unknown>;
    const key = encodeKey(
      collection,
      asDocument(collection).keyFields.map((field) => document[field]),
    );
    this.#writes.push({ kind, collection, row });
    this.#latest.set(noteName(number, key), { row });
  }

  #mustBeOpen(): void {
    if (!this.#open) throw new Error('a transaction was used after its body had ended');
  }

  /** Ends the run and makes its list: checks of what was read, then writes in the order of the body. */
  async prepare(): Promise<PreparedList> {
    this.#open = false;
    const checks = this.checks();
    const { keys, newRows, committed } = this.#space.keysForWriting();
    const writes: EngineOp[] = [];
    for (const write of this.#writes) writes.push(await this.#engineWrite(write, keys));
    const newKeys = checks.length + newRows.length;
    return {
      ops: [...checks, ...newRows, ...writes],
      checks: checks.length,
      newKeys,
      committed: () => {
        committed();
        for (const subject of this.#destroyed) this.#space.forgetKey(subject);
      },
    };
  }

  /** Checks that all that was read is still as it was. */
  checks(): EngineOp[] {
    return [...this.#reads.values()].map(({ collection, key, version }) => ({
      kind: 'check',
      collection,
      key,
      version,
    }));
  }

  async #engineWrite(write: Write, keys: ReturnType<Space['keysForWriting']>['keys']): Promise<EngineOp> {
    if (write.kind === 'op') return engineOp(this.#space, write.op);
    const collection = this.#space.numberOf(write.collection);
    if (write.kind === 'delete') return { kind: 'delete', collection, key: write.key };
    const { key, doc, entries, expiresAt } = await encodeDocument(
      asDocument(write.collection),
      write.row,
      this.#space,
      keys,
    );
    return {
      kind: 'put',
      collection,
      key,
      doc,
      entries,
      expiresAt,
      expect: write.kind === 'insert' ? 'absent' : 'any',
    };
  }
}

function noteName(collection: number, key: Uint8Array): string {
  return `${collection}/${Buffer.from(key).toString('latin1')}`;
}

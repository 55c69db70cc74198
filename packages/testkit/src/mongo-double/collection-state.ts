/**
 * One collection at one moment: documents by record number and an ordered tree per index. The trees share their nodes with their copies
 * until one of the two is written, so that a snapshot costs nothing. Documents are never changed in place.
 */
import { createRequire } from 'node:module';
import type { Document } from 'bson';
import { inverted, sortKey } from './bson-order.ts';
import { CommandError } from './command-error.ts';
import { compileFilter, type Matcher, shown } from './match.ts';
import { asNumber, truthy } from './numbers.ts';
import { indexValuesAt } from './paths.ts';

// The package is CommonJS with a default of its own, which loaders import in different ways.
const { default: BTree } = createRequire(import.meta.url)('sorted-btree') as typeof import('sorted-btree');
type Tree<K, V> = InstanceType<typeof BTree<K, V>>;

/** Number of a stored document, in the order of insertion. */
export type RecordId = number;

/** One index: how it was asked for, and its entries. */
export interface Index {
  /** As `listIndexes` shows it. */
  readonly spec: Document;
  readonly name: string;
  readonly fields: readonly { readonly path: string; readonly descending: boolean }[];
  readonly unique: boolean;
  readonly sparse: boolean;
  readonly partial: Matcher | undefined;
  /** Key and record number joined, to the record number. */
  readonly entries: Tree<string, RecordId>;
  /** Whether a document ever had an array there. */
  multikey: boolean;
}

/** What a collection was created with. */
export interface CollectionOptions {
  readonly options: Document;
  readonly uuid: Document;
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function entryOf(key: string, id: RecordId): string {
  return (
    key +
    String.fromCharCode(
      (id / 2 ** 32) >>> 0,
      (id >>> 24) & 255,
      (id >>> 16) & 255,
      (id >>> 8) & 255,
      id & 255,
    )
  );
}

/** See the head of the file. */
export class CollectionState {
  readonly ns: string;
  readonly about: CollectionOptions;
  readonly records: Tree<RecordId, Document>;
  readonly indexes: Map<string, Index>;
  /** The moment since which nobody else holds it; older ones are copied before they are written. */
  readonly epoch: number;
  readonly #validates: Matcher | undefined;

  constructor(ns: string, about: CollectionOptions, epoch: number, from?: CollectionState) {
    this.ns = ns;
    this.about = about;
    this.epoch = epoch;
    const { validator } = about.options;
    this.#validates = validator === undefined ? undefined : compileFilter(validator);
    this.records = from?.records.clone() ?? new BTree<RecordId, Document>(undefined, (a, b) => a - b);
    this.indexes = new Map();
    for (const [name, index] of from?.indexes ?? []) {
      this.indexes.set(name, { ...index, entries: index.entries.clone() });
    }
    if (from === undefined) this.addIndex({ v: 2, key: { _id: 1 }, name: '_id_' });
  }

  /** A copy to be written, of the same or of other options. */
  copy(epoch: number, about = this.about): CollectionState {
    return new CollectionState(this.ns, about, epoch, this);
  }

  /** @throws CommandError DocumentValidationFailure */
  validate(doc: Document): void {
    const { validationLevel = 'strict', validationAction = 'error' } = this.about.options;
    if (this.#validates === undefined || validationLevel === 'off' || validationAction !== 'error') return;
    if (this.#validates(doc)) return;
    const errInfo = {
      failingDocumentId: doc._id,
      details: { operatorName: '$jsonSchema', schemaRulesNotSatisfied: [] },
    };
    throw new CommandError('DocumentValidationFailure', 'Document failed validation', {
      fields: { errInfo },
    });
  }

  /** The keys of a document in an index; more than one when it has an array there, none when the index leaves it out. */
  keysOf(index: Index, doc: Document): string[] {
    if (index.partial !== undefined && !index.partial(doc)) return [];
    let keys = [''];
    let present = false;
    for (const { path, descending } of index.fields) {
      const { values, isArray } = indexValuesAt(doc, path);
      if (isArray) index.multikey = true;
      if (values.some((value) => value !== undefined)) present = true;
      const parts = values.map((value) => (descending ? inverted(sortKey(value)) : sortKey(value)));
      keys = keys.flatMap((key) => parts.map((part) => key + part));
    }
    if (index.sparse && !present) return [];
    return keys.length === 1 ? keys : [...new Set(keys)];
  }

  /** The record that already has this key of a unique index, other than `but`. */
  holderOf(index: Index, key: string, but: RecordId | undefined): RecordId | undefined {
    for (const [entry, id] of index.entries.entries(key)) {
      if (!entry.startsWith(key)) return undefined;
      if (id !== but && entry.length === key.length + 5) return id;
    }
    return undefined;
  }

  /** The error that says which key is taken twice. */
  duplicateKey(index: Index, doc: Document): CommandError {
    const keyPattern = Object.fromEntries(
      index.fields.map(({ path, descending }) => [path, descending ? -1 : 1]),
    );
    const keyValue = Object.fromEntries(
      index.fields.map(({ path }) => [path, indexValuesAt(doc, path).values[0] ?? null]),
    );
    return new CommandError(
      'DuplicateKey',
      `E11000 duplicate key error collection: ${this.ns} index: ${index.name} dup key: ${shown(keyValue)}`,
      { fields: { keyPattern, keyValue } },
    );
  }

  /** Stores, replaces (or with undefined removes) a document and its entries. Uniqueness has been looked at before. */
  put(id: RecordId, doc: Document | undefined): void {
    const before = this.records.get(id);
    for (const index of this.indexes.values()) {
      if (before !== undefined)
        for (const key of this.keysOf(index, before)) index.entries.delete(entryOf(key, id));
      if (doc !== undefined)
        for (const key of this.keysOf(index, doc)) index.entries.set(entryOf(key, id), id);
    }
    if (doc === undefined) this.records.delete(id);
    else this.records.set(id, doc);
  }

  /** Builds an index. @throws CommandError DuplicateKey, CannotCreateIndex */
  addIndex(spec: Document): void {
    const index: Index = {
      spec,
      name: String(spec.name),
      fields: Object.entries(spec.key as Document).map(([path, way]) => ({
        path,
        descending: (asNumber(way) ?? 1) < 0,
      })),
      unique: truthy(spec.unique) || spec.name === '_id_',
      sparse: truthy(spec.sparse),
      partial:
        spec.partialFilterExpression === undefined ? undefined : compileFilter(spec.partialFilterExpression),
      entries: new BTree<string, RecordId>(undefined, byText),
      multikey: false,
    };
    for (const [id, doc] of this.records.entries()) {
      for (const key of this.keysOf(index, doc)) {
        if (index.unique && this.holderOf(index, key, id) !== undefined) throw this.duplicateKey(index, doc);
        index.entries.set(entryOf(key, id), id);
      }
    }
    this.indexes.set(index.name, index);
  }
}

/** One space of the database while it is in use: its keys, and how rows and entries of it look. */
import { RowSealer } from '@kuvert/crypto/sealing';
import type { Collection, Db } from 'mongodb';
import type { CollectionLayout, EngineOp, SpaceName, StoredRow } from '../engine.ts';
import { splitTuple } from '../tuple-codec.ts';
import { EntryHider } from './index-entries.ts';
import { type OpenedRow, openRow, type RowDocument, rowId, sealRow } from './stored-rows.ts';

/** What all spaces share. */
export interface Tables {
  readonly db: Db;
  readonly layouts: readonly CollectionLayout[];
}

/** @see the head of this file */
export class OpenSpace {
  readonly name: SpaceName;
  readonly #tables: Tables;
  readonly #sealer: RowSealer;
  readonly #hider: EntryHider;
  #version = Math.floor(Math.random() * 2 ** 52);

  /** @param key 32 bytes, see {@link SpaceKeys} */
  constructor(name: SpaceName, key: Uint8Array, tables: Tables) {
    this.name = name;
    this.#tables = tables;
    this.#sealer = new RowSealer(key);
    this.#hider = new EntryHider(key);
  }

  get database(): Db {
    return this.#tables.db;
  }

  layout(collection: number): CollectionLayout {
    const layout = this.#tables.layouts[collection];
    if (layout === undefined) throw new Error(`no collection number ${collection}`);
    return layout;
  }

  table(collection: number): Collection<RowDocument> {
    return this.#tables.db.collection<RowDocument>(this.layout(collection).name);
  }

  /** The condition that names one row. The tenant is in it, so that a sharded cluster asks one shard. */
  filter(collection: number, key: Uint8Array): { t: string; _id: RowDocument['_id'] } {
    return { t: this.name, _id: rowId(this.layout(collection), this.name, key) };
  }

  /** A number that no other write of the same row has had. */
  nextVersion(): number {
    this.#version = this.#version >= Number.MAX_SAFE_INTEGER ? 1 : this.#version + 1;
    return this.#version;
  }

  /** The hidden form of an entry, as it stands in the index. */
  entryText(collection: number, index: number, entry: Uint8Array): string {
    const parts = splitTuple(entry);
    if (parts === undefined) throw new Error('an index entry that is no tuple');
    return this.partsText(collection, index, parts);
  }

  /** @see entryText */
  partsText(collection: number, index: number, parts: Parameters<EntryHider['hide']>[1]): string {
    return Buffer.from(this.hiddenBytes(collection, index, parts)).toString('hex');
  }

  hiddenBytes(collection: number, index: number, parts: Parameters<EntryHider['hide']>[1]): Uint8Array {
    const layout = this.layout(collection);
    const name = layout.indexes[index]?.name ?? '';
    return this.#hider.hide({ collection: layout.name, index: name }, parts);
  }

  /** The document of a row that is put. */
  document(op: Extract<EngineOp, { kind: 'put' }>, version: number): RowDocument {
    const layout = this.layout(op.collection);
    const document: RowDocument = {
      ...this.filter(op.collection, op.key),
      v: version,
      d: sealRow(this.#sealer, layout, op),
    };
    if (op.expiresAt !== undefined) document.e = op.expiresAt;
    op.entries.forEach((entry, index) => {
      if (entry !== null)
        document[`i_${layout.indexes[index]?.name}`] = this.entryText(op.collection, index, entry);
    });
    return document;
  }

  /** A row that is there for the length of a transaction, so that nobody else makes it meanwhile. */
  placeholder(collection: number, key: Uint8Array): RowDocument {
    return { ...this.filter(collection, key), v: this.nextVersion(), d: new Uint8Array(0) };
  }

  open(collection: number, document: RowDocument): OpenedRow {
    return openRow(this.#sealer, this.layout(collection), this.name, document);
  }

  /** @param index the index that was asked, undefined for the key */
  row(collection: number, document: RowDocument, index: number | undefined): StoredRow {
    const { entries, ...row } = this.open(collection, document);
    return { ...row, entry: (index === undefined ? undefined : entries[index]) ?? new Uint8Array(0) };
  }
}

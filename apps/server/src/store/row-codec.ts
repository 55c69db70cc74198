/**
 * Documents as bytes and back: schema check, sealing field by field, index entries, expiry.
 *
 *     stored document = schema version 1 (1 byte) ‖ strict CBOR, in which a sealed field is its sealed bytes
 */
import { blindEntry, blindKey, type DataKey, openValue, sealValue } from '@kuvert/crypto/sealing';
import { type CborValue, concatBytes, decodeCbor, encodeCbor, KuvertError, utf8 } from '@kuvert/protocol';
import { decodeParts, encodeParts } from './binary-keys.ts';
import type { AnyCollection, BinaryRow, IndexDeclaration, KeyValue } from './collection.ts';
import { OWN_SUBJECT } from './data-keys.ts';
import type { StoredRow } from './engine.ts';
import { type AnyBinary, type AnyDocument, asDocument, isBinary } from './handles.ts';
import { encodeTuple } from './tuple-codec.ts';

/** Where a document's data keys come from while it is sealed or opened. */
export type SubjectKeys = (subject: string) => Promise<DataKey>;

/** What sealing and opening need to know of a space. */
export interface SealingSpace {
  readonly name: string;
  /** Level of the data (installation.ts), which says which form of a document may be written. */
  readonly level: number;
  ownKey(): Promise<DataKey>;
  readonly keyForReading: SubjectKeys;
}

type Plain = Record<string, unknown>;

/** A document ready for an engine. */
export interface EncodedRow {
  readonly key: Uint8Array;
  readonly doc: Uint8Array;
  readonly entries: readonly (Uint8Array | null)[];
  readonly expiresAt: number | undefined;
}

/** The stored key of a row, from its key values (or, for bytes, from one stored key). */
export function encodeKey(collection: AnyCollection, key: readonly unknown[]): Uint8Array<ArrayBuffer> {
  if (isBinary(collection)) {
    if (key.length !== collection.parts.length)
      throw new Error(`a key of ${collection.name} has other parts`);
    return encodeParts(collection.parts, key);
  }
  if (key.length !== asDocument(collection).keyFields.length) {
    throw new Error(`a key of ${collection.name} has other parts`);
  }
  return encodeTuple(key as readonly KeyValue[]);
}

/** Checks a document against its schema. The error names fields, never their content. */
function checked(collection: AnyDocument, document: unknown): Plain {
  const result = collection.schema.safeParse(document);
  if (result.success) return result.data;
  const where = result.error.issues.map((issue) => `${issue.path.join('.')} (${issue.code})`);
  throw new Error(`a document of ${collection.name} does not fit its schema: ${where.join(', ')}`);
}

function entryOf(
  index: IndexDeclaration,
  document: Plain,
  blind: (field: string) => Uint8Array,
): Uint8Array | null {
  const values = index.fields.map((field) => document[field]);
  if (values.some((value) => value === null || value === undefined)) return null;
  if (index.blind === undefined) return encodeTuple(values as KeyValue[]);
  const [field = ''] = index.fields;
  return blindEntry(blind(field), utf8(index.blind.normalize(String(values[0]))));
}

function encode(
  collection: AnyDocument,
  document: Plain,
  seal: {
    level: number;
    blind: (field: string) => Uint8Array;
    value: (field: string, key: Uint8Array) => Uint8Array;
  },
): EncodedRow {
  const key = encodeTuple(collection.keyFields.map((field) => document[field] as KeyValue));
  const entries = collection.indexList.map((index) => entryOf(index, document, seal.blind));
  const stored: Plain = { ...document };
  for (const field of collection.sealedFields.keys()) {
    if (document[field] !== undefined) stored[field] = seal.value(field, key);
  }
  const { versions } = collection;
  const isOld = versions !== undefined && seal.level < versions.since;
  const form = (versions?.current ?? 1) - (isOld ? 1 : 0);
  const expiresAt = collection.retentionField === undefined ? undefined : document[collection.retentionField];
  return {
    key,
    entries,
    doc: concatBytes(
      new Uint8Array([form]),
      encodeCbor((isOld ? versions.downgrade(stored) : stored) as CborValue),
    ),
    expiresAt: typeof expiresAt === 'number' ? expiresAt : undefined,
  };
}

/** Encodes a document of a collection without sealed fields. @param level of the data; not given for collections that have one form */
export function encodePlainDocument(
  collection: AnyDocument,
  document: unknown,
  level = Number.MAX_SAFE_INTEGER,
): EncodedRow {
  const none = () => {
    throw new Error(`${collection.name} has sealed fields`);
  };
  return encode(collection, checked(collection, document), { level, blind: none, value: none });
}

function subjectOf(collection: AnyDocument, field: string, document: Plain): string {
  const subject = collection.sealedFields.get(field)?.subject ?? OWN_SUBJECT;
  if (subject === OWN_SUBJECT) return OWN_SUBJECT;
  const name = document[subject];
  if (typeof name !== 'string')
    throw new Error(`${collection.name}.${field} is sealed for a subject that is not there`);
  return name;
}

/** Encodes and seals a document. */
export async function encodeDocument(
  collection: AnyDocument,
  row: unknown,
  space: SealingSpace,
  keys: SubjectKeys,
): Promise<EncodedRow> {
  if (collection.sealedFields.size === 0) return encodePlainDocument(collection, row, space.level);
  const document = checked(collection, row);
  const own = await space.ownKey();
  const keyOf = new Map<string, DataKey>();
  for (const field of collection.sealedFields.keys()) {
    if (document[field] !== undefined) keyOf.set(field, await keys(subjectOf(collection, field, document)));
  }
  return encode(collection, document, {
    level: space.level,
    blind: (field) => blindKey(own.key, collection.name, field),
    value: (field, key) => {
      const dataKey = keyOf.get(field);
      if (dataKey === undefined) throw new Error(`no data key for ${collection.name}.${field}`);
      return sealValue(
        dataKey,
        place(space, collection, key, field),
        encodeCbor(document[field] as CborValue),
      );
    },
  });
}

function place(space: SealingSpace, collection: AnyCollection, key: Uint8Array, field: string) {
  return { tenant: utf8(space.name), collection: collection.name, key, field };
}

/** Decodes and opens a row. @throws KuvertError `data_too_new` for a schema version of a later release */
export async function decodeDocument(
  collection: AnyDocument,
  row: StoredRow,
  space: SealingSpace,
): Promise<Plain> {
  const [form = 0] = row.doc;
  const current = collection.versions?.current ?? 1;
  if (form > current) throw new KuvertError('data_too_new');
  // Older than the form before: the release in between was never finalised, which its level would have told.
  if (form < Math.max(1, current - 1)) throw new KuvertError('data_damaged');
  const decoded = decodeCbor(row.doc.subarray(1)) as Plain;
  const document = form < current ? (collection.versions?.upgrade(decoded) ?? decoded) : decoded;
  for (const field of collection.sealedFields.keys()) {
    const sealed = document[field];
    if (!(sealed instanceof Uint8Array)) continue;
    const dataKey = await space.keyForReading(subjectOf(collection, field, document));
    document[field] = decodeCbor(openValue(dataKey, place(space, collection, row.key, field), sealed));
  }
  return document;
}

/** A row as features see it. */
export async function decodeRow(
  collection: AnyCollection,
  row: StoredRow,
  space: SealingSpace,
): Promise<unknown> {
  if (!isBinary(collection)) return decodeDocument(asDocument(collection), row, space);
  return decodeBinaryRow(collection, row);
}

/** The same for what has no sealed fields, without waiting. */
export function decodeBinaryRow(
  collection: AnyBinary,
  row: StoredRow,
): BinaryRow<unknown, readonly unknown[]> {
  return new OpenedRow(collection, row);
}

/** A row of bytes. The ids in its key are only read for whoever asks: a mailbox is handed over without. */
class OpenedRow implements BinaryRow<unknown, readonly unknown[]> {
  readonly storedKey: Uint8Array;
  readonly value: unknown;
  readonly expiresAt: number | undefined;
  readonly #parts: AnyBinary['parts'];

  constructor({ parts, codec }: AnyBinary, row: StoredRow) {
    this.storedKey = row.key;
    this.value = codec.decode(row.doc);
    this.expiresAt = row.expiresAt;
    this.#parts = parts;
  }

  get key(): readonly unknown[] {
    return decodeParts(this.#parts, this.storedKey);
  }
}

/** The entry that a look-up by index compares with. */
export async function entryForLookup(
  collection: AnyDocument,
  index: IndexDeclaration,
  values: readonly unknown[],
  space: SealingSpace,
): Promise<Uint8Array> {
  if (index.blind === undefined) return encodeTuple(values as KeyValue[]);
  const own = await space.ownKey();
  const text = utf8(index.blind.normalize(String(values[0])));
  return blindEntry(blindKey(own.key, collection.name, index.fields[0] ?? ''), text);
}

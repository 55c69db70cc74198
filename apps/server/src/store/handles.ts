/** The two kinds of handle below the typed port, and their numbers in an engine. */
import type {
  AnyCollection,
  BinaryCollection,
  DocumentCollection,
  KeyValue,
  ScopeKind,
} from './collection.ts';
import type { CollectionLayout } from './engine.ts';

export type AnyDocument = DocumentCollection<
  // biome-ignore lint/suspicious/noExplicitAny: below the typed port a document is checked by its schema.
  any,
  readonly KeyValue[],
  Record<string, readonly unknown[]>,
  ScopeKind
>;
// biome-ignore lint/suspicious/noExplicitAny: below the typed port a value is whatever the codec of its collection takes.
export type AnyBinary = BinaryCollection<any, readonly unknown[], ScopeKind>;

/** Tells the two kinds of handle apart. */
export function isBinary(collection: AnyCollection): collection is AnyBinary {
  return collection.kind === 'bytes';
}

/** Tells the two kinds of handle apart. */
export function asDocument(collection: AnyCollection): AnyDocument {
  if (collection.kind !== 'document') throw new Error(`${collection.name} is a collection of bytes`);
  return collection as AnyDocument;
}

/** All collections of a store by number. Asking for one that was not given at opening is an assertion. */
export class CollectionNumbers {
  readonly layouts: readonly CollectionLayout[];
  readonly collections: readonly AnyCollection[];
  readonly #numbers = new Map<AnyCollection, number>();

  /** @param everywhere collections that the control file has as well as every tenant's. */
  constructor(collections: readonly AnyCollection[], everywhere: ReadonlySet<AnyCollection>) {
    this.collections = collections;
    const names = new Set<string>();
    for (const [number, collection] of collections.entries()) {
      if (names.has(collection.name)) throw new Error(`two collections are called ${collection.name}`);
      names.add(collection.name);
      this.#numbers.set(collection, number);
    }
    this.layouts = collections.map((collection) => ({
      name: collection.name,
      spaces: everywhere.has(collection) ? 'all' : collection.scope === 'tenant' ? 'tenants' : 'control',
      ...(isBinary(collection)
        ? {
            indexes: [],
            expires: collection.expires,
            keyBytes: collection.keyBytes,
            gate: collection.gate,
            clustered: collection.clustered,
            shortLived: collection.shortLived,
          }
        : {
            indexes: asDocument(collection).indexList.map(({ name, unique }) => ({ name, unique })),
            expires: asDocument(collection).retentionField !== undefined,
          }),
    }));
  }

  of(collection: AnyCollection): number {
    const number = this.#numbers.get(collection);
    if (number === undefined) throw new Error(`collection ${collection.name} was not given to openStore`);
    return number;
  }
}

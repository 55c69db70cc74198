/**
 * Declaring what is stored (design.md §5). A feature declares a collection once; every engine serves it. A handle is plain
 * data: it can do nothing by itself, because there is no way to reach a row without a scope.
 */
import type { z } from 'zod';
import type { KeyPart, PartValue } from './key-parts.ts';

/** What a key or an index may be made of. Ids stand in their text form and are stored as their 17 bytes. */
export type KeyValue = string | number | boolean | Uint8Array;

/** In whose file a collection lives: one per tenant, or the operator's control file. */
export type ScopeKind = 'tenant' | 'operator';

type FieldOf<D> = keyof D & string;
type Present<V> = Exclude<V, null | undefined>;

/** How one index is declared: field names, or field names with `unique`. */
export type IndexOption<D> =
  | readonly FieldOf<D>[]
  | { readonly on: readonly FieldOf<D>[]; readonly unique?: boolean };

/** How one blind index is declared: an equality look-up over a sealed text field. */
export interface BlindOption<D> {
  readonly field: FieldOf<D>;
  readonly unique?: boolean;
  /** Applied before hashing, on write and on look-up, for example `(mail) => mail.toLowerCase()`. */
  readonly normalize?: (text: string) => string;
}

/** Sealed fields under the tenant's data key (list), or each under the data key of the subject it names (record). */
export type SealedOption<D> =
  | readonly FieldOf<D>[]
  | { readonly [F in FieldOf<D>]?: { readonly subject: FieldOf<D> | 'tenant' } };

/** How the stored form of a collection has changed. */
export interface FormVersions {
  /** Number of this release's form; the first form of a collection is 1. */
  readonly current: number;
  /** Data level from which on it is written; until then the form before is. */
  readonly since: number;
  /** A document of the form before, as one of this form. */
  readonly upgrade: (before: Record<string, unknown>) => Record<string, unknown>;
  /** A document of this form, as one that the release before can read. */
  readonly downgrade: (document: Record<string, unknown>) => Record<string, unknown>;
}

/** What {@link collection} takes. */
export interface CollectionOptions<
  S extends z.ZodObject,
  K extends readonly FieldOf<z.output<S>>[],
  I extends Record<string, IndexOption<z.output<S>>>,
  B extends Record<string, BlindOption<z.output<S>>>,
  Sc extends ScopeKind,
> {
  /** The only shape that can be written; checked on every write. */
  readonly document: S;
  /** Fields of the primary key, in order. They can be neither sealed nor absent. */
  readonly key: K;
  /** Other ways to ask. A row in which a field of an index is null or absent is not in that index. */
  readonly indexes?: I;
  /** Fields encrypted one by one with AES-256-GCM before they reach the engine (wire.md §5). */
  readonly sealed?: SealedOption<z.output<S>>;
  /** Equality look-up over sealed fields by HMAC. */
  readonly blind?: B;
  /** The field that holds the time (Unix milliseconds) from which {@link TenantScope.expire} may remove the row. */
  readonly retention?: FieldOf<z.output<S>>;
  /**
   * Of a collection whose stored form has changed since an earlier release. Sealed fields, key and retention are the same in both
   * forms; a release knows its own form and the one before (installation.ts).
   */
  readonly versions?: FormVersions;
  /** `operator`: lives in the control file and is reached by `store.operator()` only. Default `tenant`. */
  readonly scope?: Sc;
}

declare const types: unique symbol;

/** What both kinds of handle have in common. */
export interface AnyCollection {
  readonly name: string;
  readonly scope: ScopeKind;
  readonly kind: 'document' | 'bytes';
  /** Only for the type checker: what a row, its key and its indexes look like. */
  readonly [types]?: { row: unknown; key: readonly unknown[]; indexes: Record<string, readonly unknown[]> };
}

/** Tuple of the values of fields `K` of document `D`. */
export type ValuesOf<D, K extends readonly unknown[]> = {
  readonly [P in keyof K]: K[P] extends keyof D ? Present<D[K[P]]> : never;
};

type FieldsOfIndex<O> = O extends readonly string[] ? O : O extends { readonly on: infer F } ? F : never;

type IndexesOf<D, I, B> = {
  [N in keyof I & string]: FieldsOfIndex<I[N]> extends infer F extends readonly unknown[]
    ? ValuesOf<D, F>
    : never;
} & { [N in keyof B & string]: readonly [string] };

/** Handle of a collection of zod documents. */
export interface DocumentCollection<
  D,
  K extends readonly unknown[],
  I extends Record<string, readonly unknown[]>,
  Sc extends ScopeKind,
> extends AnyCollection {
  readonly kind: 'document';
  readonly scope: Sc;
  readonly [types]?: { row: D; key: K; indexes: I };
  readonly schema: z.ZodObject;
  readonly keyFields: readonly string[];
  /** Ordinary and blind indexes in the order of declaration, which is the order of their columns. */
  readonly indexList: readonly IndexDeclaration[];
  readonly sealedFields: ReadonlyMap<string, { readonly subject: string | 'tenant' }>;
  readonly retentionField: string | undefined;
  readonly versions: FormVersions | undefined;
}

/** One index as the store sees it. */
export interface IndexDeclaration {
  readonly name: string;
  readonly fields: readonly string[];
  readonly unique: boolean;
  /** Set for a blind index: how the text is made comparable before it is hashed. */
  readonly blind: { readonly normalize: (text: string) => string } | undefined;
}

/** Turns the value of a row of bytes into bytes and back. No validation per row: for hot paths. */
export interface ByteCodec<V> {
  encode(value: V): Uint8Array;
  decode(bytes: Uint8Array): V;
}

/** A row of a {@link BinaryCollection}. */
export interface BinaryRow<V, K extends readonly unknown[]> {
  /** The key as given at the declaration, decoded. */
  readonly key: K;
  /** The key as stored: order of bytes is order of rows. Accepted wherever a key is, to save encoding it again. */
  readonly storedKey: Uint8Array;
  readonly value: V;
  /** Unix milliseconds, or undefined when the row never expires. */
  readonly expiresAt: number | undefined;
}

/** Handle of a collection whose rows are bytes under a fixed-width key: mailbox rows, submit records. */
export interface BinaryCollection<V, K extends readonly unknown[], Sc extends ScopeKind>
  extends AnyCollection {
  readonly kind: 'bytes';
  readonly scope: Sc;
  readonly [types]?: { row: BinaryRow<V, K>; key: K; indexes: Record<never, readonly unknown[]> };
  readonly parts: readonly KeyPart<unknown>[];
  /** Width of all parts together. */
  readonly keyBytes: number;
  readonly codec: ByteCodec<V>;
  readonly expires: boolean;
  readonly gate: boolean;
  readonly clustered: boolean;
  readonly shortLived: boolean;
}

/** Row type of a handle. */
export type RowOf<C extends AnyCollection> = NonNullable<C[typeof types]>['row'];
/** Key tuple of a handle. */
export type KeyOf<C extends AnyCollection> = NonNullable<C[typeof types]>['key'];
/** Names of the indexes of a handle. */
export type IndexNameOf<C extends AnyCollection> = keyof NonNullable<C[typeof types]>['indexes'] & string;
/** Value tuple of index `N` of a handle. */
export type IndexKeyOf<C extends AnyCollection, N> = N extends keyof NonNullable<C[typeof types]>['indexes']
  ? NonNullable<C[typeof types]>['indexes'][N]
  : never;

const NAME = /^[a-z][a-z0-9-]{0,47}$/;
const INDEX_NAME = /^[a-zA-Z][a-zA-Z0-9]{0,31}$/;

/** Declares a collection of documents. See README.md of this folder for a complete example. */
export function collection<
  S extends z.ZodObject,
  const K extends readonly FieldOf<z.output<S>>[],
  const I extends Record<string, IndexOption<z.output<S>>> = Record<never, never>,
  const B extends Record<string, BlindOption<z.output<S>>> = Record<never, never>,
  const Sc extends ScopeKind = 'tenant',
>(
  name: string,
  options: CollectionOptions<S, K, I, B, Sc>,
): DocumentCollection<z.output<S>, ValuesOf<z.output<S>, K>, IndexesOf<z.output<S>, I, B>, Sc> {
  if (!NAME.test(name)) throw new Error(`collection name ${name}: lower case, digits and dashes only`);
  const sealedFields = new Map<string, { subject: string }>();
  if (Array.isArray(options.sealed)) {
    for (const field of options.sealed) sealedFields.set(field, { subject: 'tenant' });
  } else {
    for (const [field, how] of Object.entries(options.sealed ?? {})) {
      sealedFields.set(field, how as { subject: string });
    }
  }
  const indexList: IndexDeclaration[] = [];
  for (const [index, how] of Object.entries<IndexOption<z.output<S>>>(options.indexes ?? {})) {
    const declared = Array.isArray(how)
      ? { on: how, unique: false }
      : (how as { on: string[]; unique?: boolean });
    indexList.push({ name: index, fields: declared.on, unique: declared.unique === true, blind: undefined });
  }
  for (const [index, how] of Object.entries<BlindOption<z.output<S>>>(options.blind ?? {})) {
    const normalize = how.normalize ?? ((text: string) => text);
    indexList.push({ name: index, fields: [how.field], unique: how.unique === true, blind: { normalize } });
  }
  const known = new Set(Object.keys(options.document.shape));
  const clear = [...options.key, ...indexList.flatMap((index) => (index.blind ? [] : index.fields))];
  for (const field of clear) {
    if (sealedFields.has(field))
      throw new Error(`${name}.${field} is sealed and cannot be in a key or a plain index`);
  }
  for (const { name: index, blind, fields } of indexList) {
    if (!INDEX_NAME.test(index)) throw new Error(`index name ${index} of ${name}`);
    if (blind && !sealedFields.has(fields[0] ?? ''))
      throw new Error(`blind index ${index} of ${name} is over a field in clear`);
  }
  for (const field of [...clear, ...sealedFields.keys(), ...(options.retention ? [options.retention] : [])]) {
    if (!known.has(field)) throw new Error(`${name} has no field ${field}`);
  }
  return {
    kind: 'document',
    name,
    scope: (options.scope ?? 'tenant') as Sc,
    schema: options.document,
    keyFields: options.key,
    indexList,
    sealedFields,
    retentionField: options.retention,
    versions: options.versions,
  };
}

/** Declares a collection of bytes for a hot path: no zod, no sealing, no index beside the key. */
export function binaryCollection<
  const P extends readonly KeyPart<unknown>[],
  V = Uint8Array,
  const Sc extends ScopeKind = 'tenant',
>(
  name: string,
  options: {
    /** Fixed-width parts, in order, from `key-parts.ts`. */
    readonly key: P;
    /** Default: the bytes themselves. */
    readonly codec?: ByteCodec<V>;
    /** Rows may carry an expiry time. */
    readonly expires?: boolean;
    /**
     * Rows that many prebuilt lists check with `mustExist` while few take one away, like the devices of a recipient. An engine for several
     * processes then lets the few wait for the many instead of letting the many get in each other's way.
     */
    readonly gate?: boolean;
    /** Rows are small and come roughly in the order of their keys, a time for instance: an engine keeps them in that order. */
    readonly clustered?: boolean;
    /**
     * Rows are put once, under a key that is never used again, and most are deleted within seconds: an engine may keep them out of its files
     * until they have grown older. A row that is put over another one is not for such a collection: deleted, it would leave the older one there.
     */
    readonly shortLived?: boolean;
    readonly scope?: Sc;
  },
): BinaryCollection<V, { readonly [N in keyof P]: PartValue<P[N]> }, Sc> {
  if (!NAME.test(name)) throw new Error(`collection name ${name}: lower case, digits and dashes only`);
  const same: ByteCodec<Uint8Array> = { encode: (value) => value, decode: (bytes) => bytes };
  return {
    kind: 'bytes',
    name,
    scope: (options.scope ?? 'tenant') as Sc,
    parts: options.key,
    keyBytes: options.key.reduce((bytes, part) => bytes + part.width, 0),
    codec: options.codec ?? (same as unknown as ByteCodec<V>),
    expires: options.expires === true,
    gate: options.gate === true,
    clustered: options.clustered === true,
    shortLived: options.shortLived === true,
  };
}

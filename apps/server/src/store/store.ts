/**
 * The store's port: what features call. README.md of this folder is the tutorial; this file is the contract. Nothing here
 * knows an engine.
 */
import type { TenantId } from '@kuvert/protocol';
import type {
  AnyCollection,
  BinaryCollection,
  DocumentCollection,
  IndexKeyOf,
  IndexNameOf,
  KeyOf,
  KeyValue,
  RowOf,
  ScopeKind,
} from './collection.ts';
import type { Hints } from './engine.ts';

/** The leading values of a tuple: all of them, some of them, none. */
export type Prefix<T extends readonly unknown[]> = T extends readonly [...infer Head, unknown]
  ? T | Prefix<Readonly<Head>>
  : T | readonly [];

/** A handle that lives in scope `S`. Passing a handle of the other scope does not compile. */
export type CollectionIn<S extends ScopeKind> = AnyCollection & { readonly scope: S };

/** How many rows one page may have. */
export const PAGE_ROWS_MAX = 1000;

interface QueryBounds {
  /**
   * Lower bound of the part after the equality prefix, itself included. Only for text, numbers, ids or bytes, of the type
   * the field has.
   */
  readonly from?: KeyValue;
  /** Upper bound of that part, itself excluded. */
  readonly before?: KeyValue;
  /** Order on the parts after the prefix. Default `asc`. */
  readonly order?: 'asc' | 'desc';
  /** Rows at most, 1 to {@link PAGE_ROWS_MAX}; default 100. */
  readonly limit?: number;
  /** `next` of the page before, of the same query in the same scope. */
  readonly cursor?: string;
}

/** A query over the primary key. */
export interface KeyQuery<C extends AnyCollection> extends QueryBounds {
  readonly index?: undefined;
  /** Values that the first key fields must have. */
  readonly equals?: Prefix<KeyOf<C>>;
  /** Ends the page once its rows, as stored, come to about so many bytes: for rows that may be small or large. */
  readonly bytesMax?: number;
}

/** A query over a declared index. */
export type IndexQuery<C extends AnyCollection> = {
  [N in IndexNameOf<C>]: QueryBounds & { readonly index: N; readonly equals?: Prefix<IndexKeyOf<C, N>> };
}[IndexNameOf<C>];

/** What `list` can be asked; what is not here cannot be asked cheaply. */
export type Query<C extends AnyCollection> = KeyQuery<C> | IndexQuery<C>;

/** One page. `next` is there when the page was full; the page after may be empty. */
export interface Page<R> {
  readonly rows: readonly R[];
  readonly next: string | undefined;
}

/** Reads, the same in and outside of a transaction. */
export interface Reads<S extends ScopeKind> {
  /** The row under a key. @throws KuvertError `not_found` */
  get<C extends CollectionIn<S>>(collection: C, ...key: KeyOf<C>): Promise<RowOf<C>>;
  /** The row under a key, or undefined. */
  find<C extends CollectionIn<S>>(collection: C, ...key: KeyOf<C>): Promise<RowOf<C> | undefined>;
  /** The row that a unique index (plain or blind) names, or undefined; of a non-unique index, the first one. */
  findBy<C extends CollectionIn<S>, N extends IndexNameOf<C>>(
    collection: C,
    index: N,
    ...values: IndexKeyOf<C, N>
  ): Promise<RowOf<C> | undefined>;
  /** A page of rows. @throws KuvertError `cursor_invalid` for a cursor that was altered or belongs to another query or tenant */
  list<C extends CollectionIn<S>>(collection: C, query?: Query<C>): Promise<Page<RowOf<C>>>;
}

type DocumentIn<S extends ScopeKind> = DocumentCollection<
  // biome-ignore lint/suspicious/noExplicitAny: a handle is invariant in its row type; the row is checked by RowOf.
  any,
  readonly KeyValue[],
  Record<string, readonly unknown[]>,
  S
>;

/**
 * A transaction body's view. Reads see the store and, by key, what the body itself wrote (`list` and `findBy` do not see
 * the body's own writes). What `get`, `find`, `findBy` and `list` returned, and the absence that `find` saw, is checked at
 * commit: if any of it changed, the body runs again, so it must have no effect other than through the transaction.
 *
 * Not covered by that check: rows that *appear* in what `list` or `findBy` would return (phantoms). Where a decision rests
 * on there being no such row, both sides call {@link Tx.guard} with the same name first.
 */
export interface Tx<S extends ScopeKind> extends Reads<S> {
  /**
   * Bumps a row that both sides of an invariant touch (last administrator, quota, hold against delete), so that of two
   * transactions under one guard the later one runs again. To be called before any `list` or `findBy` of the body; calling it
   * later is an assertion.
   */
  guard(name: string, ...parts: readonly KeyValue[]): Promise<void>;
  /** Adds a row. At commit: @throws StoreError `already_exists` when the key is taken, `not_unique` for a unique index. */
  insert<C extends DocumentIn<S>>(collection: C, row: RowOf<C>): void;
  /** Adds or replaces a row. At commit: @throws StoreError `not_unique` for a unique index. */
  put<C extends DocumentIn<S>>(collection: C, row: RowOf<C>): void;
  /** Removes the row if it is there. */
  delete<C extends CollectionIn<S>>(collection: C, ...key: KeyOf<C>): void;
  /**
   * Destroys the data key of a subject, and with it everything that was sealed for it. Rows stay; to read a field that it sealed is `not_found` from then on.
   */
  destroyKey(subject: string): void;
  /** Takes an operation made by {@link CommitOps} on a binary collection into this transaction. */
  apply(op: CommitOp): void;
}

declare const opBrand: unique symbol;
/** One operation of a prebuilt list. Made by {@link CommitOps}. */
export interface CommitOp {
  readonly [opBrand]?: never;
  readonly kind: 'put' | 'delete' | 'check';
}

/** Where a binary collection's key is expected: its parts, or one `storedKey` of a row read before. */
export type BinaryKey<C extends AnyCollection> = KeyOf<C> | Uint8Array;

// biome-ignore lint/suspicious/noExplicitAny: a handle is invariant in its value type; the value is checked by ValueOf.
type AnyBinary = BinaryCollection<any, readonly unknown[], ScopeKind>;
type ValueOf<C> = C extends BinaryCollection<infer V, readonly unknown[], ScopeKind> ? V : never;

/**
 * Builds operations for {@link TenantScope.commit}: plain data, encoded at once, no engine involved. For the hot path of
 * binary collections.
 */
export interface CommitOps {
  /** The list commits only if the key is not taken (`exists` otherwise). */
  insert<C extends AnyBinary>(
    collection: C,
    key: BinaryKey<C>,
    value: ValueOf<C>,
    expiresAt?: number,
  ): CommitOp;
  /** Adds or replaces. */
  put<C extends AnyBinary>(collection: C, key: BinaryKey<C>, value: ValueOf<C>, expiresAt?: number): CommitOp;
  /** Removes the row if it is there. */
  delete<C extends AnyBinary>(collection: C, key: BinaryKey<C>): CommitOp;
  /** The list commits only if there is a row under this key (`missing` otherwise). */
  mustExist<C extends AnyBinary>(collection: C, key: BinaryKey<C>): CommitOp;
}

/** What became of a prebuilt list. A list is committed whole or not at all. */
export type CommitOutcome =
  | { readonly committed: true }
  | {
      readonly committed: false;
      readonly failedAt: number;
      readonly reason: 'exists' | 'missing' | 'changed' | 'not_unique';
    };

/** Everything of one scope. */
export interface Scope<S extends ScopeKind> extends Reads<S> {
  /**
   * Runs `body` and commits what it wrote as one list, durably, before the promise resolves. On conflict the body runs again
   * (a few times, after a short random wait). No await of the body holds anything up.
   *
   * @returns what the last run of the body returned.
   * @throws KuvertError `store_busy` (retry) after too many conflicts, `disk_full`, `overloaded`; StoreError `already_exists`, `not_unique`
   */
  write<T>(body: (tx: Tx<S>) => Promise<T> | T): Promise<T>;
  /**
   * Ships a prebuilt list: no body, no reading, no re-run. Durable when the promise resolves with `committed: true`.
   * A list of deletes is accepted even when the disk is nearly full.
   *
   * @throws KuvertError `disk_full`, `overloaded`
   */
  commit(list: readonly CommitOp[]): Promise<CommitOutcome>;
  /**
   * Removes up to `limit` rows whose retention time is at or before `nowMs`, oldest first. Rows stay readable until then:
   * a feature that must not show an expired row checks the time itself.
   *
   * @returns how many were removed; less than `limit` means that nothing is left to do.
   */
  expire(collection: CollectionIn<S>, nowMs: number, limit?: number): Promise<number>;
  /** How many rows have these leading key values, `limit` at most (1 to {@link PAGE_ROWS_MAX}). Nothing is opened or decoded. */
  count<C extends CollectionIn<S>>(
    collection: C,
    query: { readonly equals: Prefix<KeyOf<C>>; readonly limit: number },
  ): Promise<number>;
  /**
   * Rows of a binary collection whose retention time is at or before `untilMs`, soonest first, for a feature that has to do something
   * for each row that it removes. Values are not read.
   */
  listExpiring<C extends AnyBinary & { readonly scope: S }>(
    collection: C,
    untilMs: number,
    limit: number,
  ): Promise<readonly ExpiringRow<C>[]>;
}

/** A row that expires, without its value. */
export interface ExpiringRow<C extends AnyCollection> {
  readonly key: KeyOf<C>;
  readonly storedKey: Uint8Array;
  readonly expiresAt: number;
}

/** Everything of one tenant. There is no other way to its rows. */
export interface TenantScope extends Scope<'tenant'> {
  readonly tenant: TenantId;
}

/** Work across tenants: the control file and the tenants' spaces. One search for `OperatorScope` finds every use. */
export interface OperatorScope extends Scope<'operator'> {
  /** Makes a tenant's data key and space. Does nothing when they exist; goes on where a crash left it. */
  createTenantSpace(tenant: TenantId): Promise<void>;
  /** Tenants that have a space, in order of id. */
  listTenantSpaces(): Promise<readonly TenantId[]>;
}

/** What the data as a whole is; installation.ts says what the numbers mean. */
export interface InstallationFacts {
  readonly epoch: number;
  readonly level: number;
  readonly restore: 'none' | 'replay';
}

/** The store. Made by `openStore`. */
export interface Store {
  /** The scope of one tenant. Calls on a tenant without a space fail with `not_found`. */
  tenant(tenant: TenantId): TenantScope;
  operator(): OperatorScope;
  /** Builds operations for `scope.commit`. */
  readonly ops: CommitOps;
  /**
   * Makes a new version of the wrapping key, re-wraps every data key and retires the old version when nothing uses it.
   * May be called again after a kill; it goes on where it stopped.
   */
  rotateWrappingKey(): Promise<{ readonly rewrapped: number }>;
  /** What the data as a whole is, as of the opening (installation.ts). */
  readonly installation: InstallationFacts;
  /** Words to and from other servers on the same database; undefined where there can be none. */
  readonly hints?: Hints | undefined;
  /** Requests and bytes that wait for the engine or are being worked on. */
  readonly load: { readonly requests: number; readonly bytes: number };
  /** Everything that this store can hold, its own collections included; the list of fields (docs/fields.md) is compared with it. */
  readonly collections: readonly AnyCollection[];
  /** Commits what was accepted, refuses the rest, ends the writers. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * The engine port: an ordered space of bytes per tenant, and nothing else. Keys, index entries and documents arrive encoded
 * and sealed; an engine compares bytes and keeps its promises: a list is committed whole or not at all, durable before the
 * answer, and conditions hold at the moment of the commit. `conformance/` is what every engine must pass.
 */

/** `control`, or the text form of a tenant id. */
export type SpaceName = string;

/** What an engine must know of a collection. Its place in the list given at opening is its number. */
export interface CollectionLayout {
  readonly name: string;
  readonly indexes: readonly { readonly name: string; readonly unique: boolean }[];
  readonly expires: boolean;
  /** Which spaces have it. */
  readonly spaces: 'tenants' | 'control' | 'all';
}

/** One operation of a list, all plain data. `collection` is the number of the collection. */
export type EngineOp =
  | {
      readonly kind: 'put';
      readonly collection: number;
      readonly key: Uint8Array;
      /** `absent`: the list fails with `exists` when the key is taken. */
      readonly expect: 'any' | 'absent';
      readonly doc: Uint8Array;
      /** One entry per index of the layout; null keeps the row out of that index. */
      readonly entries: readonly (Uint8Array | null)[];
      /** Unix milliseconds. */
      readonly expiresAt: number | undefined;
    }
  | { readonly kind: 'delete'; readonly collection: number; readonly key: Uint8Array }
  | {
      readonly kind: 'check';
      readonly collection: number;
      readonly key: Uint8Array;
      /** The version that was read, `absent`, or `present` in any version. */
      readonly version: number | 'absent' | 'present';
    };

/** Outcome of a list. `index` is the number of the index for `not_unique`. */
export type EngineOutcome =
  | { readonly committed: true }
  | {
      readonly committed: false;
      readonly failedAt: number;
      readonly reason: 'exists' | 'missing' | 'changed' | 'not_unique';
      readonly index: number | undefined;
    };

/** A stored row. `version` changes with every write of the row and is compared for equality only. */
export interface StoredRow {
  readonly key: Uint8Array;
  readonly version: number;
  readonly doc: Uint8Array;
  readonly expiresAt: number | undefined;
  /** The entry of the index that was asked, empty for a query over the key. */
  readonly entry: Uint8Array;
}

/** A range over the keys of a collection or over the entries of one of its indexes (then by key). */
export interface RangeQuery {
  readonly collection: number;
  /** Number of the index in the layout, undefined for the key. */
  readonly index: number | undefined;
  /** Lower bound, included. */
  readonly from: Uint8Array;
  /** Upper bound, excluded; undefined for none. */
  readonly before: Uint8Array | undefined;
  /** Go on behind this row (in the direction of reading). */
  readonly after: { readonly entry: Uint8Array; readonly key: Uint8Array } | undefined;
  readonly descending: boolean;
  readonly limit: number;
}

/** How a space is opened: its 32-byte key, and whether it may be made. Undefined: there is no such space. */
export type SpaceKeys = (space: SpaceName) => Promise<{ key: Uint8Array; create: boolean } | undefined>;

/**
 * An engine. All methods reject with KuvertError `not_found` for a space that does not exist, `overloaded` when its queue is
 * full, `keys_wrong`, `data_too_new`, `data_damaged`, `shutting_down` after `close`, `internal` once it failed.
 */
export interface Engine {
  /** @throws KuvertError `disk_full`; lists of deletes and checks alone are tried even then. */
  commit(space: SpaceName, list: readonly EngineOp[]): Promise<EngineOutcome>;
  get(space: SpaceName, collection: number, key: Uint8Array): Promise<StoredRow | undefined>;
  range(space: SpaceName, query: RangeQuery): Promise<StoredRow[]>;
  /**
   * Removes up to `limit` rows with a time at or before `nowMs`, oldest first, in steps that hold the writer for a few milliseconds;
   * returns how many.
   */
  expire(space: SpaceName, collection: number, nowMs: number, limit: number): Promise<number>;
  /**
   * Up to `limit` rows with a time at or before `untilMs`, soonest first, without their documents.
   */
  expiring(space: SpaceName, collection: number, untilMs: number, limit: number): Promise<StoredRow[]>;
  /** What waits or is being worked on. */
  readonly load: { readonly requests: number; readonly bytes: number };
  /** Commits what was accepted and ends. */
  close(): Promise<void>;
}

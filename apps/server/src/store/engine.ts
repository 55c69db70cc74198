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
  /** Width of all keys, undefined where it differs. */
  readonly keyBytes?: number;
  /** Many lists check that rows of it are there, and few take one away (`gate` of `binaryCollection`). */
  readonly gate?: boolean;
  /** Small rows that come roughly in the order of their keys: worth keeping in that order, without anything beside it. */
  readonly clustered?: boolean;
  /** Rows are put once, under a key that is never used again, and most are soon deleted: worth keeping out of files until they have grown old. */
  readonly shortLived?: boolean;
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

/** A row with all that was put, for copying. */
export interface ScannedRow {
  readonly key: Uint8Array;
  readonly doc: Uint8Array;
  readonly entries: readonly (Uint8Array | null)[];
  readonly expiresAt: number | undefined;
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
  /**
   * Of a range over the key: enough once the documents come to so many bytes. Then the answer may end before `limit` or go on for some rows, but
   * one whose documents come to less ends only at `limit` or with the range.
   */
  readonly bytesMax?: number | undefined;
}

/** Something that is stored otherwise than declared. `space` is undefined where all spaces share one collection. */
export interface LayoutDifference {
  readonly space: SpaceName | undefined;
  readonly collection: string;
  readonly what: 'collection' | 'index' | 'validator';
  readonly name: string;
  readonly how: 'missing' | 'extra' | 'different';
}

/** Where the wrapped key of the control space lies, as the text that keyring.ts writes. */
export interface KeyringPlace {
  /** True when there is data, so that a keyring that is missing is damage. */
  hasData(): Promise<boolean>;
  read(): Promise<string | undefined>;
  /** Writes the first one. @returns what is there now, which may be another process's */
  create(text: string): Promise<string>;
  replace(text: string): Promise<void>;
}

/** A word to the other servers on the same database: something happened to a device. It may get lost. */
export interface Hint {
  readonly space: SpaceName;
  readonly device: string;
  /**
   * `rows`: something was stored for it. `revoked`: it is out. `connected`: it is with us now. `locked`: its person is out for a while. `suspended`: so are
   * all devices of the space, and `device` is empty. `group`: a group has changed, whose id stands in place of the device.
   */
  readonly kind: 'rows' | 'revoked' | 'connected' | 'locked' | 'suspended' | 'group';
  /** Of `connected`: which of the device's connections it is. Of `group`: its epoch. */
  readonly visit?: number;
}

/** How servers on one database hear of each other (wire.md §5). */
export interface Hints {
  /** Whether others are at work, or were a moment ago. */
  readonly hasOthers: boolean;
  publish(hint: Hint): void;
  /** @param listener.onGap hints may have been lost: whatever hangs on them has to be looked at again. */
  listen(listener: { onHint(hint: Hint): void; onGap(): void }): void;
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
  /** How many rows a range over the key has, `limit` at most. An engine without it is asked for the rows. */
  count?(
    space: SpaceName,
    query: Pick<RangeQuery, 'collection' | 'from' | 'before' | 'limit'>,
  ): Promise<number>;
  /**
   * Removes up to `limit` rows with a time at or before `nowMs`, oldest first, in steps that hold the writer for a few milliseconds;
   * returns how many.
   */
  expire(space: SpaceName, collection: number, nowMs: number, limit: number): Promise<number>;
  /**
   * Up to `limit` rows with a time at or before `untilMs`, soonest first, without their documents.
   */
  expiring(space: SpaceName, collection: number, untilMs: number, limit: number): Promise<StoredRow[]>;
  /** All rows of a collection in order of their keys, in pages. Only while nobody writes to the space. */
  scan(space: SpaceName, collection: number): AsyncIterable<readonly ScannedRow[]>;
  readonly keyring: KeyringPlace;
  /** Only of an engine that several servers share. */
  readonly hints?: Hints;
  /** What waits or is being worked on. */
  readonly load: { readonly requests: number; readonly bytes: number };
  /** Commits what was accepted and ends. */
  close(): Promise<void>;
}

/** Whether a list adds rows; one that does not is taken on a full disk too. */
export function needsRoom(list: readonly EngineOp[]): boolean {
  for (const op of list) if (op.kind === 'put') return true;
  return false;
}

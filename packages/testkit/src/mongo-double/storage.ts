/**
 * All collections, their snapshots, and the one way to change them: a {@link Unit} of work is begun on a snapshot, takes what it touches for
 * itself (the second writer is refused or waits: first writer wins), and is committed: appended to the log, made durable, applied, set free.
 * What a reader can see of a write that asked for the journal is therefore durable.
 */
import { randomUUID } from 'node:crypto';
import { type Document, UUID } from 'bson';
import { CollectionState, type RecordId } from './collection-state.ts';
import { CommandError, Locked, writeConflict } from './command-error.ts';
import type { CommitLog } from './commit-log.ts';
import type { Change, LogRecord, SessionNote } from './log-record.ts';

/** All collections at one moment. */
export type View = ReadonlyMap<string, CollectionState>;

/** See the head of the file. */
export class Storage {
  readonly #log: CommitLog;
  readonly #taken = new Map<string, Unit>();
  #live = new Map<string, CollectionState>();
  #liveEpoch = 0;
  #epoch = 0;
  #lastId = 0;

  constructor(log: CommitLog) {
    this.#log = log;
  }

  /** Brings back what the log holds; the notes are given to `onNote`. */
  recover(records: Iterable<LogRecord>, onNote: (note: SessionNote) => void): void {
    for (const { c, s } of records) {
      this.#apply(c);
      if (s !== undefined) onNote(s);
    }
  }

  /** The newest committed state, unchanged by what comes later. */
  snapshot(): View {
    this.#epoch += 1;
    return this.#live;
  }

  /** The newest state of a collection, for a look that ends before anything else can happen. */
  newest(ns: string): CollectionState | undefined {
    return this.#live.get(ns);
  }

  begin(): Unit {
    return new Unit(this, this.snapshot());
  }

  nextId(): RecordId {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** Keeps a name for a unit. @throws Locked when another one has it */
  take(name: string, unit: Unit): void {
    const holder = this.#taken.get(name);
    if (holder !== undefined && holder !== unit) throw new Locked(holder.ended);
    this.#taken.set(name, unit);
  }

  release(names: Iterable<string>): void {
    for (const name of names) this.#taken.delete(name);
  }

  /**
   * Commits a unit. With `durable` it resolves when the log is synced, and only then does anybody see the changes; without, at once.
   * @throws CommandError OutOfDiskSpace when the log could not be written; nothing has happened then
   */
  async commit(unit: Unit, options: { durable: boolean; note?: SessionNote | undefined }): Promise<void> {
    try {
      if (unit.changes.length === 0 && options.note === undefined) return;
      const record: LogRecord = {
        c: unit.changes,
        ...(options.note === undefined ? {} : { s: options.note }),
      };
      const synced = this.#log.append(record, options.durable);
      if (options.durable) await synced;
      this.#apply(unit.changes);
    } finally {
      unit.end();
    }
  }

  #apply(changes: readonly Change[]): void {
    for (const change of changes) {
      const { n } = change;
      switch (change.k) {
        case 'put':
          if (change.i > this.#lastId) this.#lastId = change.i;
          if (this.#live.has(n)) this.#writable(n).put(change.i, change.d);
          break;
        case 'drop':
          this.#map().delete(n);
          break;
        default:
          alter(this.#map(), change, this.#epoch);
      }
    }
  }

  #map(): Map<string, CollectionState> {
    if (this.#liveEpoch < this.#epoch) this.#live = new Map(this.#live);
    this.#liveEpoch = this.#epoch;
    return this.#live;
  }

  #writable(ns: string): CollectionState {
    const state = this.#live.get(ns);
    if (state === undefined) throw new Error(`no collection ${ns}`);
    if (state.epoch >= this.#epoch) return state;
    const copy = state.copy(this.#epoch);
    this.#map().set(ns, copy);
    return copy;
  }
}

/** Applies a change of collections and indexes to a map of them. Doing it twice is doing it once. */
function alter(collections: Map<string, CollectionState>, change: Change, epoch: number): void {
  const { n } = change;
  const state = collections.get(n);
  switch (change.k) {
    case 'create':
      if (state === undefined) {
        collections.set(n, new CollectionState(n, { options: change.o, uuid: new UUID(change.u) }, epoch));
      }
      break;
    case 'options':
      if (state !== undefined) collections.set(n, state.copy(epoch, { ...state.about, options: change.o }));
      break;
    case 'index':
      if (state !== undefined && !state.indexes.has(change.s.name)) {
        const copy = state.copy(epoch);
        copy.addIndex(change.s);
        collections.set(n, copy);
      }
      break;
    case 'dropIndex':
      if (state !== undefined) {
        const copy = state.copy(epoch);
        copy.indexes.delete(change.name);
        collections.set(n, copy);
      }
      break;
    case 'drop':
      collections.delete(n);
      break;
  }
}

/** One unit of work: a statement, or a whole transaction. Reads see its snapshot and its own writes. */
export class Unit {
  readonly changes: Change[] = [];
  readonly ended: Promise<void>;
  readonly #storage: Storage;
  readonly #base: View;
  readonly #own = new Map<string, CollectionState>();
  readonly #dropped = new Set<string>();
  readonly #names = new Set<string>();
  #resolveEnded: () => void = () => undefined;

  constructor(storage: Storage, base: View) {
    this.#storage = storage;
    this.#base = base;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** A collection as this unit sees it. */
  find(ns: string): CollectionState | undefined {
    return this.#own.get(ns) ?? (this.#dropped.has(ns) ? undefined : this.#base.get(ns));
  }

  /** All collections as this unit sees them. */
  *all(): Generator<CollectionState> {
    for (const ns of new Set([...this.#base.keys(), ...this.#own.keys()])) {
      const state = this.find(ns);
      if (state !== undefined) yield state;
    }
  }

  /** Adds a document. @throws CommandError DuplicateKey, DocumentValidationFailure; Locked */
  insert(ns: string, doc: Document, validate = true): void {
    const state = this.#writable(ns);
    if (validate) state.validate(doc);
    this.#claim(state, undefined, undefined, doc);
    const id = this.#storage.nextId();
    state.put(id, doc);
    this.changes.push({ k: 'put', n: ns, i: id, d: doc });
  }

  /** Replaces a document that this unit has read, or with undefined removes it. @throws as {@link insert} */
  put(ns: string, id: RecordId, doc: Document | undefined, validate = true): void {
    const state = this.#writable(ns);
    if (doc !== undefined && validate) state.validate(doc);
    const before = state.records.get(id);
    this.#claim(state, id, before, doc);
    state.put(id, doc);
    this.changes.push(doc === undefined ? { k: 'put', n: ns, i: id } : { k: 'put', n: ns, i: id, d: doc });
  }

  /** Changes collections or indexes. @throws CommandError DuplicateKey when a unique index cannot be built */
  alter(change: Exclude<Change, { k: 'put' }>): void {
    this.#take(`collection ${change.n}`);
    const mine = new Map<string, CollectionState>();
    const now = this.find(change.n);
    if (now !== undefined) mine.set(change.n, now);
    alter(mine, change, Number.POSITIVE_INFINITY);
    const after = mine.get(change.n);
    if (after === undefined) {
      this.#own.delete(change.n);
      this.#dropped.add(change.n);
    } else if (after !== now) this.#own.set(change.n, after);
    this.changes.push(change);
  }

  /** Gives back what it has taken; nothing of an uncommitted unit remains. */
  end(): void {
    this.#storage.release(this.#names);
    this.#names.clear();
    this.#resolveEnded();
  }

  #writable(ns: string): CollectionState {
    const mine = this.#own.get(ns);
    if (mine !== undefined) return mine;
    const state = this.find(ns);
    if (state === undefined) {
      if (this.#storage.newest(ns) !== undefined) throw writeConflict();
      this.alter({ k: 'create', n: ns, o: {}, u: randomUUID() });
    } else this.#own.set(ns, state.copy(Number.POSITIVE_INFINITY));
    return this.#own.get(ns) as CollectionState;
  }

  /** Takes the record and the keys it gives up or takes in unique indexes, and sees that nobody has changed them since the snapshot. */
  #claim(
    state: CollectionState,
    id: RecordId | undefined,
    before: Document | undefined,
    after: Document | undefined,
  ): void {
    const { ns } = state;
    const newest = this.#storage.newest(ns);
    const base = this.#base.get(ns);
    if (newest?.about.uuid !== base?.about.uuid && base !== undefined) throw writeConflict();
    if (id !== undefined && base?.records.has(id)) {
      this.#take(`record ${ns} ${id}`);
      if (newest?.records.get(id) !== base.records.get(id)) throw writeConflict();
    }
    for (const index of state.indexes.values()) {
      if (!index.unique) continue;
      const old = before === undefined ? [] : state.keysOf(index, before);
      const now = after === undefined ? [] : state.keysOf(index, after);
      for (const key of now) {
        if (old.includes(key)) continue;
        if (after !== undefined && state.holderOf(index, key, id) !== undefined)
          throw state.duplicateKey(index, after);
        this.#take(`key ${ns} ${index.name} ${key}`);
        const rival = newest?.indexes.get(index.name);
        const holder = rival === undefined ? undefined : newest?.holderOf(rival, key, id);
        if (holder !== undefined && base?.records.get(holder) !== newest?.records.get(holder))
          throw writeConflict();
      }
      for (const key of old) if (!now.includes(key)) this.#take(`key ${ns} ${index.name} ${key}`);
    }
  }

  #take(name: string): void {
    this.#storage.take(name, this);
    this.#names.add(name);
  }
}

/** Splits a namespace at its first dot. */
export function splitNamespace(ns: string): { db: string; collection: string } {
  const at = ns.indexOf('.');
  return { db: ns.slice(0, at), collection: ns.slice(at + 1) };
}

/** The error of a collection that must be there. */
export function noNamespace(ns: string): CommandError {
  return new CommandError('NamespaceNotFound', `ns not found ${ns}`);
}

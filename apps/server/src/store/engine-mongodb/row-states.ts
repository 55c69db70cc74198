/**
 * Decides the lists of one round in memory, one after another, on what was read of the rows that they touch: each list sees what the lists
 * before it have done, as if each had been a transaction of its own. What the lists come to is then written at once.
 */
import type { EngineOp, EngineOutcome } from '../engine.ts';
import { rowName } from './stored-rows.ts';

/** What is known of one row. */
export interface RowState {
  readonly isThere: boolean;
  readonly version: number;
  /** Hidden entries in unique indexes by number of the index. */
  readonly unique: ReadonlyMap<number, string>;
}

/** How the lists of a round get at what they need. */
export interface RoundView {
  /** State of a row that was read; undefined for one that nobody asked for. */
  find(name: string): RowState | undefined;
  /** Name of the row that has an entry of a unique index. */
  owner(entryName: string): string | undefined;
  /** Hidden entries in unique indexes of a row that is put. */
  uniqueEntries(op: Extract<EngineOp, { kind: 'put' }>): ReadonlyMap<number, string>;
}

/** A name for an entry of a unique index. */
export function entryName(collection: number, index: number, entry: string): string {
  return `${collection}/${index}/${entry}`;
}

const ABSENT: RowState = { isThere: false, version: 0, unique: new Map() };
const COMMITTED: EngineOutcome = { committed: true };

type Put = Extract<EngineOp, { kind: 'put' }>;

/** What a list did, so that it can be taken back. */
interface Change {
  readonly map: Map<string, unknown>;
  readonly name: string;
  readonly before: unknown;
  readonly had: boolean;
}

export class RowStates {
  readonly #view: RoundView;
  readonly #nextVersion: () => number;
  readonly #rows = new Map<string, RowState>();
  readonly #owners = new Map<string, string | undefined>();
  #changes: Change[] = [];

  constructor(view: RoundView, nextVersion: () => number) {
    this.#view = view;
    this.#nextVersion = nextVersion;
  }

  /** Runs one list; leaves nothing behind when it is refused. Checks come first, as every engine does it. */
  run(list: readonly EngineOp[]): { readonly outcome: EngineOutcome; readonly versions: readonly number[] } {
    this.#changes = [];
    const versions: number[] = [];
    for (const [failedAt, op] of list.entries()) {
      const reason = op.kind === 'check' ? this.#check(op) : undefined;
      if (reason !== undefined) return refused({ failedAt, reason, index: undefined });
    }
    for (const [failedAt, op] of list.entries()) {
      if (op.kind === 'delete') this.#delete(rowName(op.collection, op.key));
      if (op.kind !== 'put') continue;
      const version = this.#nextVersion();
      versions[failedAt] = version;
      const failure = this.#put(op, version);
      if (failure === undefined) continue;
      this.#takeBack();
      return refused({ failedAt, ...failure });
    }
    return { outcome: COMMITTED, versions };
  }

  #state(name: string): RowState | undefined {
    return this.#rows.get(name) ?? this.#view.find(name);
  }

  #check(op: Extract<EngineOp, { kind: 'check' }>): 'missing' | 'changed' | undefined {
    const { isThere, version } = this.#state(rowName(op.collection, op.key)) ?? ABSENT;
    if (op.version === 'present') return isThere ? undefined : 'missing';
    const isSame = op.version === 'absent' ? !isThere : isThere && version === op.version;
    return isSame ? undefined : 'changed';
  }

  #put(op: Put, version: number): { reason: 'exists' | 'not_unique'; index: number | undefined } | undefined {
    const name = rowName(op.collection, op.key);
    const before = this.#state(name);
    if (op.expect === 'absent' && before?.isThere === true) return { reason: 'exists', index: undefined };
    const unique = this.#view.uniqueEntries(op);
    for (const [index, entry] of unique) {
      const owner = this.#owner(entryName(op.collection, index, entry));
      if (owner !== undefined && owner !== name) return { reason: 'not_unique', index };
    }
    this.#free(name, op.collection, before);
    for (const [index, entry] of unique)
      this.#set(this.#owners, entryName(op.collection, index, entry), name);
    this.#set(this.#rows, name, { isThere: true, version, unique });
    return undefined;
  }

  #delete(name: string): void {
    const collection = Number(name.slice(0, name.indexOf('/')));
    this.#free(name, collection, this.#state(name));
    this.#set(this.#rows, name, ABSENT);
  }

  /** Entries of a row that is replaced or removed are free for others. */
  #free(name: string, collection: number, state: RowState | undefined): void {
    for (const [index, entry] of state?.unique ?? []) {
      const freed = entryName(collection, index, entry);
      if (this.#owner(freed) === name) this.#set(this.#owners, freed, undefined);
    }
  }

  #owner(entry: string): string | undefined {
    return this.#owners.has(entry) ? this.#owners.get(entry) : this.#view.owner(entry);
  }

  #set<V>(map: Map<string, V>, name: string, value: V): void {
    this.#changes.push({
      map: map as Map<string, unknown>,
      name,
      before: map.get(name),
      had: map.has(name),
    });
    map.set(name, value);
  }

  #takeBack(): void {
    for (const { map, name, before, had } of this.#changes.reverse()) {
      if (had) map.set(name, before);
      else map.delete(name);
    }
  }
}

function refused(why: {
  readonly failedAt: number;
  readonly reason: Exclude<Extract<EngineOutcome, { committed: false }>['reason'], undefined>;
  readonly index: number | undefined;
}): { outcome: EngineOutcome; versions: readonly number[] } {
  return { outcome: { committed: false, ...why }, versions: [] };
}

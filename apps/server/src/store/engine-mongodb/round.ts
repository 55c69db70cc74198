/**
 * One round: the lists of many callers in one short transaction on one space.
 *
 * 1. Read all rows that the lists have conditions on, and the owners of unique entries, one query per collection and index.
 * 2. Decide the lists in memory (row-states.ts).
 * 3. Write what they come to, one bulk write per collection.
 * 4. Hold what was only looked at, last, because others may want it too: MongoDB's snapshots would let two transactions pass that each look at
 *    what the other changes (write skew). So whoever relies on a row writes to it; whoever relies on its absence makes a placeholder
 *    and removes it again, which collides with everybody who makes that row; whoever relies on rows of a *gate* collection writes to
 *    one of the space's stripes, of which each round in flight has its own, while whoever takes a gate row away writes to all of them. That
 *    way no row is contended on the hot path, and the price is paid by the few who change devices.
 * 5. Commit on a majority, journaled.
 *
 * A conflict aborts the whole transaction, and all of it is done again from 1, on what is true then.
 */
import type { AnyBulkWriteOperation, ClientSession, Filter, MongoClient } from 'mongodb';
import type { EngineOp, EngineOutcome } from '../engine.ts';
import { isDuplicate } from './failures.ts';
import type { OpenSpace } from './open-space.ts';
import { entryName, type RoundView, type RowState, RowStates } from './row-states.ts';
import { keyOfRow, type RowDocument, rowName } from './stored-rows.ts';
import { bumpStripes, STRIPES } from './stripes.ts';

/** How long a round may try. The server gives a transaction 60 s at most. */
const ROUND_MS = 20_000;
/** A unique value that appeared after our look is a conflict; more than a few in a row are no accident. */
const DUPLICATE_TRIES = 8;

type Put = Extract<EngineOp, { kind: 'put' }>;

interface Rows {
  /** Rows by collection that have to be read, by name. */
  readonly keys: Map<number, Map<string, Uint8Array>>;
  /** Hidden unique entries by collection and index. */
  readonly entries: Map<number, Map<number, Set<string>>>;
}

/** What became of a round's lists, in their order. @throws errors of the driver */
export async function runRound(
  client: MongoClient,
  space: OpenSpace,
  work: { readonly lists: readonly (readonly EngineOp[])[]; readonly stripe: number },
): Promise<readonly EngineOutcome[]> {
  for (let tries = 1; ; tries++) {
    try {
      return await client.withSession((session) =>
        session.withTransaction(() => new Round(space, session, work).run(), {
          readConcern: { level: 'snapshot' },
          writeConcern: { w: 'majority', journal: true },
          readPreference: 'primary',
          timeoutMS: ROUND_MS,
        }),
      );
    } catch (error) {
      if (!isDuplicate(error) || tries >= DUPLICATE_TRIES) throw error;
    }
  }
}

class Round {
  readonly #space: OpenSpace;
  readonly #session: ClientSession;
  readonly #lists: readonly (readonly EngineOp[])[];
  readonly #stripe: number;
  readonly #needed: Rows;

  constructor(
    space: OpenSpace,
    session: ClientSession,
    work: { readonly lists: readonly (readonly EngineOp[])[]; readonly stripe: number },
  ) {
    this.#space = space;
    this.#session = session;
    this.#lists = work.lists;
    this.#stripe = work.stripe;
    this.#needed = this.#findNeeded();
  }

  async run(): Promise<readonly EngineOutcome[]> {
    const view = await this.#read();
    const states = new RowStates(view, () => this.#space.nextVersion());
    const outcomes: EngineOutcome[] = [];
    const accepted: { list: readonly EngineOp[]; versions: readonly number[] }[] = [];
    for (const list of this.#lists) {
      const { outcome, versions } = states.run(list);
      outcomes.push(outcome);
      if (outcome.committed) accepted.push({ list, versions });
    }
    const written = await this.#write(accepted, view);
    // Where nothing is written, one snapshot has shown all that was asked for.
    if (written.size > 0)
      await this.#hold(
        accepted.map(({ list }) => list),
        written,
        view,
      );
    return outcomes;
  }

  async #read(): Promise<RoundView & { readonly states: ReadonlyMap<string, RowState> }> {
    const rows = this.#needed;
    const states = new Map<string, RowState>();
    const owners = new Map<string, string>();
    const note = (collection: number, document: RowDocument) => {
      const name = rowName(
        collection,
        keyOfRow(this.#space.layout(collection), this.#space.name, document._id),
      );
      const unique = new Map<number, string>();
      for (const index of this.#uniqueIndexes(collection)) {
        const entry = document[`i_${this.#space.layout(collection).indexes[index]?.name ?? ''}`];
        if (entry === undefined) continue;
        unique.set(index, entry);
        owners.set(entryName(collection, index, entry), name);
      }
      states.set(name, { isThere: true, version: document.v, unique });
    };
    for (const [collection, keys] of rows.keys) {
      const ids = [...keys.values()].map((key) => this.#space.filter(collection, key)._id);
      for (const document of await this.#find(collection, { _id: { $in: ids } })) note(collection, document);
    }
    for (const [collection, byIndex] of rows.entries) {
      for (const [index, entries] of byIndex) {
        const field = `i_${this.#space.layout(collection).indexes[index]?.name ?? ''}`;
        for (const document of await this.#find(collection, { [field]: { $in: [...entries] } }))
          note(collection, document);
      }
    }
    return {
      states,
      find: (name) => states.get(name),
      owner: (name) => owners.get(name),
      uniqueEntries: (op) => this.#uniqueEntries(op),
    };
  }

  #find(collection: number, condition: Record<string, unknown>): Promise<RowDocument[]> {
    const projection: Record<string, 1> = { _id: 1, v: 1 };
    for (const index of this.#uniqueIndexes(collection))
      projection[`i_${this.#space.layout(collection).indexes[index]?.name ?? ''}`] = 1;
    const filter = { t: this.#space.name, ...condition } as Filter<RowDocument>;
    return this.#space.table(collection).find(filter, { projection, session: this.#session }).toArray();
  }

  /** Rows and entries that the lists have conditions on. */
  #findNeeded(): Rows {
    const rows: Rows = { keys: new Map(), entries: new Map() };
    for (const op of this.#lists.flat()) {
      const hasUnique = this.#uniqueIndexes(op.collection).length > 0;
      if (op.kind === 'check' || hasUnique || (op.kind === 'put' && op.expect === 'absent')) {
        const keys = rows.keys.get(op.collection) ?? new Map<string, Uint8Array>();
        rows.keys.set(op.collection, keys.set(rowName(op.collection, op.key), op.key));
      }
      if (op.kind !== 'put' || !hasUnique) continue;
      for (const [index, entry] of this.#uniqueEntries(op)) {
        const byIndex = rows.entries.get(op.collection) ?? new Map<number, Set<string>>();
        rows.entries.set(op.collection, byIndex);
        byIndex.set(index, (byIndex.get(index) ?? new Set()).add(entry));
      }
    }
    return rows;
  }

  #uniqueIndexes(collection: number): readonly number[] {
    return this.#space.layout(collection).indexes.flatMap(({ unique }, index) => (unique ? index : []));
  }

  #uniqueEntries(op: Put): ReadonlyMap<number, string> {
    const unique = new Map<number, string>();
    for (const index of this.#uniqueIndexes(op.collection)) {
      const entry = op.entries[index];
      if (entry != null) unique.set(index, this.#space.entryText(op.collection, index, entry));
    }
    return unique;
  }

  /** @returns names of the rows that were written */
  async #write(
    accepted: readonly { list: readonly EngineOp[]; versions: readonly number[] }[],
    view: { readonly states: ReadonlyMap<string, RowState> },
  ): Promise<ReadonlySet<string>> {
    const byCollection = new Map<number, { op: EngineOp; version: number; name: string }[]>();
    const written = new Set<string>();
    for (const { list, versions } of accepted) {
      for (const [place, op] of list.entries()) {
        if (op.kind === 'check') continue;
        const name = rowName(op.collection, op.key);
        written.add(name);
        const writes = byCollection.get(op.collection) ?? [];
        byCollection.set(op.collection, writes);
        writes.push({ op, version: versions[place] ?? 0, name });
      }
    }
    for (const [collection, writes] of byCollection) {
      const isStrict = this.#uniqueIndexes(collection).length > 0;
      // With a unique index the order counts: a value is free only when the row that had it was written.
      const models = isStrict ? writes : [...new Map(writes.map((write) => [write.name, write])).values()];
      const isAbsent = (name: string) =>
        !isStrict && this.#needed.keys.get(collection)?.has(name) === true && !view.states.has(name);
      const operations = models.flatMap(({ op, version, name }): AnyBulkWriteOperation<RowDocument>[] => {
        const filter = this.#space.filter(op.collection, op.key) as Filter<RowDocument>;
        if (op.kind === 'delete') return isAbsent(name) ? [] : [{ deleteOne: { filter } }];
        if (op.kind !== 'put') return [];
        const document = this.#space.document(op, version);
        if (isAbsent(name)) return [{ insertOne: { document } }];
        return [{ replaceOne: { filter, replacement: document, upsert: true } }];
      });
      if (operations.length === 0) continue;
      await this.#space
        .table(collection)
        .bulkWrite(operations, { session: this.#session, ordered: isStrict });
    }
    return written;
  }

  async #hold(
    lists: readonly (readonly EngineOp[])[],
    written: ReadonlySet<string>,
    view: { readonly states: ReadonlyMap<string, RowState> },
  ): Promise<void> {
    const held = new Map<number, Map<string, AnyBulkWriteOperation<RowDocument>[]>>();
    let reliesOnGate = false;
    let takesGateAway = false;
    for (const op of lists.flat()) {
      const isGate = this.#space.layout(op.collection).gate === true;
      if (op.kind === 'delete' && isGate) takesGateAway = true;
      const name = rowName(op.collection, op.key);
      if (op.kind !== 'check' || written.has(name)) continue;
      if (isGate && op.version === 'present') {
        reliesOnGate = true;
        continue;
      }
      const operations = held.get(op.collection) ?? new Map<string, AnyBulkWriteOperation<RowDocument>[]>();
      held.set(op.collection, operations.set(name, this.#holdRow(op, view.states.has(name))));
    }
    for (const [collection, operations] of held) {
      await this.#space
        .table(collection)
        .bulkWrite([...operations.values()].flat(), { session: this.#session, ordered: true });
    }
    if (takesGateAway) await bumpStripes(this.#space, this.#session, STRIPES);
    else if (reliesOnGate) await bumpStripes(this.#space, this.#session, [this.#stripe]);
  }

  #holdRow(op: EngineOp, isThere: boolean): AnyBulkWriteOperation<RowDocument>[] {
    const filter = this.#space.filter(op.collection, op.key) as Filter<RowDocument>;
    if (isThere) {
      const update = { $set: { l: this.#space.nextVersion() } } as Record<string, unknown>;
      return [{ updateOne: { filter, update } }];
    }
    const document = this.#space.placeholder(op.collection, op.key);
    return [{ insertOne: { document } }, { deleteOne: { filter } }];
  }
}

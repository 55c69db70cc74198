/** The scopes: a space seen through the port of store.ts. */
import { setTimeout as wait } from 'node:timers/promises';
import { KuvertError, type TenantId } from '@kuvert/protocol';
import { decodeParts } from './binary-keys.ts';
import type { AnyCollection, ScopeKind } from './collection.ts';
import { engineOp } from './commit-ops.ts';
import type { EngineOutcome } from './engine.ts';
import { StoreError } from './errors.ts';
import { isBinary } from './handles.ts';
import { type AnyQuery, countRows, findRow, findRowBy, listRows } from './reading.ts';
import type { Space } from './space.ts';
import type { CommitOp, CommitOutcome, Scope, Tx } from './store.ts';
import { type PreparedList, ReadChangedError, Transaction } from './transaction.ts';

/** Runs of one body at most. */
const RUNS_MAX = 16;
/** From this run on, contended bodies of a space go one after another instead of disturbing each other again. */
const QUEUED_FROM_RUN = 3;
const WAIT_MS_MAX = 20;
const EXPIRE_LIMIT_DEFAULT = 200;

type RunResult<T> =
  | { readonly done: true; readonly value: T }
  | { readonly done: false; readonly notUnique?: StoreError };

/** {@link Scope} over a space, with the types taken off; `openStore` puts them on. */
export class SpaceScope {
  readonly space: Space;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(space: Space) {
    this.space = space;
  }

  async get(collection: AnyCollection, ...key: readonly unknown[]): Promise<unknown> {
    const row = await findRow(this.space, collection, key);
    if (row === undefined) throw new KuvertError('not_found');
    return row;
  }

  async find(collection: AnyCollection, ...key: readonly unknown[]): Promise<unknown> {
    return findRow(this.space, collection, key);
  }

  async findBy(collection: AnyCollection, index: string, ...values: readonly unknown[]): Promise<unknown> {
    return findRowBy(this.space, collection, { index, values });
  }

  async list(collection: AnyCollection, query: AnyQuery = {}): Promise<unknown> {
    return listRows(this.space, collection, query);
  }

  commit(list: readonly CommitOp[]): Promise<CommitOutcome> {
    const ops = list.map((op) => engineOp(this.space, op));
    return this.space.engine.commit(this.space.name, ops);
  }

  async expire(collection: AnyCollection, nowMs: number, limit = EXPIRE_LIMIT_DEFAULT): Promise<number> {
    const number = this.space.numberOf(collection);
    if (this.space.numbers.layouts[number]?.expires !== true)
      throw new Error(`rows of ${collection.name} do not expire`);
    return this.space.engine.expire(this.space.name, number, nowMs, limit);
  }

  count(
    collection: AnyCollection,
    query: { readonly equals: readonly unknown[]; readonly limit: number },
  ): Promise<number> {
    return countRows(this.space, collection, query);
  }

  async listExpiring(collection: AnyCollection, untilMs: number, limit: number): Promise<unknown> {
    if (!isBinary(collection) || !collection.expires)
      throw new Error(`rows of ${collection.name} do not expire`);
    const { engine, name } = this.space;
    const rows = await engine.expiring(name, this.space.numberOf(collection), untilMs, limit);
    return rows.map((row) => ({
      key: decodeParts(collection.parts, row.key),
      storedKey: row.key,
      expiresAt: row.expiresAt,
    }));
  }

  async write<T>(body: (tx: Tx<ScopeKind>) => Promise<T> | T): Promise<T> {
    let notUnique: StoreError | undefined;
    for (let run = 1; run <= RUNS_MAX; run++) {
      const result = run < QUEUED_FROM_RUN ? await this.#run(body) : await this.#runInTurn(body);
      if (result.done) return result.value;
      // The row that took the value may have come after the body looked; the second time it is the body's answer.
      if (result.notUnique !== undefined && notUnique !== undefined) throw result.notUnique;
      notUnique = result.notUnique;
      await wait(Math.random() * Math.min(WAIT_MS_MAX, run));
    }
    throw new KuvertError('store_busy');
  }

  #runInTurn<T>(body: (tx: Tx<ScopeKind>) => Promise<T> | T): Promise<RunResult<T>> {
    const turn = this.#queue.then(() => this.#run(body));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #run<T>(body: (tx: Tx<ScopeKind>) => Promise<T> | T): Promise<RunResult<T>> {
    const tx = new Transaction(this.space);
    let value: T;
    try {
      value = await body(tx as unknown as Tx<ScopeKind>);
    } catch (error) {
      if (error instanceof ReadChangedError) return { done: false };
      // A body may throw because what it read does not fit together; then it deserves another look.
      if (!(await this.#stillTrue(tx))) return { done: false };
      throw error;
    }
    return this.space.newKeyCommits.run(() => this.#commit(tx, value));
  }

  async #commit<T>(tx: Transaction, value: T): Promise<RunResult<T>> {
    const list = await tx.prepare();
    if (list.ops.length === 0) return { done: true, value };
    const outcome = await this.space.engine.commit(this.space.name, list.ops);
    if (!outcome.committed) return this.#refused(outcome, list, tx);
    list.committed();
    return { done: true, value };
  }

  async #stillTrue(tx: Transaction): Promise<boolean> {
    const checks = tx.checks();
    return checks.length < 2 || (await this.space.engine.commit(this.space.name, checks)).committed;
  }

  #refused(
    outcome: Extract<EngineOutcome, { committed: false }>,
    list: PreparedList,
    tx: Transaction,
  ): { readonly done: false; readonly notUnique?: StoreError } {
    // A data key that somebody else made in the meantime is a conflict like any other.
    if (outcome.failedAt < list.newKeys || outcome.reason === 'changed') return { done: false };
    const op = list.ops[outcome.failedAt];
    if (op === undefined) throw new Error('an engine refused an operation that was not in the list');
    const collection = this.space.numbers.layouts[op.collection]?.name ?? '';
    if (outcome.reason === 'not_unique') {
      const index = this.space.numbers.layouts[op.collection]?.indexes[outcome.index ?? -1]?.name;
      const refused = new StoreError('not_unique', { collection, index });
      if (!tx.hasReads) throw refused;
      return { done: false, notUnique: refused };
    }
    if (outcome.reason === 'missing') throw new KuvertError('not_found');
    throw new StoreError('already_exists', { collection });
  }
}

/** {@link TenantScope} with the types taken off. */
export class TenantSpaceScope extends SpaceScope {
  readonly tenant: TenantId;

  constructor(space: Space, tenant: TenantId) {
    super(space);
    this.tenant = tenant;
  }
}

/** Puts the types of the port on. */
export function typedScope<S extends ScopeKind>(scope: SpaceScope): Scope<S> {
  return scope as unknown as Scope<S>;
}

/**
 * Gives entries their numbers (wire.md §5). Entries are committed without one, so that no two actions ever wait for each other; soon afterwards the sequencer takes those
 * that wait, in order of time, appends them to the tree and moves the head, all in one commit that holds only if the head is still where it was. So any number of servers may do it at
 * once, and each entry gets one number.
 */
import { appendLeaves, EMPTY_HEAD, type Hash, type TreeHead } from '@kuvert/crypto/transparency';
import type { TenantId } from '@kuvert/protocol';
import type { Store } from '../../store/index.ts';
import { type LogPlace, placeOfLog } from './logs.ts';
import type { LogName } from './records.ts';

/** How long an entry may wait for its number by what is promised, and how long it is left to wait for others. */
export const SEQUENCING = { promisedMs: 60_000, pauseMs: 1_000 } as const;
/** Entries that get their number in one commit at most. */
const AT_ONCE = 256;

/** The head of a log's tree as it is now. */
export async function readHead({ scope, tables }: LogPlace): Promise<TreeHead> {
  const row = await scope.find(tables.heads, 0);
  return (row?.value as TreeHead | undefined) ?? EMPTY_HEAD;
}

/** @see the head of this file */
export class Sequencer {
  readonly #store: Store;
  readonly #forward: (log: TenantId) => Promise<number>;
  readonly #onError: (error: unknown) => void;
  readonly #onNumbered: (log: LogName, count: number) => void;
  readonly #waiting = new Set<LogName>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  /** @param deps.forward moves some of what is on its way to a tenant's log; 0 when nothing was */
  constructor(deps: {
    readonly store: Store;
    readonly forward: (log: TenantId) => Promise<number>;
    readonly onError: (error: unknown) => void;
    readonly onNumbered: (log: LogName, count: number) => void;
  }) {
    this.#store = deps.store;
    this.#forward = deps.forward;
    this.#onError = deps.onError;
    this.#onNumbered = deps.onNumbered;
  }

  /** Something may wait in this log. */
  notice(log: LogName): void {
    this.#waiting.add(log);
    if (this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#running.then(() => this.#work());
    }, SEQUENCING.pauseMs).unref();
  }

  /** Numbers everything that waits in a log, what is on its way there included. @returns the head */
  async sequence(log: LogName): Promise<TreeHead> {
    while (log !== 'operator' && (await this.#forward(log)) > 0);
    const place = placeOfLog(this.#store, log);
    for (;;) {
      const { head, count } = await this.#step(place);
      if (count > 0) this.#onNumbered(log, count);
      if (count < AT_ONCE) return head;
    }
  }

  /** Ends when everything that waits has its number, because nobody knows when the next start is. After a failure the rest is left to that. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
    await this.#work();
  }

  async #work(): Promise<void> {
    const logs = [...this.#waiting];
    this.#waiting.clear();
    for (const log of logs) {
      try {
        await this.sequence(log);
      } catch (error) {
        this.#onError(error);
        if (this.#stopped) return;
        this.notice(log);
      }
    }
  }

  #step({ scope, tables }: LogPlace): Promise<{ head: TreeHead; count: number }> {
    const { ops } = this.#store;
    return scope.write(async (tx) => {
      // Read first: if somebody else moves it meanwhile, the commit fails and all of this runs again.
      const row = await tx.find(tables.heads, 0);
      const before = (row?.value as TreeHead | undefined) ?? EMPTY_HEAD;
      const { rows } = await tx.list(tables.pending, { limit: AT_ONCE });
      if (rows.length === 0) return { head: before, count: 0 };
      const leaves = rows.map(({ value }): Hash => Uint8Array.from(value));
      const { head, completed } = appendLeaves(before, leaves);
      tx.apply(ops.put(tables.heads, [0], head));
      for (const { level, index, hash } of completed)
        tx.apply(ops.insert(tables.nodes, [level, index], hash));
      for (const [i, { key }] of rows.entries()) {
        const [entryId] = key;
        tx.apply(ops.insert(tables.places, [before.size + i], entryId));
        tx.apply(ops.put(tables.placeOf, [entryId], before.size + i));
        tx.delete(tables.pending, entryId);
      }
      return { head, count: rows.length };
    });
  }
}

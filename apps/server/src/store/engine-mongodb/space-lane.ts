/**
 * The way of commit lists of one space into rounds. What comes while a round runs waits and goes into the next one together. One round of a
 * space runs at a time: a later list must never be seen, or stay, before an earlier one that is still on its way or fails (P2), and rounds
 * that overtake each other over a connection that is cut would do that. So what waits behind a list that was refused for the moment is
 * refused with it, except lists that only remove; and answers are given in the order in which the lists came.
 */
import { KuvertError } from '@kuvert/protocol';
import { type EngineOp, type EngineOutcome, needsRoom } from '../engine.ts';
import { isDiskFull } from './failures.ts';
import type { OpenSpace } from './open-space.ts';
import { rowName } from './stored-rows.ts';

/** Rounds of one space in flight, see the head of this file. */
export const ROUNDS_PER_SPACE = 1;
const LISTS_PER_ROUND = 512;
const BYTES_PER_ROUND = 4 * 1024 * 1024;
/** A transaction should touch few documents. */
const OPS_PER_ROUND = 2_000;

interface Waiting {
  readonly list: readonly EngineOp[];
  readonly bytes: number;
  readonly resolve: (outcome: EngineOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** What all lanes together may do. */
export interface LaneRoom {
  /** Rounds that may still begin, all spaces together. */
  rounds: number;
}

/** What {@link SpaceLane} takes. */
export interface LaneOptions {
  readonly space: OpenSpace;
  readonly room: LaneRoom;
  /** The first of {@link ROUNDS_PER_SPACE} stripes. */
  readonly stripe: number;
  /** Runs lists in one transaction. @throws KuvertError */
  readonly run: (
    space: OpenSpace,
    work: { readonly lists: readonly (readonly EngineOp[])[]; readonly stripe: number },
  ) => Promise<readonly EngineOutcome[]>;
  readonly onBatch: (facts: { requests: number; durationMs: number }) => void;
  /** A round has ended: lanes that wait for room may go on. */
  readonly onRoom: () => void;
}

export class SpaceLane {
  readonly #options: LaneOptions;
  readonly #queue: Waiting[] = [];
  /** Names of rows by the slot of the round that touches them. */
  readonly #running = new Map<number, ReadonlySet<string>>();
  #answered: Promise<unknown> = Promise.resolve();
  #scheduled = false;
  /** Set between a refusal and the moment when all who are refused have heard of it. */
  #refusal: { readonly error: unknown } | undefined;
  readonly #idle: (() => void)[] = [];

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#running.size === 0;
  }

  /** Resolves when nothing waits or runs. */
  async drained(): Promise<void> {
    while (!this.isIdle) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.#answered;
  }

  commit(list: readonly EngineOp[]): Promise<EngineOutcome> {
    // It was on its way when what stands before it was refused.
    if (this.#refusal !== undefined && needsRoom(list)) return Promise.reject(this.#refusal.error);
    const bytes = bytesOfList(list);
    return new Promise((resolve, reject) => {
      this.#queue.push({ list, bytes, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // Everything that arrives in one turn of the event loop goes into one round.
      setImmediate(() => {
        this.#scheduled = false;
        this.pump();
      });
    });
  }

  /** Begins as many rounds as there is room for. */
  pump(): void {
    while (this.#queue.length > 0 && this.#running.size < ROUNDS_PER_SPACE && this.#options.room.rounds > 0) {
      const { batch, names } = this.#take();
      if (batch.length === 0) return;
      let slot = 0;
      while (this.#running.has(slot)) slot++;
      this.#running.set(slot, names);
      this.#options.room.rounds--;
      void this.#run(slot, batch);
    }
  }

  #take(): { batch: Waiting[]; names: ReadonlySet<string> } {
    const batch: Waiting[] = [];
    const names = new Set<string>();
    let bytes = 0;
    let ops = 0;
    while (batch.length < LISTS_PER_ROUND && bytes < BYTES_PER_ROUND && ops < OPS_PER_ROUND) {
      const next = this.#queue[0];
      if (next === undefined) break;
      const touched = this.#namesOf(next.list);
      if (touched.some((name) => this.#isRunning(name))) break;
      this.#queue.shift();
      for (const name of touched) names.add(name);
      bytes += next.bytes;
      ops += next.list.length;
      batch.push(next);
    }
    return { batch, names };
  }

  #isRunning(name: string): boolean {
    for (const names of this.#running.values()) if (names.has(name)) return true;
    return false;
  }

  /** Rows over which two rounds would collide. */
  #namesOf(list: readonly EngineOp[]): string[] {
    return list.flatMap((op) => {
      const isShared =
        op.kind === 'check' &&
        op.version === 'present' &&
        this.#options.space.layout(op.collection).gate === true;
      return isShared ? [] : rowName(op.collection, op.key);
    });
  }

  async #run(slot: number, batch: Waiting[]): Promise<void> {
    const { room, onBatch, onRoom } = this.#options;
    const before = this.#answered;
    let answered = (): void => undefined;
    this.#answered = new Promise<void>((resolve) => {
      answered = resolve;
    });
    const beganMs = performance.now();
    const results = await this.#results(slot, batch);
    onBatch({ requests: batch.length, durationMs: performance.now() - beganMs });
    const refused = results.findLast((result) => 'error' in result && isForTheMoment(result.error));
    if (refused !== undefined) {
      this.#refusal = { error: 'error' in refused ? refused.error : undefined };
      setImmediate(() => {
        this.#refusal = undefined;
      });
      const behind = this.#queue.filter(({ list }) => needsRoom(list));
      this.#queue.splice(0, Number.POSITIVE_INFINITY, ...this.#queue.filter(({ list }) => !needsRoom(list)));
      batch.push(...behind);
      results.push(...behind.map(() => refused));
    }
    this.#running.delete(slot);
    room.rounds++;
    await before;
    for (const [place, { resolve, reject }] of batch.entries()) {
      const result = results[place];
      if (result !== undefined && 'outcome' in result) resolve(result.outcome);
      else reject(result?.error ?? new KuvertError('internal'));
    }
    answered();
    this.pump();
    onRoom();
    if (this.isIdle) for (const idle of this.#idle.splice(0)) idle();
  }

  async #results(slot: number, batch: readonly Waiting[]): Promise<Result[]> {
    const stripe = this.#options.stripe + slot;
    const lists = batch.map(({ list }) => list);
    try {
      return (await this.#options.run(this.#options.space, { lists, stripe })).map((outcome) => ({
        outcome,
      }));
    } catch (error) {
      if (batch.length > 1 && isOfOneList(error)) return this.#oneByOne(slot, batch);
      return batch.map(() => ({ error }));
    }
  }

  /** One list that cannot be written is no reason to refuse the others; and on a full disk those that only remove go on. */
  async #oneByOne(slot: number, batch: readonly Waiting[]): Promise<Result[]> {
    const results: Result[] = [];
    let refused: Result | undefined;
    for (const waiting of batch) {
      const found =
        refused !== undefined && needsRoom(waiting.list) ? [refused] : await this.#results(slot, [waiting]);
      refused ??= found.find((result) => 'error' in result && isForTheMoment(result.error));
      results.push(...found);
    }
    return results;
  }
}

/** What becomes of a list. */
type Result = { readonly outcome: EngineOutcome } | { readonly error: unknown };

/** The same list may well be accepted later. */
function isForTheMoment(error: unknown): boolean {
  return error instanceof KuvertError && FOR_THE_MOMENT.has(error.code);
}

const FOR_THE_MOMENT: ReadonlySet<string> = new Set(['store_unavailable', 'store_busy', 'disk_full']);

function isOfOneList(error: unknown): boolean {
  if (isDiskFull(error)) return true;
  const { code } = (error ?? {}) as { code?: unknown };
  return code === 'internal' || code === 'too_large' || !(error instanceof KuvertError);
}

/** What a list takes of memory while it waits. */
export function bytesOfList(list: readonly EngineOp[]): number {
  let bytes = 0;
  for (const op of list) bytes += op.key.length + (op.kind === 'put' ? op.doc.length : 0) + 64;
  return bytes;
}

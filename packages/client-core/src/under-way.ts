/** Rows of the outbox that were submitted on the present connection and not answered yet. */
import { equalBytes } from '@kuvert/protocol';
import type { Lane, OutboxRow } from './store.ts';

/** Submits under way at once. */
const UNDER_WAY_MAX = 64;

/** One submit. Another one of the same row, on a later connection, is another of these. */
export interface Submitted {
  readonly row: OutboxRow;
  readonly lane: Lane;
}

/** @see the top of this file */
export class UnderWay {
  readonly #bySeq = new Map<number, Submitted>();

  get isEmpty(): boolean {
    return this.#bySeq.size === 0;
  }
  /** How many more may be submitted. */
  get room(): number {
    return UNDER_WAY_MAX - this.#bySeq.size;
  }
  seqs(): Iterable<number> {
    return this.#bySeq.keys();
  }
  add(submitted: Submitted): void {
    this.#bySeq.set(submitted.row.seq, submitted);
  }
  /** It was answered. */
  remove(submitted: Submitted): void {
    const { seq } = submitted.row;
    if (this.#bySeq.get(seq) === submitted) this.#bySeq.delete(seq);
  }
  /** The connection is gone. */
  clear(): void {
    this.#bySeq.clear();
  }

  hasLane(lane: Lane): boolean {
    return this.#some((one) => one.lane === lane);
  }
  /**
   * Whether something of the lane was sealed for other devices: it may be refused because of them, and what is sealed for those that are right
   * would overtake it.
   */
  hasOtherList(lane: Lane, listHash: Uint8Array): boolean {
    return this.#some(
      (one) => one.lane === lane && !(one.row.listHash && equalBytes(one.row.listHash, listHash)),
    );
  }

  #some(isMeant: (one: Submitted) => boolean): boolean {
    for (const one of this.#bySeq.values()) if (isMeant(one)) return true;
    return false;
  }
}

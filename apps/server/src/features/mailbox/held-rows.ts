/**
 * Rows that a connection must not get again though they may still be found: in flight, or acknowledged and perhaps on a page read before. Only a
 * pass over the mailbox asks, so the set is filled as one begins; while live it holds no more than what the last one handed over.
 */
import { keyText, type LeavingRow } from './deletions.ts';
import type { DeliveryWindow } from './delivery-window.ts';

/** @see the top of this file */
export class HeldRows {
  readonly #window: Pick<DeliveryWindow, 'inFlight'>;
  readonly #names = new Set<string>();
  /** More of them, which passes have handed over: mostly nobody ever asks for one, and a text for each row costs as much as sending it. */
  readonly #handedOver: Uint8Array[] = [];
  /** Acknowledged rows that may not be removed yet, oldest first. */
  #acknowledged: LeavingRow[] = [];
  /** Number of the last row that a pass handed over, and the row itself once it is acknowledged. */
  #upTo = 0;
  #last: LeavingRow | undefined;

  constructor(window: Pick<DeliveryWindow, 'inFlight'>) {
    this.#window = window;
  }

  /** By the text of its key ({@link keyText}). */
  has(name: string): boolean {
    for (const storedKey of this.#handedOver.splice(0)) this.#names.add(keyText(storedKey));
    return this.#names.has(name);
  }

  hasAny(): boolean {
    return this.#names.size > 0 || this.#handedOver.length > 0;
  }

  /** A pass hands it over. */
  handedOver(storedKey: Uint8Array): void {
    this.#handedOver.push(storedKey);
  }

  acknowledged(row: LeavingRow): void {
    this.#acknowledged.push(row);
  }

  /** Acknowledged rows that are still in the store, as far as is known. */
  countStillThere(): number {
    return this.#acknowledged.filter((row) => !row.isGone).length;
  }

  /** Before a scan: all that it may find and must not hand over. */
  scanBegins(): void {
    this.#forgetRemoved();
    this.#holdNone();
    for (const { row } of this.#window.inFlight)
      if (row !== undefined) this.#names.add(keyText(row.storedKey));
    for (const row of this.#acknowledged) this.#names.add(keyText(row.storedKey));
  }

  /** No page is open any more that may show rows which were removed. @param lastSeq number of the last row that was handed over */
  scanEnded(lastSeq: number): void {
    this.#upTo = lastSeq;
    this.#forgetRemoved();
  }

  /**
   * While live: forgets what is removed, and what the last pass handed over when all of it is; rows go in the order of their numbers.
   * @param upTo what was acknowledged
   * @param hasLate some wait in memory, of which one may have been handed over already
   */
  acknowledgedLive(upTo: number, hasLate: boolean): void {
    this.forgetFirst();
    if (!this.hasAny() || upTo < this.#upTo || hasLate) return;
    this.#last ??= this.#acknowledged.at(-1);
    if (this.#last?.isGone !== false) this.#holdNone();
  }

  /**
   * While live: forgets those of the acknowledged rows that are removed, which happens in the order of acknowledgements. What is kept for longer
   * outlives the young generation, each row of it.
   */
  forgetFirst(): void {
    const acknowledged = this.#acknowledged;
    let removed = 0;
    while (acknowledged[removed]?.isGone === true) removed++;
    if (removed > 0) acknowledged.splice(0, removed);
  }

  #holdNone(): void {
    this.#names.clear();
    this.#handedOver.length = 0;
    this.#last = undefined;
  }

  /** Never during a pass, whose page may still show them. */
  #forgetRemoved(): void {
    this.#acknowledged = this.#acknowledged.filter((row) => !row.isGone);
  }
}

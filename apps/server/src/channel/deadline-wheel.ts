/**
 * One interval for the timeouts of all connections: a timer per connection costs memory and, at every message, time
 * (facts on idle cost). Items lie in slots by the second in which they want to be looked at; a look says when to come again.
 * Precision is one slot, which is enough for timeouts of many seconds.
 */
import type { Clock } from '../clock.ts';

/** Something that wants to be looked at from time to time. */
export interface Timed {
  /** @returns the monotonic time of the next look in milliseconds, or undefined when there shall be none */
  look(monotonicMs: number): number | undefined;
}

const SLOT_MS = 1_000;

/** The wheel. Time only moves on in {@link DeadlineWheel.turn}. */
export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #slots = new Map<number, Set<Timed>>();
  readonly #slotOf = new Map<Timed, number>();
  #turned: number;
  #interval: NodeJS.Timeout | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#turned = Math.floor(clock.monotonicMs() / SLOT_MS);
  }

  start(): void {
    this.#interval ??= setInterval(() => this.turn(), SLOT_MS).unref();
  }

  stop(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
  }

  /** Looks at `item` at `atMs` (monotonic) or up to a slot later, in place of any earlier appointment. */
  add(item: Timed, atMs: number): void {
    this.remove(item);
    const slot = Math.max(Math.ceil(atMs / SLOT_MS), this.#turned + 1);
    const items = this.#slots.get(slot);
    if (items === undefined) this.#slots.set(slot, new Set([item]));
    else items.add(item);
    this.#slotOf.set(item, slot);
  }

  remove(item: Timed): void {
    const slot = this.#slotOf.get(item);
    if (slot === undefined) return;
    this.#slotOf.delete(item);
    const items = this.#slots.get(slot);
    items?.delete(item);
    if (items?.size === 0) this.#slots.delete(slot);
  }

  /** Looks at everything that is due. */
  turn(): void {
    const nowMs = this.#clock.monotonicMs();
    const now = Math.floor(nowMs / SLOT_MS);
    // After a long jump of the clock there are fewer slots than seconds, so the slots are walked, not the seconds.
    const due = [...this.#slots.keys()].filter((slot) => slot <= now).sort((a, b) => a - b);
    this.#turned = now;
    for (const slot of due) {
      const items = this.#slots.get(slot) ?? [];
      this.#slots.delete(slot);
      for (const item of items) {
        this.#slotOf.delete(item);
        const next = item.look(nowMs);
        if (next !== undefined) this.add(item, next);
      }
    }
  }
}

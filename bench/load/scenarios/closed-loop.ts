/** The clock and the books of a closed loop: which messages are under way, how long they took, what it cost the server. */
import { cpuSecondsOf, threadCpuSecondsOf } from '../../measure/process-usage.ts';
import type { Spell } from '../job.ts';

/** How long what is under way at the end may take to arrive; what has not come then is lost. */
const LAST_ARRIVALS_MS = 10_000;
/** However slow the machine is, no loop is warmed up for longer. */
const WARM_UP_MS_MAX = 15_000;

/** Messages under way by tag, and how many arrivals each still misses. */
export class ClosedLoop {
  readonly #underWay = new Map<number, { readonly sentAt: number; missing: number }>();
  readonly #spell: Spell;
  readonly #pids: readonly number[];
  readonly #measured = { fromMs: 0, toMs: 0, seconds: 0, cpuSeconds: 0, ownCpuSeconds: 0, lost: 0 };
  readonly #threadSeconds = new Map<string, number>();
  #tags = 0;
  #arrivals = 0;
  /** Milliseconds from sending to each arrival, and to the last arrival of each message. */
  readonly eachMs: number[] = [];
  readonly lastMs: number[] = [];
  #isMeasured = false;
  #isOver = false;
  /** Arrivals of messages that were not under way: shown twice. */
  twice = 0;

  /** @param pids of the server */
  constructor(spell: Spell, pids: readonly number[]) {
    this.#spell = spell;
    this.#pids = pids;
  }

  /** Messages so far, warming up included. */
  get begun(): number {
    return this.#tags;
  }

  /** Arrivals so far, warming up included. */
  get arrivals(): number {
    return this.#arrivals;
  }

  /** True while nothing is to be sent any more: a turn has been measured. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Notes a message that `arrivals` receivers will get, and gives its tag. */
  begin(arrivals: number): number {
    const tag = ++this.#tags;
    this.#underWay.set(tag, { sentAt: performance.now(), missing: arrivals });
    return tag;
  }

  /** Notes an arrival. @returns true when it was the last one of this message */
  arrived(tag: number): boolean {
    const message = this.#underWay.get(tag);
    if (message === undefined) {
      this.twice++;
      return false;
    }
    this.#arrivals++;
    const tookMs = performance.now() - message.sentAt;
    message.missing--;
    if (this.#isMeasured) this.eachMs.push(tookMs);
    if (message.missing > 0) return false;
    this.#underWay.delete(tag);
    if (this.#isMeasured) this.lastMs.push(tookMs);
    return true;
  }

  /** What all turns came to. */
  get measured(): Measured {
    return { ...this.#measured, threadSeconds: this.#threadSeconds };
  }

  /**
   * Lets the loop run unmeasured, for as long as its spell says.
   * @param begin sends as many messages as shall be under way
   */
  async warmUp(begin: () => void): Promise<void> {
    begin();
    const warmAt = performance.now() + this.#spell.warmUpMs;
    const warmUntil = warmAt + WARM_UP_MS_MAX;
    while (
      performance.now() < warmAt ||
      (this.#arrivals < this.#spell.warmUpMessages && performance.now() < warmUntil)
    ) {
      await pause(20);
    }
    await this.#end();
  }

  /** Lets it run and be measured for a turn. */
  async turn(begin: () => void): Promise<void> {
    this.#isOver = false;
    begin();
    await pause(this.#spell.rampMs);
    await this.#measure(this.#spell.measuredMs);
    await this.#end();
  }

  async #measure(timeMs: number): Promise<void> {
    const measured = this.#measured;
    measured.fromMs ||= Date.now();
    const beganAt = performance.now();
    const cpuBefore = cpuSecondsOf(this.#pids);
    const threadsBefore = this.#pids.map(threadCpuSecondsOf);
    const ownBefore = process.cpuUsage();
    this.#isMeasured = true;
    await pause(timeMs);
    this.#isMeasured = false;
    measured.seconds += (performance.now() - beganAt) / 1000;
    measured.cpuSeconds += cpuSecondsOf(this.#pids) - cpuBefore;
    const own = process.cpuUsage(ownBefore);
    measured.ownCpuSeconds += (own.user + own.system) / 1e6;
    this.#pids.forEach((pid, i) => {
      for (const [name, after] of threadCpuSecondsOf(pid)) {
        const took = after - (threadsBefore[i]?.get(name) ?? 0);
        this.#threadSeconds.set(name, (this.#threadSeconds.get(name) ?? 0) + took);
      }
    });
    measured.toMs = Date.now();
  }

  /** Waits for what is still under way, and a while longer. */
  async #end(): Promise<void> {
    this.#isOver = true;
    const deadline = performance.now() + LAST_ARRIVALS_MS;
    while (this.#underWay.size > 0 && performance.now() < deadline) await pause(20);
    for (const { missing } of this.#underWay.values()) this.#measured.lost += missing;
    this.#underWay.clear();
    await pause(this.#spell.restMs);
  }
}

/** What turns came to. */
export interface Measured {
  readonly fromMs: number;
  readonly toMs: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Of this load process: it shares the cores with the server, so its own costs bound the rate as well. */
  readonly ownCpuSeconds: number;
  /** The same by names of threads, which tell a writer from an event loop and both from the collection of garbage. */
  readonly threadSeconds: ReadonlyMap<string, number>;
  /** Arrivals that never came. */
  readonly lost: number;
}

/** Lets so much time pass. */
export function pause(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeMs));
}

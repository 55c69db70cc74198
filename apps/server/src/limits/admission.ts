/**
 * What is let in while the server is busy (P7): under overload it refuses before accepting, so that whatever it did accept is served in
 * bounded time. Measured is how long a submit takes from its arrival to its commit, and how late the event loop is; steered is how many
 * submits may be under way at once:
 *
 * - above {@link ADMISSION.targetMs} the number shrinks by a quarter per window, from what was really under way;
 * - below it and with the room used up, it grows by a tenth.
 *
 * By Little's law it settles where the store's rate fills the target time. New connections are refused first, because each costs a handshake
 * and brings its own submits; deliveries and acknowledgements are never asked: they empty the server.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../clock.ts';
import { refusal } from './refusal.ts';

/** Numbers of {@link Admission}. */
export const ADMISSION = {
  /** Submits under way in the whole server: at most, what is let in however slow it is, and at the start, before anything is known. */
  openMax: 8_192,
  openMin: 512,
  openFirst: 2_048,
  /** Bytes of submits under way; well below what the store's queue takes, so that there is always room for the rest. */
  openBytesMax: 16 * 1_048_576,
  /** Time from a submit's arrival to its commit, the lateness of the event loop included, above which less is let in. */
  targetMs: 250,
  /** Share of the target, and of the room, at which new connections are refused. */
  busyShare: 0.6,
  /** Lateness of the event loop at which new connections are refused, when it lasts for two windows. */
  loopDelayMs: 1_000,
  windowMs: 250,
  /** A window with fewer submits says nothing about load. */
  samplesMin: 50,
  /** Whoever was refused is asked to come again after this, spread over as much again. */
  retryMs: 1_000,
} as const;

const SPREAD_STEPS = 16;
const LOOP_RESOLUTION_MS = 20;
const SAMPLES_KEPT = 500_000;

/**
 * Measures by how many milliseconds the event loop is late, on average since the last call. A reset of the histogram would make it
 * miss the delay that follows, so differences are taken, and it is reset once in hours.
 */
export function measureLoopDelay(): { read(): number; stop(): void } {
  const histogram = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  histogram.enable();
  let [count, sum] = [0, 0];
  return {
    read() {
      const [beforeCount, beforeSum] = [count, sum];
      count = histogram.count;
      sum = count === 0 ? 0 : (histogram.mean / 1e6) * count;
      const meanMs = count === beforeCount ? 0 : (sum - beforeSum) / (count - beforeCount);
      if (count > SAMPLES_KEPT) {
        histogram.reset();
        [count, sum] = [0, 0];
      }
      return Math.max(0, meanMs - LOOP_RESOLUTION_MS);
    },
    stop: () => histogram.disable(),
  };
}

/** @see the head of this file */
export class Admission {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #loopDelay: { read(): number; stop(): void };
  #openMax: number = ADMISSION.openFirst;
  #open = 0;
  #openBytes = 0;
  #peak = 0;
  #sumMs = 0;
  #samples = 0;
  #lastEndMs: number;
  #loopDelayMs = 0;
  #lateWindows = 0;
  #isSlow = false;
  #refusals = 0;
  #interval: NodeJS.Timeout | undefined;

  constructor(options: {
    readonly clock: Pick<Clock, 'monotonicMs'>;
    readonly loopDelay: { read(): number; stop(): void };
  }) {
    this.#clock = options.clock;
    this.#loopDelay = options.loopDelay;
    this.#lastEndMs = options.clock.monotonicMs();
  }

  /** Begins to measure. */
  start(): void {
    this.#interval ??= setInterval(() => this.turn(), ADMISSION.windowMs).unref();
  }

  stop(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
    this.#loopDelay.stop();
  }

  /** Submits under way. */
  get open(): number {
    return this.#open;
  }

  /** Submits that may be under way at this moment. */
  get openMax(): number {
    return this.#openMax;
  }

  /** Lateness of the event loop in the last window. */
  get loopDelayMs(): number {
    return this.#loopDelayMs;
  }

  /** True when no new connection should be begun. */
  get isBusy(): boolean {
    const isFull = this.#open > this.#openMax * ADMISSION.busyShare;
    return isFull || this.#isSlow || this.#lateWindows >= 2;
  }

  /**
   * Lets a submit in.
   * @param beganMs monotonic, of who has just read it
   * @returns to be called once when it has been answered, whatever the answer is
   * @throws KuvertError `overloaded` with the time after which to come again
   */
  enter(bytes: number, beganMs = this.#clock.monotonicMs()): () => void {
    if (this.#open >= this.#openMax || this.#openBytes + bytes > ADMISSION.openBytesMax) {
      const spread = (this.#refusals++ % SPREAD_STEPS) * Math.floor(ADMISSION.retryMs / SPREAD_STEPS);
      throw refusal('overloaded', ADMISSION.retryMs + spread);
    }
    if (this.#open === 0) this.#lastEndMs = beganMs;
    this.#open++;
    this.#openBytes += bytes;
    if (this.#open > this.#peak) this.#peak = this.#open;
    return () => {
      this.#open--;
      this.#openBytes -= bytes;
      this.#lastEndMs = this.#clock.monotonicMs();
      this.#sumMs += this.#lastEndMs - beganMs;
      this.#samples++;
    };
  }

  /** Ends a window; the interval does so. For tests that move the clock. */
  turn(): void {
    this.#loopDelayMs = this.#loopDelay.read();
    this.#lateWindows = this.#loopDelayMs >= ADMISSION.loopDelayMs ? this.#lateWindows + 1 : 0;
    const tookMs = this.#tookMs();
    if (tookMs > ADMISSION.targetMs) {
      const used = Math.min(this.#openMax, this.#peak);
      this.#openMax = Math.max(ADMISSION.openMin, Math.floor(used * 0.75));
    } else if (this.#peak >= this.#openMax * 0.8) {
      this.#openMax = Math.min(ADMISSION.openMax, Math.ceil(this.#openMax * 1.1));
    }
    this.#isSlow = tookMs > ADMISSION.targetMs * ADMISSION.busyShare;
    this.#sumMs = 0;
    this.#samples = 0;
    this.#peak = this.#open;
  }

  /** How long submits take at this moment. A store that answers nothing has no samples, only the time since its last answer. */
  #tookMs(): number {
    if (this.#peak < ADMISSION.samplesMin) return 0;
    if (this.#samples === 0) return this.#clock.monotonicMs() - this.#lastEndMs;
    return this.#sumMs / this.#samples + this.#loopDelayMs;
  }
}

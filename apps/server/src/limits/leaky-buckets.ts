/**
 * Leaky buckets in memory: how much of something one party may do in a burst and in the long run. Memory is bounded whatever keys
 * come in: buckets lie in two generations, and when the young one is full the old one is forgotten. So a bucket is forgotten only
 * after many others were used since, and a restart forgets all of them; what guards a secret counts in the store instead.
 */
import type { Clock } from '../clock.ts';
import { refusal } from './refusal.ts';

/** A burst, and what flows on after it. */
export interface BucketLimit {
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  level: number;
  seenMs: number;
  /** Monotonic time until which everything is refused, 0 when open. */
  closedUntilMs: number;
}

/** Nobody is asked to come again sooner: by then a second's worth has flowed out. */
const RETRY_MIN_MS = 1_000;
/** Nor later: whoever asks then may be told to wait once more. */
const RETRY_MAX_MS = 60_000;
const BUCKETS_MAX = 100_000;

/** Buckets of one limit, by key. */
export class LeakyBuckets {
  readonly #limit: BucketLimit;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #generationMax: number;
  readonly #onClosed: (key: string) => void;
  #young = new Map<string, Bucket>();
  #old = new Map<string, Bucket>();

  /**
   * @param options.onClosed called when a bucket begins to refuse, not at each refusal
   * @param options.bucketsMax how many are remembered at most
   */
  constructor(options: {
    readonly limit: BucketLimit;
    readonly clock: Pick<Clock, 'monotonicMs'>;
    readonly onClosed?: (key: string) => void;
    readonly bucketsMax?: number;
  }) {
    this.#limit = options.limit;
    this.#clock = options.clock;
    this.#onClosed = options.onClosed ?? (() => undefined);
    this.#generationMax = (options.bucketsMax ?? BUCKETS_MAX) / 2;
  }

  /** Buckets in memory. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /**
   * Pours `cost` into the bucket of `key`. Once it has refused it refuses everything until the time it named: a client that sends
   * several things at once gets the rest of them back too, so none overtakes an earlier one.
   * @param nowMs monotonic, of who has just read it
   * @throws KuvertError `rate_limited` with the time after which there is room
   */
  take(key: string, cost = 1, nowMs = this.#clock.monotonicMs()): void {
    const bucket = this.#find(key, nowMs);
    if (nowMs < bucket.closedUntilMs) throw refusal('rate_limited', bucket.closedUntilMs - nowMs);
    const { burst, perSecond } = this.#limit;
    bucket.level = Math.max(0, bucket.level - ((nowMs - bucket.seenMs) / 1_000) * perSecond);
    bucket.seenMs = nowMs;
    // What is larger than a whole bucket goes through an empty one.
    if (bucket.level > 0 && bucket.level + cost > burst) {
      const waitMs = Math.ceil(((bucket.level + cost - burst) / perSecond) * 1_000);
      const toldMs = Math.min(RETRY_MAX_MS, Math.max(RETRY_MIN_MS, waitMs));
      bucket.closedUntilMs = nowMs + toldMs;
      this.#onClosed(key);
      throw refusal('rate_limited', toldMs);
    }
    bucket.level += cost;
  }

  /** Takes back a part of what was poured in. */
  giveBack(key: string, cost: number): void {
    const bucket = this.#young.get(key) ?? this.#old.get(key);
    if (bucket !== undefined) bucket.level = Math.max(0, bucket.level - cost);
  }

  #find(key: string, nowMs: number): Bucket {
    let bucket = this.#young.get(key);
    if (bucket !== undefined) return bucket;
    bucket = this.#old.get(key) ?? { level: 0, seenMs: nowMs, closedUntilMs: 0 };
    this.#old.delete(key);
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, bucket);
    return bucket;
  }
}

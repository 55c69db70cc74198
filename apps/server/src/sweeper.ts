/**
 * What is to be done now and then in every tenant: removing what has expired, and going on with what a crash interrupted. Small steps with
 * a pause between them, so that nobody who waits for the store notices (facts: purges of at most 200 rows).
 */
import type { TenantId } from '@kuvert/protocol';
import { describeError, type Log } from './log.ts';
import type { ServerMetrics } from './metrics/server-metrics.ts';

const PASS_PAUSE_MS = 60_000;
const STEP_ROWS = 200;

/** One kind of work in one tenant. @returns how many rows were removed; `limit` or more means that there may be more */
export type Sweep = (tenantId: TenantId, limit: number) => Promise<number>;

type SweepMetrics = Pick<ServerMetrics, 'sweeps' | 'sweptRows' | 'sweepFailures'>;

/** @see the head of this file */
export class Sweeper {
  readonly #tenants: () => Promise<readonly TenantId[]>;
  readonly #once: (tenantId: TenantId) => Promise<void>;
  readonly #sweeps: readonly Sweep[];
  readonly #installationSweeps: readonly ((limit: number) => Promise<number>)[];
  readonly #log: Log;
  readonly #metrics: SweepMetrics;
  #timer: NodeJS.Timeout | undefined;
  #pass: Promise<void> | undefined;
  #stopped = false;
  readonly #resumed = new Set<TenantId>();

  /** @param once done once per tenant in the life of the process, before the first sweep */
  constructor(options: {
    readonly tenants: () => Promise<readonly TenantId[]>;
    readonly once: (tenantId: TenantId) => Promise<void>;
    readonly sweeps: readonly Sweep[];
    /** The same for what belongs to no tenant. */
    readonly installationSweeps?: readonly ((limit: number) => Promise<number>)[];
    readonly log: Log;
    readonly metrics: SweepMetrics;
  }) {
    this.#tenants = options.tenants;
    this.#once = options.once;
    this.#sweeps = options.sweeps;
    this.#installationSweeps = options.installationSweeps ?? [];
    this.#log = options.log;
    this.#metrics = options.metrics;
  }

  /** Begins with a pass at once, then one a minute. */
  start(): void {
    if (this.#stopped) return;
    void this.pass().finally(() => {
      if (!this.#stopped) this.#timer = setTimeout(() => this.start(), PASS_PAUSE_MS).unref();
    });
  }

  /** Goes through all tenants once; a call during a pass waits for that one. Never rejects. */
  pass(): Promise<void> {
    this.#pass ??= this.#run().finally(() => {
      this.#pass = undefined;
    });
    return this.#pass;
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#pass;
  }

  async #run(): Promise<void> {
    const tenants = await this.#tenants().catch((error: unknown) => this.#note(error, []));
    this.#metrics.sweeps.add();
    for (const sweep of this.#installationSweeps) {
      if (this.#stopped) return;
      await this.#repeat(sweep).catch((error: unknown) => this.#note(error, undefined));
    }
    for (const tenantId of tenants) {
      if (this.#stopped) return;
      // One tenant's trouble is not another's.
      await this.#sweepTenant(tenantId).catch((error: unknown) => this.#note(error, undefined));
    }
  }

  async #sweepTenant(tenantId: TenantId): Promise<void> {
    if (!this.#resumed.has(tenantId)) {
      await this.#once(tenantId);
      this.#resumed.add(tenantId);
    }
    for (const sweep of this.#sweeps) await this.#repeat((limit) => sweep(tenantId, limit));
  }

  async #repeat(sweep: (limit: number) => Promise<number>): Promise<void> {
    for (let removed = STEP_ROWS; removed >= STEP_ROWS && !this.#stopped; ) {
      removed = await sweep(STEP_ROWS);
      this.#metrics.sweptRows.add(removed);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #note<T>(error: unknown, instead: T): T {
    this.#metrics.sweepFailures.add();
    this.#log.warn({ event: 'sweep-failed', ...describeError(error) });
    return instead;
  }
}

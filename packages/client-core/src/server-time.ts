/**
 * What time it is, as the server would say. The wall clock of a device may be wrong and may be set at any moment; what runs through is the
 * time since the machine was started. So the server's time is kept together with both: while the machine runs on, time goes by its
 * uptime, whatever the wall clock says, also across restarts of this program. After a restart of the machine only the wall clock is left;
 * it moves time on, but never back behind what was known.
 */
import { loadRecord, saveRecord, VALUES } from './own-device.ts';
import type { Clock } from './ports.ts';
import type { ValueStore } from './store.ts';

/** The known time is written down again after so long, so that a clock that is set back takes no more than this with it. */
const KEPT_EVERY_MS = 60_000;

interface KnownTime {
  readonly serverMs: number;
  readonly wallMs: number;
  readonly uptimeMs?: number;
  readonly bootId?: string;
}

/** @see the top of this file */
export class ServerTime {
  readonly #clock: Clock;
  readonly #values: ValueStore;
  #known: KnownTime;

  constructor(clock: Clock, values: ValueStore) {
    this.#clock = clock;
    this.#values = values;
    this.#known = loadRecord<KnownTime>(values, VALUES.serverTime) ?? this.#knownAs(clock.now());
  }

  /** Unix milliseconds by the server's clock, as far as it is known. */
  now(): number {
    const { serverMs, wallMs, uptimeMs, bootId } = this.#known;
    const uptime = this.#clock.uptime?.();
    const runsOn = uptime !== undefined && uptimeMs !== undefined && uptime.bootId === bootId;
    if (runsOn && uptime.ms >= uptimeMs) return serverMs + uptime.ms - uptimeMs;
    return Math.max(serverMs, this.#clock.now() + serverMs - wallMs);
  }
  /** How far that is ahead of the wall clock; set when the server has told its time. */
  get ms(): number {
    return this.now() - this.#clock.now();
  }
  set ms(offsetMs: number) {
    this.#keep(this.#clock.now() + offsetMs);
  }
  /** Writes down how far time has come, now and then. */
  keep(): void {
    const nowMs = this.now();
    const isDue = nowMs - this.#known.serverMs >= KEPT_EVERY_MS;
    if (isDue || this.#clock.now() < this.#known.wallMs) this.#keep(nowMs);
  }

  #keep(serverMs: number): void {
    this.#known = this.#knownAs(serverMs);
    saveRecord(this.#values, VALUES.serverTime, this.#known);
  }
  #knownAs(serverMs: number): KnownTime {
    const uptime = this.#clock.uptime?.();
    return {
      serverMs,
      wallMs: this.#clock.now(),
      ...(uptime && { uptimeMs: uptime.ms, bootId: uptime.bootId }),
    };
  }
}

/** Whether this server should be sent work: the store can write and the server is not about to stop. */
import { KuvertError } from '@kuvert/protocol';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { collection, type Store } from '../store/index.ts';

/** One row that is written to see whether writing works. */
export const readinessProbes = collection('readiness-probes', {
  scope: 'operator',
  document: z.object({ name: z.literal('probe'), writtenAt: z.int() }),
  key: ['name'],
});

/** A result stands for this long, so that asking often does not write often. */
const PROBE_AGE_MS = 1_000;

/** @see the head of this file */
export class Readiness {
  readonly #store: Pick<Store, 'operator'>;
  readonly #clock: Clock;
  #draining = false;
  #probe: Promise<void> | undefined;
  #probedMs = 0;

  constructor(store: Pick<Store, 'operator'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** From now on the server is not ready. */
  drain(): void {
    this.#draining = true;
  }

  /** @throws KuvertError `shutting_down`, `disk_full` or what else keeps the store from writing */
  async check(): Promise<void> {
    if (this.#draining) throw new KuvertError('shutting_down');
    const nowMs = this.#clock.monotonicMs();
    if (this.#probe === undefined || nowMs - this.#probedMs >= PROBE_AGE_MS) {
      this.#probedMs = nowMs;
      this.#probe = this.#write();
    }
    await this.#probe;
  }

  async #write(): Promise<void> {
    await this.#store.operator().write((tx) => {
      tx.put(readinessProbes, { name: 'probe', writtenAt: this.#clock.nowMs() });
    });
  }
}

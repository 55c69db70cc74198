/**
 * Keeps the device's prekeys fresh (`facts/protocol.md` §1): one-time keys are refilled when the server runs low, signed and
 * last-resort key are replaced after 36 hours, and private halves go 30 days after that. Private halves are committed before
 * their public halves are sent, so that nobody can use a key that is not here.
 */
import { FIRST_PREKEY_COUNTERS, listExpiredPrekeys, renewPrekeys } from '@kuvert/crypto/session';
import { KuvertError, type PrekeyCounts, type PrekeyUpload } from '@kuvert/protocol';
import type { Context } from './context.ts';
import { loadRecord, saveRecord, VALUES } from './own-device.ts';
import type { Connection } from './ports.ts';

/** Looks after prekeys whenever there is reason to. */
export class PrekeyUpkeep {
  readonly #context: Context;
  #isRunning = false;
  #waiting: { connection: Connection; counts: PrekeyCounts } | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  /** The server has told how many one-time keys it has left. */
  told(connection: Connection, counts: PrekeyCounts): void {
    this.#waiting = { connection, counts };
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run()
      .catch((cause: unknown) => this.#context.failed(cause))
      .finally(() => {
        this.#isRunning = false;
        this.#context.changed();
      });
  }

  isIdle(): boolean {
    return !this.#isRunning;
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting; next !== undefined; next = this.#waiting) {
      this.#waiting = undefined;
      try {
        await this.#renew(next.connection, next.counts);
      } catch (error) {
        // A refused or interrupted upload is made again on the next connection; messages go on meanwhile.
        if (!(error instanceof KuvertError)) throw error;
      }
    }
  }

  /** A device that was linked brings its first keys itself; only then do others write to it. */
  async #bringFirst(connection: Connection): Promise<void> {
    const { store } = this.#context;
    const first = loadRecord<PrekeyUpload>(store.values, VALUES.firstUpload);
    if (first === undefined) return;
    await connection.request('prekeys.upload', first);
    store.values.delete(VALUES.firstUpload);
  }

  async #renew(connection: Connection, counts: PrekeyCounts): Promise<void> {
    const { store, own, clock, operations } = this.#context;
    await this.#bringFirst(connection);
    const nowMs = clock.now();
    const made = await operations.run(() => {
      this.#deleteExpired(nowMs);
      const renewed = renewPrekeys({
        identityPrivateKey: own.identityPrivateKey,
        counters: store.sessions.prekeyCounters() ?? FIRST_PREKEY_COUNTERS,
        nowMs,
        counts,
        signedCreatedAtMs:
          loadRecord<{ atMs: number }>(store.values, VALUES.signedPrekeyAt)?.atMs ?? own.enrolledAtMs,
      });
      if (renewed !== undefined) store.sessions.addPrekeys(renewed.rows, renewed.counters);
      return renewed;
    });
    if (made === undefined) return;
    await connection.request('prekeys.upload', made.upload);
    if (made.upload.signed !== undefined) saveRecord(store.values, VALUES.signedPrekeyAt, { atMs: nowMs });
  }

  #deleteExpired(nowMs: number): void {
    const { sessions } = this.#context.store;
    const rows = sessions.listReplaceable();
    const signed = listExpiredPrekeys(rows.signed, nowMs);
    const lastResort = listExpiredPrekeys(rows.lastResort, nowMs);
    if (signed.length > 0 || lastResort.length > 0) sessions.deletePrekeys({ signed, lastResort });
  }
}

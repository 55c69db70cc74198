/** What is looked after when a connection begins and every hour that it lasts. */
import { KuvertError } from '@kuvert/protocol';
import { reportGaps } from './chains/gaps.ts';
import { queueHeartbeats } from './chains/own-chain.ts';
import type { Context } from './context.ts';
import type { Directory } from './directory.ts';
import type { Errands } from './errands.ts';
import { loadRecord, saveRecord, VALUES } from './own-device.ts';
import type { Connection } from './ports.ts';
import type { PrekeyUpkeep } from './prekey-upkeep.ts';

const UPKEEP_EVERY_MS = 3_600_000;
/** People looked after at once, of whom no device has got what was sent. */
const UNREACHED_LOOKED_AT = 20;

/** @see the top of this file */
export class HourlyUpkeep {
  readonly #context: Context;
  readonly #parts: {
    directory: Directory;
    prekeys: PrekeyUpkeep;
    errands: Errands;
    onOutgoing: () => void;
  };
  #cancel: (() => void) | undefined;

  /** @param parts.onOutgoing something was put into the outbox */
  constructor(
    context: Context,
    parts: { directory: Directory; prekeys: PrekeyUpkeep; errands: Errands; onOutgoing: () => void },
  ) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Looks after everything now, and goes on until {@link HourlyUpkeep.stop}. */
  start(connection: Connection): void {
    if (queueHeartbeats(this.#context)) this.#parts.onOutgoing();
    this.#lookForUnreached();
    reportGaps(this.#context);
    this.#cancel = this.#context.clock.after(UPKEEP_EVERY_MS, () => {
      connection.request('prekeys.count', {}).then(
        ({ counts }) => this.#parts.prekeys.told(connection, counts),
        () => undefined,
      );
      this.start(connection);
    });
  }

  /** The connection has ended. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** Somebody of whom no device has got what the server accepted long ago may have other devices by now. */
  #lookForUnreached(): void {
    const { store, clock } = this.#context;
    const nowMs = clock.now();
    const checked = loadRecord<{ atMs: number }>(store.values, VALUES.unreachedChecked)?.atMs ?? 0;
    if (Math.abs(nowMs - checked) < UPKEEP_EVERY_MS) return;
    saveRecord(store.values, VALUES.unreachedChecked, { atMs: nowMs });
    const people = store.outbox.listUnreachedPeople(nowMs - UPKEEP_EVERY_MS, UNREACHED_LOOKED_AT);
    if (people.length === 0) return;
    this.#parts.errands.run(async (connection) => {
      for (const personId of people) {
        await this.#parts.directory.refresh(connection, personId).catch((cause: unknown) => {
          // What does not verify has left a notice; whoever left the organisation has no devices.
          if (!(cause instanceof KuvertError)) throw cause;
        });
      }
    });
  }
}

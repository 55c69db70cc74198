/**
 * Which envelopes this device has been given (P3). The server delivers at least once: what was not acknowledged comes again on the next
 * connection, before the mailbox is reported to be empty. So the same bytes are a replay when they come twice on one connection, or
 * when on a connection in between the whole mailbox was delivered without them.
 */
import { CLASSES, LIFETIME_MS } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import type { Unsealed } from '../incoming.ts';
import { loadRecord, saveRecord, VALUES } from '../own-device.ts';
import type { ChainSender } from './follow.ts';

/** Longer than the server may keep anything. */
const REMEMBERED_MS = Math.max(...Object.values(LIFETIME_MS)) + 86_400_000;

/** `again`: as the server should do when an acknowledgement was lost. */
export type Sighting = 'first' | 'again' | 'replayed';

/** @see the top of this file */
export class Sightings {
  readonly #context: Context;
  #visit = 0;
  /** Replays on this connection, and when the first was noticed. */
  readonly #replays = new Map<string, { count: number; readonly atMs: number }>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** @param visit a number that grows with each connection */
  connected(visit: number): void {
    this.#visit = visit;
    this.#replays.clear();
    const { store, clock } = this.#context;
    store.sightings.forget(clock.now() - REMEMBERED_MS);
  }
  /** The present one. */
  get visit(): number {
    return this.#visit;
  }
  /** The whole mailbox was delivered. */
  drained(): void {
    saveRecord(this.#context.store.values, VALUES.lastDrained, { visit: this.#visit });
  }
  /** The server was put back to an earlier state and may deliver again what it had deleted. */
  serverRestored(): void {
    this.#context.store.values.delete(VALUES.lastDrained);
  }

  /**
   * What each delivery of a batch is. What is ephemeral is never kept, so it cannot come again.
   * @param present the visit on which the batch came, which may be over
   */
  look(items: readonly Unsealed[], present: number): Sighting[] {
    const { store } = this.#context;
    const drained = loadRecord<{ visit: number }>(store.values, VALUES.lastDrained)?.visit ?? 0;
    const here = new Set<string>();
    return items.map(({ delivery, hash }) => {
      if (delivery.class === CLASSES.ephemeral) return 'first';
      const name = Buffer.from(hash).toString('latin1');
      const visit = here.has(name) ? present : store.sightings.find(hash);
      here.add(name);
      if (visit === undefined) return 'first';
      return visit === present || drained > visit ? 'replayed' : 'again';
    });
  }

  /** Remembers a batch that came on a visit. Runs in its transaction. */
  keep(items: readonly Unsealed[], visit: number): void {
    const { store, clock } = this.#context;
    for (const { delivery, hash } of items) {
      if (delivery.class !== CLASSES.ephemeral) store.sightings.put(hash, visit, clock.now());
    }
  }

  /** Tells the person about a message that was delivered again without a reason. */
  tellReplay({ device: deviceId, personId }: ChainSender): void {
    const { store, clock } = this.#context;
    const replay = this.#replays.get(deviceId) ?? { count: 0, atMs: clock.now() };
    replay.count += 1;
    this.#replays.set(deviceId, replay);
    store.notices.add({ kind: 'messages_replayed', personId, deviceId, ...replay });
  }
}

/**
 * Which envelopes this device has been given (P3). The server delivers at least once: what was not acknowledged comes again on the next
 * connection, before the mailbox is reported to be empty. So the same bytes are a replay when they come twice on one connection, or
 * when on a connection in between the whole mailbox was delivered without them.
 */
import { CLASSES, LIFETIME_MS } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import type { EarlierSighting } from '../inbox-store.ts';
import type { Unsealed } from '../incoming.ts';
import { loadRecord, saveRecord, VALUES } from '../own-device.ts';
import type { ChainSender } from './follow.ts';

/** Longer than the server may keep anything. */
const REMEMBERED_MS = Math.max(...Object.values(LIFETIME_MS)) + 86_400_000;

/** `again`: as the server should do when an acknowledgement was lost. */
export interface Sighting {
  readonly how: 'first' | 'again' | 'replayed';
  /** When these bytes were given before. */
  readonly before?: EarlierSighting;
}

/** @see the top of this file */
export class Sightings {
  readonly #context: Context;
  /** Replays on this connection, and when the first was noticed. */
  readonly #replays = new Map<string, { count: number; readonly atMs: number }>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** There is a new connection. */
  connected(): void {
    this.#replays.clear();
    const { store, clock } = this.#context;
    store.sightings.forget(clock.now() - REMEMBERED_MS);
  }
  /** The whole mailbox was delivered on this connection. */
  drained(visit: number): void {
    saveRecord(this.#context.store.values, VALUES.lastDrained, { visit });
  }
  /** The server was put back to an earlier state and may deliver again what it had deleted. */
  serverRestored(): void {
    this.#context.store.values.delete(VALUES.lastDrained);
  }

  /**
   * What each delivery of a batch is. What is ephemeral is never kept, so it cannot come again.
   * @param visit the connection that has brought the batch; there may be another one by now, on which it comes again
   */
  look(items: readonly Unsealed[], visit: number): Sighting[] {
    const { store, clock } = this.#context;
    const drained = this.#drainedVisit();
    const here = new Set<string>();
    return items.map(({ delivery, hash }) => {
      if (delivery.class === CLASSES.ephemeral) return { how: 'first' };
      const name = Buffer.from(hash).toString('latin1');
      const before = here.has(name) ? { visit, atMs: clock.now() } : store.sightings.find(hash);
      here.add(name);
      if (before === undefined) return { how: 'first' };
      return { how: before.visit === visit || drained > before.visit ? 'replayed' : 'again', before };
    });
  }

  /** Remembers a batch that a connection has brought. Runs in its transaction. */
  keep(items: readonly Unsealed[], visit: number): void {
    const { store, clock } = this.#context;
    for (const { delivery, hash } of items) {
      if (delivery.class !== CLASSES.ephemeral) store.sightings.put(hash, { visit, atMs: clock.now() });
    }
  }

  /** Tells the person about a message that was delivered again without a reason. */
  tellReplay(
    { device: deviceId, personId }: ChainSender,
    { delivery, hash }: Unsealed,
    { visit, before }: { readonly visit: number; readonly before: EarlierSighting },
  ): void {
    const { store, clock } = this.#context;
    const replay = this.#replays.get(deviceId) ?? { count: 0, atMs: clock.now() };
    replay.count += 1;
    this.#replays.set(deviceId, replay);
    store.notices.add({ kind: 'messages_replayed', personId, deviceId, ...replay });
    const { deliverySeq, acceptedAtMs } = delivery;
    const what = { legHash: hash, from: deviceId, deliverySeq, acceptedAtMs };
    this.#context.onReplay?.({ ...what, visit, before, drainedVisit: this.#drainedVisit() });
  }

  #drainedVisit(): number {
    return loadRecord<{ visit: number }>(this.#context.store.values, VALUES.lastDrained)?.visit ?? 0;
  }
}

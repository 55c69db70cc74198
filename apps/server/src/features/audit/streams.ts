/**
 * Streaming audit logs to a collector. The log itself is the queue: what was delivered is one number in the store, so a collector that is away loses nothing and costs nothing, and after a restart it goes on
 * where it was. One server at a time streams a log, by a lease.
 */
import { randomBytes } from 'node:crypto';
import { KuvertError } from '@kuvert/protocol';
import { readingOf } from '@kuvert/protocol/admin';
import type { Clock } from '../../clock.ts';
import type { RowOf, Store } from '../../store/index.ts';
import type { AuditTables } from './collections.ts';
import type { AuditEvent } from './drafts.ts';
import { decodePart } from './drafts.ts';
import { type LogPlace, placeOfLog } from './logs.ts';
import type { AuditRecords, LogName } from './records.ts';
import { readHead } from './sequencer.ts';
import { deliver, type StreamTarget } from './stream-connection.ts';
import { framedMessage, type StreamFormat, type StreamMessage } from './stream-format.ts';

/** Where a log goes, and since when. */
export interface StreamSettings extends StreamTarget {
  readonly format: StreamFormat;
}

/** How a stream does. */
export interface StreamState {
  readonly settings: StreamSettings;
  /** Entries that were delivered. */
  readonly delivered: number;
  /** Entries that wait. */
  readonly waiting: number;
  /** Since when nothing could be delivered, Unix milliseconds; null when all is well. */
  readonly failingSinceMs: number | null;
}

const STREAM_LIMITS = {
  /** Entries of one delivery. */
  atOnce: 500,
  pauseMs: 1_000,
  retryMsMax: 300_000,
  leaseMs: 90_000,
} as const;

type Row = RowOf<AuditTables['streams']>;

/** @see the head of this file */
export class AuditStreams {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #records: AuditRecords;
  readonly #mayGoInside: (log: LogName, host: string) => boolean;
  readonly #onOutcome: (outcome: { readonly delivered: number } | { readonly error: unknown }) => void;
  readonly #self = randomBytes(8).toString('hex');
  readonly #timers = new Map<LogName, NodeJS.Timeout>();
  readonly #failures = new Map<LogName, number>();
  readonly #waiting = new Map<LogName, number>();
  #running: Promise<unknown> = Promise.resolve();
  #stopped = false;

  /** @param deps.mayGoInside whether a log may be sent to a host within private nets */
  constructor(deps: {
    readonly store: Store;
    readonly clock: Clock;
    readonly records: AuditRecords;
    readonly mayGoInside: (log: LogName, host: string) => boolean;
    readonly onOutcome: (outcome: { readonly delivered: number } | { readonly error: unknown }) => void;
  }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#records = deps.records;
    this.#mayGoInside = deps.mayGoInside;
    this.#onOutcome = deps.onOutcome;
  }

  /** Entries that wait for collectors, of all logs that this server streams. */
  get waiting(): number {
    return [...this.#waiting.values()].reduce((sum, count) => sum + count, 0);
  }

  /** @returns undefined for a log that is not streamed */
  async state(log: LogName): Promise<StreamState | undefined> {
    const place = placeOfLog(this.#store, log);
    const row = await place.scope.find(place.tables.streams, 'main');
    if (row === undefined) return undefined;
    const { host, port, ca, format, position, failingSince } = row;
    const { size } = await readHead(place);
    return {
      settings: { host, port, ca, format },
      delivered: position,
      waiting: size - position,
      failingSinceMs: failingSince,
    };
  }

  /** Streams a log from now on, or from its first entry. Goes on where it was if only the collector changes. */
  async set(log: LogName, settings: StreamSettings, from: 'start' | 'now'): Promise<void> {
    const place = placeOfLog(this.#store, log);
    const { size } = await readHead(place);
    await place.scope.write(async (tx) => {
      const before = await tx.find(place.tables.streams, 'main');
      const position = before?.position ?? (from === 'start' ? 0 : size);
      const { host, port, format } = settings;
      tx.put(place.tables.streams, {
        name: 'main',
        ...settings,
        position,
        sentUpTo: position,
        failingSince: null,
        leaseBy: null,
        leaseUntil: 0,
      });
      const was = before && { host: before.host, port: before.port, format: before.format };
      this.#record(tx, log, {
        action: 'stream.changed',
        ...(was === undefined ? {} : { before: was }),
        after: { host, port, format },
      });
    });
    this.notice(log);
  }

  /** Streams a log no more. What was not delivered stays in the log. @throws KuvertError `not_found` */
  async stop(log: LogName): Promise<void> {
    const place = placeOfLog(this.#store, log);
    await place.scope.write(async (tx) => {
      const { host, port, format } = await tx.get(place.tables.streams, 'main');
      tx.delete(place.tables.streams, 'main');
      this.#record(tx, log, { action: 'stream.stopped', before: { host, port, format } });
    });
    this.#waiting.delete(log);
  }

  /** There may be something to deliver. */
  notice(log: LogName, afterMs: number = STREAM_LIMITS.pauseMs): void {
    if (this.#stopped || this.#timers.has(log)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(log);
      void this.#attempt(log);
    }, afterMs);
    this.#timers.set(log, timer.unref());
  }

  /** Delivers everything that waits. @returns how many entries @throws whatever keeps a delivery from arriving */
  flush(log: LogName): Promise<number> {
    // One after another, since the lease keeps out other servers only.
    const turn = this.#running.then(() => this.#flush(log));
    this.#running = turn.catch(() => undefined);
    return turn;
  }

  async #flush(log: LogName): Promise<number> {
    const place = placeOfLog(this.#store, log);
    for (let delivered = 0; ; ) {
      const { size } = await readHead(place);
      const row = await this.#lease(place, size);
      if (row === undefined) return delivered;
      const to = Math.min(size, row.position + STREAM_LIMITS.atOnce);
      this.#waiting.set(log, size - row.position);
      const frames: Uint8Array[] = [];
      for (let index = row.position; index < to; index++)
        frames.push(framedMessage(await this.#message(log, place, { index, row }), row.format));
      try {
        await deliver(row, frames, this.#mayGoInside(log, row.host));
      } catch (error) {
        await this.#noteFailure(place);
        throw error;
      }
      await this.#change(place, (now) => ({
        ...now,
        position: to,
        sentUpTo: to,
        failingSince: null,
        leaseBy: null,
        leaseUntil: 0,
      }));
      delivered += to - row.position;
      this.#waiting.set(log, size - to);
      this.#onOutcome({ delivered: to - row.position });
    }
  }

  /** Ends after what is under way. */
  async close(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await this.#running;
  }

  async #attempt(log: LogName): Promise<void> {
    if (this.#stopped) return;
    try {
      await this.flush(log);
      this.#failures.delete(log);
    } catch (error) {
      const failures = (this.#failures.get(log) ?? 0) + 1;
      this.#failures.set(log, failures);
      this.#onOutcome({ error });
      this.notice(
        log,
        Math.min(STREAM_LIMITS.retryMsMax, STREAM_LIMITS.pauseMs * 2 ** Math.min(failures, 12)),
      );
    }
  }

  /** Takes the turn for one delivery. @returns undefined when there is nothing to do, or another server is at it */
  #lease(place: LogPlace, size: number): Promise<Row | undefined> {
    const nowMs = this.#clock.nowMs();
    return place.scope.write(async (tx) => {
      const row = await tx.find(place.tables.streams, 'main');
      if (row === undefined || row.position >= size) return undefined;
      if (row.leaseBy !== null && row.leaseBy !== this.#self && row.leaseUntil > nowMs) return undefined;
      const sentUpTo = Math.max(row.sentUpTo, Math.min(size, row.position + STREAM_LIMITS.atOnce));
      // Written down before it is sent: what was under way when a server died is marked as perhaps there already.
      tx.put(place.tables.streams, {
        ...row,
        sentUpTo,
        leaseBy: this.#self,
        leaseUntil: nowMs + STREAM_LIMITS.leaseMs,
      });
      return row;
    });
  }

  async #noteFailure(place: LogPlace): Promise<void> {
    const nowMs = this.#clock.nowMs();
    await this.#change(place, (row) => ({
      ...row,
      failingSince: row.failingSince ?? nowMs,
      leaseBy: null,
      leaseUntil: 0,
    }));
  }

  /** One that was stopped meanwhile stays stopped. */
  async #change(place: LogPlace, change: (row: Row) => Row): Promise<void> {
    await place.scope.write(async (tx) => {
      const row = await tx.find(place.tables.streams, 'main');
      if (row !== undefined) tx.put(place.tables.streams, change(row));
    });
  }

  async #message(
    log: LogName,
    { scope, tables }: LogPlace,
    { index, row }: { index: number; row: Row },
  ): Promise<StreamMessage> {
    const { value: entryId } = await scope.get(tables.places, index);
    const entry = await scope.find(tables.entries, entryId);
    const origin = (await scope.find(tables.origins, entryId))?.origin;
    const part = origin === undefined ? null : decodePart(origin);
    const reading =
      entry &&
      readingOf({
        entry: entry.entry,
        salt: entry.salt,
        origin: part && { salt: part.salt, bytes: part.entry },
        detail: null,
      });
    return { log, index, entryId, reading, isResent: index < row.sentUpTo };
  }

  #record(tx: Parameters<AuditRecords['inTenant']>[0], log: LogName, event: AuditEvent): void {
    if (log === 'operator')
      this.#records.inOperator(tx as unknown as Parameters<AuditRecords['inOperator']>[0], [log], event);
    else this.#records.inTenant(tx, log, event);
  }
}

/** Refuses a target that no certificate and no collector could have. @throws KuvertError `bad_request` */
export function checkTarget({ ca }: StreamTarget): void {
  if (ca !== null && !/^-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\s*$/.test(ca))
    throw new KuvertError('bad_request', { details: { field: 'ca' } });
}

/**
 * The way out to one connection (design.md §6). The mailbox is the set of rows that were not acknowledged; this is the state of
 * handing them over:
 *
 * - **scanning**: passes over the mailbox (`mailbox-pass.ts`), leaving out what is held already (`held-rows.ts`). A pass that found nothing new,
 *   begun after the last thing that could have been missed, ends the scan: `drained`, once, then live. A server that is alone on its files needs
 *   no such second look: it is told of each commit that comes behind the page on which its row would have stood, so what a pass has not seen
 *   waits in `late`.
 * - **live**: rows are handed over from memory right after their commit.
 *
 * What commits while the scan runs or the window (`delivery-window.ts`) is full waits in `late`, a short queue in memory; when that is full the
 * rows stay in the store and `dirty` says that another pass is due.
 */
import type { SealedAhead } from '@kuvert/crypto/channel';
import { KuvertError } from '@kuvert/protocol';
import type { Connection } from '../../channel/connection.ts';
import type { Clock } from '../../clock.ts';
import type { ServerMetrics } from '../../metrics/server-metrics.ts';
import type { TenantScope } from '../../store/index.ts';
import { type Deletions, keyText, type LeavingRow } from './deletions.ts';
import { DeliveryWindow } from './delivery-window.ts';
import type { Dormancy } from './dormancy.ts';
import type { Expiry } from './expiry.ts';
import type { GroupBodies } from './group-bodies.ts';
import { HeldRows } from './held-rows.ts';
import { createMailboxPass, type FoundRow } from './mailbox-pass.ts';
import { type CountedBody, copyRecord, numberRecord, rowBytes } from './rows.ts';

/** A row that was just committed, for a device that may be online. */
export interface FreshRow {
  /** Undefined for what is never stored. */
  readonly storedKey: Uint8Array | undefined;
  /** The `deliver` record, not yet numbered. */
  readonly record: Uint8Array;
  /** The record is handed to other connections too, so it is copied before it is numbered. */
  readonly isShared?: boolean;
  /** A pass has read it from the store. */
  readonly isFetched?: boolean;
  /** The body that the row points to. */
  readonly body?: CountedBody;
}

/** A row that was sealed for its connection before its commit, as the next one there. */
export interface RowAhead {
  readonly deliverySeq: number;
  readonly sealed: SealedAhead;
}

/** @see createDelivery */
export interface Delivery {
  readonly connection: Connection;
  /** Begins with what is stored. Resolves when the mailbox was drained for the first time or the connection ended. */
  start(): Promise<void>;
  /**
   * Hands over what was just committed, now or as soon as there is room.
   * @param ahead what {@link Delivery.sealAhead} gave for it
   */
  push(row: FreshRow, ahead?: RowAhead): void;
  /**
   * Seals a record that is about to be committed (docs/decisions/0016); writes its number into it.
   * @returns undefined when it could not be handed over at this moment
   */
  sealAhead(record: Uint8Array): RowAhead | undefined;
  /** Another server may have stored something: goes through the mailbox once more. */
  lookAgain(): void;
  /** @throws KuvertError `bad_request` for a number that was never delivered on this connection */
  acknowledge(upTo: number): void;
  /** True for a row that this connection was given or has acknowledged. */
  holds(storedKey: Uint8Array): boolean;
  /** Nothing is sent any more. */
  stop(): void;
}

type Tombstones = Awaited<ReturnType<Expiry['find']>>;

const LATE_ROWS_MAX = 512;
const LATE_BYTES_MAX = 1_048_576;

/** Delivers the mailbox of one device to its connection. */
export function createDelivery(deps: {
  readonly scope: TenantScope;
  readonly connection: Connection;
  readonly clock: Clock;
  readonly deletions: Deletions;
  readonly bodies: Pick<GroupBodies, 'load'>;
  readonly expiry: Pick<Expiry, 'bury' | 'find' | 'forget' | 'drop'>;
  readonly dormancy: Pick<Dormancy, 'wake'>;
  /** Whether rows may become visible after rows with later ids, as with several servers. */
  readonly mayCommitLate: boolean;
  /** Stored rows are gone from the mailbox, or will be soon. */
  readonly onGone: (rows: number, bytes: number) => void;
  /** The device has acknowledged stored rows. */
  readonly onAcknowledged: () => void;
  readonly metrics: Pick<ServerMetrics, 'redeliveries' | 'acknowledged'>;
  /** A pass met a fault of ours; the connection has been ended. */
  readonly onError: (error: unknown) => void;
}): Delivery {
  const { scope, connection, deletions, metrics, expiry, dormancy, mayCommitLate } = deps;
  const { onGone, onAcknowledged, onError } = deps;
  const window = new DeliveryWindow(connection);
  const held = new HeldRows(window);
  const mailbox = createMailboxPass({ ...deps, window, isHeld, deliver: deliverFound });
  /**
   * What earlier connections have acknowledged and is not gone yet. It comes again, but it leaves once: the body of a message to a group goes
   * when each of its rows was counted out, so a row that is counted twice would take the message from somebody who has not fetched it (P1).
   */
  let leaving: ReadonlyMap<string, LeavingRow> = new Map();
  const late: FreshRow[] = [];
  let lateBytes = 0;
  let live = false;
  let scanning = false;
  let dirty = false;
  let drained = false;
  let told = false;

  /** @param before what an earlier connection has acknowledged of it */
  function deliver(fresh: FreshRow, before?: LeavingRow): void {
    const record = fresh.isShared ? copyRecord(fresh.record) : fresh.record;
    numberRecord(record, window.lastSeq + 1);
    countIn(fresh, before);
    connection.sendRecord(record);
  }

  /** Hands over what a pass has found. */
  function deliverFound(found: FoundRow): void {
    held.handedOver(found.storedKey);
    deliver(found, leaving.size > 0 ? leaving.get(keyText(found.storedKey)) : undefined);
  }

  /** Notes a row that is handed over under the next number. */
  function countIn({ storedKey, record, isShared, isFetched, body }: FreshRow, before?: LeavingRow): void {
    const fresh =
      storedKey === undefined
        ? undefined
        : { storedKey, isGone: false, isFetched: isFetched === true, isPointer: isShared === true, body };
    window.add({ row: before ?? fresh, isLeaving: before !== undefined, recordBytes: record.length });
  }

  /** Nothing waits that has to go first, and there is room. */
  function canDeliver(bytes: number): boolean {
    return live && late.length === 0 && window.hasRoom(bytes);
  }

  /** Nobody waits for it: a tombstone that stays is told once more. */
  function forget(tombstone: readonly Uint8Array[]): void {
    expiry.forget(scope, tombstone).catch((error: unknown) => {
      if (!(error instanceof KuvertError)) onError(error);
    });
  }

  /**
   * What another connection has acknowledged and is not gone yet comes again before the first `drained`: a server that died now would give
   * it once more, and to a device that was told of an empty mailbox meanwhile that is a replay (P3).
   */
  function isHeld(name: string): boolean {
    return held.has(name) || (drained && deletions.has(scope.tenant, connection.deviceId, name));
  }

  /** Hands over what waits in memory, as far as there is room. */
  function flushLate(): void {
    let sent = 0;
    while (sent < late.length) {
      const row = late[sent] as FreshRow;
      const isKnown = row.storedKey !== undefined && isHeld(keyText(row.storedKey));
      if (!isKnown && !window.hasRoom(row.record.length)) break;
      lateBytes -= row.record.length;
      if (!isKnown) deliver(row);
      sent++;
    }
    late.splice(0, sent);
  }

  /** Goes on after something made room. */
  function resume(): void {
    if (window.isClosed) return;
    window.wake();
    if (!live) return;
    flushLate();
    if (dirty && late.length === 0) void scan();
  }

  /** Tells what has expired or was given up, if anything was, as the last thing before `drained`. @param known what was there, if that is still so */
  async function tellExpired(known: Tombstones | undefined): Promise<void> {
    for (const found of known ?? (await expiry.find(scope, connection.deviceId))) {
      if (!(await window.room(0))) return;
      window.add({ row: undefined, recordBytes: 0, tombstone: found.storedKeys });
      connection.sendEvent(found.event, { deliverySeq: window.lastSeq, ...found.facts });
    }
  }

  async function scan(): Promise<void> {
    if (scanning || window.isClosed) return;
    scanning = true;
    live = false;
    held.scanBegins();
    try {
      let isThrough: boolean;
      do {
        dirty = false;
        // Asked together: a question to the store alone costs as much as several messages.
        const [wasDormant, firstPage, tombstones] = await Promise.all([
          dormancy.wake(scope, connection.deviceId),
          mailbox.begin(window.inFlight.length + held.countStillThere()),
          told ? undefined : expiry.find(scope, connection.deviceId),
        ]);
        if (wasDormant) {
          // What commits from here on is stored, but the page may be older.
          told = false;
          dirty = true;
        }
        const result = await mailbox.run(firstPage, drained || held.hasAny());
        if (result === undefined) return;
        isThrough = result.found === 0 || !mayCommitLate;
        if (isThrough && !dirty && !told) {
          told = true;
          await tellExpired(result.hasBuried ? undefined : tombstones);
          if (window.isClosed) return;
        }
      } while (!isThrough || dirty);
      live = true;
      held.scanEnded(window.lastSeq);
      flushLate();
      if (!drained) {
        drained = true;
        leaving = new Map();
        connection.sendEvent('drained', {});
      }
    } catch (error) {
      if (window.isClosed) return;
      if (drained && error instanceof KuvertError && error.retry.kind === 'after') {
        // The store is away for the moment. Until the pass was made, nothing that was committed later is handed over.
        dirty = true;
        setTimeout(() => void scan(), error.retry.ms).unref();
        return;
      }
      // The client connects again, and everything starts from the beginning.
      const isExpected = error instanceof KuvertError;
      connection.close(isExpected ? error.code : 'internal');
      if (!isExpected) onError(error);
    } finally {
      scanning = false;
    }
  }

  return {
    connection,

    async start() {
      connection.onWritable(resume);
      await deletions.hurry(scope.tenant, connection.deviceId);
      leaving = deletions.leavingOf(scope.tenant, connection.deviceId);
      return scan();
    },

    push(row, ahead) {
      if (window.isClosed) return;
      if (canDeliver(row.record.length)) {
        held.forgetFirst();
        // What a pass handed over may be told of once more by its commit.
        const isKnown = held.hasAny() && row.storedKey !== undefined && held.has(keyText(row.storedKey));
        if (isKnown) return;
        if (ahead?.deliverySeq === window.lastSeq + 1 && connection.sendAhead(ahead.sealed)) countIn(row);
        else deliver(row);
        return;
      }
      // Never stored means never kept either.
      if (row.storedKey === undefined) return;
      if (dirty || late.length >= LATE_ROWS_MAX || lateBytes + row.record.length > LATE_BYTES_MAX) {
        dirty = true;
        return;
      }
      late.push(row);
      lateBytes += row.record.length;
    },

    sealAhead(record) {
      if (window.isClosed || !canDeliver(record.length)) return undefined;
      const deliverySeq = window.lastSeq + 1;
      numberRecord(record, deliverySeq);
      const sealed = connection.sealAhead(record);
      return sealed === undefined ? undefined : { deliverySeq, sealed };
    },

    lookAgain() {
      if (window.isClosed) return;
      dirty = true;
      if (live && late.length === 0) void scan();
    },

    acknowledge(upTo) {
      if (upTo > window.lastSeq) throw new KuvertError('bad_request');
      const taken = window.takeUpTo(upTo);
      if (taken.length === 0) return;
      let stored = 0;
      let gone = 0;
      let goneBytes = 0;
      for (const { row, isLeaving, recordBytes, tombstone } of taken) {
        if (tombstone !== undefined) forget(tombstone);
        if (row === undefined) continue;
        stored++;
        held.acknowledged(row);
        if (isLeaving === true) continue;
        deletions.add(scope, connection.deviceId, row);
        gone++;
        goneBytes += rowBytes(recordBytes);
      }
      if (stored > 0) onAcknowledged();
      if (gone > 0) onGone(gone, goneBytes);
      metrics.acknowledged.add(taken.length);
      if (live) held.acknowledgedLive(upTo, late.length > 0);
      resume();
    },

    holds(storedKey) {
      if (window.isClosed) return false;
      const name = keyText(storedKey);
      return (
        isHeld(name) ||
        window.inFlight.some(({ row }) => row !== undefined && keyText(row.storedKey) === name)
      );
    },

    stop() {
      const unanswered = window.inFlight.filter(({ row }) => row !== undefined);
      if (!window.isClosed) metrics.redeliveries.add(unanswered.length);
      late.length = 0;
      lateBytes = 0;
      window.close();
    },
  };
}

/**
 * The way out to one connection (design.md §6). The mailbox is the set of rows that were not acknowledged; this is the state of
 * handing them over:
 *
 * - **scanning**: pages from the mailbox's start, leaving out what is in flight. There is no read cursor beyond one pass, because
 *   a row may commit late with an earlier id. A pass that found nothing new, begun after the last thing that could have been
 *   missed, ends the scan: `drained`, once, then live. A server that is alone on its files needs no such second look: it is told of each
 *   commit that comes behind the page on which its row would have stood, so what a pass has not seen waits in `late`.
 * - **live**: rows are handed over from memory right after their commit.
 *
 * What commits while the scan runs or the window is full waits in `late`, a short queue in memory; when that is full the rows stay in
 * the store and `dirty` says that another pass is due. In flight are at most `windowRows` and `windowBytes`; numbers count 1, 2, 3 …
 * on each connection, and a cumulative acknowledgement removes rows for good.
 */
import type { SealedAhead } from '@kuvert/crypto/channel';
import { KuvertError, MAILBOX_LIMITS } from '@kuvert/protocol';
import type { Connection } from '../../channel/connection.ts';
import type { Clock } from '../../clock.ts';
import type { ServerMetrics } from '../../metrics/server-metrics.ts';
import type { TenantScope } from '../../store/index.ts';
import { mailboxRows } from './collections.ts';
import { type Deletions, keyText, type LeavingRow } from './deletions.ts';
import type { Dormancy } from './dormancy.ts';
import type { Expiry } from './expiry.ts';
import type { GroupBodies } from './group-bodies.ts';
import { ORPHAN_MS } from './limits.ts';
import {
  type CountedBody,
  copyRecord,
  isPointer,
  numberRecord,
  recordFromRow,
  rowBytes,
  rowTimeMs,
} from './rows.ts';

/** A row that was just committed, for a device that may be online. */
export interface FreshRow {
  /** Undefined for what is never stored. */
  readonly storedKey: Uint8Array | undefined;
  /** The `deliver` record, not yet numbered. */
  readonly record: Uint8Array;
  /** The record is handed to other connections too, so it is copied before it is numbered. */
  readonly isShared?: boolean;
  /** The body that the row points to. */
  readonly body?: CountedBody;
}

/** A row that was sealed for its connection before its commit, as the next one there. */
export interface RowAhead {
  readonly deliverySeq: number;
  readonly sealed: SealedAhead;
}

interface InFlight {
  /** Undefined for what is never stored. */
  readonly row: LeavingRow | undefined;
  readonly recordBytes: number;
  readonly deliverySeq: number;
  /** An earlier connection has acknowledged it, and it was still there when this one began: it is on its way out already. */
  readonly isLeaving?: boolean;
  /** Set for the word of what has expired. */
  readonly tombstone?: readonly Uint8Array[];
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

/** What a pass has done. */
interface PassResult {
  readonly found: number;
  /** Some rows had expired. */
  readonly hasBuried: boolean;
}

/** Rows of up to 408 kB: a page of them must not be large. */
const PAGE_ROWS = 64;
/** Rows that a connection holds and that a page may show again. */
const HELD_ROWS_MAX = 512;
/** After so many records in one go others get their turn. */
const SLICE_RECORDS = 128;
/** From so many acknowledged rows on it is worth looking which of them are removed. */
const ACKNOWLEDGED_MAX = 1_024;
/** So long after its id was made a row may become visible, clocks of servers included. */
const SETTLED_MS = 10_000;
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
  const { scope, connection, clock, deletions, bodies, metrics, expiry, dormancy, mayCommitLate } = deps;
  const { onGone, onAcknowledged, onError } = deps;
  const inFlight: InFlight[] = [];
  /**
   * Keys of rows that this connection must not get again: in flight, or acknowledged and perhaps on a page read before. Only a pass asks, so
   * it is filled as one begins; while live it holds no more than what the last one handed over.
   */
  const held = new Set<string>();
  /** More of them, which passes have handed over: mostly nobody ever asks for one, and a text for each row costs as much as sending it. */
  const handedOver: Uint8Array[] = [];
  /** Acknowledged rows that may not be removed yet. */
  let acknowledged: LeavingRow[] = [];
  /**
   * What earlier connections have acknowledged and is not gone yet. It comes again, but it leaves once: the body of a message to a group goes
   * when each of its rows was counted out, so a row that is counted twice would take the message from somebody who has not fetched it (P1).
   */
  let leaving: ReadonlyMap<string, LeavingRow> = new Map();
  const late: FreshRow[] = [];
  let lateBytes = 0;
  let bytesInFlight = 0;
  let lastSeq = 0;
  /** Number of the last row that a pass handed over, and the row itself once it is acknowledged. */
  let heldUpTo = 0;
  let lastHeld: LeavingRow | undefined;
  let live = false;
  let scanning = false;
  let dirty = false;
  let drained = false;
  let told = false;
  let stopped = false;
  let wake: (() => void) | undefined;

  function hasRoom(bytes: number): boolean {
    if (connection.writableBytes <= 0 || inFlight.length >= MAILBOX_LIMITS.windowRows) return false;
    return inFlight.length === 0 || bytesInFlight + bytes <= MAILBOX_LIMITS.windowBytes;
  }

  /** @param isScanned a pass found it */
  function deliver(fresh: FreshRow, isScanned = false): void {
    const record = fresh.isShared ? copyRecord(fresh.record) : fresh.record;
    numberRecord(record, lastSeq + 1);
    countIn(fresh, isScanned);
    connection.sendRecord(record);
  }

  /** Notes a row that is handed over under the next number. */
  function countIn({ storedKey, record, isShared, body }: FreshRow, isScanned: boolean): void {
    lastSeq++;
    const isKnown = isScanned && storedKey !== undefined;
    const before = isKnown && leaving.size > 0 ? leaving.get(keyText(storedKey)) : undefined;
    const fresh =
      storedKey === undefined ? undefined : { storedKey, isGone: false, isPointer: isShared === true, body };
    const isLeaving = before !== undefined;
    inFlight.push({ row: before ?? fresh, isLeaving, recordBytes: record.length, deliverySeq: lastSeq });
    bytesInFlight += record.length;
    if (isKnown) handedOver.push(storedKey);
  }

  /** Nothing waits that has to go first, and there is room. */
  function canDeliver(bytes: number): boolean {
    return live && late.length === 0 && hasRoom(bytes);
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
    return isHeldHere(name) || (drained && deletions.has(scope.tenant, name));
  }

  function isHeldHere(name: string): boolean {
    for (const storedKey of handedOver.splice(0)) held.add(keyText(storedKey));
    return held.has(name);
  }

  function holdsAny(): boolean {
    return held.size > 0 || handedOver.length > 0;
  }

  function holdNone(): void {
    held.clear();
    handedOver.length = 0;
    lastHeld = undefined;
  }

  /** Forgets rows that were acknowledged and are removed. Never during a pass, whose page may still show them. */
  function letGo(): void {
    acknowledged = acknowledged.filter((row) => !row.isGone);
  }

  /** Before a pass: all that it may find and must not hand over. */
  function holdAll(): void {
    letGo();
    holdNone();
    for (const { row } of inFlight) if (row !== undefined) held.add(keyText(row.storedKey));
    for (const row of acknowledged) held.add(keyText(row.storedKey));
  }

  /** While live: forgets what the last pass handed over when all of it is removed; rows go in the order of their numbers. */
  function letHeldGo(upTo: number): void {
    if (upTo < heldUpTo || late.length > 0) return;
    lastHeld ??= acknowledged.at(-1);
    if (lastHeld?.isGone === false) return;
    holdNone();
  }

  /** Hands over what waits in memory, as far as there is room. */
  function flushLate(): void {
    let sent = 0;
    while (sent < late.length) {
      const row = late[sent] as FreshRow;
      const isKnown = row.storedKey !== undefined && isHeld(keyText(row.storedKey));
      if (!isKnown && !hasRoom(row.record.length)) break;
      lateBytes -= row.record.length;
      if (!isKnown) deliver(row);
      sent++;
    }
    late.splice(0, sent);
  }

  /** Goes on after something made room. */
  function resume(): void {
    if (stopped) return;
    wake?.();
    if (!live) return;
    flushLate();
    if (dirty && late.length === 0) void scan();
  }

  /** Waits until so many bytes may be sent. @returns false when the connection ended */
  async function room(bytes: number): Promise<boolean> {
    while (!stopped && !hasRoom(bytes)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
    }
    return !stopped;
  }

  /** Tells what has expired or was given up, if anything was, as the last thing before `drained`. @param known what was there, if that is still so */
  async function tellExpired(known: Tombstones | undefined): Promise<void> {
    for (const found of known ?? (await expiry.find(scope, connection.deviceId))) {
      if (!(await room(0))) return;
      lastSeq++;
      const tombstone = found.storedKeys;
      inFlight.push({ row: undefined, recordBytes: 0, deliverySeq: lastSeq, tombstone });
      connection.sendEvent(found.event, { deliverySeq: lastSeq, ...found.facts });
    }
  }

  /** How many rows a pass may find again, so that its first page shows something new if there is anything. */
  function rowsStillThere(): number {
    const leaving = acknowledged.filter((row) => !row.isGone).length;
    return Math.min(inFlight.length + leaving, HELD_ROWS_MAX);
  }

  function readPage(cursor: string | undefined) {
    return scope.list(mailboxRows, {
      equals: [connection.deviceId],
      limit: PAGE_ROWS + (mayCommitLate && cursor === undefined ? rowsStillThere() : 0),
      ...(cursor === undefined ? {} : { cursor }),
    });
  }

  /** One pass over the whole mailbox. @returns undefined when the connection ended */
  async function pass(firstPage: Awaited<ReturnType<typeof readPage>>): Promise<PassResult | undefined> {
    let found = 0;
    let page = firstPage;
    const expired: Uint8Array[] = [];
    const orphans: Uint8Array[] = [];
    // A pass does not meet again what it hands over itself.
    const mayMeetHeld = drained || holdsAny();
    for (;;) {
      const readAtMs = clock.nowMs();
      for (const row of page.rows) {
        if (stopped) return undefined;
        if (mayMeetHeld && isHeld(keyText(row.storedKey))) continue;
        if (row.expiresAt !== undefined && row.expiresAt <= clock.nowMs()) {
          if (!deletions.has(scope.tenant, keyText(row.storedKey))) expired.push(row.storedKey);
          continue;
        }
        const isShared = isPointer(row.value);
        const record = isShared ? await bodies.load(scope, row.storedKey) : recordFromRow(row.value);
        if (record === undefined) {
          // Taken back, or not there yet: then it is found by a later pass. After so long it never will be, and was never accepted.
          if (rowTimeMs(row.storedKey) < readAtMs - ORPHAN_MS) orphans.push(row.storedKey);
          continue;
        }
        if (!hasRoom(record.length) && !(await room(record.length))) return undefined;
        deliver({ storedKey: row.storedKey, record, isShared }, true);
        found++;
        if (found % SLICE_RECORDS === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      if (page.next === undefined) break;
      // A row of this page may still become visible, and one that was sent after it may already be on the next: begin again.
      const lastKey = page.rows.at(-1)?.storedKey;
      const isSettled = lastKey === undefined || rowTimeMs(lastKey) <= readAtMs - SETTLED_MS;
      if (mayCommitLate && found > 0 && !isSettled) break;
      page = await readPage(page.next);
    }
    if (expired.length > 0) await expiry.bury(scope, connection.deviceId, expired);
    if (orphans.length > 0) await expiry.drop(scope, connection.deviceId, orphans);
    return stopped ? undefined : { found, hasBuried: expired.length > 0 };
  }

  async function scan(): Promise<void> {
    if (scanning || stopped) return;
    scanning = true;
    live = false;
    holdAll();
    try {
      let isThrough: boolean;
      do {
        dirty = false;
        // Asked together: a question to the store alone costs as much as several messages.
        const [wasDormant, firstPage, tombstones] = await Promise.all([
          dormancy.wake(scope, connection.deviceId),
          readPage(undefined),
          told ? undefined : expiry.find(scope, connection.deviceId),
        ]);
        if (wasDormant) {
          // What commits from here on is stored, but the page may be older.
          told = false;
          dirty = true;
        }
        const result = await pass(firstPage);
        if (result === undefined) return;
        isThrough = result.found === 0 || !mayCommitLate;
        if (isThrough && !dirty && !told) {
          told = true;
          await tellExpired(result.hasBuried ? undefined : tombstones);
          if (stopped) return;
        }
      } while (!isThrough || dirty);
      live = true;
      heldUpTo = lastSeq;
      flushLate();
      letGo();
      if (!drained) {
        drained = true;
        leaving = new Map();
        connection.sendEvent('drained', {});
      }
    } catch (error) {
      if (stopped) return;
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

    start() {
      connection.onWritable(resume);
      leaving = deletions.leavingOf(scope.tenant, connection.deviceId);
      return scan();
    },

    push(row, ahead) {
      if (stopped) return;
      if (canDeliver(row.record.length)) {
        // What a pass handed over may be told of once more by its commit.
        const isKnown = holdsAny() && row.storedKey !== undefined && isHeldHere(keyText(row.storedKey));
        if (isKnown) return;
        if (ahead?.deliverySeq === lastSeq + 1 && connection.sendAhead(ahead.sealed)) countIn(row, false);
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
      if (stopped || !canDeliver(record.length)) return undefined;
      const deliverySeq = lastSeq + 1;
      numberRecord(record, deliverySeq);
      const sealed = connection.sealAhead(record);
      return sealed === undefined ? undefined : { deliverySeq, sealed };
    },

    lookAgain() {
      if (stopped) return;
      dirty = true;
      if (live && late.length === 0) void scan();
    },

    acknowledge(upTo) {
      if (upTo > lastSeq) throw new KuvertError('bad_request');
      let count = 0;
      let stored = 0;
      let gone = 0;
      let goneBytes = 0;
      for (const sent of inFlight) {
        if (sent.deliverySeq > upTo) break;
        count++;
        bytesInFlight -= sent.recordBytes;
        if (sent.tombstone !== undefined) forget(sent.tombstone);
        if (sent.row === undefined) continue;
        stored++;
        acknowledged.push(sent.row);
        if (sent.isLeaving === true) continue;
        deletions.add(scope, sent.row);
        gone++;
        goneBytes += rowBytes(sent.recordBytes);
      }
      if (count === 0) return;
      if (stored > 0) onAcknowledged();
      if (gone > 0) onGone(gone, goneBytes);
      metrics.acknowledged.add(count);
      inFlight.splice(0, count);
      if (live && acknowledged.length > ACKNOWLEDGED_MAX) letGo();
      if (live && holdsAny()) letHeldGo(upTo);
      resume();
    },

    holds(storedKey) {
      if (stopped) return false;
      const name = keyText(storedKey);
      return isHeld(name) || inFlight.some(({ row }) => row !== undefined && keyText(row.storedKey) === name);
    },

    stop() {
      if (!stopped) metrics.redeliveries.add(inFlight.filter(({ row }) => row !== undefined).length);
      stopped = true;
      late.length = 0;
      lateBytes = 0;
      wake?.();
    },
  };
}

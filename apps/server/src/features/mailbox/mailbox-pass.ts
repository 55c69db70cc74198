/**
 * One pass over a device's mailbox, page by page from its start: hands over what the connection does not hold yet, and buries what has expired.
 * There is no read cursor beyond one pass, because a row may commit late with an earlier id.
 */
import { type DeviceId, MAILBOX_LIMITS } from '@kuvert/protocol';
import type { Connection } from '../../channel/connection.ts';
import type { Clock } from '../../clock.ts';
import type { TenantScope } from '../../store/index.ts';
import { mailboxRows } from './collections.ts';
import { type Deletions, keyText } from './deletions.ts';
import type { DeliveryWindow } from './delivery-window.ts';
import type { Expiry } from './expiry.ts';
import type { GroupBodies } from './group-bodies.ts';
import { ORPHAN_MS } from './limits.ts';
import { isPointer, recordFromRow, rowTimeMs } from './rows.ts';

/** What a pass has found. */
export interface FoundRow {
  readonly storedKey: Uint8Array;
  /** The `deliver` record, not yet numbered. */
  readonly record: Uint8Array;
  /** Others get the same record: it is copied before it is numbered. */
  readonly isShared: boolean;
  /** @see LeavingRow */
  readonly isFetched: true;
}

/** What a pass has done. */
export interface PassResult {
  readonly found: number;
  /** Some rows had expired. */
  readonly hasBuried: boolean;
}

/** @see the top of this file */
export interface MailboxPass {
  /**
   * Asks for the first page.
   * @param stillThere how many rows it may show that are handed over already
   */
  begin(stillThere: number): Promise<MailboxPage>;
  /**
   * Goes through the mailbox from its first page on.
   * @param mayMeetHeld whether there can be rows that `isHeld` knows: a pass does not meet again what it hands over itself
   * @returns undefined when the connection ended
   */
  run(firstPage: MailboxPage, mayMeetHeld: boolean): Promise<PassResult | undefined>;
}

/** Some rows, and where the next ones begin. */
export type MailboxPage = Awaited<ReturnType<typeof readPage>>;

/** As many rows as may be in flight: most mailboxes are one page. Rows have up to 408 kB, so it ends after some of the largest. */
const PAGE_ROWS = MAILBOX_LIMITS.windowRows;
const PAGE_BYTES = 131_072;
/** Rows that a connection holds and that a page may show again. */
const HELD_ROWS_MAX = 512;
/** After so many records in one go others get their turn. */
const SLICE_RECORDS = 128;
/** So long after its id was made a row may become visible, clocks of servers included. */
const SETTLED_MS = 10_000;

/** Makes the passes of one connection. */
export function createMailboxPass(deps: {
  readonly scope: TenantScope;
  readonly connection: Pick<Connection, 'deviceId'>;
  readonly clock: Clock;
  readonly deletions: Pick<Deletions, 'has'>;
  readonly bodies: Pick<GroupBodies, 'load'>;
  readonly expiry: Pick<Expiry, 'bury' | 'drop'>;
  readonly mayCommitLate: boolean;
  readonly window: Pick<DeliveryWindow, 'hasRoom' | 'room' | 'isClosed'>;
  /** True for a row that this connection must not be handed; by the text of its key. */
  readonly isHeld: (name: string) => boolean;
  /** Hands a row over. There is room for it. */
  readonly deliver: (row: FoundRow) => void;
}): MailboxPass {
  const { scope, clock, deletions, bodies, expiry, mayCommitLate, window, isHeld, deliver } = deps;
  const { deviceId } = deps.connection;

  return {
    begin(stillThere) {
      // So that it shows something new if there is anything.
      const more = mayCommitLate ? Math.min(stillThere, HELD_ROWS_MAX) : 0;
      return readPage(scope, deviceId, { limit: PAGE_ROWS + more });
    },

    async run(firstPage, mayMeetHeld) {
      let found = 0;
      let page = firstPage;
      const expired: Uint8Array[] = [];
      const orphans: Uint8Array[] = [];
      for (;;) {
        const readAtMs = clock.nowMs();
        for (const row of page.rows) {
          if (window.isClosed) return undefined;
          if (mayMeetHeld && isHeld(keyText(row.storedKey))) continue;
          if (row.expiresAt !== undefined && row.expiresAt <= clock.nowMs()) {
            if (!deletions.has(scope.tenant, deviceId, keyText(row.storedKey))) expired.push(row.storedKey);
            continue;
          }
          const isShared = isPointer(row.value);
          const record = isShared ? await bodies.load(scope, row.storedKey) : recordFromRow(row.value);
          if (record === undefined) {
            // Taken back, or not there yet: then it is found by a later pass. After so long it never will be, and was never accepted.
            if (rowTimeMs(row.storedKey) < readAtMs - ORPHAN_MS) orphans.push(row.storedKey);
            continue;
          }
          if (!window.hasRoom(record.length) && !(await window.room(record.length))) return undefined;
          deliver({ storedKey: row.storedKey, record, isShared, isFetched: true });
          found++;
          if (found % SLICE_RECORDS === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        if (page.next === undefined) break;
        // A row of this page may still become visible, and one that was sent after it may already be on the next: begin again.
        const lastKey = page.rows.at(-1)?.storedKey;
        const isSettled = lastKey === undefined || rowTimeMs(lastKey) <= readAtMs - SETTLED_MS;
        if (mayCommitLate && found > 0 && !isSettled) break;
        page = await readPage(scope, deviceId, { limit: PAGE_ROWS, cursor: page.next });
      }
      if (expired.length > 0) await expiry.bury(scope, deviceId, expired);
      if (orphans.length > 0) await expiry.drop(scope, deviceId, orphans);
      return window.isClosed ? undefined : { found, hasBuried: expired.length > 0 };
    },
  };
}

function readPage(
  scope: TenantScope,
  deviceId: DeviceId,
  range: { readonly limit: number; readonly cursor?: string },
) {
  return scope.list(mailboxRows, { equals: [deviceId], bytesMax: PAGE_BYTES, ...range });
}

/**
 * Removing what was acknowledged or has expired, in lists, one at a time for each tenant. Nobody waits for it: losing a delete means
 * that a row is delivered again. What was fetched out of the store goes a little later than what was only passing through. What could not be
 * removed (a full disk, an overloaded store) is tried again with the next row or the next {@link Deletions.retry}; until it is gone, `has`
 * keeps it from being delivered.
 */
import { type DeviceId, KuvertError, type TenantId } from '@kuvert/protocol';
import type { CommitOps, TenantScope } from '../../store/index.ts';
import { mailboxRows } from './collections.ts';
import type { CountedBody } from './rows.ts';

/** A row on its way out. */
export interface LeavingRow {
  readonly storedKey: Uint8Array;
  /** Set once it is gone. */
  isGone: boolean;
  /** It was read from the store, so others are likely to be fetching too. */
  readonly isFetched?: boolean;
  /** Its bytes lie elsewhere, once for a whole group. */
  readonly isPointer?: boolean;
  readonly body?: CountedBody | undefined;
}

/** @see createDeletions */
export interface Deletions {
  /** Queues a row of a device. Those of one device go in the order in which they were queued. */
  add(scope: TenantScope, deviceId: DeviceId, row: LeavingRow): void;
  /** True while a row is queued or being removed; by the text of its key ({@link keyText}). */
  has(tenantId: TenantId, deviceId: DeviceId, text: string): boolean;
  /** Resolves when what is queued of a device is gone, or cannot be removed now. */
  hurry(tenantId: TenantId, deviceId: DeviceId): Promise<void>;
  /** Rows of a device that are queued or being removed, by the texts of their keys. Whoever meets one of them again must not add it again. */
  leavingOf(tenantId: TenantId, deviceId: DeviceId): ReadonlyMap<string, LeavingRow>;
  /** Tries again what failed. */
  retry(): void;
  /** Removes what would have waited. Resolves when nothing is under way; what failed stays where it is. */
  idle(): Promise<void>;
}

const LIST_MAX = 512;
/** Acknowledgements of many devices go together: a list costs the event loop as much as a submit, and its sync keeps messages waiting. */
const COLLECT_MS = 5;
/**
 * After so long goes what was fetched. Those who come back mostly come together, in the morning or behind a fault, and the thread that removes
 * rows is the one that finds them: whoever connects meanwhile would wait for deletes and their syncs.
 */
const FETCHED_MS = 500;

/** The key as text, for sets. */
export function keyText(storedKey: Uint8Array): string {
  return Buffer.from(storedKey.buffer, storedKey.byteOffset, storedKey.byteLength).toString('latin1');
}

/** Rows of a device in the order of their acknowledgements, also by the texts of their keys once somebody has asked for one. */
interface OfDevice {
  readonly rows: LeavingRow[];
  texts?: ReadonlySet<string> | undefined;
}

type ByDevice = Map<DeviceId, OfDevice>;

interface Queue {
  readonly scope: TenantScope;
  readonly soon: ByDevice;
  soonRows: number;
  /** What was fetched, until {@link FETCHED_MS} are over. */
  readonly later: ByDevice;
  timer: NodeJS.Timeout | undefined;
  /** The list that is being collected or removed, and whether it could be. */
  list: Promise<boolean> | undefined;
}

function put(byDevice: ByDevice, deviceId: DeviceId, rows: readonly LeavingRow[]): void {
  const ofDevice = byDevice.get(deviceId);
  if (ofDevice === undefined) byDevice.set(deviceId, { rows: [...rows] });
  else {
    for (const row of rows) ofDevice.rows.push(row);
    ofDevice.texts = undefined;
  }
}

/** The first rows, and how many of each device they are. */
function firstOf(byDevice: ByDevice): { rows: LeavingRow[]; counts: [DeviceId, number][] } {
  const rows: LeavingRow[] = [];
  const counts: [DeviceId, number][] = [];
  for (const [deviceId, ofDevice] of byDevice) {
    const count = Math.min(ofDevice.rows.length, LIST_MAX - rows.length);
    for (let i = 0; i < count; i++) rows.push(ofDevice.rows[i] as LeavingRow);
    counts.push([deviceId, count]);
    if (rows.length === LIST_MAX) break;
  }
  return { rows, counts };
}

/** Whoever has some left stands behind the others. */
function takeOut(byDevice: ByDevice, deviceId: DeviceId, count: number): void {
  const rows = byDevice.get(deviceId)?.rows.slice(count) ?? [];
  byDevice.delete(deviceId);
  if (rows.length > 0) byDevice.set(deviceId, { rows });
}

function isAmong(ofDevice: OfDevice | undefined, text: string): boolean {
  if (ofDevice === undefined) return false;
  ofDevice.texts ??= new Set(ofDevice.rows.map(({ storedKey }) => keyText(storedKey)));
  return ofDevice.texts.has(text);
}

/** @see Deletions */
export function createDeletions(deps: {
  readonly ops: CommitOps;
  /** What was fetched may be removed later. Not where other servers serve the same devices: they would deliver it again meanwhile. */
  readonly mayWait: boolean;
  /** Rows that pointed to bytes of a group are gone. */
  readonly onPointersGone: (scope: TenantScope, rows: readonly LeavingRow[]) => void;
  /** A fault that is no refusal of the store. */
  readonly onError: (error: unknown) => void;
}): Deletions {
  const { ops, mayWait, onPointersGone, onError } = deps;
  const queues = new Map<TenantId, Queue>();

  /** @returns whether it could be removed */
  async function removeList(queue: Queue): Promise<boolean> {
    const { scope, soon } = queue;
    if (queue.soonRows < LIST_MAX) await new Promise((resolve) => setTimeout(resolve, COLLECT_MS));
    const { rows, counts } = firstOf(soon);
    try {
      await scope.commit(rows.map(({ storedKey }) => ops.delete(mailboxRows, storedKey)));
    } catch (error) {
      if (!(error instanceof KuvertError)) onError(error);
      return false;
    }
    queue.soonRows -= rows.length;
    for (const [deviceId, count] of counts) takeOut(soon, deviceId, count);
    for (const row of rows) row.isGone = true;
    const pointers = rows.filter((row) => row.isPointer);
    if (pointers.length > 0) onPointersGone(scope, pointers);
    return true;
  }

  async function run(queue: Queue): Promise<void> {
    do queue.list = removeList(queue);
    while ((await queue.list) && queue.soonRows > 0);
    // In the same turn as the last look at the queue, so that no row is added to a queue that seems to be running.
    queue.list = undefined;
  }

  function start(queue: Queue): void {
    if (queue.soonRows > 0 && queue.list === undefined) void run(queue);
  }

  function addSoon(queue: Queue, deviceId: DeviceId, rows: readonly LeavingRow[]): void {
    put(queue.soon, deviceId, rows);
    queue.soonRows += rows.length;
  }

  /** What waits of these devices waits no longer. */
  function bringForward(queue: Queue, devices: Iterable<DeviceId>): void {
    for (const deviceId of devices) {
      const rows = queue.later.get(deviceId)?.rows;
      if (rows === undefined) continue;
      queue.later.delete(deviceId);
      addSoon(queue, deviceId, rows);
    }
    if (queue.later.size === 0) {
      clearTimeout(queue.timer);
      queue.timer = undefined;
    }
    start(queue);
  }

  return {
    add(scope, deviceId, row) {
      let queue = queues.get(scope.tenant);
      if (queue === undefined) {
        queue = {
          scope,
          soon: new Map(),
          soonRows: 0,
          later: new Map(),
          timer: undefined,
          list: undefined,
        };
        queues.set(scope.tenant, queue);
      }
      const { later } = queue;
      if ((mayWait && row.isFetched) || later.has(deviceId)) {
        put(later, deviceId, [row]);
        queue.timer ??= setTimeout(() => bringForward(queue, later.keys()), FETCHED_MS).unref();
      } else {
        addSoon(queue, deviceId, [row]);
        start(queue);
      }
    },

    has(tenantId, deviceId, text) {
      const queue = queues.get(tenantId);
      return isAmong(queue?.soon.get(deviceId), text) || isAmong(queue?.later.get(deviceId), text);
    },

    async hurry(tenantId, deviceId) {
      const queue = queues.get(tenantId);
      if (queue === undefined) return;
      bringForward(queue, [deviceId]);
      while (queue.list !== undefined && queue.soon.has(deviceId)) await queue.list;
    },

    leavingOf(tenantId, deviceId) {
      const queue = queues.get(tenantId);
      const rows = [queue?.soon, queue?.later].flatMap((byDevice) => byDevice?.get(deviceId)?.rows ?? []);
      return new Map(rows.map((row) => [keyText(row.storedKey), row]));
    },

    retry() {
      for (const queue of queues.values()) start(queue);
    },

    async idle() {
      for (const queue of queues.values()) bringForward(queue, queue.later.keys());
      for (;;) {
        const lists = [...queues.values()].flatMap(({ list }) => list ?? []);
        if (lists.length === 0) return;
        await Promise.all(lists);
      }
    },
  };
}

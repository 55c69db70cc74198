/**
 * Removing what was acknowledged or has expired, in lists, one at a time for each tenant. Nobody waits for it: losing a delete means
 * that a row is delivered again. What could not be removed (a full disk, an overloaded store) is tried again with the next row or
 * the next {@link Deletions.retry}; until it is gone, `has` keeps it from being delivered.
 */
import {
  type DeviceId,
  equalBytes,
  ID_BYTES,
  idToBytes,
  KuvertError,
  type TenantId,
  u32At,
} from '@kuvert/protocol';
import type { CommitOps, TenantScope } from '../../store/index.ts';
import { mailboxRows } from './collections.ts';
import type { CountedBody } from './rows.ts';

/** A row on its way out. */
export interface LeavingRow {
  readonly storedKey: Uint8Array;
  /** Set once it is gone. */
  isGone: boolean;
  /** Its bytes lie elsewhere, once for a whole group. */
  readonly isPointer?: boolean;
  readonly body?: CountedBody | undefined;
}

/** @see createDeletions */
export interface Deletions {
  /** Queues a row. */
  add(scope: TenantScope, row: LeavingRow): void;
  /** True while a row is queued or being removed; by the text of its key ({@link keyText}). */
  has(tenantId: TenantId, text: string): boolean;
  /** Rows of a device that are queued or being removed, by the texts of their keys. Whoever meets one of them again must not add it again. */
  leavingOf(tenantId: TenantId, deviceId: DeviceId): ReadonlyMap<string, LeavingRow>;
  /** Tries again what failed. */
  retry(): void;
  /** Resolves when nothing is under way; what failed stays where it is. */
  idle(): Promise<void>;
}

const LIST_MAX = 512;
/**
 * Acknowledgements of many devices go together: a list costs the event loop as much as a submit, and its sync keeps messages waiting. But whoever
 * connects again before a row is gone gets it once more.
 */
const COLLECT_MS = 5;

/** The key as text, for sets. */
export function keyText(storedKey: Uint8Array): string {
  return Buffer.from(storedKey.buffer, storedKey.byteOffset, storedKey.byteLength).toString('latin1');
}

/** Rows of a device, or of the few whose ids end alike; by the texts of their keys once somebody has asked for one. */
interface OfDevice {
  readonly rows: Set<LeavingRow>;
  names: Map<string, LeavingRow> | undefined;
}

/** By the last bytes of a device's id, which are random: a text for each row that only comes and goes would cost more than all else here. */
type ByDevice = Map<number, OfDevice>;

interface Queue {
  readonly scope: TenantScope;
  /** Rows to be removed, in order of arrival. */
  rows: LeavingRow[];
  /** The same for each device; made when somebody asks for the first time since the queue was empty. */
  byDevice: ByDevice | undefined;
  running: Promise<void> | undefined;
}

const PLACE_AT = ID_BYTES - 4;

/** The key of a row begins with its device. */
function placeOf(key: Uint8Array): number {
  return u32At(key, PLACE_AT);
}

function put(byDevice: ByDevice, row: LeavingRow): void {
  const place = placeOf(row.storedKey);
  let ofDevice = byDevice.get(place);
  if (ofDevice === undefined) {
    ofDevice = { rows: new Set(), names: undefined };
    byDevice.set(place, ofDevice);
  }
  ofDevice.rows.add(row);
  ofDevice.names?.set(keyText(row.storedKey), row);
}

function takeOut(byDevice: ByDevice, row: LeavingRow): void {
  const place = placeOf(row.storedKey);
  const ofDevice = byDevice.get(place);
  if (ofDevice === undefined) return;
  ofDevice.rows.delete(row);
  ofDevice.names?.delete(keyText(row.storedKey));
  if (ofDevice.rows.size === 0) byDevice.delete(place);
}

/** @see Deletions */
export function createDeletions(deps: {
  readonly ops: CommitOps;
  /** Rows that pointed to bytes of a group are gone. */
  readonly onPointersGone: (scope: TenantScope, rows: readonly LeavingRow[]) => void;
  /** A fault that is no refusal of the store. */
  readonly onError: (error: unknown) => void;
}): Deletions {
  const { ops, onPointersGone, onError } = deps;
  const queues = new Map<TenantId, Queue>();

  async function run(queue: Queue): Promise<void> {
    while (queue.rows.length > 0) {
      if (queue.rows.length < LIST_MAX) await new Promise((resolve) => setTimeout(resolve, COLLECT_MS));
      const batch = queue.rows.slice(0, LIST_MAX);
      try {
        await queue.scope.commit(batch.map(({ storedKey }) => ops.delete(mailboxRows, storedKey)));
      } catch (error) {
        if (!(error instanceof KuvertError)) onError(error);
        break;
      }
      queue.rows = queue.rows.slice(batch.length);
      for (const row of batch) {
        row.isGone = true;
        if (queue.byDevice !== undefined) takeOut(queue.byDevice, row);
      }
      const pointers = batch.filter((row) => row.isPointer);
      if (pointers.length > 0) onPointersGone(queue.scope, pointers);
    }
    if (queue.rows.length === 0) queue.byDevice = undefined;
    // In the same turn as the last look at the queue, so that no row is added to a queue that seems to be running.
    queue.running = undefined;
  }

  function start(queue: Queue): void {
    queue.running ??= run(queue);
  }

  function rowsAt(tenantId: TenantId, place: number): OfDevice | undefined {
    const queue = queues.get(tenantId);
    if (queue === undefined || queue.rows.length === 0) return undefined;
    if (queue.byDevice === undefined) {
      queue.byDevice = new Map();
      for (const row of queue.rows) put(queue.byDevice, row);
    }
    return queue.byDevice.get(place);
  }

  return {
    add(scope, row) {
      let queue = queues.get(scope.tenant);
      if (queue === undefined) {
        queue = { scope, rows: [], byDevice: undefined, running: undefined };
        queues.set(scope.tenant, queue);
      }
      queue.rows.push(row);
      if (queue.byDevice !== undefined) put(queue.byDevice, row);
      start(queue);
    },

    has(tenantId, text) {
      const ofDevice = rowsAt(tenantId, placeOf(Buffer.from(text.slice(0, ID_BYTES), 'latin1')));
      if (ofDevice === undefined) return false;
      ofDevice.names ??= new Map(Array.from(ofDevice.rows, (row) => [keyText(row.storedKey), row]));
      return ofDevice.names.has(text);
    },

    leavingOf(tenantId, deviceId) {
      const device = idToBytes(deviceId);
      const rows = rowsAt(tenantId, placeOf(device))?.rows ?? [];
      const own = Array.from(rows).filter(({ storedKey }) =>
        equalBytes(storedKey.subarray(0, ID_BYTES), device),
      );
      return new Map(own.map((row) => [keyText(row.storedKey), row]));
    },

    retry() {
      for (const queue of queues.values()) if (queue.rows.length > 0) start(queue);
    },

    async idle() {
      for (;;) {
        const running = [...queues.values()].flatMap((queue) => queue.running ?? []);
        if (running.length === 0) return;
        await Promise.all(running);
      }
    },
  };
}

/**
 * Removing what was acknowledged or has expired, in lists, one at a time for each tenant. Nobody waits for it: losing a delete means
 * that a row is delivered again. What could not be removed (a full disk, an overloaded store) is tried again with the next row or
 * the next {@link Deletions.retry}; until it is gone, `has` keeps it from being delivered.
 */
import { type DeviceId, ID_BYTES, idToBytes, KuvertError, type TenantId } from '@kuvert/protocol';
import type { CommitOps, TenantScope } from '../../store/index.ts';
import { mailboxRows } from './collections.ts';

/** A row on its way out. */
export interface LeavingRow {
  readonly storedKey: Uint8Array;
  /** Set once it is gone. */
  isGone: boolean;
  /** Its bytes lie elsewhere, once for a whole group. */
  readonly isPointer?: boolean;
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
 * Acknowledgements of many devices go together: rows that came together lie on the same pages, and a list costs the event loop as much as a
 * submit. The longer rows stay, though, the more pages they are spread over.
 */
const COLLECT_MS = 5;

/** The key as text, for sets. */
export function keyText(storedKey: Uint8Array): string {
  return Buffer.from(storedKey.buffer, storedKey.byteOffset, storedKey.byteLength).toString('latin1');
}

type ByDevice = Map<string, Map<string, LeavingRow>>;

interface Queue {
  readonly scope: TenantScope;
  /** Rows to be removed, in order of arrival. */
  rows: LeavingRow[];
  /** The same by their keys as text, for each device; made when somebody asks for the first time since the queue was empty. */
  byDevice: ByDevice | undefined;
  running: Promise<void> | undefined;
}

const NONE: ReadonlyMap<string, LeavingRow> = new Map();

/** The key of a row begins with its device. */
function put(byDevice: ByDevice, row: LeavingRow): void {
  const name = keyText(row.storedKey);
  const device = name.slice(0, ID_BYTES);
  const ofDevice = byDevice.get(device) ?? new Map<string, LeavingRow>();
  byDevice.set(device, ofDevice);
  ofDevice.set(name, row);
}

function takeOut(byDevice: ByDevice, row: LeavingRow): void {
  const name = keyText(row.storedKey);
  const device = name.slice(0, ID_BYTES);
  const ofDevice = byDevice.get(device);
  ofDevice?.delete(name);
  if (ofDevice?.size === 0) byDevice.delete(device);
}

/** @see Deletions */
export function createDeletions(deps: {
  readonly ops: CommitOps;
  /** Rows that pointed to bytes of a group are gone. */
  readonly onPointersGone: (scope: TenantScope, storedKeys: readonly Uint8Array[]) => void;
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
      const pointers = batch.filter((row) => row.isPointer).map(({ storedKey }) => storedKey);
      if (pointers.length > 0) onPointersGone(queue.scope, pointers);
    }
    if (queue.rows.length === 0) queue.byDevice = undefined;
    // In the same turn as the last look at the queue, so that no row is added to a queue that seems to be running.
    queue.running = undefined;
  }

  function start(queue: Queue): void {
    queue.running ??= run(queue);
  }

  function ofDevice(tenantId: TenantId, device: string): ReadonlyMap<string, LeavingRow> {
    const queue = queues.get(tenantId);
    if (queue === undefined || queue.rows.length === 0) return NONE;
    if (queue.byDevice === undefined) {
      queue.byDevice = new Map();
      for (const row of queue.rows) put(queue.byDevice, row);
    }
    return queue.byDevice.get(device) ?? NONE;
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

    has: (tenantId, text) => ofDevice(tenantId, text.slice(0, ID_BYTES)).has(text),

    leavingOf: (tenantId, deviceId) => new Map(ofDevice(tenantId, keyText(idToBytes(deviceId)))),

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

/**
 * Removing what was acknowledged or has expired, in lists, one at a time for each tenant. Nobody waits for it: losing a delete means
 * that a row is delivered again. What could not be removed (a full disk, an overloaded store) is tried again with the next row or
 * the next {@link Deletions.retry}; until it is gone, `has` keeps it from being delivered.
 */
import { KuvertError, type TenantId } from '@kuvert/protocol';
import type { CommitOps, TenantScope } from '../../store/index.ts';
import { mailboxRows } from './collections.ts';

/** @see createDeletions */
export interface Deletions {
  /** Queues a row by its stored key. */
  add(scope: TenantScope, storedKey: Uint8Array): void;
  /** True while a row is queued or being removed. */
  has(tenantId: TenantId, storedKey: Uint8Array): boolean;
  /** Tries again what failed. */
  retry(): void;
  /** Resolves when nothing is under way; what failed stays where it is. */
  idle(): Promise<void>;
}

const LIST_MAX = 512;

/** The key as text, for sets. */
export function keyText(storedKey: Uint8Array): string {
  return Buffer.from(storedKey.buffer, storedKey.byteOffset, storedKey.byteLength).toString('latin1');
}

interface Queue {
  readonly scope: TenantScope;
  /** Rows to be removed, in order of arrival, with their keys as text. */
  readonly rows: Map<string, Uint8Array>;
  running: Promise<void> | undefined;
}

/** @see Deletions */
export function createDeletions(deps: {
  readonly ops: CommitOps;
  /** A fault that is no refusal of the store. */
  readonly onError: (error: unknown) => void;
}): Deletions {
  const { ops, onError } = deps;
  const queues = new Map<TenantId, Queue>();

  async function run(queue: Queue): Promise<void> {
    // Acknowledgements of one tick go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (queue.rows.size > 0) {
      const batch: [string, Uint8Array][] = [];
      for (const entry of queue.rows) {
        batch.push(entry);
        if (batch.length === LIST_MAX) break;
      }
      try {
        await queue.scope.commit(batch.map(([, storedKey]) => ops.delete(mailboxRows, storedKey)));
      } catch (error) {
        if (!(error instanceof KuvertError)) onError(error);
        break;
      }
      for (const [text] of batch) queue.rows.delete(text);
    }
    // In the same turn as the last look at the queue, so that no row is added to a queue that seems to be running.
    queue.running = undefined;
  }

  function start(queue: Queue): void {
    queue.running ??= run(queue);
  }

  return {
    add(scope, storedKey) {
      let queue = queues.get(scope.tenant);
      if (queue === undefined) {
        queue = { scope, rows: new Map(), running: undefined };
        queues.set(scope.tenant, queue);
      }
      queue.rows.set(keyText(storedKey), storedKey);
      start(queue);
    },

    has: (tenantId, storedKey) => queues.get(tenantId)?.rows.has(keyText(storedKey)) === true,

    retry() {
      for (const queue of queues.values()) if (queue.rows.size > 0) start(queue);
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

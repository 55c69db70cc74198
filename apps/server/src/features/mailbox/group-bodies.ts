/**
 * Messages to groups: kept once, found through the rows of one byte in the mailboxes of members. A body goes when the last of its rows was
 * acknowledged. How many are left is counted in memory, from the commit on; a body of which this process does not know that, because it was
 * restarted or another one took the submit, goes when it is found that no row points to it (`unread-bodies.ts`).
 */
import { KuvertError, type TenantId } from '@kuvert/protocol';
import type { CommitOps, TenantScope } from '../../store/index.ts';
import { groupBodies } from './collections.ts';
import { keyText } from './deletions.ts';
import { type CountedBody, recordFromRow, rowIdOf, rowIdTimeMs } from './rows.ts';

/** Bodies that were read lately and may be asked for by the next member. */
const RECENT_MAX = 512;
const RECENT_BYTES_MAX = 8_388_608;

/** A row that pointed to a body. */
export interface Pointer {
  readonly storedKey: Uint8Array;
  /** Spares looking for it, where whoever holds the row has seen it come. */
  readonly body?: CountedBody | undefined;
}

/** @see createGroupBodies */
export interface GroupBodies {
  /** So many rows point to a body that was just committed. */
  stored(scope: TenantScope, rowId: Uint8Array, rows: number): CountedBody;
  /** Rows that pointed to bodies are gone. */
  released(scope: TenantScope, rows: readonly Pointer[]): void;
  /** These bodies were removed. */
  gone(tenantId: TenantId, rowIds: readonly Uint8Array[]): void;
  /** Counts of bodies that have expired are of no use any more. */
  forgetUntil(tenantId: TenantId, acceptedMs: number): void;
  /** The record that a row points to, to be copied before it is numbered; undefined when it is not there. */
  load(scope: TenantScope, storedKey: Uint8Array): Promise<Uint8Array | undefined>;
}

/** @see GroupBodies */
export function createGroupBodies(deps: {
  readonly ops: CommitOps;
  /** A fault that is no refusal of the store. */
  readonly onError: (error: unknown) => void;
}): GroupBodies {
  const { ops, onError } = deps;
  /** Rows that are left, by tenant and row id. */
  const left = new Map<TenantId, Map<string, CountedBody>>();
  const recent = new Map<string, Uint8Array>();
  let recentBytes = 0;

  function remember(name: string, record: Uint8Array): void {
    recent.set(name, record);
    recentBytes += record.length;
    for (const [oldest, { length }] of recent) {
      if (recent.size <= RECENT_MAX && recentBytes <= RECENT_BYTES_MAX) return;
      recent.delete(oldest);
      recentBytes -= length;
    }
  }

  function forget(name: string): void {
    recentBytes -= recent.get(name)?.length ?? 0;
    recent.delete(name);
  }

  return {
    stored(scope, rowId, rows) {
      const ofTenant = left.get(scope.tenant) ?? new Map<string, CountedBody>();
      left.set(scope.tenant, ofTenant);
      const body: CountedBody = { rowId, name: keyText(rowId), left: rows };
      ofTenant.set(body.name, body);
      return body;
    },

    released(scope, rows) {
      const ofTenant = left.get(scope.tenant);
      const gone: Uint8Array[] = [];
      for (const { storedKey, body } of rows) {
        const known = body ?? ofTenant?.get(keyText(rowIdOf(storedKey)));
        if (known === undefined || --known.left > 0) continue;
        // Nobody counts it any more when it has expired or was removed for another reason.
        if (ofTenant?.delete(known.name) !== true) continue;
        forget(scope.tenant + known.name);
        gone.push(known.rowId);
      }
      if (gone.length === 0) return;
      scope.commit(gone.map((rowId) => ops.delete(groupBodies, rowId))).catch((error: unknown) => {
        // It goes when it expires.
        if (!(error instanceof KuvertError)) onError(error);
      });
    },

    gone(tenantId, rowIds) {
      for (const rowId of rowIds) {
        left.get(tenantId)?.delete(keyText(rowId));
        forget(tenantId + keyText(rowId));
      }
    },

    forgetUntil(tenantId, acceptedMs) {
      const ofTenant = left.get(tenantId);
      // They stand in the order in which they were accepted.
      for (const name of ofTenant?.keys() ?? []) {
        if (rowIdTimeMs(Buffer.from(name, 'latin1')) > acceptedMs) return;
        ofTenant?.delete(name);
      }
    },

    async load(scope, storedKey) {
      const rowId = rowIdOf(storedKey);
      const name = scope.tenant + keyText(rowId);
      const known = recent.get(name);
      if (known !== undefined) return known;
      const row = await scope.find(groupBodies, rowId);
      if (row === undefined) return undefined;
      const record = recordFromRow(row.value);
      if (!recent.has(name)) remember(name, record);
      return record;
    },
  };
}

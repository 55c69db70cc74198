/**
 * Devices that stay away until their mailbox is over its limit (wire.md §4, docs/decisions/0005). Such a device is dormant: nothing more is
 * stored for it, what lies there goes in small steps, and nobody who writes to its person is held up. That it is dormant is a row, checked in
 * the same commit by every submit that leaves it out; so when it comes back, the row is taken away and whatever commits afterwards is stored.
 * In the same commit as the row goes comes a tombstone over the time in which it was dormant.
 */
import type { DeviceId, TenantId } from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import type { CommitOp, CommitOps, Store, TenantScope } from '../../store/index.ts';
import { dormantDevices, mailboxRows } from './collections.ts';
import type { Expiry } from './expiry.ts';
import type { GroupBodies } from './group-bodies.ts';
import { ORPHAN_MS } from './limits.ts';
import { isPointer, rowTimeMs } from './rows.ts';
import type { Usage } from './usage.ts';

/** Dormant devices that are looked at together. */
const DEVICES_AT_ONCE = 100;
/** Rows of up to 408 kB: a page of them must not be large. */
const PAGE_ROWS = 32;

/** What a submit commits that leaves these devices out: that they still are dormant, or that they are from now on. */
export function dormancyOps(
  ops: CommitOps,
  usage: Pick<Usage, 'isDormant'>,
  parts: { readonly scope: TenantScope; readonly dormant: readonly DeviceId[]; readonly nowMs: number },
): CommitOp[] {
  const { scope, dormant, nowMs } = parts;
  return dormant.map((device) =>
    usage.isDormant(scope.tenant, device)
      ? ops.mustExist(dormantDevices, [device])
      : ops.put(dormantDevices, [device], nowMs),
  );
}

interface MailboxRow {
  readonly storedKey: Uint8Array;
  readonly value: Uint8Array;
}
const keyOf = ({ storedKey }: MailboxRow): Uint8Array => storedKey;

/** @see createDormancy */
export interface Dormancy {
  /** The device is there again: ends its sleep, if it was dormant, and leaves the tombstone that tells it so. @returns whether it was */
  wake(scope: TenantScope, deviceId: DeviceId): Promise<boolean>;
  /** Removes up to about `limit` rows of dormant devices. @returns how many were removed */
  sweep(scope: TenantScope, limit: number): Promise<number>;
}

/** @see the top of this file */
export function createDormancy(deps: {
  readonly store: Pick<Store, 'ops'>;
  readonly clock: Clock;
  readonly expiry: Pick<Expiry, 'bury' | 'drop' | 'endDormancy'>;
  readonly bodies: Pick<GroupBodies, 'released' | 'load'>;
  /** True for a row that was acknowledged and is about to go: it was not given up, and is counted out of its body without us. */
  readonly isLeaving: (tenantId: TenantId, deviceId: DeviceId, storedKey: Uint8Array) => boolean;
}): Dormancy {
  const { store, clock, expiry, bodies, isLeaving } = deps;

  /** What was accepted, and what never was: pointers whose body never came, which nobody is to be told of. */
  async function sort(scope: TenantScope, deviceId: DeviceId, rows: readonly MailboxRow[]) {
    const [accepted, orphans]: [MailboxRow[], Uint8Array[]] = [[], []];
    for (const row of rows) {
      if (isLeaving(scope.tenant, deviceId, row.storedKey)) continue;
      if (!isPointer(row.value) || (await bodies.load(scope, row.storedKey)) !== undefined)
        accepted.push(row);
      else if (rowTimeMs(row.storedKey) < clock.nowMs() - ORPHAN_MS) orphans.push(row.storedKey);
    }
    return { accepted, orphans, isComplete: accepted.length + orphans.length === rows.length };
  }

  /** @returns how many rows of one dormant device were removed */
  async function emptyMailbox(scope: TenantScope, deviceId: DeviceId, limit: number): Promise<number> {
    const asleep = store.ops.mustExist(dormantDevices, [deviceId]);
    let removed = 0;
    while (removed < limit) {
      const { rows } = await scope.list(mailboxRows, { equals: [deviceId], limit: PAGE_ROWS });
      const { accepted, orphans, isComplete } = await sort(scope, deviceId, rows);
      if (orphans.length > 0) await expiry.drop(scope, deviceId, orphans);
      removed += orphans.length;
      const buried =
        accepted.length === 0 ? 0 : await expiry.bury(scope, deviceId, accepted.map(keyOf), asleep);
      removed += buried;
      // A few of them may still be there; what points to a body that is gone already is passed over.
      if (buried === accepted.length) {
        const pointers = accepted.filter((row) => isPointer(row.value));
        if (pointers.length > 0) bodies.released(scope, pointers);
      }
      // It has come back, a connection holds them, or the store refuses for the moment; what has no body yet may get one.
      if (buried < accepted.length || !isComplete || rows.length === 0) break;
    }
    return removed;
  }

  return {
    async wake(scope, deviceId) {
      const row = await scope.find(dormantDevices, deviceId);
      if (row === undefined) return false;
      await expiry.endDormancy(scope, deviceId, {
        fromMs: row.value,
        toMs: Math.max(row.value, clock.nowMs()),
      });
      return true;
    },

    async sweep(scope, limit) {
      let removed = 0;
      let cursor: string | undefined;
      do {
        const page = await scope.list(dormantDevices, {
          limit: DEVICES_AT_ONCE,
          ...(cursor === undefined ? {} : { cursor }),
        });
        for (const { key } of page.rows) {
          if (removed >= limit) return removed;
          removed += await emptyMailbox(scope, key[0], limit - removed);
        }
        cursor = page.next;
      } while (cursor !== undefined);
      return removed;
    },
  };
}

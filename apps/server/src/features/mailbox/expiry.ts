/**
 * Envelopes whose time ran out before they were acknowledged (P1: an accepted envelope reaches its device or leaves a tombstone). Rows and
 * tombstone change in one commit. A tombstone says how many there were and between which times they were accepted, nothing else; a device has
 * one, into which later ones are merged, and gets it before the next `drained` (docs/decisions/0005).
 */
import { type DeviceId, type EventData, KuvertError, type TenantId } from '@kuvert/protocol';
import type { Clock } from '../../clock.ts';
import type { ServerMetrics } from '../../metrics/server-metrics.ts';
import type { CommitOp, Store, TenantScope } from '../../store/index.ts';
import { dormantDevices, mailboxRows, type Tombstone, tombstones } from './collections.ts';
import { rowTimeMs } from './rows.ts';
import { StepSize } from './step-size.ts';

/** What is told to a device of either kind of tombstone, without its number. */
export type ExpiredFacts = Omit<EventData<'expired'>, 'deliverySeq'>;

/** A device's tombstone as it was read. */
export interface FoundTombstone {
  /** What it is told with. */
  readonly event: 'expired' | 'dormant';
  readonly facts: ExpiredFacts;
  /** For {@link Expiry.forget}. */
  readonly storedKeys: readonly Uint8Array[];
}

/** A row that is acknowledged meanwhile makes the commit fail; it is left out then. */
const TRIES_MAX = 16;

/** @see createExpiry */
export interface Expiry {
  /**
   * Removes rows of one device that have expired and counts them in its tombstone. What the store refuses for the moment is left for
   * the next sweep. With `asleep` they have not expired, but their device is dormant: they go only while that condition holds, and are
   * counted in the other tombstone. @returns how many were removed
   */
  bury(
    scope: TenantScope,
    deviceId: DeviceId,
    storedKeys: readonly Uint8Array[],
    asleep?: CommitOp,
  ): Promise<number>;
  /** The device is dormant no longer; its tombstone covers this time too. */
  endDormancy(
    scope: TenantScope,
    deviceId: DeviceId,
    times: Pick<Tombstone, 'fromMs' | 'toMs'>,
  ): Promise<void>;
  /** Removes rows of one device that stand for nothing that was ever accepted, without a word. What the store refuses is left for the next time. */
  drop(scope: TenantScope, deviceId: DeviceId, storedKeys: readonly Uint8Array[]): Promise<void>;
  /** Buries up to `limit` expired rows of all devices. @returns how many were removed */
  sweep(scope: TenantScope, limit: number): Promise<number>;
  /** What a device has to be told. */
  find(scope: TenantScope, deviceId: DeviceId): Promise<FoundTombstone[]>;
  /** Removes what a device was told. What was merged with more meanwhile stays, and is told once more. */
  forget(scope: TenantScope, storedKeys: readonly Uint8Array[]): Promise<void>;
  /** When the envelope that expires next was accepted, of all tenants as of their last sweep; undefined when none waits. */
  oldestWaitingMs(): number | undefined;
}

/** Ends the life of envelopes. */
export function createExpiry(deps: {
  readonly store: Pick<Store, 'ops'>;
  readonly clock: Clock;
  readonly metrics: Pick<ServerMetrics, 'expiredRows'>;
  readonly nextRowId: (nowMs: number) => Uint8Array;
  /** True for a row that a connection holds or that was acknowledged: its end is theirs to decide. */
  readonly isHeld: (tenantId: TenantId, deviceId: DeviceId, storedKey: Uint8Array) => boolean;
  /** Rows of a device are gone. */
  readonly onGone: (tenantId: TenantId, deviceId: DeviceId) => void;
}): Expiry {
  const { store, clock, metrics, nextRowId, isHeld, onGone } = deps;
  const { ops } = store;
  const oldest = new Map<TenantId, number>();
  const step = new StepSize(clock);

  /** What puts a tombstone in the place of those of its kind that the device has. */
  async function mergeInto(scope: TenantScope, deviceId: DeviceId, tombstone: Tombstone) {
    const { rows } = await scope.list(tombstones, { equals: [deviceId], limit: 10 });
    const before = rows.filter((row) => row.value.isDormant === tombstone.isDormant);
    const merged = [tombstone, ...before.map((row) => row.value)].reduce(merge);
    return {
      conditions: before.map((row) => ops.mustExist(tombstones, row.storedKey)),
      writes: [
        ...before.map((row) => ops.delete(tombstones, row.storedKey)),
        ops.insert(tombstones, [deviceId, nextRowId(clock.nowMs())], merged),
      ],
    };
  }

  async function buryStep(
    scope: TenantScope,
    deviceId: DeviceId,
    storedKeys: readonly Uint8Array[],
    asleep: CommitOp | undefined,
  ): Promise<number> {
    let rows = storedKeys;
    for (let tries = 0; tries < TRIES_MAX && rows.length > 0; tries++) {
      const times = rows.map(rowTimeMs);
      const span = { count: rows.length, fromMs: Math.min(...times), toMs: Math.max(...times) };
      const tombstone = await mergeInto(scope, deviceId, { ...span, isDormant: asleep !== undefined });
      const outcome = await scope.commit([
        ...rows.map((key) => ops.mustExist(mailboxRows, key)),
        ...(asleep === undefined ? [] : [asleep]),
        ...tombstone.conditions,
        ...rows.map((key) => ops.delete(mailboxRows, key)),
        ...tombstone.writes,
      ]);
      if (outcome.committed) {
        metrics.expiredRows.add(rows.length);
        onGone(scope.tenant, deviceId);
        return rows.length;
      }
      const gone = outcome.failedAt;
      if (asleep !== undefined && gone === rows.length) return 0;
      rows = rows.filter((_key, place) => place !== gone);
    }
    return 0;
  }

  async function bury(
    scope: TenantScope,
    deviceId: DeviceId,
    storedKeys: readonly Uint8Array[],
    asleep?: CommitOp,
  ): Promise<number> {
    let buried = 0;
    try {
      for (let left = storedKeys; left.length > 0; ) {
        const keys = left.slice(0, step.rows);
        left = left.slice(keys.length);
        buried += await step.take(keys.length, () => buryStep(scope, deviceId, keys, asleep));
      }
    } catch (error) {
      // A tombstone takes space, which a full disk does not have. The rows stay until the next sweep; nobody is given them.
      if (!(error instanceof KuvertError)) throw error;
    }
    return buried;
  }

  return {
    bury,

    async drop(scope, deviceId, storedKeys) {
      try {
        for (let left = storedKeys; left.length > 0; ) {
          const keys = left.slice(0, step.rows);
          left = left.slice(keys.length);
          await step.take(keys.length, () => scope.commit(keys.map((key) => ops.delete(mailboxRows, key))));
        }
        onGone(scope.tenant, deviceId);
      } catch (error) {
        if (!(error instanceof KuvertError)) throw error;
      }
    },

    async endDormancy(scope, deviceId, times) {
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        const tombstone = await mergeInto(scope, deviceId, { count: 0, ...times, isDormant: true });
        const outcome = await scope.commit([
          ops.mustExist(dormantDevices, [deviceId]),
          ...tombstone.conditions,
          ops.delete(dormantDevices, [deviceId]),
          ...tombstone.writes,
        ]);
        // Somebody else may have ended it.
        if (outcome.committed || outcome.failedAt === 0) return onGone(scope.tenant, deviceId);
      }
      throw new KuvertError('store_busy');
    },

    async sweep(scope, limit) {
      const rows = await scope.listExpiring(mailboxRows, clock.nowMs(), limit);
      const byDevice = new Map<DeviceId, Uint8Array[]>();
      for (const { key, storedKey } of rows) {
        const [deviceId] = key;
        if (isHeld(scope.tenant, deviceId, storedKey)) continue;
        const keys = byDevice.get(deviceId);
        if (keys) keys.push(storedKey);
        else byDevice.set(deviceId, [storedKey]);
      }
      let buried = 0;
      for (const [deviceId, keys] of byDevice) {
        buried += await bury(scope, deviceId, keys);
      }
      const [next] = await scope.listExpiring(mailboxRows, Number.MAX_SAFE_INTEGER, 1);
      if (next === undefined) oldest.delete(scope.tenant);
      else oldest.set(scope.tenant, rowTimeMs(next.storedKey));
      return buried;
    },

    async find(scope, deviceId) {
      const { rows } = await scope.list(tombstones, { equals: [deviceId], limit: 10 });
      return [false, true].flatMap((kind) => {
        const some = rows.filter((row) => row.value.isDormant === kind);
        if (some.length === 0) return [];
        const { count, fromMs, toMs } = some.map((row) => row.value).reduce(merge);
        const storedKeys = some.map((row) => row.storedKey);
        return [{ event: kind ? 'dormant' : 'expired', facts: { count, fromMs, toMs }, storedKeys } as const];
      });
    },

    async forget(scope, storedKeys) {
      await scope.commit(storedKeys.map((key) => ops.delete(tombstones, key)));
    },

    oldestWaitingMs: () => (oldest.size === 0 ? undefined : Math.min(...oldest.values())),
  };
}

function merge(a: Tombstone, b: Tombstone): Tombstone {
  return {
    count: a.count + b.count,
    fromMs: Math.min(a.fromMs, b.fromMs),
    toMs: Math.max(a.toMs, b.toMs),
    isDormant: a.isDormant,
  };
}

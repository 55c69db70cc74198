/** The mailbox as the channel, the operator and the wiring see it. */
import { type DeviceId, KuvertError, LIFETIME_MS, type Submit, type TenantId } from '@kuvert/protocol';
import type { Connection } from '../../channel/connection.ts';
import type { Accepted } from '../../channel/routes.ts';
import type { Clock, Random } from '../../clock.ts';
import type { Admission } from '../../limits/admission.ts';
import type { ServerMetrics } from '../../metrics/server-metrics.ts';
import type { Store, TenantScope } from '../../store/index.ts';
import type { DeviceDirectory, DeviceService } from '../devices/index.ts';
import type { GroupDirectory } from '../groups/index.ts';
import type { PeopleService } from '../people/index.ts';
import type { ExchangeService } from '../pools/index.ts';
import { dormantDevices, groupBodies, mailboxRows, submitDayKeys, submitRecords } from './collections.ts';
import { createDeletions, keyText } from './deletions.ts';
import { createDelivery, type Delivery } from './delivery.ts';
import { createDormancy } from './dormancy.ts';
import { createExpiry } from './expiry.ts';
import { createGroupBodies } from './group-bodies.ts';
import type { TRAFFIC } from './limits.ts';
import { createPatience } from './patience.ts';
import { createRowIds } from './rows.ts';
import { StepSize } from './step-size.ts';
import { createSubmit } from './submit.ts';
import { recordsUntil } from './submit-records.ts';
import { createUnreadBodies } from './unread-bodies.ts';
import { createUsage } from './usage.ts';

/** No body is kept for longer. */
const BODY_MS_MAX = Math.max(...Object.values(LIFETIME_MS)) + 86_400_000;

/** @see createMailboxService */
export interface MailboxService {
  /**
   * Accepts a message, durably. `record` is what it was read from.
   * @throws KuvertError `not_found`, `no_device`, `devices_changed` with {missing, extra, stale}, `id_reused`, `submit_too_old`,
   *   `bad_request`, `mailbox_full`, `device_not_accepted`, `disk_full`, `overloaded`, `rate_limited`, `store_busy`
   */
  submit(connection: Connection, submit: Submit, record?: Uint8Array): Promise<Accepted>;
  /** Begins to deliver to a device that has just connected. */
  connected(connection: Connection): void;
  /** @throws KuvertError `bad_request` for a number that was never delivered on this connection */
  acknowledge(connection: Connection, upTo: number): void;
  /** Another server may have stored something for this device, or for any; whoever is connected here gets it. */
  lookAgain(tenantId?: TenantId, deviceId?: DeviceId): void;
  /** The oldest stored rows of a device, as they lie there. @throws KuvertError `not_found` */
  peek(deviceId: DeviceId, limit: number): Promise<Uint8Array[]>;
  /** Removes up to `limit` expired rows of each kind, and tries failed deletes again. @returns how many rows were removed */
  sweep(scope: TenantScope, limit: number): Promise<number>;
  /** When the envelope that expires next was accepted, as of the last sweep; undefined when none waits. */
  oldestWaitingMs(): number | undefined;
  /** Resolves when no delete is under way. To be called before the store is closed. */
  idle(): Promise<void>;
}

/** Puts the mailbox together. */
export function createMailboxService(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly people: PeopleService;
  readonly devices: DeviceService;
  readonly directory: DeviceDirectory;
  readonly groups: GroupDirectory;
  readonly exchange: Pick<ExchangeService, 'requireBetween'>;
  readonly admission: Pick<Admission, 'enter'>;
  readonly metrics: Pick<ServerMetrics, 'redeliveries' | 'acknowledged' | 'expiredRows'>;
  /** How many times the limits of `TRAFFIC` hold; 1 if not given. */
  readonly trafficFactor?: number | undefined;
  /** A limit of `TRAFFIC` was reached; not told again for each refusal. */
  readonly onLimit?: ((limit: keyof typeof TRAFFIC) => void) | undefined;
  /** A fault of ours in delivering or removing; nothing that was accepted is lost by it. */
  readonly onError: (error: unknown) => void;
}): MailboxService {
  const { store, clock, devices, onError } = deps;
  const usage = createUsage();
  const bodies = createGroupBodies({ ops: store.ops, onError });
  const unreadBodies = createUnreadBodies({ ops: store.ops, clock, onGone: bodies.gone });
  const deletions = createDeletions({
    ops: store.ops,
    mayWait: store.hints === undefined,
    onPointersGone: bodies.released,
    onError,
  });
  const deliveries = new Map<TenantId, Map<DeviceId, Delivery>>();

  const find = (tenantId: TenantId, deviceId: DeviceId) => deliveries.get(tenantId)?.get(deviceId);

  const tombstoneIds = createRowIds(deps.random);
  const isLeaving = (tenantId: TenantId, deviceId: DeviceId, storedKey: Uint8Array) =>
    deletions.has(tenantId, deviceId, keyText(storedKey));
  const expiry = createExpiry({
    store,
    clock,
    metrics: deps.metrics,
    nextRowId: (nowMs) => tombstoneIds.next(nowMs),
    isHeld: (tenantId, deviceId, storedKey) =>
      find(tenantId, deviceId)?.holds(storedKey) === true || isLeaving(tenantId, deviceId, storedKey),
    onGone: (tenantId, deviceId) => usage.forget(tenantId, deviceId),
  });

  const dormancy = createDormancy({ store, clock, expiry, bodies, isLeaving });
  const patience = createPatience(clock);

  const submit = createSubmit({
    ...deps,
    usage,
    bodies,
    sealAhead: (scope, deviceId, record) => find(scope.tenant, deviceId)?.sealAhead(record),
    push(scope, deviceId, row, ahead) {
      find(scope.tenant, deviceId)?.push(row, ahead);
      // The device may be connected to another server, or to both while one of them has not noticed yet that it is gone.
      if (row.storedKey !== undefined)
        store.hints?.publish({ space: scope.tenant, device: deviceId, kind: 'rows' });
    },
    isWaitedFor: ({ tenant }, deviceId) =>
      find(tenant, deviceId) !== undefined && !patience.isOver(tenant, deviceId),
    onDormant(scope, devices) {
      for (const deviceId of devices) {
        const delivery = find(scope.tenant, deviceId);
        // One that acknowledges nothing begins anew. One that is connected after all is dormant no longer than until it hears of it.
        if (delivery !== undefined && patience.isOver(scope.tenant, deviceId))
          delivery.connection.close('connection_expired');
        else delivery?.lookAgain();
        store.hints?.publish({ space: scope.tenant, device: deviceId, kind: 'rows' });
      }
    },
    onDoubt(scope, devices) {
      // Files of our own have no commits of which we do not know.
      if (store.hints === undefined) return;
      for (const deviceId of devices) {
        find(scope.tenant, deviceId)?.lookAgain();
        store.hints.publish({ space: scope.tenant, device: deviceId, kind: 'rows' });
      }
    },
  });

  /** Everything that lies in the mailbox of a revoked device. Nothing can be added any more, so the end of the list is the end. */
  async function empty(scope: TenantScope, deviceId: DeviceId): Promise<void> {
    find(scope.tenant, deviceId)?.stop();
    const step = new StepSize(clock);
    for (;;) {
      const { rows } = await scope.list(mailboxRows, { equals: [deviceId], limit: step.rows });
      if (rows.length === 0) break;
      await step.take(rows.length, () =>
        scope.commit(rows.map((row) => store.ops.delete(mailboxRows, row.storedKey))),
      );
    }
    await scope.commit([store.ops.delete(dormantDevices, [deviceId])]);
    for (const told of await expiry.find(scope, deviceId)) await expiry.forget(scope, told.storedKeys);
    usage.forget(scope.tenant, deviceId);
    patience.reset(scope.tenant, deviceId);
  }
  devices.whenRevoked(empty);

  return {
    submit,

    connected(connection) {
      const { tenantId, deviceId } = connection;
      const scope = store.tenant(tenantId);
      find(tenantId, deviceId)?.stop();
      const delivery = createDelivery({
        scope,
        connection,
        clock,
        deletions,
        bodies,
        metrics: deps.metrics,
        expiry,
        dormancy,
        mayCommitLate: store.hints !== undefined,
        onGone: (rows, bytes) => usage.release(tenantId, deviceId, bytes, rows),
        onAcknowledged: () => patience.reset(tenantId, deviceId),
        onError,
      });
      const ofTenant = deliveries.get(tenantId) ?? new Map<DeviceId, Delivery>();
      deliveries.set(tenantId, ofTenant);
      ofTenant.set(deviceId, delivery);
      connection.onClose(() => {
        delivery.stop();
        if (ofTenant.get(deviceId) === delivery) ofTenant.delete(deviceId);
      });
      void delivery.start();
    },

    acknowledge(connection, upTo) {
      const delivery = find(connection.tenantId, connection.deviceId);
      // An acknowledgement that was on its way when the device connected anew: its rows come again.
      if (delivery?.connection !== connection) return;
      delivery.acknowledge(upTo);
    },

    lookAgain(tenantId, deviceId) {
      if (tenantId !== undefined && deviceId !== undefined) {
        find(tenantId, deviceId)?.lookAgain();
        return;
      }
      // Who has left may have stored rows of which we know nothing.
      usage.forget();
      for (const ofTenant of deliveries.values())
        for (const delivery of ofTenant.values()) delivery.lookAgain();
    },

    async peek(deviceId, limit) {
      const scopes = await devices.scopesOf(deviceId);
      if (scopes.length === 0) throw new KuvertError('not_found');
      const values: Uint8Array[] = [];
      for (const scope of scopes) {
        const { rows } = await scope.list(mailboxRows, { equals: [deviceId], limit });
        for (const row of rows) if (values.length < limit) values.push(row.value);
      }
      return values;
    },

    async sweep(scope, limit) {
      deletions.retry();
      const nowMs = clock.nowMs();
      const expired = (await expiry.sweep(scope, limit)) + (await dormancy.sweep(scope, limit));
      const { rows } = await scope.list(submitRecords, { before: recordsUntil(nowMs), limit });
      if (rows.length > 0)
        await scope.commit(rows.map((row) => store.ops.delete(submitRecords, row.storedKey)));
      bodies.forgetUntil(scope.tenant, nowMs - BODY_MS_MAX);
      const unread = await unreadBodies.sweep(scope);
      const gone = expired + rows.length + unread + (await scope.expire(groupBodies, nowMs, limit));
      return gone + (await scope.expire(submitDayKeys, nowMs, limit));
    },

    oldestWaitingMs: () => expiry.oldestWaitingMs(),

    idle: () => deletions.idle(),
  };
}

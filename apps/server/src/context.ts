/** The wiring of a server: folders, keys, the engine that the configuration names, the features (`features/index.ts`), and what joins them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type DeviceId, type ErrorCode, type GroupId, KuvertError, type TenantId } from '@kuvert/protocol';
import { openFileBlobs } from './blobs/index.ts';
import { AdmissionRecheck } from './channel/admission-recheck.ts';
import type { ChannelHost } from './channel/channel-host.ts';
import { LiveConnections } from './channel/live-connections.ts';
import { TickFlusher } from './channel/outgoing.ts';
import { joinRoutes } from './channel/routes.ts';
import { loadServerStatics } from './channel/server-statics.ts';
import type { Clock, Random } from './clock.ts';
import type { ServerConfig } from './config.ts';
import type { DatabaseConfig } from './database-config.ts';
import { unlessNoTenant } from './features/devices/index.ts';
import { COLLECTIONS, createFeatures, type FeatureParts, type Features } from './features/index.ts';
import { type AdminTable, joinAdminRoutes } from './http/admin/admin-routes.ts';
import type { AdminGate } from './http/admin/calls.ts';
import { createAdminGate } from './http/admin/gate.ts';
import { keysOperatorRoutes } from './http/keys-routes.ts';
import { OperatorGate } from './http/operator-gate.ts';
import { joinOperatorRoutes, type OperatorTable } from './http/operator-routes.ts';
import { Readiness } from './http/readiness.ts';
import { type Ledger, openLedger } from './ledger/ledger.ts';
import { replayLedger } from './ledger/replay.ts';
import { Admission, measureLoopDelay } from './limits/admission.ts';
import { describeError, type Log } from './log.ts';
import { createServerMetrics, type LimitName, type ServerMetrics } from './metrics/server-metrics.ts';
import { openFolders } from './open-folders.ts';
import { startErrorFrom } from './start-error.ts';
import { type OpenEngine, openStore, type Store } from './store/index.ts';
import { Sweeper } from './sweeper.ts';

/** Everything of a server but its listeners. */
export interface Context {
  readonly dataFolder: string;
  readonly keysFolder: string;
  /** True when there was no tenant at the start. */
  readonly empty: boolean;
  readonly store: Store;
  readonly channelHost: ChannelHost;
  readonly operatorGate: OperatorGate;
  readonly operatorTable: OperatorTable;
  readonly adminGate: AdminGate;
  readonly adminTable: AdminTable;
  /** Makes whoever has it the first operator; undefined once there is one. */
  readonly setUpCode: string | undefined;
  /** Adds the routes that move the bytes of attachments to the public listener. */
  readonly addAttachmentRoutes: Features['attachments']['addHttpRoutes'];
  readonly readiness: Readiness;
  readonly sweeper: Sweeper;
  /** When the envelope that expires next was accepted, undefined when none waits. */
  readonly oldestWaitingMs: () => number | undefined;
  /** Entries of audit logs that wait for their collectors. */
  readonly auditWaiting: () => number;
  readonly metrics: ServerMetrics;
  readonly admission: Admission;
  /** For `kuvert store restore`: does again what the ledger says must never un-happen. */
  replay(): Promise<void>;
  /** Finishes what is under way, closes the store, gives the data folder free. May be called twice. */
  close(): Promise<void>;
}

/**
 * Opens folders, keys and store and puts the features together.
 * @throws StartError for everything that whoever starts the server can mend
 */
export async function buildContext(
  config: Pick<
    ServerConfig,
    | 'dataFolder'
    | 'keysFolder'
    | 'ledgerFolder'
    | 'blobsFolder'
    | 'attachmentBytesMax'
    | 'trafficFactor'
    | 'streamHosts'
    | 'auditAddressDays'
    | 'auditYears'
    | 'publicUrl'
    | 'breachedPasswordsFile'
    | 'storeThreads'
    | 'database'
  >,
  surroundings: {
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Log;
    readonly onFailure: (error: unknown) => void;
    /** Only for the end of a restore (store-work.ts): nobody else may be at work, and the data may be waiting for the ledger. */
    readonly isRestoring?: boolean | undefined;
    /** Where clients and server share one event loop its delay says nothing; such a test gives its own measure. */
    readonly loopDelay?: ReturnType<typeof measureLoopDelay> | undefined;
  },
): Promise<Context> {
  const { clock, random, log } = surroundings;
  const folders = await openFolders(config);
  if (folders.openKeyFiles > 0) log.warn({ event: 'key-files-were-open', count: folders.openKeyFiles });
  const metrics = createServerMetrics();
  let store: Store | undefined;
  try {
    if (config.database !== undefined) await refuseDataElsewhere(config.database, folders.data.path);
    store = await openStore({
      folder: folders.data.path,
      keys: folders.provider,
      collections: COLLECTIONS,
      onFailure: surroundings.onFailure,
      threads: config.storeThreads,
      ...engineOf(config, surroundings.isRestoring ? 'maintenance' : 'server'),
      mayBeUnfinished: surroundings.isRestoring,
      onBatch: ({ requests, durationMs }) => {
        metrics.commitSeconds.observe(durationMs / 1_000);
        metrics.batchRequests.observe(requests);
      },
    });
    const admission = new Admission({ clock, loopDelay: surroundings.loopDelay ?? measureLoopDelay() });
    const ledger = await openLedger(config.ledgerFolder ?? join(folders.keysFolder, 'ledger'));
    const blobs = openFileBlobs(config.blobsFolder ?? join(folders.data.path, 'blobs'));
    const publicOrigin = config.publicUrl === undefined ? undefined : new URL(config.publicUrl).origin;
    const { trafficFactor, streamHosts, breachedPasswordsFile, attachmentBytesMax } = config;
    const chosen = { trafficFactor, streamHosts, breachedPasswordsFile, attachmentBytesMax, publicOrigin };
    const { auditAddressDays, auditYears } = config;
    const terms = { auditAddressDays, auditYears };
    return await wire({
      ...chosen,
      ...terms,
      store,
      folders,
      clock,
      random,
      log,
      admission,
      metrics,
      ledger,
      blobs,
    });
  } catch (error) {
    await store?.close().catch(() => undefined);
    folders.data.release();
    throw startErrorFrom(error, whatItIsAbout(error, config));
  }
}

/** The folder or variable that a failure to open the store is about. */
function whatItIsAbout(
  error: unknown,
  config: Pick<ServerConfig, 'dataFolder' | 'keysFolder' | 'database'>,
): string {
  const { code, details } = (error ?? {}) as { code?: unknown; details?: Record<string, unknown> };
  if (typeof details?.about === 'string') return details.about;
  if (typeof code !== 'string') return config.dataFolder;
  if (code.startsWith('keys_')) return config.keysFolder;
  return config.database === undefined ? config.dataFolder : 'KUVERT_STORE';
}

/** Whoever has just changed KUVERT_STORE would otherwise find an empty installation instead of their own. */
async function refuseDataElsewhere(database: DatabaseConfig, dataFolder: string): Promise<void> {
  if (!existsSync(join(dataFolder, 'control.db'))) return;
  const { isEmptyMongo } = await readMongoEngine();
  if (!(await isEmptyMongo(database))) return;
  throw new KuvertError('store_elsewhere');
}

/** The engine that a configuration asks for; by default the store takes files. */
export function engineOf(
  { database }: Pick<ServerConfig, 'database'>,
  kind: 'server' | 'maintenance',
): { openEngine?: OpenEngine } {
  if (database === undefined) return {};
  return {
    async openEngine(settings) {
      const { openMongoEngine } = await readMongoEngine();
      return openMongoEngine(database, { ...settings, kind });
    },
  };
}

/** Read only where there is a database: its driver takes 0.15 s of CPU to read. */
const readMongoEngine = () => import('./store/engine-mongodb/engine.ts');

async function wire(
  parts: Omit<FeatureParts, 'connections' | 'serverStatic' | 'admission'> & {
    readonly folders: Awaited<ReturnType<typeof openFolders>>;
    readonly log: Log;
    readonly admission: Admission;
    readonly ledger: Ledger;
  },
): Promise<Context> {
  const { store, folders, clock, log, admission, metrics, ledger } = parts;
  const onLimit = (limit: LimitName, device: { tenantId?: string; deviceId?: string } = {}): void => {
    metrics.limitsReached.add(limit);
    log.warn({ event: 'limit-reached', reason: limit, ...device });
  };
  const statics = await loadServerStatics(store, clock);
  const connections = new LiveConnections(({ tenantId, deviceId }, visit) =>
    store.hints?.publish({ space: tenantId, device: deviceId, kind: 'connected', visit }),
  );
  const features = await createFeatures(
    { ...parts, connections, serverStatic: statics[0].publicKey },
    {
      onLimit,
      onLocked(tenantId, deviceId) {
        store.hints?.publish({ space: tenantId, device: deviceId, kind: 'locked' });
        locked(tenantId, deviceId);
      },
      onErased: (tenant, person) => ledger.append({ kind: 'erasure', tenant, person }),
      onIdentityErased: (log, id) => ledger.append({ kind: 'identity', log, id }),
      onDeliveryError: (error) => log.error({ event: 'delivery-failed', ...describeError(error) }),
      onAttachmentStored({ tenantId, sizeBytes, sha256 }) {
        metrics.attachmentsStored.add();
        metrics.attachmentBytesStored.add(sizeBytes);
        const hash = Buffer.from(sha256).toString('hex');
        log.info({ event: 'attachment-stored', tenantId, sizeBytes, sha256: hash });
      },
      onAuditError(error) {
        metrics.auditFailures.add();
        log.warn({ event: 'audit-not-numbered', ...describeError(error) });
      },
      onAuditNumbered: (count) => metrics.auditEntries.add(count),
      onAuditStreamed(outcome) {
        if ('delivered' in outcome) return metrics.auditStreamed.add(outcome.delivered);
        metrics.auditStreamFailures.add();
        log.warn({ event: 'audit-not-streamed', ...describeError(outcome.error) });
      },
    },
  );
  const { audit, tenants, people, pools, devices, prekeys, groups, mailbox, attachments } = features;
  const { administrators, approvals, erasure } = features;
  const channelHost: ChannelHost = {
    statics: () => statics,
    store,
    door: {
      findForChannel: devices.service.findForChannel,
      lastState: (tenantId, deviceId) => devices.stateCounters.find(store.tenant(tenantId), deviceId),
      async noteState({ scope, tenantId, deviceId }, counters) {
        const isRestored = await devices.stateCounters.note(scope, deviceId, counters);
        if (isRestored) {
          metrics.stateStepsBack.add();
          log.warn({ event: 'state-stepped-back', tenantId, deviceId });
        }
        return isRestored;
      },
      countPrekeys: async (tenantId, deviceId) =>
        (await unlessNoTenant(prekeys.service.count({ scope: store.tenant(tenantId), deviceId }))) ?? {
          ec: 0,
          kyber: 0,
        },
      deviceSet: ({ scope, personId }) => devices.service.setHashOf(scope, personId),
    },
    routes: joinRoutes({
      device: [
        people.deviceRoutes(pools.service, pools.exchange),
        devices.deviceRoutes,
        prekeys.deviceRoutes,
        attachments.deviceRoutes,
        groups.deviceRoutes,
      ],
      enrolment: [devices.enrolmentRoutes],
    }),
    mailbox: mailbox.mailboxRoutes,
    connections,
    flusher: new TickFlusher(),
    clock,
    log,
    metrics,
    isBusy: () => admission.isBusy,
    installationEpoch: store.installation.epoch,
  };
  const out = (tenantId: TenantId, deviceId: DeviceId, code: ErrorCode): void => {
    connections.closeDevice(tenantId, deviceId, code);
    attachments.deviceGone(tenantId, deviceId);
  };
  const locked = (tenantId: TenantId, deviceId: DeviceId): void => out(tenantId, deviceId, 'person_locked');
  const recheck = new AdmissionRecheck({
    connections: () => connections.all(),
    door: devices.service,
    close: out,
    onError: (error) => log.warn({ event: 'admission-not-rechecked', ...describeError(error) }),
  });
  const suspended = (tenantId: TenantId): void => {
    connections.closeTenant(tenantId, 'tenant_suspended');
    attachments.tenantGone(tenantId);
  };
  tenants.service.whenSuspended((tenantId) => {
    store.hints?.publish({ space: tenantId, device: '', kind: 'suspended' });
    suspended(tenantId);
  });
  store.hints?.listen({
    onHint({ space, device, kind, visit }) {
      const [tenantId, deviceId] = [space as TenantId, device as DeviceId];
      if (kind === 'rows') mailbox.service.lookAgain(tenantId, deviceId);
      else if (kind === 'connected') connections.replacedElsewhere(tenantId, deviceId, visit ?? 0);
      else if (kind === 'suspended') suspended(tenantId);
      else if (kind === 'group') groups.changedElsewhere(tenantId, device as GroupId, visit ?? 0);
      else if (kind === 'locked') locked(tenantId, deviceId);
      else out(tenantId, deviceId, 'device_not_accepted');
    },
    onGap() {
      mailbox.service.lookAgain();
      void recheck.run();
    },
  });
  devices.service.whenRevoked(async (scope, device) => {
    store.hints?.publish({ space: scope.tenant, device, kind: 'revoked' });
    await ledger.append({ kind: 'revocation', tenant: scope.tenant, device });
  });
  const sweeper = new Sweeper({
    tenants: () => tenants.service.list(),
    once: (tenantId) => devices.service.resume(tenantId),
    sweeps: [
      (tenantId, limit) => mailbox.service.sweep(store.tenant(tenantId), limit),
      (tenantId, limit) => devices.sweep(store.tenant(tenantId), limit),
      (tenantId, limit) => prekeys.sweep(store.tenant(tenantId), limit),
      (tenantId, limit) => groups.sweep(store.tenant(tenantId), limit),
      (tenantId, limit) => audit.sweep(tenantId, limit),
      (tenantId, limit) => attachments.sweep(tenantId, limit),
      (tenantId, limit) => approvals.service.sweepTenant(tenantId, limit),
      (tenantId, limit) => erasure.service.resume(store.tenant(tenantId), limit),
      (tenantId, limit) => features.keptAnswers.sweepTenant(store.tenant(tenantId), limit),
    ],
    installationSweeps: [
      (limit) => audit.sweep('operator', limit),
      (limit) => administrators.sweep(limit),
      (limit) => approvals.service.sweep(limit),
      (limit) => features.keptAnswers.sweepInstallation(limit),
    ],
    log,
    metrics,
  });
  const empty = (await tenants.service.count()) === 0;
  sweeper.start();
  admission.start();
  return {
    dataFolder: folders.data.path,
    keysFolder: folders.keysFolder,
    empty,
    store,
    channelHost,
    operatorGate: new OperatorGate(folders.operatorKey, clock, () => onLimit('operatorCalls')),
    operatorTable: joinOperatorRoutes([
      tenants.operatorRoutes,
      people.operatorRoutes,
      pools.operatorRoutes,
      devices.operatorRoutes,
      mailbox.operatorRoutes,
      administrators.operatorRoutes,
      keysOperatorRoutes(store, folders.provider, audit.records),
    ]),
    adminGate: createAdminGate({
      administrators: administrators.service,
      approvals: approvals.service,
      tenants: tenants.service,
      checks: { ...erasure.checks, ...administrators.checks },
      audit: audit.records,
      promises: audit,
      log,
    }),
    adminTable: joinAdminRoutes([
      administrators.adminRoutes,
      audit.adminRoutes,
      tenants.adminRoutes,
      people.adminRoutes(pools.service),
      devices.adminRoutes,
      pools.adminRoutes,
      approvals.adminRoutes,
      erasure.adminRoutes,
    ]),
    setUpCode: (await administrators.service.isSetUp())
      ? undefined
      : await administrators.service.invitations.makeSetUpCode(),
    addAttachmentRoutes: attachments.addHttpRoutes,
    readiness: new Readiness(store, clock),
    sweeper,
    oldestWaitingMs: () => mailbox.service.oldestWaitingMs(),
    auditWaiting: () => audit.streams.waiting,
    metrics,
    admission,
    replay: () =>
      replayLedger(ledger, {
        revoke: (device) => devices.service.revoke(device),
        erase: (tenant, person) => erasure.service.eraseAgain(tenant, person),
        eraseIdentity: (log, id) => audit.erasure.erase(log, id),
      }),
    async close() {
      admission.stop();
      await sweeper.stop();
      await mailbox.service.idle();
      await audit.stop();
      await store.close();
      folders.data.release();
    },
  };
}

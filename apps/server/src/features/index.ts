/** All features, put together in one place: the server and the tests of features make them by this, so both have the same. */
import type { DeviceId, PersonId, TenantId } from '@kuvert/protocol';
import type { Blobs } from '../blobs/index.ts';
import type { LiveConnections } from '../channel/live-connections.ts';
import { serverStatics } from '../channel/server-statics.ts';
import type { Clock, Random } from '../clock.ts';
import { ATTACHMENT_BYTES_PRESET, AUDIT_PRESETS } from '../config.ts';
import { KeptAnswers, keptAnswers, operatorKeptAnswers } from '../http/admin/idempotency.ts';
import { readinessProbes } from '../http/readiness.ts';
import type { Admission } from '../limits/admission.ts';
import type { LimitName, ServerMetrics } from '../metrics/server-metrics.ts';
import type { Store } from '../store/index.ts';
import { administratorCollections, createAdministratorsFeature } from './administrators/index.ts';
import { approvalCollections, createApprovalsFeature } from './approvals/index.ts';
import { attachmentCollections, createAttachmentsFeature } from './attachments/index.ts';
import { auditCollections, createAuditFeature } from './audit/index.ts';
import { createDevicesFeature, deviceCollections } from './devices/index.ts';
import { createErasureFeature, erasureCollections } from './erasure/index.ts';
import { createGroupsFeature, groupCollections } from './groups/index.ts';
import { createMailboxFeature, mailboxCollections } from './mailbox/index.ts';
import { createPeopleFeature, peopleCollections } from './people/index.ts';
import { createPoolsFeature, poolCollections } from './pools/index.ts';
import { createPrekeyStock, createPrekeysFeature, prekeyCollections } from './prekeys/index.ts';
import { createTenantsFeature, tenantCollections } from './tenants/index.ts';

const DAY_MS = 86_400_000;

/** Every handle of every feature. */
export const COLLECTIONS = [
  serverStatics,
  readinessProbes,
  ...tenantCollections,
  ...peopleCollections,
  ...deviceCollections,
  ...prekeyCollections,
  ...groupCollections,
  ...mailboxCollections,
  ...administratorCollections,
  ...auditCollections,
  ...attachmentCollections,
  ...poolCollections,
  ...approvalCollections,
  ...erasureCollections,
  keptAnswers,
  operatorKeptAnswers,
] as const;

/** What features are made of. */
export interface FeatureParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly connections: Pick<LiveConnections, 'find' | 'closeDevice'>;
  readonly blobs: Blobs;
  readonly metrics: ServerMetrics;
  readonly admission: Pick<Admission, 'enter'>;
  /** The server's Noise static public key, 32 bytes. */
  readonly serverStatic: Uint8Array;
  readonly trafficFactor?: number | undefined;
  /** Preset: {@link ATTACHMENT_BYTES_PRESET}. */
  readonly attachmentBytesMax?: number | undefined;
  readonly streamHosts?: readonly string[] | undefined;
  /** Preset: {@link AUDIT_PRESETS}. */
  readonly auditAddressDays?: number | undefined;
  readonly auditYears?: number | undefined;
  readonly publicOrigin?: string | undefined;
  readonly breachedPasswordsFile?: string | undefined;
  /** For tests of those who ask it: another answer to who may talk to whom. */
  readonly exchangeOf?: ((exchange: Exchange) => Exchange) | undefined;
}

type Exchange = ReturnType<typeof createPoolsFeature>['exchange'];

/** What features tell, for logs and metrics and for what belongs to no feature. */
export interface FeatureEvents {
  readonly onLimit: (limit: LimitName, device?: { tenantId?: string; deviceId?: string }) => void;
  readonly onLocked: (tenantId: TenantId, deviceId: DeviceId) => void;
  /** Awaited before whoever has asked for it is answered. */
  readonly onErased: (tenantId: TenantId, personId: PersonId) => Promise<void>;
  /** Names are about to go from an audit log; awaited before they do. */
  readonly onIdentityErased: Parameters<typeof createAuditFeature>[0]['onErasing'];
  readonly onDeliveryError: (error: unknown) => void;
  readonly onAttachmentStored: Parameters<typeof createAttachmentsFeature>[0]['onStored'];
  readonly onAuditError: (error: unknown) => void;
  readonly onAuditNumbered: (count: number) => void;
  readonly onAuditStreamed: Parameters<typeof createAuditFeature>[0]['onStreamed'];
}

/** Every feature, by its name. */
export type Features = Awaited<ReturnType<typeof createFeatures>>;

/** Makes every feature; those that another needs come first. */
export async function createFeatures(parts: FeatureParts, told: FeatureEvents) {
  const { store, clock, random, connections, metrics } = parts;
  const audit = await createAuditFeature({
    store,
    clock,
    random,
    onError: told.onAuditError,
    onNumbered: told.onAuditNumbered,
    onStreamed: told.onAuditStreamed,
    onErasing: told.onIdentityErased,
    streamHosts: parts.streamHosts ?? [],
    terms: {
      addressMs: (parts.auditAddressDays ?? AUDIT_PRESETS.addressDays) * DAY_MS,
      entryMs: (parts.auditYears ?? AUDIT_PRESETS.years) * 366 * DAY_MS,
    },
  });
  const base = { store, clock, random, audit: audit.records };
  const tenants = createTenantsFeature(base);
  const people = createPeopleFeature({
    ...base,
    tenants: tenants.service,
    onLimit: (device) => told.onLimit('peopleProbes', device),
  });
  const pools = createPoolsFeature({ ...base, tenants: tenants.service, people: people.service });
  const exchange = parts.exchangeOf?.(pools.exchange) ?? pools.exchange;
  const stock = createPrekeyStock(store);
  const devices = createDevicesFeature({
    ...base,
    tenants: tenants.service,
    people: people.service,
    pools: pools.service,
    prekeys: stock,
    connections,
    serverStatic: parts.serverStatic,
    onLocked: told.onLocked,
    onLimit: told.onLimit,
  });
  const prekeys = createPrekeysFeature({
    ...base,
    tenants: tenants.service,
    people: people.service,
    devices: devices.service,
    exchange,
    stock,
    connections,
    metrics,
    onLimit: () => told.onLimit('prekeyTakes'),
  });
  const groups = createGroupsFeature({
    ...base,
    devices: devices.service,
    exchange,
    connections,
    metrics,
    onError: told.onDeliveryError,
  });
  const mailbox = createMailboxFeature({
    ...base,
    people: people.service,
    devices: devices.service,
    directory: devices.directory,
    groups: groups.directory,
    exchange,
    admission: parts.admission,
    trafficFactor: parts.trafficFactor,
    metrics,
    onLimit: told.onLimit,
    onError: told.onDeliveryError,
  });
  const attachments = createAttachmentsFeature({
    ...base,
    tenants: tenants.service,
    devices: devices.service,
    exchange,
    blobs: parts.blobs,
    tenantBytesMax: parts.attachmentBytesMax ?? ATTACHMENT_BYTES_PRESET,
    onStored: told.onAttachmentStored,
    onLimit: (device) => told.onLimit('attachments', device),
  });
  const administrators = createAdministratorsFeature({
    ...base,
    tenants: tenants.service,
    pools: pools.service,
    publicOrigin: parts.publicOrigin,
    breachedPasswordsFile: parts.breachedPasswordsFile,
    onLimit: () => told.onLimit('signIns'),
  });
  const approvals = createApprovalsFeature({
    ...base,
    nameOf: (administratorId) => administrators.service.nameOf(administratorId),
    onExpired(where, { place, approvalId, requestedBy }) {
      const event = { action: 'approval.expired', object: approvalId, after: { requestedBy } } as const;
      const log = place === 'installation' ? 'operator' : (place as TenantId);
      if (where.kind === 'operator') audit.records.inOperator(where.tx, [log], event);
      else audit.records.inTenant(where.tx, place as TenantId, event);
    },
  });
  const erasure = createErasureFeature({
    ...base,
    tenants: tenants.service,
    people: people.service,
    devices: devices.service,
    pools: pools.service,
    identities: audit.erasure,
    onErased: told.onErased,
  });
  return {
    audit,
    tenants,
    people,
    pools,
    devices,
    prekeys,
    groups,
    mailbox,
    attachments,
    administrators,
    approvals,
    erasure,
    keptAnswers: new KeptAnswers(base),
  };
}

/** The rules of tenants. */
import {
  certifyFirstAccount,
  certifyNextAccount,
  createTenantIdentity,
  type KeyChangeKind,
  rootHash,
} from '@kuvert/crypto/identity';
import { KuvertError, makeId, type PersonId, type Signed, type TenantId } from '@kuvert/protocol';
import type { Clock, Random } from '../../clock.ts';
import type { Store, TenantScope } from '../../store/index.ts';
import type { AuditRecords } from '../audit/index.ts';
import { tenantProfiles, tenants } from './collections.ts';

/** What people and devices may know of their tenant. */
export interface TenantProfile {
  readonly name: string;
  /** The tenant root's public key, 33 bytes. */
  readonly root: Uint8Array<ArrayBuffer>;
  /** What an enrolment token carries to pin the root, 32 bytes. */
  readonly rootHash: Uint8Array<ArrayBuffer>;
  readonly authority: Signed;
}

/** What other features and the wiring may ask of tenants. */
export interface TenantService {
  /** Makes a tenant with its identity and space. */
  create(name: string): Promise<TenantId>;
  /** True for a tenant of this installation. */
  exists(tenantId: TenantId): Promise<boolean>;
  /** How many there are. */
  count(): Promise<number>;
  /** Ids of all tenants, in order of id. */
  list(): Promise<readonly TenantId[]>;
  /** @throws KuvertError `not_found` */
  profile(scope: TenantScope): Promise<TenantProfile>;
  /** The authority's certificate for a person's first account key; the caller makes sure that there is none yet. */
  certifyFirst(
    scope: TenantScope,
    account: { readonly personId: PersonId; readonly accountKey: Uint8Array<ArrayBuffer> },
  ): Promise<Signed>;
  /** The authority's certificate for a key that follows another; the caller has checked the old key's word, or that it is a reset. */
  certifyNext(
    scope: TenantScope,
    change: {
      readonly personId: PersonId;
      readonly kind: KeyChangeKind;
      readonly from: Uint8Array<ArrayBuffer>;
      readonly to: Uint8Array<ArrayBuffer>;
    },
  ): Promise<Signed>;
}

/** @see TenantService */
export function createTenantService(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditRecords;
}): TenantService {
  const { store, clock, random, audit } = deps;

  async function list(): Promise<readonly TenantId[]> {
    const ids: TenantId[] = [];
    let cursor: string | undefined;
    do {
      const page = await store
        .operator()
        .list(tenants, { limit: 500, ...(cursor === undefined ? {} : { cursor }) });
      for (const row of page.rows) ids.push(row.tenantId);
      cursor = page.next;
    } while (cursor !== undefined);
    return ids;
  }

  return {
    async create(name) {
      const tenantId = makeId('tenant', random(16));
      const nowMs = clock.nowMs();
      // The record is written last: after a crash before it, what lies in the space belongs to an id that nobody was told.
      await store.operator().createTenantSpace(tenantId);
      const identity = createTenantIdentity({ tenantId, nowMs });
      await store.tenant(tenantId).write((tx) => {
        tx.insert(tenantProfiles, {
          tenantId,
          name,
          root: identity.root.publicKey,
          authority: identity.authority,
          rootPrivateKey: identity.root.privateKey,
          authorityPrivateKey: identity.authorityKey.privateKey,
        });
        audit.inTenant(tx, tenantId, { action: 'tenant.created', object: tenantId, after: { name } });
      });
      await store.operator().write((tx) => {
        tx.insert(tenants, { tenantId, createdAt: nowMs });
        audit.inOperator(tx, ['operator'], { action: 'tenant.created', object: tenantId });
      });
      return tenantId;
    },

    async exists(tenantId) {
      return (await store.operator().find(tenants, tenantId)) !== undefined;
    },

    async count() {
      return (await list()).length;
    },

    list,

    async profile(scope) {
      const row = await scope.get(tenantProfiles, scope.tenant);
      return { name: row.name, root: row.root, rootHash: rootHash(row.root), authority: row.authority };
    },

    async certifyNext(scope, change) {
      const { authorityPrivateKey } = await scope.get(tenantProfiles, scope.tenant);
      return certifyNextAccount(authorityPrivateKey, {
        ...change,
        tenantId: scope.tenant,
        nowMs: clock.nowMs(),
      });
    },

    async certifyFirst(scope, account) {
      const row = await scope.find(tenantProfiles, scope.tenant);
      if (row === undefined) throw new KuvertError('not_found');
      return certifyFirstAccount({
        authorityPrivateKey: row.authorityPrivateKey,
        tenantId: scope.tenant,
        personId: account.personId,
        accountKey: account.accountKey,
        nowMs: clock.nowMs(),
      });
    },
  };
}

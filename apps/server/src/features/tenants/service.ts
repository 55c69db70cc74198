/** The rules of tenants. */
import {
  certifyFirstAccount,
  certifyNextAccount,
  createTenantIdentity,
  type KeyChangeKind,
  rootHash,
} from '@kuvert/crypto/identity';
import { dropOldest, KuvertError, makeId, type PersonId, type Signed, type TenantId } from '@kuvert/protocol';
import type { FeatureChoices } from '@kuvert/protocol/admin';
import type { Clock, Random } from '../../clock.ts';
import { type NoteEffect, requireVersion, UNNOTED } from '../../effects.ts';
import type { RowOf, Store, TenantScope } from '../../store/index.ts';
import type { AuditRecords } from '../audit/index.ts';
import { tenantProfiles, tenants } from './collections.ts';

/** Tenants whose state is remembered. */
const KNOWN_MAX = 10_000;

/** What people and devices may know of their tenant. */
export interface TenantProfile {
  readonly name: string;
  /** The tenant root's public key, 33 bytes. */
  readonly root: Uint8Array<ArrayBuffer>;
  /** What an enrolment token carries to pin the root, 32 bytes. */
  readonly rootHash: Uint8Array<ArrayBuffer>;
  readonly authority: Signed;
}

/** What administrators see. */
export interface TenantFacts {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly createdAtMs: number;
  /** Null while it may go on. */
  readonly suspendedAtMs: number | null;
}

/** Whether there is such a tenant, and whether it may do anything. */
type TenantState = 'active' | 'suspended' | undefined;

/** What a tenant's own administrators may change. */
export interface TenantSettings {
  readonly name: string;
  readonly features: FeatureChoices;
}

/** What other features and the wiring may ask of tenants. */
export interface TenantService {
  /** Makes a tenant with its identity and space. */
  create(name: string, note?: (made: TenantFacts) => NoteEffect<'operator'>): Promise<TenantId>;
  /** A page of tenants in order of id. @throws KuvertError `cursor_invalid` */
  page(query: {
    cursor: string | undefined;
    limit: number;
  }): Promise<{ tenants: TenantFacts[]; next: string | undefined }>;
  /** @throws KuvertError `not_found` */
  facts(tenantId: TenantId): Promise<TenantFacts>;
  /** @throws KuvertError `not_found` */
  settings(scope: TenantScope): Promise<TenantSettings>;
  /** Changes what is given. @throws KuvertError `version_conflict` */
  change(
    scope: TenantScope,
    change: Partial<TenantSettings>,
    how: { readonly ifMatch: string | undefined; readonly note: NoteEffect<'tenant'> },
  ): Promise<TenantSettings>;
  /** Lets nobody of it in any more until {@link TenantService.resume}. May be repeated. @throws KuvertError `not_found` */
  suspend(tenantId: TenantId, note: NoteEffect<'operator'>): Promise<void>;
  /** Lets it go on. May be repeated. @throws KuvertError `not_found` */
  resume(tenantId: TenantId, note: NoteEffect<'operator'>): Promise<void>;
  /** In one read at most; undefined for a tenant that is not there. */
  stateOf(tenantId: TenantId): Promise<TenantState>;
  /** Registers what is to be done, after the commit, at a suspension. */
  whenSuspended(listener: (tenantId: TenantId) => void): void;
  /** True for a tenant of this installation, a suspended one too. */
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

  async function factsOf(row: RowOf<typeof tenants>): Promise<TenantFacts> {
    const { name } = await store.tenant(row.tenantId).get(tenantProfiles, row.tenantId);
    return {
      tenantId: row.tenantId,
      name,
      createdAtMs: row.createdAt,
      suspendedAtMs: row.suspendedAt ?? null,
    };
  }

  const listeners: ((tenantId: TenantId) => void)[] = [];

  /** States that were read, which every login asks for. Only a server that is alone on its files remembers them: nobody else changes any. */
  const known = new Map<TenantId, Exclude<TenantState, undefined>>();
  /** Counts up when a change begins and when it ends: what was read across one is not remembered. */
  let changes = 0;

  function forget(tenantId: TenantId): void {
    changes++;
    known.delete(tenantId);
  }

  async function setSuspended(
    tenantId: TenantId,
    isSuspended: boolean,
    note: NoteEffect<'operator'>,
  ): Promise<void> {
    forget(tenantId);
    try {
      await store.operator().write(async (tx) => {
        const row = await tx.get(tenants, tenantId);
        if ((row.suspendedAt !== undefined) === isSuspended) return;
        const { suspendedAt: _, ...rest } = row;
        tx.put(tenants, isSuspended ? { ...rest, suspendedAt: clock.nowMs() } : rest);
        await note(tx, { object: tenantId });
      });
    } finally {
      forget(tenantId);
    }
  }

  return {
    async create(name, note) {
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
      const made: TenantFacts = { tenantId, name, createdAtMs: nowMs, suspendedAtMs: null };
      const noted = note?.(made) ?? UNNOTED.operator;
      await store.operator().write(async (tx) => {
        tx.insert(tenants, { tenantId, createdAt: nowMs });
        audit.inOperator(tx, ['operator'], { action: 'tenant.created', object: tenantId });
        await noted(tx, {});
      });
      return tenantId;
    },

    async page({ cursor, limit }) {
      const { rows, next } = await store
        .operator()
        .list(tenants, { limit, ...(cursor === undefined ? {} : { cursor }) });
      return { tenants: await Promise.all(rows.map(factsOf)), next };
    },

    async facts(tenantId) {
      return factsOf(await store.operator().get(tenants, tenantId));
    },

    async settings(scope) {
      return settingsOf(await scope.get(tenantProfiles, scope.tenant));
    },

    async change(scope, change, { ifMatch, note }) {
      return scope.write(async (tx) => {
        const row = await tx.get(tenantProfiles, scope.tenant);
        const before = settingsOf(row);
        requireVersion(before, ifMatch);
        const after = { ...before, ...change };
        tx.put(tenantProfiles, { ...row, ...after });
        await note(tx, { before: { ...before }, after: { ...after } });
        return after;
      });
    },

    async suspend(tenantId, note) {
      await setSuspended(tenantId, true, note);
      // Also when it was suspended already: whoever crashed in between asks again.
      for (const listener of listeners) listener(tenantId);
    },

    resume: (tenantId, note) => setSuspended(tenantId, false, note),

    async stateOf(tenantId) {
      const remembered = known.get(tenantId);
      if (remembered !== undefined) return remembered;
      const changesBefore = changes;
      const row = await store.operator().find(tenants, tenantId);
      if (row === undefined) return undefined;
      const state = row.suspendedAt === undefined ? 'active' : 'suspended';
      if (store.hints === undefined && changes === changesBefore) {
        known.set(tenantId, state);
        dropOldest(known, KNOWN_MAX);
      }
      return state;
    },

    whenSuspended: (listener) => {
      listeners.push(listener);
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

function settingsOf({ name, features }: RowOf<typeof tenantProfiles>): TenantSettings {
  return { name, features: features ?? {} };
}

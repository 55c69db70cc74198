/** Puts a store together: keyring, engine, spaces, scopes. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type DataKey, fileKey, makeDataKey } from '@kuvert/crypto/sealing';
import { isId, KuvertError, type TenantId } from '@kuvert/protocol';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { AnyCollection, ScopeKind } from './collection.ts';
import { commitOps } from './commit-ops.ts';
import {
  DataKeyCache,
  dataKeys,
  OWN_SUBJECT,
  tenantSpaces,
  unwrapDataKey,
  wrapDataKey,
} from './data-keys.ts';
import type { CollectionLayout, Engine, SpaceKeys, SpaceName } from './engine.ts';
import { openSqliteEngine } from './engine-sqlite/engine.ts';
import { guardRows } from './guard-rows.ts';
import { CollectionNumbers } from './handles.ts';
import { openKeyring } from './keyring.ts';
import { rotate } from './rotation.ts';
import { SpaceScope, typedScope } from './scope.ts';
import { Space } from './space.ts';
import type { OperatorScope, Store, TenantScope } from './store.ts';

/** How an engine is opened; `openSqliteEngine` is one. */
export type OpenEngine = (settings: {
  readonly folder: string;
  readonly layouts: readonly CollectionLayout[];
  readonly spaceKeys: SpaceKeys;
  readonly onFailure: (error: Error) => void;
}) => Promise<Engine>;

/** What {@link openStore} takes. */
export interface StoreOptions {
  /** The data folder, locked by the caller (`openSafeFolder`). */
  readonly folder: string;
  readonly keys: KeyProvider;
  /** Every handle of every feature. */
  readonly collections: readonly AnyCollection[];
  /** Called once when a commit could not be made durable; the process should end, a restart finds what is true. */
  readonly onFailure: (error: Error) => void;
  /** Default: SQLCipher files in the data folder. */
  readonly openEngine?: OpenEngine;
}

/** Scopes kept ready; one is a few hundred bytes. */
const SCOPES_MAX = 10_000;
const CONTROL: SpaceName = 'control';
const SPACES_PAGE = 500;

/**
 * Opens the store of a data folder, making it when the folder has none.
 *
 * @throws KuvertError `keys_wrong`, `data_too_new`, `data_damaged`, `disk_full`
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const mayCreate = !existsSync(join(options.folder, 'control.db'));
  const controlKey = await openKeyring(options.folder, options.keys, { mayCreate });
  const store = new SpaceStore(options, controlKey);
  await store.open({ mayCreate });
  return store;
}

class SpaceStore implements Store {
  readonly ops = commitOps;
  readonly #options: StoreOptions;
  readonly #numbers: CollectionNumbers;
  readonly #cache = new DataKeyCache();
  readonly #controlKey: DataKey;
  readonly #scopes = new Map<SpaceName, SpaceScope>();
  #engine: Engine | undefined;
  #mayCreateControl = false;
  #rotation: Promise<{ rewrapped: number }> | undefined;

  constructor(options: StoreOptions, controlKey: DataKey) {
    this.#options = options;
    this.#controlKey = controlKey;
    const builtIn = [dataKeys, tenantSpaces, guardRows.tenant, guardRows.operator];
    this.#numbers = new CollectionNumbers([...builtIn, ...options.collections], new Set([dataKeys]));
  }

  async open({ mayCreate }: { mayCreate: boolean }): Promise<void> {
    this.#mayCreateControl = mayCreate;
    this.#engine = await (this.#options.openEngine ?? openSqliteEngine)({
      folder: this.#options.folder,
      layouts: this.#numbers.layouts,
      onFailure: this.#options.onFailure,
      spaceKeys: (name) => this.#spaceKey(name),
    });
    try {
      // Opens the control file now, so that wrong keys or a newer format end the start and not the first request.
      await this.#control().find(tenantSpaces, CONTROL);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  tenant(tenant: TenantId): TenantScope {
    if (!isId('tenant', tenant)) throw new KuvertError('not_found');
    const scope = this.#scope(tenant, 'tenant', () => this.#tenantKey(tenant));
    return Object.assign(Object.create(scope), { tenant }) as TenantScope;
  }

  operator(): OperatorScope {
    return Object.assign(Object.create(this.#control()), {
      createTenantSpace: (tenant: TenantId) => this.#createTenantSpace(tenant),
      listTenantSpaces: () => this.#listTenantSpaces(),
    }) as OperatorScope;
  }

  async rotateWrappingKey(): Promise<{ readonly rewrapped: number }> {
    this.#rotation ??= rotate({
      folder: this.#options.folder,
      provider: this.#options.keys,
      control: this.#control(),
      tenants: async () => (await this.#listTenantSpaces()).map((tenant) => this.#tenantScope(tenant)),
    }).finally(() => {
      this.#rotation = undefined;
    });
    return this.#rotation;
  }

  async close(): Promise<void> {
    await this.#engine?.close();
  }

  #control(): SpaceScope {
    return this.#scope(CONTROL, 'operator', async () => this.#controlKey);
  }

  #tenantScope(tenant: TenantId): SpaceScope {
    return this.#scope(tenant, 'tenant', () => this.#tenantKey(tenant));
  }

  #scope(name: SpaceName, scope: ScopeKind, ownKey: () => Promise<DataKey>): SpaceScope {
    const known = this.#scopes.get(name);
    if (known !== undefined) return known;
    const engine = this.#engine;
    if (engine === undefined) throw new Error('the store is not open');
    const space = new Space({
      name,
      scope,
      engine,
      numbers: this.#numbers,
      provider: this.#options.keys,
      cache: this.#cache,
      ownKey,
    });
    const made = new SpaceScope(space);
    this.#scopes.set(name, made);
    const [oldest] = this.#scopes.keys();
    if (this.#scopes.size > SCOPES_MAX && oldest !== undefined) this.#scopes.delete(oldest);
    return made;
  }

  /** The data key of a tenant. @throws KuvertError `not_found` when it has no space */
  async #tenantKey(tenant: TenantId): Promise<DataKey> {
    const cached = this.#cache.get(tenant, OWN_SUBJECT);
    if (cached !== undefined) return cached;
    const row = await typedScope<'operator'>(this.#control()).get(tenantSpaces, tenant);
    const dataKey = await unwrapDataKey(this.#options.keys, { space: tenant, subject: OWN_SUBJECT }, row);
    this.#cache.set(tenant, OWN_SUBJECT, dataKey);
    return dataKey;
  }

  async #spaceKey(name: SpaceName): Promise<{ key: Uint8Array; create: boolean } | undefined> {
    if (name === CONTROL) return { key: fileKey(this.#controlKey.key), create: this.#mayCreateControl };
    const row = await typedScope<'operator'>(this.#control()).find(tenantSpaces, name);
    if (row === undefined) return undefined;
    const { key } = await this.#tenantKey(name as TenantId);
    return { key: fileKey(key), create: row.state === 'creating' };
  }

  async #createTenantSpace(tenant: TenantId): Promise<void> {
    if (!isId('tenant', tenant)) throw new KuvertError('not_found');
    const control = typedScope<'operator'>(this.#control());
    const row = await wrapDataKey(this.#options.keys, { space: tenant, subject: OWN_SUBJECT }, makeDataKey());
    await control.write(async (tx) => {
      if ((await tx.find(tenantSpaces, tenant)) !== undefined) return;
      tx.insert(tenantSpaces, { ...row, subject: tenant, state: 'creating' });
    });
    // The first use makes the file; a file made by a run that was killed is found and used.
    await this.#tenantScope(tenant).find(guardRows.tenant, new Uint8Array(0));
    await control.write(async (tx) => {
      const made = await tx.get(tenantSpaces, tenant);
      if (made.state === 'creating') tx.put(tenantSpaces, { ...made, state: 'ready' });
    });
  }

  async #listTenantSpaces(): Promise<readonly TenantId[]> {
    const control = typedScope<'operator'>(this.#control());
    const tenants: TenantId[] = [];
    let cursor: string | undefined;
    do {
      const page = await control.list(tenantSpaces, {
        limit: SPACES_PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const row of page.rows) tenants.push(row.subject as TenantId);
      cursor = page.next;
    } while (cursor !== undefined);
    return tenants;
  }
}

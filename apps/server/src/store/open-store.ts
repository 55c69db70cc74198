/** Puts a store together: keyring, engine, spaces, scopes. */
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
  wrappingStates,
} from './data-keys.ts';
import type { CollectionLayout, Engine, SpaceKeys, SpaceName } from './engine.ts';
import { openSqliteEngine } from './engine-sqlite/engine.ts';
import { guardRows } from './guard-rows.ts';
import { CollectionNumbers } from './handles.ts';
import { installations, migrationStates, openInstallation } from './installation.ts';
import { openKeyring } from './keyring.ts';
import { NewKeyCommits } from './new-keys.ts';
import { rotate } from './rotation.ts';
import { SpaceScope, TenantSpaceScope, typedScope } from './scope.ts';
import { Space } from './space.ts';
import type { InstallationFacts, OperatorScope, Store, TenantScope, Tx } from './store.ts';

/** How an engine is opened; `openSqliteEngine` is one. */
export type OpenEngine = (settings: {
  readonly folder: string;
  readonly layouts: readonly CollectionLayout[];
  readonly spaceKeys: SpaceKeys;
  readonly onFailure: (error: Error) => void;
  readonly threads?: number;
  readonly onBatch?: (facts: { requests: number; durationMs: number }) => void;
}) => Promise<Engine>;

/** What {@link openSpaceStore} takes. */
export interface StoreOptions {
  /** The data folder, locked by the caller (`openSafeFolder`). */
  readonly folder: string;
  readonly keys: KeyProvider;
  /** Every handle of every feature. */
  readonly collections: readonly AnyCollection[];
  /** Called once when a commit could not be made durable; the process should end, a restart finds what is true. */
  readonly onFailure: (error: Error) => void;
  /** Writer threads; default: what the engine thinks right. */
  readonly threads?: number | undefined;
  /** Told of every batch that the engine has finished. */
  readonly onBatch?: ((facts: { requests: number; durationMs: number }) => void) | undefined;
  /** Data level of this release; tests stand for others. */
  readonly level?: number | undefined;
  /** Nothing is made where nothing is: `store_empty` instead. */
  readonly mustExist?: boolean | undefined;
  /** For `kuvert store restore` alone: opens data whose restore has not come to its end. */
  readonly mayBeUnfinished?: boolean | undefined;
  /** Default: SQLCipher files in the data folder. */
  readonly openEngine?: OpenEngine;
}

/** Scopes of tenants kept ready; one is a few hundred bytes. */
const SCOPES_MAX = 10_000;
const CONTROL: SpaceName = 'control';
const SPACES_PAGE = 500;

/**
 * Opens the store of a data folder, making it when the folder has none.
 *
 * @throws KuvertError `keys_wrong`, `data_too_new`, `finalise_first`, `restore_unfinished`, `data_damaged`, `disk_full`
 */
export async function openSpaceStore(options: StoreOptions): Promise<SpaceStore> {
  // The engine asks for keys of spaces, which the store finds through the engine: in the control space.
  const late: { store?: SpaceStore; control?: { key: Uint8Array; create: boolean } } = {};
  const { engine, numbers } = await openEngineOf(options, async (name) =>
    name === CONTROL ? late.control : late.store?.keyOfTenantSpace(name),
  );
  try {
    if (options.mustExist === true && (await engine.keyring.read()) === undefined)
      throw new KuvertError('store_empty');
    const controlKey = await openKeyring(engine.keyring, options.keys);
    late.control = { key: fileKey(controlKey.key), create: !(await engine.keyring.hasData()) };
    const store = new SpaceStore({ options, engine, numbers, controlKey });
    late.store = store;
    // Opens the control space now, so that wrong keys or a newer format end the start and not the first request.
    await store.operator().find(tenantSpaces, CONTROL);
    store.installation = await openInstallation(store.operator(), options.level);
    if (store.installation.restore === 'replay' && options.mayBeUnfinished !== true)
      throw new KuvertError('restore_unfinished');
    return store;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** A store over an engine that has no keyring yet and is about to be filled, under keys that are given. */
export async function storeOver(
  options: StoreOptions,
  keys: { readonly controlKey: DataKey; readonly spaceKeys: SpaceKeys },
): Promise<SpaceStore> {
  const { engine, numbers } = await openEngineOf(options, keys.spaceKeys);
  return new SpaceStore({ options, engine, numbers, controlKey: keys.controlKey });
}

async function openEngineOf(
  options: StoreOptions,
  spaceKeys: SpaceKeys,
): Promise<{ readonly engine: Engine; readonly numbers: CollectionNumbers }> {
  const numbers = numbersOf(options.collections);
  const engine = await (options.openEngine ?? openSqliteEngine)({
    folder: options.folder,
    layouts: numbers.layouts,
    onFailure: options.onFailure,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(options.onBatch === undefined ? {} : { onBatch: options.onBatch }),
    spaceKeys,
  });
  return { engine, numbers };
}

/** All collections of a store with its own ones, numbered as engines know them. */
export function numbersOf(collections: readonly AnyCollection[]): CollectionNumbers {
  const builtIn = [
    dataKeys,
    wrappingStates,
    tenantSpaces,
    installations,
    migrationStates,
    guardRows.tenant,
    guardRows.operator,
  ];
  return new CollectionNumbers([...builtIn, ...collections], new Set([dataKeys, wrappingStates]));
}

/** {@link OperatorScope} with the types taken off. */
class ControlScope extends SpaceScope {
  readonly createTenantSpace: (tenant: TenantId) => Promise<void>;
  readonly listTenantSpaces: () => Promise<readonly TenantId[]>;

  constructor(
    space: Space,
    tenants: {
      create: (tenant: TenantId) => Promise<void>;
      list: () => Promise<readonly TenantId[]>;
    },
  ) {
    super(space);
    this.createTenantSpace = tenants.create;
    this.listTenantSpaces = tenants.list;
  }
}

/** {@link Store} with what lies below it. */
export class SpaceStore implements Store {
  readonly ops = commitOps;
  installation: InstallationFacts = { epoch: 0, level: 0, restore: 'none' };
  readonly #options: StoreOptions;
  readonly engine: Engine;
  readonly controlKey: DataKey;
  readonly #numbers: CollectionNumbers;
  readonly #cache = new DataKeyCache();
  readonly #newKeyCommits = new NewKeyCommits();
  readonly #control: ControlScope;
  readonly #tenants = new Map<TenantId, TenantSpaceScope>();
  #rotation: Promise<{ rewrapped: number }> | undefined;

  constructor(made: {
    options: StoreOptions;
    engine: Engine;
    numbers: CollectionNumbers;
    controlKey: DataKey;
  }) {
    this.#options = made.options;
    this.engine = made.engine;
    this.controlKey = made.controlKey;
    this.#numbers = made.numbers;
    this.#control = new ControlScope(
      this.#space(CONTROL, 'operator', async () => made.controlKey),
      { create: (tenant) => this.#createTenantSpace(tenant), list: () => this.#listTenantSpaces() },
    );
  }

  tenant(tenant: TenantId): TenantScope {
    // The id becomes the name of a file, so it has to be one whatever the compiler was told.
    if (!isId('tenant', tenant)) throw new KuvertError('not_found');
    return this.#tenantScope(tenant) as unknown as TenantScope;
  }

  /** The key of the control space for an engine. */
  controlFileKey(): Uint8Array {
    return fileKey(this.controlKey.key);
  }

  /** Reads anew what {@link SpaceStore.installation} was at the opening. */
  readInstallation(): Promise<InstallationFacts> {
    return openInstallation(this.operator());
  }

  /** A space below its scope. */
  spaceOf(name: SpaceName): Space {
    return name === CONTROL ? this.#control.space : this.#tenantScope(name as TenantId).space;
  }

  get layouts() {
    return this.#numbers.layouts;
  }

  get hints() {
    return this.engine.hints;
  }

  get load() {
    return this.engine.load;
  }

  get collections() {
    return this.#numbers.collections;
  }

  operator(): OperatorScope {
    return this.#control as unknown as OperatorScope;
  }

  async rotateWrappingKey(): Promise<{ readonly rewrapped: number }> {
    this.#rotation ??= rotate({
      keyring: this.engine.keyring,
      provider: this.#options.keys,
      control: this.#control,
      newKeyCommits: this.#newKeyCommits,
      tenants: async () => (await this.#listTenantSpaces()).map((tenant) => this.#tenantScope(tenant)),
    }).finally(() => {
      this.#rotation = undefined;
    });
    return this.#rotation;
  }

  close(): Promise<void> {
    return this.engine.close();
  }

  #tenantScope(tenant: TenantId): TenantSpaceScope {
    const known = this.#tenants.get(tenant);
    if (known !== undefined) return known;
    const scope = new TenantSpaceScope(
      this.#space(tenant, 'tenant', () => this.#tenantKey(tenant)),
      tenant,
    );
    this.#tenants.set(tenant, scope);
    const [oldest] = this.#tenants.keys();
    if (this.#tenants.size > SCOPES_MAX && oldest !== undefined) this.#tenants.delete(oldest);
    return scope;
  }

  #space(name: SpaceName, scope: ScopeKind, ownKey: () => Promise<DataKey>): Space {
    const { keys: provider } = this.#options;
    return new Space({
      name,
      scope,
      engine: this.engine,
      numbers: this.#numbers,
      provider,
      cache: this.#cache,
      newKeyCommits: this.#newKeyCommits,
      ownKey,
      level: () => this.installation.level,
    });
  }

  /** The data key of a tenant. @throws KuvertError `not_found` when it has no space */
  async #tenantKey(tenant: TenantId): Promise<DataKey> {
    const cached = this.#cache.get(tenant, OWN_SUBJECT);
    if (cached !== undefined) return cached;
    const row = await typedScope<'operator'>(this.#control).get(tenantSpaces, tenant);
    const dataKey = await unwrapDataKey(this.#options.keys, { space: tenant, subject: OWN_SUBJECT }, row);
    this.#cache.set(tenant, OWN_SUBJECT, dataKey);
    return dataKey;
  }

  /** How the engine opens a tenant's space, undefined when there is none. */
  async keyOfTenantSpace(name: SpaceName): Promise<{ key: Uint8Array; create: boolean } | undefined> {
    const row = await typedScope<'operator'>(this.#control).find(tenantSpaces, name);
    if (row === undefined) return undefined;
    const { key } = await this.#tenantKey(name as TenantId);
    return { key: fileKey(key), create: row.state === 'creating' };
  }

  async #createTenantSpace(tenant: TenantId): Promise<void> {
    if (!isId('tenant', tenant)) throw new KuvertError('not_found');
    const control = typedScope<'operator'>(this.#control);
    const { keys } = this.#options;
    await this.#newKeyCommits.run(async () => {
      const owner = { space: tenant, subject: OWN_SUBJECT };
      const dataKey = makeDataKey();
      await control.write(async (tx) => {
        if ((await tx.find(tenantSpaces, tenant)) !== undefined) return;
        // Read in the transaction, so that a rotation on another server makes it run again.
        const current = await (tx as unknown as Tx<'tenant'>).find(wrappingStates, 'current');
        if (current !== undefined && !keys.keyIds().includes(current.wrappingKey)) await keys.refresh();
        const row = await wrapDataKey(keys, owner, dataKey);
        tx.insert(tenantSpaces, { ...row, subject: tenant, state: 'creating' });
      });
    });
    // The first use makes the file; a file made by a run that was killed is found and used.
    await this.#tenantScope(tenant).find(guardRows.tenant, new Uint8Array(0));
    await control.write(async (tx) => {
      const made = await tx.get(tenantSpaces, tenant);
      if (made.state === 'creating') tx.put(tenantSpaces, { ...made, state: 'ready' });
    });
  }

  async #listTenantSpaces(): Promise<readonly TenantId[]> {
    const control = typedScope<'operator'>(this.#control);
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

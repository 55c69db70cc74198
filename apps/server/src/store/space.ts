/** What the layers above the engine know of one space: its collections by number, and its keys. */
import { cursorKey, type DataKey, makeDataKey } from '@kuvert/crypto/sealing';
import { KuvertError } from '@kuvert/protocol';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { AnyCollection, ScopeKind } from './collection.ts';
import {
  type DataKeyCache,
  dataKeys,
  OWN_SUBJECT,
  unwrapDataKey,
  WrappedDataKey,
  wrapDataKey,
  wrappingStates,
} from './data-keys.ts';
import type { Engine, EngineOp, SpaceName } from './engine.ts';
import type { CollectionNumbers } from './handles.ts';
import type { NewKeyCommits } from './new-keys.ts';
import { decodeDocument, encodePlainDocument, type SealingSpace, type SubjectKeys } from './row-codec.ts';
import { encodeTuple } from './tuple-codec.ts';

/** One space with all it takes to read and write it. */
export class Space implements SealingSpace {
  readonly name: SpaceName;
  readonly scope: ScopeKind;
  readonly engine: Engine;
  readonly numbers: CollectionNumbers;
  readonly newKeyCommits: NewKeyCommits;
  readonly #provider: KeyProvider;
  readonly #cache: DataKeyCache;
  readonly #ownKey: () => Promise<DataKey>;
  readonly #level: () => number;

  constructor(settings: {
    readonly name: SpaceName;
    readonly scope: ScopeKind;
    readonly engine: Engine;
    readonly numbers: CollectionNumbers;
    readonly provider: KeyProvider;
    readonly cache: DataKeyCache;
    readonly newKeyCommits: NewKeyCommits;
    /** Level of the data, known once the control space is open. */
    readonly level: () => number;
    /** The space's own data key. @throws KuvertError `not_found` */
    readonly ownKey: () => Promise<DataKey>;
  }) {
    this.name = settings.name;
    this.scope = settings.scope;
    this.engine = settings.engine;
    this.numbers = settings.numbers;
    this.#provider = settings.provider;
    this.#cache = settings.cache;
    this.newKeyCommits = settings.newKeyCommits;
    this.#ownKey = settings.ownKey;
    this.#level = settings.level;
  }

  /** The number of a collection, which must be of this scope. */
  numberOf(collection: AnyCollection): number {
    if (collection.scope !== this.scope && collection !== dataKeys && collection !== wrappingStates) {
      throw new Error(`${collection.name} does not live in the ${this.scope} scope`);
    }
    return this.numbers.of(collection);
  }

  get level(): number {
    return this.#level();
  }

  ownKey(): Promise<DataKey> {
    return this.#ownKey();
  }

  /** The key that page markers of this space are authenticated with. */
  async cursorKey(): Promise<Uint8Array> {
    this.#cursorKey ??= cursorKey((await this.#ownKey()).key);
    return this.#cursorKey;
  }
  #cursorKey: Uint8Array | undefined;

  /** The data key of a subject for reading. @throws KuvertError `not_found` when it was destroyed or never made */
  readonly keyForReading: SubjectKeys = async (subject) => {
    if (subject === OWN_SUBJECT) return this.#ownKey();
    const found = await this.#findKey(subject);
    if (found === undefined) throw new KuvertError('not_found');
    return found;
  };

  /** To be called once the key of a subject was destroyed. */
  forgetKey(subject: string): void {
    this.#cache.forget(this.name, subject);
    this.#fetching.delete(subject);
  }

  /** Rows that are opened together ask for the key of one subject once. */
  #findKey(subject: string): Promise<DataKey | undefined> | DataKey {
    const cached = this.#cache.get(this.name, subject);
    if (cached !== undefined) return cached;
    const known = this.#fetching.get(subject);
    if (known !== undefined) return known;
    const fetching = this.#fetchKey(subject);
    this.#fetching.set(subject, fetching);
    const isLast = () => this.#fetching.get(subject) === fetching && this.#fetching.delete(subject);
    void fetching.then(
      // One that was destroyed meanwhile is not kept.
      (dataKey) => {
        if (isLast() && dataKey !== undefined) this.#cache.set(this.name, subject, dataKey);
      },
      () => isLast(),
    );
    return fetching;
  }
  readonly #fetching = new Map<string, Promise<DataKey | undefined>>();

  async #fetchKey(subject: string): Promise<DataKey | undefined> {
    const row = await this.engine.get(this.name, this.numbers.of(dataKeys), encodeTuple([subject]));
    if (row === undefined) return undefined;
    const wrapped = WrappedDataKey.parse(await decodeDocument(dataKeys, row, this));
    return unwrapDataKey(this.#provider, { space: this.name, subject }, wrapped);
  }

  /** The condition under which a fresh data key may be committed; see {@link wrappingStates}. @throws KuvertError `keys_wrong` */
  async #wrappingCheck(): Promise<EngineOp> {
    const collection = this.numbers.of(wrappingStates);
    const key = encodeTuple(['current']);
    const row = await this.engine.get(this.name, collection, key);
    if (row !== undefined) {
      const { wrappingKey } = (await decodeDocument(wrappingStates, row, this)) as { wrappingKey: string };
      if (!this.#provider.keyIds().includes(wrappingKey)) await this.#provider.refresh();
      if (!this.#provider.keyIds().includes(wrappingKey)) throw new KuvertError('keys_wrong');
    }
    return { kind: 'check', collection, key, version: row?.version ?? 'absent' };
  }

  /**
   * Data keys for writing one list: a subject without a key gets one, whose row must be committed in the same list. Call
   * `committed` when it was, so that the new keys are remembered.
   */
  keysForWriting(): { keys: SubjectKeys; newRows: EngineOp[]; committed: () => void } {
    const made = new Map<string, DataKey>();
    const newRows: EngineOp[] = [];
    let wrapping: EngineOp | undefined;
    const keys: SubjectKeys = async (subject) => {
      if (subject === OWN_SUBJECT) return this.#ownKey();
      const known = made.get(subject) ?? (await this.#findKey(subject));
      if (known !== undefined) return known;
      const dataKey = makeDataKey();
      made.set(subject, dataKey);
      wrapping ??= await this.#wrappingCheck();
      const row = await wrapDataKey(this.#provider, { space: this.name, subject }, dataKey);
      const { key, doc, entries } = encodePlainDocument(dataKeys, row);
      const number = this.numbers.of(dataKeys);
      if (newRows.length === 0) newRows.push(wrapping);
      newRows.push({
        kind: 'put',
        collection: number,
        key,
        doc,
        entries,
        expect: 'absent',
        expiresAt: undefined,
      });
      return dataKey;
    };
    const committed = () => {
      for (const [subject, dataKey] of made) this.#cache.set(this.name, subject, dataKey);
    };
    return { keys, newRows, committed };
  }
}

/**
 * Spaces of the database. A space exists when its document in `kuvert-spaces` does; the document holds the format of its rows and a sealed word
 * that shows whether the keys fit.
 */
import { NotOpenedError, RowSealer } from '@kuvert/crypto/sealing';
import { KuvertError, utf8 } from '@kuvert/protocol';
import type { KeyringPlace, SpaceKeys, SpaceName } from '../engine.ts';
import { storeFailure } from './failures.ts';
import { OpenSpace, type Tables } from './open-space.ts';
import { makeStripes } from './stripes.ts';
import { META_TABLE, SPACES_TABLE } from './tables.ts';

/** Version of the layout of rows. */
const FORMAT_VERSION = 1;
/** Spaces kept open; one is its derived keys, some kilobytes. */
const SPACES_MAX = 5_000;
const KEYRING = 'keyring';

interface SpaceDocument {
  _id: string;
  t: string;
  format: number;
  check: Uint8Array;
}

interface MetaDocument {
  _id: string;
  text: string;
}

/** Opens spaces when they are first used. */
export class Spaces {
  readonly #tables: Tables;
  readonly #keys: SpaceKeys;
  readonly #open = new Map<SpaceName, Promise<OpenSpace>>();

  constructor(tables: Tables, keys: SpaceKeys) {
    this.#tables = tables;
    this.#keys = keys;
  }

  /** @throws KuvertError `not_found`, `keys_wrong`, `data_too_new`, `data_damaged` */
  get(name: SpaceName): Promise<OpenSpace> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const opening = this.#openSpace(name).catch((error: unknown) => {
      this.#open.delete(name);
      throw storeFailure(error);
    });
    this.#open.set(name, opening);
    const [oldest] = this.#open.keys();
    if (this.#open.size > SPACES_MAX && oldest !== undefined) this.#open.delete(oldest);
    return opening;
  }

  async #openSpace(name: SpaceName): Promise<OpenSpace> {
    const known = await this.#keys(name);
    if (known === undefined) throw new KuvertError('not_found');
    const table = this.#tables.db.collection<SpaceDocument>(SPACES_TABLE);
    const filter = { _id: name, t: name };
    const sealer = new RowSealer(known.key);
    let document = await table.findOne(filter);
    if (document === null && known.create) {
      await makeStripes(this.#tables.db, name);
      const fresh = { format: FORMAT_VERSION, check: sealer.seal(utf8(name), utf8(name)) };
      await table.updateOne(filter, { $setOnInsert: fresh }, { upsert: true });
      document = await table.findOne(filter);
    }
    if (document === null) throw new KuvertError('data_damaged');
    if (document.format > FORMAT_VERSION) throw new KuvertError('data_too_new');
    try {
      sealer.open(utf8(name), new Uint8Array(document.check));
    } catch (cause) {
      if (cause instanceof NotOpenedError) throw new KuvertError('keys_wrong', { cause });
      throw cause;
    }
    return new OpenSpace(name, known.key, this.#tables);
  }
}

/** The keyring as a document, shared by all servers. */
export function databaseKeyring({ db }: Pick<Tables, 'db'>): KeyringPlace {
  const table = db.collection<MetaDocument>(META_TABLE);
  const filter = { _id: KEYRING };
  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw storeFailure(error);
    }
  };
  const read = () => asked(async () => (await table.findOne(filter))?.text);
  return {
    hasData: () =>
      asked(
        async () => (await db.collection<SpaceDocument>(SPACES_TABLE).findOne({ _id: 'control' })) !== null,
      ),
    read,
    async create(text) {
      await asked(() => table.updateOne(filter, { $setOnInsert: { text } }, { upsert: true })).catch(
        (error: unknown) => {
          // Two servers that start at the same time: the first one's keyring is everybody's.
          if (!(error instanceof KuvertError)) throw error;
        },
      );
      const made = await read();
      if (made === undefined) throw new KuvertError('store_unavailable');
      return made;
    },
    async replace(text) {
      await asked(() => table.updateOne(filter, { $set: { text } }));
    },
  };
}

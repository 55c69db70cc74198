/** Look-ups of one row: what is asked in one turn of the event loop of one collection of a space goes into one query. */
import type { StoredRow } from '../engine.ts';
import { storeFailure } from './failures.ts';
import type { OpenSpace } from './open-space.ts';
import { keyOfRow, rowName } from './stored-rows.ts';

const KEYS_PER_QUERY = 256;

interface Asked {
  readonly key: Uint8Array;
  readonly resolve: (row: StoredRow | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class RowReads {
  readonly #waiting = new Map<string, { space: OpenSpace; collection: number; asked: Asked[] }>();
  #scheduled = false;

  get(space: OpenSpace, collection: number, key: Uint8Array): Promise<StoredRow | undefined> {
    return new Promise((resolve, reject) => {
      const name = `${space.name}/${collection}`;
      const group = this.#waiting.get(name) ?? { space, collection, asked: [] };
      this.#waiting.set(name, group);
      group.asked.push({ key, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        const groups = [...this.#waiting.values()];
        this.#waiting.clear();
        for (const { space: its, collection: number, asked } of groups) {
          for (let at = 0; at < asked.length; at += KEYS_PER_QUERY)
            void ask(its, number, asked.slice(at, at + KEYS_PER_QUERY));
        }
      });
    });
  }
}

async function ask(space: OpenSpace, collection: number, asked: readonly Asked[]): Promise<void> {
  try {
    const ids = [...new Map(asked.map(({ key }) => [rowName(collection, key), key])).values()].map(
      (key) => space.filter(collection, key)._id,
    );
    const documents = await space
      .table(collection)
      .find({ t: space.name, _id: ids.length === 1 ? (ids[0] as string) : { $in: ids } })
      .toArray();
    const layout = space.layout(collection);
    const found = new Map(
      documents.map((document) => [
        rowName(collection, keyOfRow(layout, space.name, document._id)),
        document,
      ]),
    );
    for (const { key, resolve, reject } of asked) {
      const document = found.get(rowName(collection, key));
      try {
        resolve(document && space.row(collection, document, undefined));
      } catch (error) {
        reject(error);
      }
    }
  } catch (error) {
    for (const { reject } of asked) reject(storeFailure(error));
  }
}

/**
 * Brings stored rows into the form of this release (issue of upgrades; `installation.ts` has the rules of levels). What has to be done follows
 * from the declarations: every document of a collection with an index or with versions of its form is read and written once, by which it gets the
 * entries of a new index, and the form that may be written at the installation's level.
 *
 * Steps are small commits, and a row in the control space says where they are: whoever is killed goes on there. A step that was committed but
 * not noted is done once more, which changes nothing. A row that somebody else changes meanwhile makes its step run again. Before an
 * installation is finalised the release before may still write rows without what is new, so until then all of it runs at every start.
 */
import { createHash } from 'node:crypto';
import { KuvertError } from '@kuvert/protocol';
import type { AnyCollection } from './collection.ts';
import type { EngineOp, StoredRow } from './engine.ts';
import { type AnyDocument, asDocument, isBinary } from './handles.ts';
import { DATA_LEVEL, migrationStates } from './installation.ts';
import type { SpaceStore } from './open-store.ts';
import { decodeDocument, encodeDocument } from './row-codec.ts';
import type { Space } from './space.ts';

interface State {
  readonly digest: string;
  readonly space: string;
  readonly collection: string;
  readonly position: string;
  readonly isDone: boolean;
}

const ROWS_PER_STEP = 100;
const TRIES_MAX = 16;

/**
 * Does what is to be done. To be called before anybody is served.
 * @param options.afterStep for tests that end the process there
 * @returns how many rows were written anew
 */
export async function migrate(
  store: SpaceStore,
  options: { readonly level?: number; readonly afterStep?: () => void | Promise<void> } = {},
): Promise<number> {
  const { afterStep = () => undefined, level = DATA_LEVEL } = options;
  const digest = digestOf(store.collections, store.installation.level);
  const operator = store.operator();
  const found: State | undefined = await operator.find(migrationStates, 'this');
  const isFinalised = store.installation.level === level;
  if (found?.digest === digest && found.isDone && isFinalised) return 0;
  let from = found?.digest === digest && !found.isDone ? found : undefined;
  let rewritten = 0;
  const note = async (state: State): Promise<void> => {
    await operator.write((tx) => tx.put(migrationStates, { name: 'this', ...state }));
    await afterStep();
  };
  for (const spaceName of ['control', ...(await store.operator().listTenantSpaces())]) {
    if (from !== undefined && from.space !== spaceName) continue;
    const space = store.spaceOf(spaceName);
    for (const handle of store.collections) {
      if (!isAffected(store, handle, spaceName)) continue;
      if (from !== undefined && from.collection !== handle.name) continue;
      let position = from === undefined ? '' : from.position;
      from = undefined;
      for (;;) {
        const step = await rewriteStep(space, asDocument(handle), Buffer.from(position, 'hex'));
        rewritten += step.rows;
        await afterStep();
        if (step.last === undefined) break;
        position = Buffer.from(step.last).toString('hex');
        await note({ digest, space: spaceName, collection: handle.name, position, isDone: false });
      }
    }
  }
  // The space in which somebody stopped is gone; what was to be done there is too.
  if (from !== undefined) {
    await note({ digest: '', space: '', collection: '', position: '', isDone: false });
    return rewritten + (await migrate(store, options));
  }
  await note({ digest, space: '', collection: '', position: '', isDone: true });
  return rewritten;
}

function isAffected(store: SpaceStore, handle: AnyCollection, space: string): boolean {
  if (isBinary(handle)) return false;
  const { indexList, versions } = asDocument(handle);
  const where = store.layouts.find(({ name }) => name === handle.name)?.spaces;
  if (where !== 'all' && (where === 'control') !== (space === 'control')) return false;
  return indexList.length > 0 || versions !== undefined;
}

function digestOf(collections: readonly AnyCollection[], level: number): string {
  const facts = collections.flatMap((handle) =>
    isBinary(handle)
      ? []
      : [
          [
            handle.name,
            asDocument(handle).versions?.current ?? 1,
            asDocument(handle).indexList.map(({ name }) => name),
          ],
        ],
  );
  return createHash('sha256')
    .update(JSON.stringify([level, facts]))
    .digest('hex');
}

/** Writes one page of rows anew. @returns the last key of the page, undefined when there is none */
async function rewriteStep(
  space: Space,
  handle: AnyDocument,
  beyond: Uint8Array,
): Promise<{ readonly rows: number; readonly last: Uint8Array | undefined }> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const number = space.numberOf(handle);
    const rows = await space.engine.range(space.name, {
      collection: number,
      index: undefined,
      from: new Uint8Array(0),
      before: undefined,
      after: beyond.length === 0 ? undefined : { entry: new Uint8Array(0), key: beyond },
      descending: false,
      limit: ROWS_PER_STEP,
    });
    const last = rows[rows.length - 1]?.key.slice();
    const ops: EngineOp[] = [];
    for (const row of rows) ops.push(...(await rewritten(space, handle, row)));
    if (ops.length === 0) return { rows: 0, last };
    const outcome = await space.engine.commit(space.name, ops);
    if (outcome.committed) return { rows: ops.length / 2, last };
    if (outcome.reason !== 'changed') throw new KuvertError('data_damaged');
  }
  throw new KuvertError('store_busy');
}

/** What writes one row anew if it is as it was read; nothing for a row whose key was destroyed. */
async function rewritten(space: Space, handle: AnyDocument, row: StoredRow): Promise<EngineOp[]> {
  const collectionNumber = space.numberOf(handle);
  try {
    const document = await decodeDocument(handle, row, space);
    const keys = space.keysForWriting();
    const { key, doc, entries, expiresAt } = await encodeDocument(handle, document, space, keys.keys);
    return [
      { kind: 'check', collection: collectionNumber, key, version: row.version },
      { kind: 'put', collection: collectionNumber, key, doc, entries, expiresAt, expect: 'any' },
    ];
  } catch (error) {
    if (error instanceof KuvertError && error.code === 'not_found') return [];
    throw error;
  }
}

/**
 * MongoDB's collections, indexes and validators, made from the declarations. What is missing is made at the start; what differs is left as it
 * is and reported by {@link compareTables}, because only an operator knows whether it is a mistake or a plan.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Db, IndexDescription } from 'mongodb';
import type { CollectionLayout, LayoutDifference } from '../engine.ts';
import { STRIPES_TABLE } from './stripes.ts';

/** Collections that are not declared by features. */
export const SPACES_TABLE = 'kuvert-spaces';
export const META_TABLE = 'kuvert-meta';
export const NODES_TABLE = 'kuvert-nodes';
export const HINTS_TABLE = 'kuvert-hints';
const OWN_TABLES = [SPACES_TABLE, META_TABLE, NODES_TABLE, HINTS_TABLE, STRIPES_TABLE];
/** How long a hint is of any use to somebody who reads it late. */
const HINT_SECONDS = 120;

interface WantedIndex {
  readonly name: string;
  readonly key: Record<string, 1>;
  readonly unique: boolean;
  readonly partialFilterExpression?: Record<string, unknown>;
  readonly expireAfterSeconds?: number;
}

interface WantedTable {
  readonly name: string;
  readonly validator: Record<string, unknown> | undefined;
  readonly indexes: readonly WantedIndex[];
}

function validatorOf(layout: CollectionLayout): Record<string, unknown> {
  return {
    $jsonSchema: {
      bsonType: 'object',
      required: ['_id', 't', 'v', 'd'],
      properties: {
        _id: { bsonType: layout.keyBytes === undefined ? 'string' : 'binData' },
        t: { bsonType: 'string' },
        v: { bsonType: 'number' },
        d: { bsonType: 'binData' },
        e: { bsonType: 'number' },
        l: { bsonType: 'number' },
      },
      // Names of indexes are not listed, so that the release before can write while the next one has an index more.
      patternProperties: { '^i_': { bsonType: 'string' } },
      additionalProperties: false,
    },
  };
}

/** What is wanted of the collection of a layout. */
function wantedTable(layout: CollectionLayout): WantedTable {
  const indexes = layout.indexes.map(({ name, unique }): WantedIndex => {
    const field = `i_${name}`;
    const key: Record<string, 1> = unique ? { t: 1, [field]: 1 } : { t: 1, [field]: 1, _id: 1 };
    return { name, key, unique, partialFilterExpression: { [field]: { $exists: true } } };
  });
  if (layout.expires) {
    const partialFilterExpression = { e: { $exists: true } };
    indexes.push({ name: 'expiry', key: { t: 1, e: 1 }, unique: false, partialFilterExpression });
  }
  return { name: layout.name, validator: validatorOf(layout), indexes };
}

function wantedTables(layouts: readonly CollectionLayout[]): WantedTable[] {
  const plain = OWN_TABLES.filter((name) => name !== HINTS_TABLE).map((name) => ({
    name,
    validator: undefined,
    indexes: [],
  }));
  const age: WantedIndex = { name: 'age', key: { at: 1 }, unique: false, expireAfterSeconds: HINT_SECONDS };
  const hints: WantedTable = { name: HINTS_TABLE, validator: undefined, indexes: [age] };
  return [...layouts.map(wantedTable), ...plain, hints];
}

interface FoundTable {
  readonly name: string;
  readonly validator: unknown;
  readonly indexes: readonly IndexDescription[];
}

async function foundTables(db: Db): Promise<Map<string, FoundTable>> {
  const found = new Map<string, FoundTable>();
  for (const { name, ...info } of await db.listCollections({}, { nameOnly: false }).toArray()) {
    if (name.startsWith('system.')) continue;
    const { options } = info as { options?: { validator?: unknown } };
    const indexes = (await db.collection(name).listIndexes().toArray()) as IndexDescription[];
    found.set(name, { name, validator: options?.validator, indexes });
  }
  return found;
}

/** Makes what is missing. Two servers may do so at the same time. @throws errors of the driver */
export async function makeTables(db: Db, layouts: readonly CollectionLayout[]): Promise<void> {
  const found = await foundTables(db);
  for (const table of wantedTables(layouts)) {
    const there = found.get(table.name);
    if (there === undefined) await makeTable(db, table);
    const missing = table.indexes.filter(
      (index) => there?.indexes.every(({ name }) => name !== index.name) ?? true,
    );
    if (missing.length > 0) await db.collection(table.name).createIndexes(missing.map(definitionOf));
  }
}

async function makeTable(db: Db, { name, validator }: WantedTable): Promise<void> {
  try {
    await db.createCollection(name, validator === undefined ? {} : { validator });
  } catch (error) {
    // NamespaceExists: another server was quicker.
    if ((error as { code?: unknown }).code !== 48) throw error;
  }
}

function definitionOf(index: WantedIndex): IndexDescription {
  const { name, key, unique, partialFilterExpression, expireAfterSeconds } = index;
  return {
    name,
    key,
    ...(unique ? { unique } : {}),
    ...(partialFilterExpression === undefined ? {} : { partialFilterExpression }),
    ...(expireAfterSeconds === undefined ? {} : { expireAfterSeconds }),
  };
}

/** Where the database differs from the declarations. */
export async function compareTables(
  db: Db,
  layouts: readonly CollectionLayout[],
): Promise<LayoutDifference[]> {
  const found = await foundTables(db);
  const differences: LayoutDifference[] = [];
  const wanted = wantedTables(layouts);
  for (const table of wanted) {
    const there = found.get(table.name);
    if (there === undefined) {
      differences.push({
        space: undefined,
        collection: table.name,
        what: 'collection',
        name: table.name,
        how: 'missing',
      });
      continue;
    }
    if (!isDeepStrictEqual(there.validator ?? undefined, table.validator)) {
      const how =
        there.validator === undefined ? 'missing' : table.validator === undefined ? 'extra' : 'different';
      differences.push({
        space: undefined,
        collection: table.name,
        what: 'validator',
        name: table.name,
        how,
      });
    }
    differences.push(...compareIndexes(table, there));
  }
  for (const name of found.keys()) {
    if (wanted.some((table) => table.name === name)) continue;
    differences.push({ space: undefined, collection: name, what: 'collection', name, how: 'extra' });
  }
  return differences;
}

function compareIndexes(table: WantedTable, there: FoundTable): LayoutDifference[] {
  const differences: LayoutDifference[] = [];
  const say = (name: string, how: LayoutDifference['how']) =>
    differences.push({ space: undefined, collection: table.name, what: 'index', name, how });
  for (const index of table.indexes) {
    const its = there.indexes.find(({ name }) => name === index.name);
    if (its === undefined) say(index.name, 'missing');
    else if (!isSameIndex(index, its)) say(index.name, 'different');
  }
  for (const { name = '' } of there.indexes) {
    if (name !== '_id_' && table.indexes.every((index) => index.name !== name)) say(name, 'extra');
  }
  return differences;
}

/** The order of the fields of a key counts. */
function isSameIndex(wanted: WantedIndex, found: IndexDescription): boolean {
  const keyOf = (key: unknown) =>
    JSON.stringify(key instanceof Map ? [...key] : Object.entries(key as object));
  return (
    keyOf(found.key) === keyOf(wanted.key) &&
    (found.unique === true) === wanted.unique &&
    isDeepStrictEqual(found.partialFilterExpression ?? undefined, wanted.partialFilterExpression) &&
    (found.expireAfterSeconds ?? undefined) === wanted.expireAfterSeconds
  );
}

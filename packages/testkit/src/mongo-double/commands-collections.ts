/** Collections, indexes and databases: making, changing, listing, dropping, counting. */
import { randomUUID } from 'node:crypto';
import { calculateObjectSize, type Document, Long } from 'bson';
import { sameValue } from './bson-order.ts';
import type { CollectionState } from './collection-state.ts';
import { CommandError } from './command-error.ts';
import { compileFilter } from './match.ts';
import { asNumber, truthy } from './numbers.ts';
import type { Operation } from './operation.ts';
import { noNamespace, splitNamespace, type Unit } from './storage.ts';

const COLLECTION_OPTIONS = [
  'validator',
  'validationLevel',
  'validationAction',
  'capped',
  'size',
  'max',
  'collation',
];

function optionsOf(command: Document): Document {
  const named = COLLECTION_OPTIONS.filter((name) => command[name] !== undefined);
  return Object.fromEntries(named.map((name) => [name, command[name]]));
}

function refuseBadOptions(options: Document): void {
  if (options.validator !== undefined) compileFilter(options.validator)({});
  if (!['off', 'strict', 'moderate', undefined].includes(options.validationLevel)) {
    throw new CommandError(
      'BadValue',
      `Enumeration value '${options.validationLevel}' for field 'validationLevel' is not valid`,
    );
  }
}

/** create */
export async function create(operation: Operation): Promise<Document> {
  const { command, ns } = operation;
  const options = optionsOf(command);
  refuseBadOptions(options);
  if (command.viewOn !== undefined) throw new CommandError('CommandNotSupported', 'the double has no views');
  await operation.alter((unit) => {
    const known = unit.find(ns);
    if (known !== undefined) {
      if (sameValue(known.about.options, options)) return {};
      throw new CommandError('NamespaceExists', `namespace ${ns} already exists, but with different options`);
    }
    unit.alter({ k: 'create', n: ns, o: options, u: randomUUID() });
    return {};
  });
  return { ok: 1 };
}

/** collMod: another validator, or an index that becomes unique */
export async function collMod(operation: Operation): Promise<Document> {
  const { command, ns } = operation;
  const options = optionsOf(command);
  refuseBadOptions(options);
  await operation.alter((unit) => {
    const state = unit.find(ns);
    if (state === undefined) throw noNamespace(ns);
    unit.alter({ k: 'options', n: ns, o: { ...state.about.options, ...options } });
    return {};
  });
  return { ok: 1 };
}

/** drop */
export async function drop(operation: Operation): Promise<Document> {
  const { ns, engine } = operation;
  const indexes = engine.storage.newest(ns)?.indexes.size;
  if (indexes === undefined) return { ok: 1 };
  await operation.alter((unit) => {
    unit.alter({ k: 'drop', n: ns });
    return {};
  });
  return { nIndexesWas: indexes, ns, ok: 1 };
}

/** dropDatabase */
export async function dropDatabase(operation: Operation): Promise<Document> {
  const { db } = operation;
  await operation.alter((unit) => {
    for (const { ns } of [...unit.all()]) if (splitNamespace(ns).db === db) unit.alter({ k: 'drop', n: ns });
    return {};
  });
  return { dropped: db, ok: 1 };
}

const INDEX_OPTIONS = new Set([
  'key',
  'name',
  'v',
  'unique',
  'sparse',
  'partialFilterExpression',
  'background',
  'hidden',
  'expireAfterSeconds',
  'collation',
  'ns',
]);

/** What two indexes of one name, or of one key, must have in common. */
function sameIndex(a: Document, b: Document): boolean {
  const essence = ({
    key,
    unique,
    sparse,
    partialFilterExpression,
    expireAfterSeconds,
  }: Document): Document => ({
    key: Object.entries(key),
    unique: truthy(unique),
    sparse: truthy(sparse),
    partialFilterExpression: partialFilterExpression ?? null,
    expireAfterSeconds: expireAfterSeconds ?? null,
  });
  return sameValue(essence(a), essence(b));
}

function addIndex(unit: Unit, ns: string, asked: Document): void {
  const state = unit.find(ns);
  for (const name of Object.keys(asked)) {
    if (!INDEX_OPTIONS.has(name)) {
      throw new CommandError('InvalidOptions', `The field '${name}' is not valid for an index specification`);
    }
  }
  const ways = Object.values(asked.key as Document);
  if (ways.length === 0 || ways.some((way) => !asNumber(way))) {
    throw new CommandError(
      'CannotCreateIndex',
      `Values in v:2 index key pattern must be numbers other than 0 (the double has plain indexes only)`,
    );
  }
  const spec: Document = { v: 2, ...asked };
  for (const index of state?.indexes.values() ?? []) {
    const sameKey = sameValue(Object.entries(index.spec.key), Object.entries(spec.key));
    if (index.name === spec.name || sameKey) {
      if (index.name === spec.name && (index.name === '_id_' || sameIndex(index.spec, spec))) return;
      if (index.name === spec.name) {
        throw new CommandError(
          'IndexKeySpecsConflict',
          `An existing index has the same name as the requested index: ${index.name}, but another specification`,
        );
      }
      if (sameIndex(index.spec, spec)) {
        throw new CommandError(
          'IndexOptionsConflict',
          `Index already exists with a different name: ${index.name}`,
        );
      }
    }
  }
  unit.alter({ k: 'index', n: ns, s: spec });
}

/** createIndexes */
export async function createIndexes(operation: Operation): Promise<Document> {
  const { command, ns } = operation;
  const counts = await operation.alter((unit) => {
    const state = unit.find(ns);
    const before = state?.indexes.size ?? 1;
    if (state === undefined) unit.alter({ k: 'create', n: ns, o: {}, u: randomUUID() });
    else if (operation.transaction !== undefined && state.records.size > 0) {
      throw new CommandError(
        'OperationNotSupportedInTransaction',
        `Cannot create new indexes on existing collection ${ns} in a multi-document transaction.`,
      );
    }
    for (const spec of command.indexes as Document[]) addIndex(unit, ns, spec);
    return { created: state === undefined, before, after: unit.find(ns)?.indexes.size ?? 0 };
  });
  return {
    numIndexesBefore: counts.before,
    numIndexesAfter: counts.after,
    createdCollectionAutomatically: counts.created,
    ...(counts.before === counts.after ? { note: 'all indexes already exist' } : {}),
    ok: 1,
  };
}

/** dropIndexes */
export async function dropIndexes(operation: Operation): Promise<Document> {
  const { command, ns } = operation;
  const counts = await operation.alter((unit) => {
    const state = unit.find(ns);
    if (state === undefined) throw noNamespace(ns);
    const names = [...state.indexes.keys()].filter((name) => name !== '_id_');
    const asked = command.index === '*' ? names : [command.index].flat().map((index) => nameOf(state, index));
    for (const name of asked) unit.alter({ k: 'dropIndex', n: ns, name });
    return { was: names.length + 1 };
  });
  return { nIndexesWas: counts.was, ok: 1 };
}

function nameOf(state: CollectionState, asked: unknown): string {
  for (const { name, spec } of state.indexes.values()) {
    if (
      name === asked ||
      (typeof asked === 'object' && sameValue(Object.entries(asked as Document), Object.entries(spec.key)))
    ) {
      if (name === '_id_') throw new CommandError('InvalidOptions', 'cannot drop _id index');
      return name;
    }
  }
  throw new CommandError('IndexNotFound', `index not found with name [${String(asked)}]`);
}

/** listIndexes */
export function listIndexes(operation: Operation): Document {
  const { ns, command, engine } = operation;
  const state = operation.read(ns);
  if (state === undefined) throw new CommandError('NamespaceNotFound', `ns does not exist: ${ns}`);
  const specs = [...state.indexes.values()].map(({ spec }) => spec);
  return { cursor: engine.cursors.begin(ns, specs, batches(operation, command)), ok: 1 };
}

/** listCollections */
export function listCollections(operation: Operation): Document {
  const { command, engine, db } = operation;
  const matches = compileFilter(command.filter ?? {});
  const all = [...engine.storage.snapshot().values()]
    .filter(({ ns }) => splitNamespace(ns).db === db)
    .map(({ ns, about }) => {
      const name = splitNamespace(ns).collection;
      if (truthy(command.nameOnly)) return { name, type: 'collection' };
      const idIndex = { v: 2, key: { _id: 1 }, name: '_id_' };
      return {
        name,
        type: 'collection',
        options: about.options,
        info: { readOnly: false, uuid: about.uuid },
        idIndex,
      };
    })
    .filter(matches);
  return {
    cursor: engine.cursors.begin(`${db}.$cmd.listCollections`, all, batches(operation, command)),
    ok: 1,
  };
}

function batches(
  operation: Operation,
  command: Document,
): { batchSize: number; single: boolean; owner: string } {
  return {
    batchSize: asNumber(command.cursor?.batchSize) ?? 101,
    single: false,
    owner: `${operation.session?.id ?? ''} `,
  };
}

/** listDatabases */
export function listDatabases({ engine, command }: Operation): Document {
  const sizes = new Map<string, number>();
  for (const state of engine.storage.snapshot().values()) {
    const { db } = splitNamespace(state.ns);
    sizes.set(db, (sizes.get(db) ?? 0) + sizeOf(state));
  }
  const matches = compileFilter(command.filter ?? {});
  const databases = [...sizes].map(([name, size]) =>
    truthy(command.nameOnly) ? { name } : { name, sizeOnDisk: Long.fromNumber(size), empty: false },
  );
  return { databases: databases.filter(matches), ok: 1 };
}

function sizeOf(state: CollectionState): number {
  let bytes = 0;
  for (const doc of state.records.values()) bytes += calculateObjectSize(doc);
  return bytes;
}

/** collStats */
export function collStats(operation: Operation): Document {
  const { ns } = operation;
  const state = operation.read(ns);
  const size = state === undefined ? 0 : sizeOf(state);
  const count = state?.records.size ?? 0;
  const nindexes = state?.indexes.size ?? 0;
  return { ns, size, count, storageSize: size, nindexes, totalIndexSize: 0, totalSize: size, ok: 1 };
}

/** dbStats */
export function dbStats({ db, engine }: Operation): Document {
  const states = [...engine.storage.snapshot().values()].filter(({ ns }) => splitNamespace(ns).db === db);
  const dataSize = states.reduce((sum, state) => sum + sizeOf(state), 0);
  return {
    db,
    collections: states.length,
    objects: states.reduce((sum, { records }) => sum + records.size, 0),
    dataSize,
    storageSize: dataSize,
    indexes: states.reduce((sum, { indexes }) => sum + indexes.size, 0),
    indexSize: 0,
    totalSize: dataSize,
    ok: 1,
  };
}

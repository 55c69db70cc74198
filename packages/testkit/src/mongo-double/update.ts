/** Updates: replacement, operators and pipelines, on a copy of the document. */
import { type Document, Timestamp } from 'bson';
import { compareValues, isNumeric, isPlain, sameValue, sortKey, typeName } from './bson-order.ts';
import { CommandError } from './command-error.ts';
import { runStages } from './expressions.ts';
import { compileFilter, hasOperators, type Matcher } from './match.ts';
import { asNumber, calculate } from './numbers.ts';
import { copyOf } from './paths.ts';

/** An update as a command brings it. */
export interface UpdateSpec {
  readonly update: Document | readonly Document[];
  readonly arrayFilters: readonly Document[];
  /** The query, from which the positional `$` learns its element. */
  readonly query: Document;
  readonly variables: Document;
}

/** Whether the update replaces the whole document. */
export function isReplacement(update: Document | readonly Document[]): update is Document {
  return !Array.isArray(update) && !Object.keys(update)[0]?.startsWith('$');
}

/** The document after the update. `inserting` is true for an upsert. @throws CommandError with MongoDB's codes */
export function applyUpdate(doc: Document, spec: UpdateSpec, inserting: boolean): Document {
  const { update } = spec;
  let after: Document;
  if (Array.isArray(update)) after = withPipeline(doc, update as Document[], spec.variables);
  else if (isReplacement(update)) after = { ...('_id' in doc ? { _id: doc._id } : {}), ...copyOf(update) };
  else after = withOperators(doc, spec, inserting);
  if ('_id' in doc && !sameValue(doc._id, after._id)) {
    const how = isReplacement(update)
      ? 'After applying the update, the (immutable) field'
      : 'Performing an update on the path';
    throw new CommandError('ImmutableField', `${how} '_id' would modify the immutable field '_id'`);
  }
  return after;
}

const PIPELINE_STAGES = new Set(['$set', '$addFields', '$unset', '$project', '$replaceRoot', '$replaceWith']);

function withPipeline(doc: Document, stages: readonly Document[], variables: Document): Document {
  for (const stage of stages) {
    const name = Object.keys(stage)[0] ?? '';
    if (!PIPELINE_STAGES.has(name)) {
      throw new CommandError('InvalidOptions', `${name} is not allowed to be used within an update`);
    }
  }
  const [after = {}] = runStages(stages, [doc], variables);
  return '_id' in doc && !('_id' in after) ? { _id: doc._id, ...after } : after;
}

function withOperators(doc: Document, spec: UpdateSpec, inserting: boolean): Document {
  const after = copyOf(doc);
  const update = spec.update as Document;
  const filters = compileArrayFilters(spec.arrayFilters);
  const touched: string[] = [];
  for (const [operator, fields] of Object.entries(update)) {
    const change = OPERATORS[operator];
    if (change === undefined) {
      throw new CommandError(
        'FailedToParse',
        `Unknown modifier: ${operator}. Expected a valid update modifier or pipeline-style update specified as an array`,
      );
    }
    if (!isPlain(fields)) {
      throw new CommandError(
        'FailedToParse',
        `Modifiers operate on fields but we found type ${typeName(fields)} instead.`,
      );
    }
    if (operator === '$setOnInsert' && !inserting) continue;
    for (const [path, operand] of Object.entries(fields)) {
      refuseConflict(touched, path);
      const parts = path.split('.');
      if (operator === '$rename') rename(after, parts, String(operand).split('.'));
      else {
        const creates =
          operator !== '$unset' && operator !== '$pull' && operator !== '$pullAll' && operator !== '$pop';
        for (const place of placesOf(after, parts, { doc, filters, query: spec.query, creates })) {
          change(place, operand);
        }
      }
    }
  }
  return after;
}

function refuseConflict(touched: string[], path: string): void {
  for (const other of touched) {
    if (other === path || other.startsWith(`${path}.`) || path.startsWith(`${other}.`)) {
      throw new CommandError(
        'ConflictingUpdateOperators',
        `Updating the path '${path}' would create a conflict at '${other}'`,
      );
    }
  }
  touched.push(path);
}

function compileArrayFilters(arrayFilters: readonly Document[]): Map<string, Matcher> {
  return new Map(
    arrayFilters.map((filter) => {
      const identifier = (Object.keys(filter)[0] ?? '').split('.')[0] ?? '';
      return [identifier, compileFilter(filter)];
    }),
  );
}

/** A field of a document or an element of an array that an operator works on. */
interface Place {
  readonly holder: Document | unknown[];
  readonly name: string;
}

interface PathContext {
  readonly doc: Document;
  readonly filters: ReadonlyMap<string, Matcher>;
  readonly query: Document;
  readonly creates: boolean;
}

function read({ holder, name }: Place): unknown {
  return Object.hasOwn(holder, name) ? (holder as Document)[name] : undefined;
}

function write({ holder, name }: Place, value: unknown): void {
  if (Array.isArray(holder)) {
    while (holder.length < Number(name)) holder.push(null);
    holder[Number(name)] = value;
  } else holder[name] = value;
}

function placesOf(root: Document, parts: readonly string[], context: PathContext): Place[] {
  let holders: (Document | unknown[])[] = [root];
  for (const [at, part] of parts.entries()) {
    const places = holders.flatMap((holder) => placesIn(holder, part, parts.slice(0, at).join('.'), context));
    if (at === parts.length - 1) return places;
    holders = places.flatMap((place) => {
      const value = read(place);
      if (isPlain(value) || Array.isArray(value)) return [value as Document];
      if (!context.creates) return [];
      if (value !== undefined) {
        throw new CommandError(
          'PathNotViable',
          `Cannot create field '${parts[at + 1]}' in element {${part}: ...}`,
        );
      }
      const made: Document = {};
      write(place, made);
      return [made];
    });
  }
  return [];
}

function placesIn(holder: Document | unknown[], part: string, path: string, context: PathContext): Place[] {
  if (!Array.isArray(holder)) {
    if (part.startsWith('$[')) {
      throw new CommandError('BadValue', `Cannot apply array updates to non-array element ${path}`);
    }
    return [{ holder, name: part }];
  }
  if (part === '$') return [{ holder, name: String(positionOf(holder, path, context)) }];
  const named = /^\$\[(.*)\]$/.exec(part)?.[1];
  if (named !== undefined) {
    const filter = named === '' ? () => true : context.filters.get(named);
    if (filter === undefined) {
      throw new CommandError(
        'BadValue',
        `No array filter found for identifier '${named}' in path '${path}.${part}'`,
      );
    }
    return [...holder.keys()]
      .filter((at) => filter(named === '' ? {} : { [named]: holder[at] }))
      .map((at) => ({ holder, name: String(at) }));
  }
  if (!/^\d+$/.test(part)) {
    throw new CommandError('PathNotViable', `Cannot create field '${part}' in element {${path}: [...]}`);
  }
  return [{ holder, name: part }];
}

/** The first element that the query's condition on this array meant. */
function positionOf(elements: readonly unknown[], path: string, { query }: PathContext): number {
  for (const [name, condition] of Object.entries(query)) {
    if (name !== path && !name.startsWith(`${path}.`)) continue;
    const inner = name === path ? 'element' : `element${name.slice(path.length)}`;
    const wanted = hasOperators(condition) && '$elemMatch' in condition ? undefined : condition;
    const matches =
      wanted === undefined
        ? compileFilter({ element: { $elemMatch: (condition as Document).$elemMatch } })
        : compileFilter({ [inner]: wanted });
    const at = elements.findIndex((element) =>
      matches({ element: wanted === undefined ? [element] : element }),
    );
    if (at >= 0) return at;
  }
  throw new CommandError('BadValue', 'The positional operator did not find the match needed from the query.');
}

function rename(root: Document, from: readonly string[], to: readonly string[]): void {
  const reach = (parts: readonly string[], creates: boolean): Place | undefined => {
    const context = { doc: root, filters: new Map(), query: {}, creates };
    return placesOf(root, parts, context)[0];
  };
  const source = reach(from, false);
  const value = source === undefined ? undefined : read(source);
  if (source === undefined || value === undefined) return;
  delete (source.holder as Document)[source.name];
  const target = reach(to, true);
  if (target !== undefined) write(target, value);
}

type Change = (place: Place, operand: unknown) => void;

function arithmetic(kind: '+' | '*', operator: string): Change {
  return (place, operand) => {
    if (!isNumeric(operand))
      throw new CommandError('TypeMismatch', `Cannot ${operator} with non-numeric argument`);
    const now = read(place);
    if (now !== undefined && !isNumeric(now)) {
      throw new CommandError(
        'TypeMismatch',
        `Cannot apply ${operator} to a value of non-numeric type. The field '${place.name}' is of type ${typeName(now)}`,
      );
    }
    if (now === undefined) write(place, kind === '+' ? operand : calculate('*', operand, 0));
    else write(place, calculate(kind, now, operand));
  };
}

function arrayAt(place: Place, operator: string): unknown[] {
  const now = read(place);
  if (now === undefined) {
    const made: unknown[] = [];
    write(place, made);
    return made;
  }
  if (!Array.isArray(now)) {
    throw new CommandError(
      'BadValue',
      `The field '${place.name}' must be an array but is of type ${typeName(now)} (${operator})`,
    );
  }
  return now;
}

function eachOf(operand: unknown): unknown[] {
  return isPlain(operand) && Array.isArray(operand.$each) ? operand.$each : [operand];
}

function remove(place: Place, unwanted: (element: unknown) => boolean): void {
  const now = read(place);
  if (now === undefined) return;
  if (!Array.isArray(now)) throw new CommandError('BadValue', 'Cannot apply $pull to a non-array value');
  write(
    place,
    now.filter((element) => !unwanted(element)),
  );
}

const OPERATORS: Readonly<Record<string, Change | undefined>> = {
  $set: (place, operand) => write(place, copyOf(operand)),
  $setOnInsert: (place, operand) => write(place, copyOf(operand)),
  $unset: ({ holder, name }) => {
    if (!Array.isArray(holder)) delete holder[name];
    else if (Number(name) < holder.length) holder[Number(name)] = null;
  },
  $inc: arithmetic('+', '$inc'),
  $mul: arithmetic('*', '$mul'),
  $min: (place, operand) => {
    const now = read(place);
    if (now === undefined || compareValues(operand, now) < 0) write(place, operand);
  },
  $max: (place, operand) => {
    const now = read(place);
    if (now === undefined || compareValues(operand, now) > 0) write(place, operand);
  },
  $rename: () => undefined,
  $currentDate: (place, operand) => {
    const stamp = isPlain(operand) && operand.$type === 'timestamp';
    write(place, stamp ? new Timestamp({ t: Math.floor(Date.now() / 1000), i: 1 }) : new Date());
  },
  $push: (place, operand) => {
    const array = arrayAt(place, '$push');
    const more: Document = isPlain(operand) && '$each' in operand ? operand : {};
    array.splice(asNumber(more.$position) ?? array.length, 0, ...eachOf(operand).map(copyOf));
    if (isPlain(more.$sort)) {
      const order = Object.entries(more.$sort);
      array.sort((a, b) =>
        order.reduce(
          (sum, [name, way]) =>
            sum || compareValues((a as Document)[name], (b as Document)[name]) * (asNumber(way) ?? 1),
          0,
        ),
      );
    } else if (more.$sort !== undefined)
      array.sort((a, b) => compareValues(a, b) * (asNumber(more.$sort) ?? 1));
    const size = asNumber(more.$slice);
    if (size !== undefined) write(place, size < 0 ? array.slice(size) : array.slice(0, size));
  },
  $addToSet: (place, operand) => {
    const array = arrayAt(place, '$addToSet');
    const there = new Set(array.map(sortKey));
    for (const element of eachOf(operand)) {
      if (!there.has(sortKey(element))) array.push(copyOf(element));
      there.add(sortKey(element));
    }
  },
  $pop: (place, operand) => {
    const now = read(place);
    if (Array.isArray(now)) write(place, (asNumber(operand) ?? 1) < 0 ? now.slice(1) : now.slice(0, -1));
  },
  $pull: (place, operand) => {
    const condition = hasOperators(operand)
      ? compileFilter({ element: operand })
      : isPlain(operand)
        ? compileFilter(
            Object.fromEntries(Object.entries(operand).map(([name, value]) => [`element.${name}`, value])),
          )
        : compileFilter({ element: operand });
    remove(place, (element) => condition({ element }));
  },
  $pullAll: (place, operand) => {
    const unwanted = new Set((operand as unknown[]).map(sortKey));
    remove(place, (element) => unwanted.has(sortKey(element)));
  },
  $bit: (place, operand) => {
    const [[name = 'or', bits] = []] = Object.entries(operand as Document);
    const [left, right] = [asNumber(read(place)) ?? 0, asNumber(bits) ?? 0];
    write(
      place,
      calculate('+', 0, name === 'and' ? left & right : name === 'xor' ? left ^ right : left | right),
    );
  },
};

/** What an upsert starts from: the equalities of the query. */
export function upsertSeed(query: Document): Document {
  const seed: Document = {};
  const take = (filter: Document): void => {
    for (const [name, condition] of Object.entries(filter)) {
      if (name === '$and') for (const part of condition as Document[]) take(part);
      else if (!name.startsWith('$')) {
        const value = hasOperators(condition) ? condition.$eq : condition;
        if (value === undefined) continue;
        const context = { doc: seed, filters: new Map(), query, creates: true };
        for (const place of placesOf(seed, name.split('.'), context)) write(place, copyOf(value));
      }
    }
  };
  take(query);
  return seed;
}

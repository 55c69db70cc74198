/** Projections of find and findAndModify: inclusion, exclusion, `$slice` and `$elemMatch`; expressions go to mingo. */
import type { Document } from 'bson';
import { isNumeric, isPlain } from './bson-order.ts';
import { CommandError } from './command-error.ts';
import { runStages } from './expressions.ts';
import { compileFilter } from './match.ts';
import { asNumber, truthy } from './numbers.ts';

type Projector = (doc: Document) => Document;

/** Makes the projection. An empty one returns the document as it is. @throws CommandError */
export function compileProjection(projection: Document | undefined, variables: Document = {}): Projector {
  const entries = Object.entries(projection ?? {});
  if (entries.length === 0) return (doc) => doc;
  const flags = entries.filter(([, value]) => isNumeric(value) || typeof value === 'boolean');
  const others = entries.filter(([, value]) => !isNumeric(value) && typeof value !== 'boolean');
  const named = flags.filter(([name]) => name !== '_id');
  const includes =
    named.length > 0 ? truthy(named[0]?.[1]) : truthy(flags[0]?.[1] ?? true) && others.every(isExpression);
  if (named.some(([, value]) => truthy(value) !== includes)) {
    throw new CommandError(31254, 'Cannot do exclusion in inclusion projection, or the other way round');
  }
  if (others.some(isExpression))
    return (doc) => runStages([{ $project: projection }], [doc], variables)[0] ?? {};
  const idWanted = truthy(flags.find(([name]) => name === '_id')?.[1] ?? true);
  const paths = named.map(([name]) => name.split('.'));
  return (doc) => {
    const kept = others.map(([name, operator]) => [name, special(doc[name], operator as Document)] as const);
    let shown: Document;
    if (includes) {
      shown = include(doc, idWanted ? [['_id'], ...paths] : paths);
      for (const [name, value] of kept) if (value !== undefined) shown[name] = value;
    } else {
      shown = exclude(doc, idWanted ? paths : [['_id'], ...paths]);
      for (const [name, value] of kept) {
        if (value === undefined) delete shown[name];
        else shown[name] = value;
      }
    }
    return shown;
  };
}

function isExpression([, value]: readonly [string, unknown]): boolean {
  return !isPlain(value) || !('$slice' in value || '$elemMatch' in value);
}

function special(value: unknown, operator: Document): unknown {
  if (!Array.isArray(value)) return value;
  if ('$elemMatch' in operator) {
    const matches = compileFilter(operator.$elemMatch);
    const found = value.find((element) => matches(element));
    return found === undefined ? undefined : [found];
  }
  const [from, size] = Array.isArray(operator.$slice)
    ? operator.$slice.map(asNumber)
    : [undefined, asNumber(operator.$slice)];
  if (from === undefined) return (size ?? 0) < 0 ? value.slice(size) : value.slice(0, size);
  const start = from < 0 ? Math.max(0, value.length + from) : from;
  return value.slice(start, start + (size ?? 0));
}

function include(value: Document, paths: readonly string[][]): Document {
  const shown: Document = {};
  for (const [name, field] of Object.entries(value)) {
    const here = paths.filter(([first]) => first === name);
    if (here.some((path) => path.length === 1)) shown[name] = field;
    else if (here.length > 0) {
      const inner = here.map((path) => path.slice(1));
      if (isPlain(field)) shown[name] = include(field, inner);
      else if (Array.isArray(field))
        shown[name] = field.filter(isPlain).map((element) => include(element, inner));
    }
  }
  return shown;
}

function exclude(value: Document, paths: readonly string[][]): Document {
  const shown: Document = {};
  for (const [name, field] of Object.entries(value)) {
    const here = paths.filter(([first]) => first === name);
    if (here.some((path) => path.length === 1)) continue;
    const inner = here.map((path) => path.slice(1));
    if (inner.length === 0) shown[name] = field;
    else if (isPlain(field)) shown[name] = exclude(field, inner);
    else if (Array.isArray(field))
      shown[name] = field.map((element) => (isPlain(element) ? exclude(element, inner) : element));
    else shown[name] = field;
  }
  return shown;
}

/** Dotted paths through documents and arrays. */
import type { Document } from 'bson';
import { isPlain } from './bson-order.ts';

/**
 * All values that a path reaches, where arrays on the way are entered, as a query sees them. A field that is missing where its parent is
 * there counts as one undefined. An array at the end of the path is one value.
 */
export function valuesAt(root: unknown, path: string): unknown[] {
  const found: unknown[] = [];
  walk(root, path.split('.'), 0, found);
  return found.length === 0 ? [undefined] : found;
}

function walk(value: unknown, parts: readonly string[], at: number, found: unknown[]): void {
  const part = parts[at];
  if (part === undefined) {
    found.push(value);
    return;
  }
  if (Array.isArray(value)) {
    if (/^\d+$/.test(part) && Number(part) < value.length) walk(value[Number(part)], parts, at + 1, found);
    for (const element of value) if (isPlain(element)) walk(element, parts, at, found);
    return;
  }
  if (!isPlain(value)) {
    found.push(undefined);
    return;
  }
  if (!Object.hasOwn(value, part)) found.push(undefined);
  else walk(value[part], parts, at + 1, found);
}

/** The values that an index holds for a path: each element of an array for itself, null for what is missing. */
export function indexValuesAt(root: Document, path: string): { values: unknown[]; isArray: boolean } {
  const reached = valuesAt(root, path);
  const isArray = reached.length > 1 || reached.some(Array.isArray);
  const values = reached.flatMap((value) =>
    Array.isArray(value) ? (value.length === 0 ? [undefined] : value) : [value],
  );
  return { values, isArray };
}

/** A copy in which nothing is shared that an update might change; BSON's own values are never changed in place. */
export function copyOf<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copyOf) as T;
  if (!isPlain(value)) return value;
  const copy: Document = {};
  for (const [name, field] of Object.entries(value)) copy[name] = copyOf(field);
  return copy as T;
}

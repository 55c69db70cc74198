/**
 * Which parts of a method's params can name something of somebody, found in its schema. A field that could be a name and is not
 * known to be one or none makes the test fail, so that nobody adds a method whose isolation is not tried.
 */
import { randomBytes } from 'node:crypto';
import { cursor, ID_TYPES, type IdType, mailAddress, makeId } from '@kuvert/protocol';
import { z } from 'zod';

/** A field that names something. */
export interface Reference {
  /** Where it stands in the params. */
  readonly path: readonly string[];
  readonly kind: IdType | 'cursor' | 'mail';
}

/** All fields of a method's params that name something. @throws Error for a text field of unknown meaning */
export function referencesIn(schema: z.ZodType, path: readonly string[] = []): Reference[] {
  const inner = unwrap(schema);
  if (inner === cursor) return [{ path, kind: 'cursor' }];
  if (inner === mailAddress) return [{ path, kind: 'mail' }];
  const idType = idTypeOf(inner);
  if (idType !== undefined) return [{ path, kind: idType }];
  if (inner instanceof z.ZodObject) {
    return Object.entries(inner.shape).flatMap(([name, field]) =>
      referencesIn(field as z.ZodType, [...path, name]),
    );
  }
  if (inner instanceof z.ZodArray) return referencesIn(inner.element as z.ZodType, [...path, '0']);
  const isHarmless =
    inner instanceof z.ZodNumber ||
    inner instanceof z.ZodBoolean ||
    inner instanceof z.ZodLiteral ||
    inner instanceof z.ZodEnum ||
    // Byte strings are keys, signatures and secrets, which name nothing.
    inner instanceof z.ZodCustom;
  if (isHarmless) return [];
  throw new Error(`the isolation test does not know what ${path.join('.')} is`);
}

function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodReadonly
  ) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}

/** The one type of id that a schema accepts, if it is a schema of ids. */
function idTypeOf(schema: z.ZodType): IdType | undefined {
  const types = (Object.keys(ID_TYPES) as IdType[]).filter(
    (type) => schema.safeParse(makeId(type, randomBytes(16))).success,
  );
  return types.length === 1 ? types[0] : undefined;
}

/** A copy of params with another value at a path. */
export function withValue(params: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) return value;
  const copy = (Array.isArray(params) ? [...params] : { ...(params as object) }) as Record<string, unknown>;
  copy[name] = withValue(copy[name], rest, value);
  return copy;
}

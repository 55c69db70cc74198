/**
 * Which parts of a method's params can name something of somebody, found in its schema. A field that could be a name and is not
 * known to be one or none makes the test fail, so that nobody adds a method whose isolation is not tried.
 */
import { randomBytes } from 'node:crypto';
import { cursor, displayName, ID_TYPES, type IdType, mailAddress, makeId } from '@kuvert/protocol';

/** A field that names something. */
export interface Reference {
  /** Where it stands in the params. */
  readonly path: readonly string[];
  readonly kind: IdType | 'cursor' | 'mail';
}

/** What of a zod schema is looked at here: its definition, as zod documents it for tools. */
interface Schema {
  readonly _zod: { readonly def: unknown };
  safeParse(value: unknown): { readonly success: boolean };
}

interface Definition {
  readonly type: string;
  readonly innerType?: Schema;
  readonly element?: Schema;
  readonly shape?: Readonly<Record<string, Schema>>;
}

const WRAPPERS = ['optional', 'default', 'nullable', 'readonly'];
const NAMELESS = ['number', 'boolean', 'literal', 'enum'];
/**
 * Byte strings that name nothing of a tenant: keys, also those sealed to a device (`sealed`), signatures, what was signed, the secret that goes
 * with a token's id; what two devices agree on by a code on a screen (`linkId`), which belongs to whoever has seen the code; and the hash of
 * what the caller has sent. A capability, by which something of a tenant is found, would have to be tried like an id.
 */
const NAMELESS_BYTES = /(^|\.)(secret|publicKey|accountKey|signature|bytes|linkId|answer|sha256|sealed)$/;

/** All fields of a method's params that name something. @throws Error for a text field of unknown meaning */
export function referencesIn(schema: Schema, path: readonly string[] = []): Reference[] {
  const { type, innerType, element, shape } = schema._zod.def as Definition;
  if (innerType !== undefined && WRAPPERS.includes(type)) return referencesIn(innerType, path);
  if (schema === cursor) return [{ path, kind: 'cursor' }];
  // What somebody is called is not looked up by anybody.
  if (schema === displayName) return [];
  if (schema === mailAddress) return [{ path, kind: 'mail' }];
  const idType = idTypeOf(schema);
  if (idType !== undefined) return [{ path, kind: idType }];
  if (type === 'object' && shape !== undefined) {
    return Object.entries(shape).flatMap(([name, field]) => referencesIn(field, [...path, name]));
  }
  if (type === 'array' && element !== undefined) return referencesIn(element, [...path, '0']);
  if (NAMELESS.includes(type)) return [];
  if (type === 'custom' && NAMELESS_BYTES.test(path.join('.'))) return [];
  throw new Error(
    `the isolation test does not know what ${path.join('.')} is: tell it in tests/isolation/references.ts`,
  );
}

/** The one type of id that a schema accepts, if it is a schema of ids. */
function idTypeOf(schema: Schema): IdType | undefined {
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

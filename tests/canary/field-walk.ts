/** Finds the fields of a zod schema: every value that is not built of other values, with where it stands and what kind of value it is. */
import { randomBytes } from 'node:crypto';
import { cursor, displayName, ID_TYPES, type IdType, mailAddress, makeId } from '@kuvert/protocol';

/** What of a zod schema is looked at here: its definition, as zod documents it for tools. */
export interface Schema {
  readonly _zod: { readonly def: unknown };
  safeParse(value: unknown): { readonly success: boolean };
}

/** A field of a schema. */
export interface Leaf {
  /** Where it stands, such as `chains[].link`. */
  readonly path: string;
  /** `text`, `bytes`, `id`, `name`, `mail`, `cursor`, `number`, `choice`, `any`, or the name of a shape that is listed by itself. */
  readonly kind: string;
}

interface Definition {
  readonly type: string;
  readonly innerType?: Schema;
  readonly element?: Schema;
  readonly in?: Schema;
  readonly keyType?: Schema;
  readonly valueType?: Schema;
  readonly options?: readonly Schema[];
  readonly items?: readonly Schema[];
  readonly getter?: () => Schema;
  readonly shape?: Readonly<Record<string, Schema>>;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  template_literal: 'text',
  custom: 'bytes',
  number: 'number',
  int: 'number',
  bigint: 'number',
  date: 'number',
  boolean: 'choice',
  enum: 'choice',
  unknown: 'any',
  any: 'any',
};

/**
 * @param shapes schemas that are listed by themselves; where one stands in another, only its name is given
 * @throws Error for a schema of which this function does not know what it is made of
 */
export function leavesOf(schema: Schema, shapes: ReadonlyMap<unknown, string>, isRoot = true): Leaf[] {
  const shape = isRoot ? undefined : shapes.get(schema);
  if (shape !== undefined) return [{ path: '', kind: shape }];
  if (schema === displayName) return [{ path: '', kind: 'name' }];
  if (schema === mailAddress) return [{ path: '', kind: 'mail' }];
  if (schema === cursor) return [{ path: '', kind: 'cursor' }];
  const def = schema._zod.def as Definition;
  const inner = def.innerType ?? (def.type === 'pipe' ? def.in : undefined);
  if (inner !== undefined) return leavesOf(inner, shapes, false);
  if (def.getter !== undefined) return leavesOf(def.getter(), shapes, false);
  if (def.type === 'object' && def.shape !== undefined)
    return Object.entries(def.shape).flatMap(([name, field]) => below(`.${name}`, field));
  if (def.type === 'array' && def.element !== undefined) return below('[]', def.element);
  if (def.type === 'tuple') return (def.items ?? []).flatMap((item) => below('[]', item));
  if (def.type === 'union') return merged((def.options ?? []).flatMap((one) => leavesOf(one, shapes, false)));
  if (def.type === 'record' && def.keyType !== undefined && def.valueType !== undefined)
    return [...below('{name}', def.keyType), ...below('{}', def.valueType)];
  // What is always the same says nothing of anybody.
  if (def.type === 'literal' || def.type === 'null' || def.type === 'undefined') return [];
  if (isId(schema)) return [{ path: '', kind: 'id' }];
  const kind = KINDS[def.type];
  if (kind === undefined)
    throw new Error(`tests/canary/field-walk.ts does not know what is in a zod schema of type ${def.type}`);
  return [{ path: '', kind }];

  function below(step: string, field: Schema): Leaf[] {
    return leavesOf(field, shapes, false).map(({ path, kind }) => ({ path: `${step}${path}`, kind }));
  }
}

function merged(leaves: readonly Leaf[]): Leaf[] {
  return [...new Map(leaves.map((leaf) => [`${leaf.path} ${leaf.kind}`, leaf])).values()];
}

/** A schema that takes ids of one type and nothing else that is near to one. */
function isId(schema: Schema): boolean {
  const types = Object.keys(ID_TYPES) as IdType[];
  return types.filter((type) => schema.safeParse(makeId(type, randomBytes(16))).success).length === 1;
}

/**
 * From a zod schema to values that fit it, so that a method that is added to the table is fuzzed from that moment on. Texts and byte strings
 * whose form stands in a refinement are found by trying: from a pool of real values, and by length.
 */
import type { CborValue } from '@kuvert/protocol';
import fc from 'fast-check';

/** What is read of a zod 4 schema. */
export interface Schema {
  readonly _zod: { readonly def: unknown };
  safeParse(value: unknown): { readonly success: boolean };
}

interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly element?: Schema;
  readonly innerType?: Schema;
  readonly valueType?: Schema;
  readonly options?: readonly Schema[];
  readonly values?: readonly CborValue[];
  readonly entries?: Readonly<Record<string, string>>;
  readonly checks?: readonly { readonly _zod: { readonly def: CheckDefinition } }[];
}

interface CheckDefinition {
  readonly check: string;
  readonly value?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Real values to take from. */
export interface Pool {
  readonly texts: readonly string[];
  readonly bytes: readonly Uint8Array[];
}

/** Lengths of all byte strings in the contract, and their neighbours. */
const SIZES = [0, 1, 8, 16, 17, 31, 32, 33, 34, 63, 64, 65, 100, 1_568, 1_569, 1_570, 4_096, 16_384];

/** Values that fit a schema. @throws Error for a kind of schema that is not known here yet */
export function fromSchema(schema: Schema, pool: Pool): fc.Arbitrary<CborValue> {
  const definition = schema._zod.def as Definition;
  switch (definition.type) {
    case 'object': {
      const shape = Object.entries(definition.shape ?? {});
      const optional = shape.filter(([, field]) => isOptional(field)).map(([name]) => name);
      const required = shape.map(([name]) => name).filter((name) => !optional.includes(name));
      const model = Object.fromEntries(shape.map(([name, field]) => [name, fromSchema(field, pool)]));
      return fc.record(model, { requiredKeys: required }) as fc.Arbitrary<CborValue>;
    }
    case 'array': {
      const { minimum = 0, maximum = 10 } = limitsOf(definition);
      const element = fromSchema(definition.element as Schema, pool);
      return fc.oneof(
        { weight: 4, arbitrary: fc.array(element, { minLength: minimum, maxLength: Math.min(maximum, 3) }) },
        { weight: 1, arbitrary: fc.array(element, { minLength: minimum, maxLength: maximum, size: 'max' }) },
      );
    }
    case 'record':
      return fc.dictionary(
        fc.string({ minLength: 1, maxLength: 10 }).filter((name) => name !== '__proto__'),
        fromSchema(definition.valueType as Schema, pool),
        { maxKeys: 3, noNullPrototype: true },
      );
    case 'unknown':
      return fc.constantFrom<CborValue>('text', 7, true, null, [], {});
    case 'optional':
    case 'default':
    case 'nullable':
      return fromSchema(definition.innerType as Schema, pool);
    case 'union':
      return fc.oneof(...(definition.options ?? []).map((option) => fromSchema(option, pool)));
    case 'literal':
      return fc.constantFrom(...(definition.values ?? []));
    case 'enum':
      return fc.constantFrom(...Object.values(definition.entries ?? {}));
    case 'boolean':
      return fc.boolean();
    case 'number': {
      const { low = 0, high = 2 ** 53 - 1 } = limitsOf(definition);
      return fc.oneof(fc.integer({ min: low, max: high }), fc.constantFrom(low, high));
    }
    case 'string':
      return fitting(schema, pool.texts, fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }));
    case 'custom':
      return fitting(
        schema,
        pool.bytes,
        fc.constantFrom(...SIZES).map((size) => new Uint8Array(size).fill(7)),
      );
    default:
      throw new Error(`no values for a schema of type ${definition.type}`);
  }
}

function isOptional(schema: Schema): boolean {
  return schema.safeParse(undefined).success;
}

/** Real values first; others where any fits. */
function fitting<T extends CborValue>(
  schema: Schema,
  real: readonly T[],
  others: fc.Arbitrary<T>,
): fc.Arbitrary<T> {
  const fits = (value: T) => schema.safeParse(value).success;
  const known = real.filter(fits);
  const samples = fc.sample(others, { numRuns: 400, seed: 1 }).filter(fits);
  if (known.length + samples.length === 0) throw new Error('the pool holds no value of this form');
  const choices = [known, samples].filter((list) => list.length > 0);
  return fc.oneof(...choices.map((list) => fc.constantFrom(...list)));
}

function limitsOf(definition: Definition) {
  const limits: { low?: number; high?: number; minimum?: number; maximum?: number } = {};
  for (const { _zod } of definition.checks ?? []) {
    const { check, value, minimum, maximum } = _zod.def;
    if (check === 'greater_than' && value !== undefined) limits.low = value;
    if (check === 'less_than' && value !== undefined) limits.high = value;
    if (check === 'min_length' && minimum !== undefined) limits.minimum = minimum;
    if (check === 'max_length' && maximum !== undefined) limits.maximum = maximum;
  }
  return limits;
}

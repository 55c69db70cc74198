/** `$jsonSchema` as far as validators of collections use it: draft 4 keywords and MongoDB's `bsonType`. */
import type { Document } from 'bson';
import { bsonClass, hasType, isNumeric, isPlain, sameValue, sortKey } from './bson-order.ts';
import { CommandError } from './command-error.ts';
import { asNumber, truthy } from './numbers.ts';

const JSON_TYPES: Readonly<Record<string, string>> = { boolean: 'bool', number: 'number' };

/** Keywords that say nothing about validity. */
const REMARKS = new Set(['title', 'description', 'exclusiveMinimum', 'exclusiveMaximum', 'additionalItems']);

/** Whether a value is valid. @throws CommandError FailedToParse for a keyword that MongoDB or the double does not know */
export function matchesSchema(schema: Document, value: unknown): boolean {
  return Object.entries(schema).every(([keyword, operand]) => {
    if (REMARKS.has(keyword)) return true;
    const check = KEYWORDS[keyword];
    if (check === undefined) {
      throw new CommandError('FailedToParse', `Unknown $jsonSchema keyword: ${keyword}`);
    }
    return check(operand as never, value, schema);
  });
}

type Check = (operand: never, value: unknown, schema: Document) => boolean;

const KEYWORDS: Readonly<Record<string, Check | undefined>> = {
  bsonType: (types: string | string[], value) => [types].flat().some((type) => hasType(value, type)),
  type: (types: string | string[], value) =>
    [types].flat().some((type) => hasType(value, JSON_TYPES[type] ?? type)),
  enum: (allowed: unknown[], value) => allowed.some((one) => sameValue(one, value)),
  required: (names: string[], value) => !isPlain(value) || names.every((name) => Object.hasOwn(value, name)),
  properties: (properties: Document, value) =>
    !isPlain(value) ||
    Object.entries(properties).every(
      ([name, schema]) => !Object.hasOwn(value, name) || matchesSchema(schema, value[name]),
    ),
  patternProperties: (patterns: Document, value) =>
    !isPlain(value) ||
    Object.entries(patterns).every(([pattern, schema]) =>
      Object.keys(value)
        .filter((name) => new RegExp(pattern).test(name))
        .every((name) => matchesSchema(schema, value[name])),
    ),
  additionalProperties: (allowed: boolean | Document, value, schema) => {
    if (!isPlain(value) || allowed === true) return true;
    const patterns = Object.keys(schema.patternProperties ?? {}).map((pattern) => new RegExp(pattern));
    const more = Object.keys(value).filter(
      (name) =>
        !Object.hasOwn(schema.properties ?? {}, name) && !patterns.some((pattern) => pattern.test(name)),
    );
    if (allowed === false) return more.length === 0;
    return more.every((name) => matchesSchema(allowed as Document, value[name]));
  },
  minProperties: (least: unknown, value) => !isPlain(value) || Object.keys(value).length >= count(least),
  maxProperties: (most: unknown, value) => !isPlain(value) || Object.keys(value).length <= count(most),
  minimum: (least: unknown, value, schema) =>
    !isNumeric(value) ||
    (truthy(schema.exclusiveMinimum) ? sortKey(value) > sortKey(least) : sortKey(value) >= sortKey(least)),
  maximum: (most: unknown, value, schema) =>
    !isNumeric(value) ||
    (truthy(schema.exclusiveMaximum) ? sortKey(value) < sortKey(most) : sortKey(value) <= sortKey(most)),
  multipleOf: (step: unknown, value) => !isNumeric(value) || count(value) % count(step) === 0,
  minLength: (least: unknown, value) => typeof value !== 'string' || [...value].length >= count(least),
  maxLength: (most: unknown, value) => typeof value !== 'string' || [...value].length <= count(most),
  pattern: (pattern: string, value) => typeof value !== 'string' || new RegExp(pattern).test(value),
  items: (items: Document | Document[], value) => {
    if (!Array.isArray(value)) return true;
    if (!Array.isArray(items)) return value.every((element) => matchesSchema(items, element));
    return items.every((schema, at) => at >= value.length || matchesSchema(schema, value[at]));
  },
  minItems: (least: unknown, value) => !Array.isArray(value) || value.length >= count(least),
  maxItems: (most: unknown, value) => !Array.isArray(value) || value.length <= count(most),
  uniqueItems: (unique: unknown, value) =>
    !truthy(unique) || !Array.isArray(value) || new Set(value.map(sortKey)).size === value.length,
  allOf: (schemas: Document[], value) => schemas.every((schema) => matchesSchema(schema, value)),
  anyOf: (schemas: Document[], value) => schemas.some((schema) => matchesSchema(schema, value)),
  oneOf: (schemas: Document[], value) =>
    schemas.filter((schema) => matchesSchema(schema, value)).length === 1,
  not: (schema: Document, value) => !matchesSchema(schema, value),
};

function count(value: unknown): number {
  const number = asNumber(value);
  if (number === undefined)
    throw new CommandError('TypeMismatch', `a number is needed, not ${bsonClass(value)}`);
  return number;
}

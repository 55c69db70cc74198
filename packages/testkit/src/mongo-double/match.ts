/** Queries: a filter becomes a predicate over documents. */
import { type Document, EJSON } from 'bson';
import {
  bsonClass,
  comparable,
  hasType,
  isNumeric,
  isPlain,
  isTypeName,
  sameValue,
  sortKey,
} from './bson-order.ts';
import { CommandError } from './command-error.ts';
import { evaluate } from './expressions.ts';
import { matchesSchema } from './json-schema.ts';
import { asNumber, truthy } from './numbers.ts';
import { valuesAt } from './paths.ts';

/** Says whether a document is meant. */
export type Matcher = (doc: Document) => boolean;

/** Tests the values that a path reaches. */
type ValueTest = (values: readonly unknown[]) => boolean;

/** Makes the predicate. `variables` are those of the command's `let`. @throws CommandError BadValue for what the double does not know */
export function compileFilter(filter: Document, variables: Document = {}): Matcher {
  const tests = Object.entries(filter).map(([name, condition]) => compilePart(name, condition, variables));
  return (doc) => tests.every((test) => test(doc));
}

function compilePart(name: string, condition: unknown, variables: Document): Matcher {
  switch (name) {
    case '$and':
    case '$or':
    case '$nor': {
      if (!Array.isArray(condition) || condition.length === 0) {
        throw new CommandError('BadValue', `${name} must be a nonempty array`);
      }
      const parts = condition.map((part: Document) => compileFilter(part, variables));
      if (name === '$and') return (doc) => parts.every((part) => part(doc));
      if (name === '$or') return (doc) => parts.some((part) => part(doc));
      return (doc) => !parts.some((part) => part(doc));
    }
    case '$expr':
      return (doc) => truthy(evaluate(condition, doc, variables));
    case '$jsonSchema':
      return (doc) => matchesSchema(condition as Document, doc);
    case '$comment':
      return () => true;
    case '$alwaysTrue':
      return () => true;
    case '$alwaysFalse':
      return () => false;
    default: {
      if (name.startsWith('$')) throw new CommandError('BadValue', `unknown top level operator: ${name}`);
      const test = compileCondition(condition);
      return (doc) => test(valuesAt(doc, name));
    }
  }
}

/** Whether a condition is made of operators and not a document to compare with. */
export function hasOperators(condition: unknown): condition is Document {
  if (!isPlain(condition)) return false;
  const first = Object.keys(condition)[0];
  return first?.startsWith('$') === true && first !== '$ref' && first !== '$id';
}

function compileCondition(condition: unknown): ValueTest {
  if (isPattern(condition)) return matchesPattern(condition, '');
  if (!hasOperators(condition)) return some((value) => sameValue(value, condition));
  const tests = Object.entries(condition).map(([operator, operand]) =>
    compileOperator(operator, operand, condition),
  );
  return (values) => tests.every((test) => test(values));
}

/** An array at the end of a path is tested as a whole and element by element. */
function some(test: (value: unknown) => boolean): ValueTest {
  return (values) =>
    values.some((value) => test(value) || (Array.isArray(value) && value.some((element) => test(element))));
}

function compileOperator(operator: string, operand: unknown, whole: Document): ValueTest {
  switch (operator) {
    case '$eq':
      return some((value) => sameValue(value, operand));
    case '$ne':
      return not(some((value) => sameValue(value, operand)));
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
      return some(comparison(operator, operand));
    case '$in':
      return oneOf(operator, operand);
    case '$nin':
      return not(oneOf(operator, operand));
    case '$not':
      if (!isPattern(operand) && !hasOperators(operand)) {
        throw new CommandError('BadValue', '$not needs a regex or a document');
      }
      return not(compileCondition(operand));
    case '$exists':
      return (values) => values.some((value) => value !== undefined) === truthy(operand);
    case '$type': {
      const types: unknown[] = Array.isArray(operand) ? operand : [operand];
      for (const type of types) {
        if (!isTypeName(type)) throw new CommandError('BadValue', `Unknown type name alias: ${String(type)}`);
      }
      return some((value) => types.some((type) => hasType(value, type)));
    }
    case '$size':
      return (values) => values.some((value) => Array.isArray(value) && value.length === asNumber(operand));
    case '$all': {
      const parts = (operand as unknown[]).map((part) => compileCondition(part));
      return (values) => parts.length > 0 && parts.every((part) => part(values));
    }
    case '$elemMatch': {
      const matches =
        hasOperators(operand) && !('$and' in operand) && !('$or' in operand)
          ? elementTest(compileCondition(operand))
          : compileFilter(operand as Document);
      return (values) =>
        values.some((value) => Array.isArray(value) && value.some((element) => matches(element as Document)));
    }
    case '$regex':
      return matchesPattern(operand, String(whole.$options ?? ''));
    case '$options':
      return () => true;
    case '$mod': {
      const [divisor = 1, rest = 0] = (operand as unknown[]).map((part) => asNumber(part));
      return some((value) => isNumeric(value) && Math.trunc(asNumber(value) ?? 0) % divisor === rest);
    }
    default:
      throw new CommandError('BadValue', `unknown operator: ${operator}`);
  }
}

function elementTest(test: ValueTest): (element: unknown) => boolean {
  return (element) => test([element]);
}

function not(test: ValueTest): ValueTest {
  return (values) => !test(values);
}

function oneOf(operator: string, operand: unknown): ValueTest {
  if (!Array.isArray(operand)) throw new CommandError('BadValue', `${operator} needs an array`);
  const keys = new Set(operand.filter((part) => !isPattern(part)).map(sortKey));
  const patterns = operand.filter(isPattern).map((part) => matchesPattern(part, ''));
  const equal = some((value) => keys.has(sortKey(value)));
  return (values) => equal(values) || patterns.some((pattern) => pattern(values));
}

function comparison(operator: string, operand: unknown): (value: unknown) => boolean {
  const bound = sortKey(operand);
  const anyType = bsonClass(operand) === 'MinKey' || bsonClass(operand) === 'MaxKey';
  return (value) => {
    if (!anyType && !comparable(value, operand)) return false;
    const key = sortKey(value);
    if (operator === '$gt') return key > bound;
    if (operator === '$gte') return key >= bound;
    return operator === '$lt' ? key < bound : key <= bound;
  };
}

function isPattern(value: unknown): boolean {
  return value instanceof RegExp || bsonClass(value) === 'BSONRegExp';
}

function matchesPattern(operand: unknown, options: string): ValueTest {
  const known = operand as { pattern?: string; options?: string; source?: string; flags?: string };
  const source = typeof operand === 'string' ? operand : (known.pattern ?? known.source ?? '');
  const flags = options || (known.options ?? known.flags ?? '');
  const pattern = new RegExp(source, [...flags].filter((flag) => 'ims'.includes(flag)).join(''));
  return some((value) => typeof value === 'string' && pattern.test(value));
}

/** What an error message shows of a value. */
export function shown(value: unknown): string {
  return EJSON.stringify(value as Document, { relaxed: true });
}

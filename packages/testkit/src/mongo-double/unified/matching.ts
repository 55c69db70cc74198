/** Whether a value is what a test expects (unified test format, "Evaluating Matches"). */
import { type Document, EJSON } from 'bson';
import { hasType, isNumeric, isPlain, sameValue } from '../bson-order.ts';

/** What `$$` operators may refer to. */
export interface Known {
  readonly lsid: (session: string) => unknown;
  readonly entity: (name: string) => unknown;
}

/** @throws Error that says where the difference is */
export function expectMatch(
  expected: unknown,
  actual: unknown,
  known: Known,
  path = '',
  isRoot = true,
): void {
  if (isPlain(expected)) {
    const operator = Object.keys(expected)[0];
    if (operator?.startsWith('$$')) {
      expectOperator(operator, expected[operator], { actual, known, path, isRoot });
      return;
    }
    expectDocument(expected, actual, known, path, isRoot);
    return;
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) throw new Difference(path, expected, actual);
    if (expected.length !== actual.length) throw new Difference(path, expected, actual);
    for (const [at, element] of expected.entries()) {
      expectMatch(element, actual[at], known, `${path}[${at}]`, isRoot && isPlain(element));
    }
    return;
  }
  const bothNumbers = isNumeric(expected) && isNumeric(actual);
  if (
    !(bothNumbers || typeof expected === typeof actual || expected === null) ||
    !sameValue(expected, actual)
  ) {
    throw new Difference(path, expected, actual);
  }
}

function expectDocument(
  expected: Document,
  actual: unknown,
  known: Known,
  path: string,
  isRoot: boolean,
): void {
  if (typeof actual !== 'object' || actual === null) throw new Difference(path, expected, actual);
  const got = actual as Document;
  for (const [name, value] of Object.entries(expected)) {
    const here = `${path}.${name}`;
    if (isPlain(value) && '$$exists' in value) {
      if ((got[name] !== undefined) !== value.$$exists) throw new Difference(here, value, got[name]);
      continue;
    }
    const unset = isPlain(value) && '$$unsetOrMatches' in value;
    if (got[name] === undefined && !unset) throw new Difference(here, value, got[name]);
    expectMatch(value, got[name], known, here, false);
  }
  if (isRoot) return;
  for (const name of Object.keys(got)) {
    if (got[name] !== undefined && !(name in expected))
      throw new Difference(`${path}.${name}`, undefined, got[name]);
  }
}

interface Place {
  readonly actual: unknown;
  readonly known: Known;
  readonly path: string;
  readonly isRoot: boolean;
}

function expectOperator(operator: string, operand: unknown, { actual, known, path, isRoot }: Place): void {
  switch (operator) {
    case '$$exists':
      if ((actual !== undefined) !== operand) throw new Difference(path, { $$exists: operand }, actual);
      return;
    case '$$unsetOrMatches':
      if (actual !== undefined && actual !== null) expectMatch(operand, actual, known, path, isRoot);
      return;
    case '$$sessionLsid':
      expectMatch(known.lsid(String(operand)), actual, known, path, false);
      return;
    case '$$matchesEntity':
      expectMatch(known.entity(String(operand)), actual, known, path, isRoot);
      return;
    case '$$type': {
      const types = [operand].flat();
      if (!types.some((type) => hasType(actual, type)))
        throw new Difference(path, { $$type: operand }, actual);
      return;
    }
    case '$$lte':
      if (Number(String(actual)) > Number(String(operand)))
        throw new Difference(path, { $$lte: operand }, actual);
      return;
    default:
      throw new Error(`the runner does not know ${operator}`);
  }
}

/** What is there is not what was expected. */
class Difference extends Error {
  constructor(path: string, expected: unknown, actual: unknown) {
    super(`${path || 'it'}: expected ${show(expected)}, found ${show(actual)}`);
  }
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  return EJSON.stringify(value as Document).slice(0, 400);
}

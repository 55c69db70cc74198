/** Aggregation expressions and the stages beyond the plain ones, evaluated by mingo on JavaScript's numbers. */
import { BSON, type Document } from 'bson';
import { Aggregator } from 'mingo';
import { bsonClass, isPlain } from './bson-order.ts';
import { CommandError } from './command-error.ts';
import { asNumber } from './numbers.ts';

/** BSON's number classes become JavaScript's numbers, because mingo calculates with those. */
function promoted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(promoted);
  if (isPlain(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, promoted(field)]));
  }
  const name = bsonClass(value);
  return name === 'Int32' || name === 'Double' || name === 'Long' ? asNumber(value) : value;
}

/** And back: the next reader expects what a decoded document holds. */
function demoted(doc: Document): Document {
  return BSON.deserialize(BSON.serialize(doc, { ignoreUndefined: true }), {
    promoteValues: false,
    bsonRegExp: true,
  });
}

/** Runs stages over documents. @throws CommandError for a stage or expression that mingo does not know */
export function runStages(
  stages: readonly Document[],
  docs: readonly Document[],
  variables: Document,
): Document[] {
  try {
    const pipeline = promoted(stages) as Document[];
    const aggregator = new Aggregator(pipeline, { variables: promoted(variables) as Record<string, never> });
    return aggregator
      .run(docs.map((doc) => promoted(doc) as Document))
      .map((doc) => demoted(doc as Document));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const { message } = error as Error;
    if (message.startsWith('Use of undefined variable')) throw new CommandError(17276, message);
    throw new CommandError(40324, `Unrecognized or failing pipeline stage: ${message}`);
  }
}

/** The value of one expression over a document. */
export function evaluate(expression: unknown, doc: Document, variables: Document): unknown {
  return runStages([{ $replaceWith: { value: expression } }], [doc], variables)[0]?.value;
}

/** The values of a command's `let`, which are expressions without a document. */
export function constants(variables: Document | undefined): Document {
  if (variables === undefined) return {};
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, evaluate(value, {}, {})]),
  );
}

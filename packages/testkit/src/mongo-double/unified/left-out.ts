/** Tests that are not run although server and topology would fit, and tests that fail: each with its reason. */
import type { SpecTest } from './spec-file.ts';

/** What a test contains that is a reason to leave it out. */
const REASONS: readonly (readonly [found: string, why: string])[] = [
  ['"collation"', 'collations: the engine compares bytes, and the double refuses them'],
  ['"snapshotTime"', 'the driver has no option snapshotTime'],
  ['"viewOn"', 'views: the engine has none, and the double refuses them'],
];

/** Why a test is left out, or undefined. */
export function leftOut(test: SpecTest): string | undefined {
  const text = JSON.stringify(test.operations);
  return REASONS.find(([found]) => text.includes(found))?.[1];
}

const DROPS_FALSE = 'driver: it leaves bypassDocumentValidation out of the command when it is false';
const EMPTY_RESULT = 'driver: it gives a partial result of zeros where the specification wants none';

/** Known failures by `path: description`, or by path for a whole file. */
const FAILS: Readonly<Record<string, string | undefined>> = {
  'crud/bypassDocumentValidation.json': DROPS_FALSE,
  'crud/create-null-ids.json': 'driver: it makes an id of its own where null is given',
  'crud/client-bulkWrite-partialResults.json': EMPTY_RESULT,
  'crud/client-bulkWrite-errors.json: a bulk write with only errors does not report a partial result':
    EMPTY_RESULT,
  'retryable-writes/bulkWrite.json: First insertOne is never committed':
    'driver: the error of a bulkWrite lists the ids of all inserts that were tried',
  'transactions/client-bulkWrite.json: client bulkWrite with writeConcern in a transaction causes a transaction error':
    "driver: a client's bulkWrite takes a write concern in a transaction without a word",
};

/** Why a test is known to fail, or undefined. */
export function explanation(path: string, description: string): string | undefined {
  return FAILS[`${path}: ${description}`] ?? FAILS[path];
}

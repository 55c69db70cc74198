import { expect, test } from 'vitest';
import { countOf, runFiles } from './report.ts';
import { readSpecFiles, specFolder } from './spec-file.ts';

const folder = specFolder();

/** A few of each kind; `npm run mongo-double-spec` runs all. */
const SOME = [
  'crud/bulkWrite.json',
  'crud/find.json',
  'crud/findOneAndUpdate.json',
  'retryable-writes/insertOne.json',
  'retryable-writes/updateOne-serverErrors.json',
  'sessions/snapshot-sessions.json',
  'transactions/commit.json',
  'transactions/error-labels.json',
  'transactions/isolation.json',
  'transactions-convenient-api/commit.json',
];

test.skipIf(folder === undefined).each(SOME)(
  "B5 the double passes MongoDB's own driver tests of %s, or says why not",
  async (path) => {
    const outcomes = await runFiles(readSpecFiles(folder ?? '', path));
    expect(
      outcomes.filter(({ result, explained }) => result === 'failed' && explained === undefined),
    ).toEqual([]);
    expect(countOf(outcomes).passed).toBeGreaterThan(0);
  },
);

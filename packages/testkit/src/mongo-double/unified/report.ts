/** Runs files of tests and says of each what passed, failed and was left out, and why. */
import type { Document } from 'bson';
import { startMongoDouble } from '../index.ts';
import { explanation, leftOut } from './left-out.ts';
import { NotInTheRunner } from './operations.ts';
import { runTest } from './run-test.ts';
import { notForUs, type SpecFile, type SpecOperation, type SpecTest } from './spec-file.ts';

/** What became of one test. */
export interface Outcome {
  readonly file: string;
  readonly test: string;
  readonly result: 'passed' | 'failed' | 'left out';
  /** Why it was left out, or what was wrong. */
  readonly why: string;
  /** Whether it uses nothing but what the engine uses. */
  readonly ofTheEngine: boolean;
  /** Why it is known to fail. */
  readonly explained: string | undefined;
}

/** The operations whose commands the engine sends: see `apps/server/src/store/engine-mongodb`. */
const OF_THE_ENGINE = new Set([
  'find',
  'findOne',
  'aggregate',
  'countDocuments',
  'insertOne',
  'insertMany',
  'updateOne',
  'updateMany',
  'replaceOne',
  'deleteOne',
  'deleteMany',
  'findOneAndUpdate',
  'findOneAndReplace',
  'findOneAndDelete',
  'bulkWrite',
  'startTransaction',
  'commitTransaction',
  'abortTransaction',
  'withTransaction',
  'endSession',
  'createCollection',
  'dropCollection',
  'createIndex',
  'listIndexes',
  'listCollections',
  'runCommand',
]);

/** Runs files, each on a double of its own. */
export async function runFiles(
  files: readonly SpecFile[],
  onFile: (file: SpecFile, outcomes: Outcome[]) => void = () => undefined,
): Promise<Outcome[]> {
  const all: Outcome[] = [];
  for (const file of files) {
    await using double = await startMongoDouble({ nodes: 2 });
    const outcomes: Outcome[] = [];
    for (const test of file.tests) outcomes.push(await outcomeOf(double.url, file, test));
    onFile(file, outcomes);
    all.push(...outcomes);
  }
  return all;
}

async function outcomeOf(url: string, file: SpecFile, test: SpecTest): Promise<Outcome> {
  const about = {
    file: file.path,
    test: test.description,
    ofTheEngine: operationsOf(test.operations).every((name) => OF_THE_ENGINE.has(name)),
    explained: explanation(file.path, test.description),
  };
  const version = '8.0.17';
  const reason =
    notForUs(file.runOnRequirements, version) ??
    notForUs(test.runOnRequirements, version) ??
    test.skipReason ??
    leftOut(test);
  if (reason !== undefined) return { ...about, result: 'left out', why: reason };
  try {
    await runTest(url, file, test);
    return { ...about, result: 'passed', why: '' };
  } catch (error) {
    const { message } = error as Error;
    return { ...about, result: error instanceof NotInTheRunner ? 'left out' : 'failed', why: message };
  }
}

function operationsOf(operations: readonly SpecOperation[]): string[] {
  return operations
    .filter(({ object }) => object !== 'testRunner')
    .flatMap(({ name, arguments: args }) => [
      name,
      ...operationsOf(((args as Document | undefined)?.callback as SpecOperation[]) ?? []),
    ]);
}

/** Passed, failed, left out. */
export function countOf(outcomes: readonly Outcome[]): { passed: number; failed: number; leftOut: number } {
  const count = (result: Outcome['result']): number =>
    outcomes.filter((outcome) => outcome.result === result).length;
  return { passed: count('passed'), failed: count('failed'), leftOut: count('left out') };
}

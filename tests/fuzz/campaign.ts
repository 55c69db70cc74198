/**
 * How long and from which seed the fuzzing runs. Within `npm test` each property runs a few dozen times, always from the same seed; `npm run fuzz`
 * sets the number and the seed, a new one each time, through the environment. fast-check adds the path of the smallest failing input to its message.
 */
import fc from 'fast-check';

/** How much of a failure is printed, in characters. */
const MESSAGE_MAX = 3_000;

/** True in the long form. */
export const isLong = process.env.KUVERT_FUZZ_RUNS !== undefined;

/** The seed of this process. */
const seed = Number(process.env.KUVERT_FUZZ_SEED ?? 1);

/**
 * Runs one property and says from which seed.
 * @param runs how often within `npm test`, and by how much less than asked for in the long form (a sequence is many steps)
 */
export async function campaign<T extends [unknown, ...unknown[]]>(
  name: string,
  runs: number | { readonly short: number; readonly longDividedBy: number },
  property: fc.IAsyncProperty<T>,
): Promise<void> {
  const { short, longDividedBy } = typeof runs === 'number' ? { short: runs, longDividedBy: 1 } : runs;
  const numRuns = isLong ? Math.ceil(Number(process.env.KUVERT_FUZZ_RUNS) / longDividedBy) : short;
  const path = process.env.KUVERT_FUZZ_PATH;
  const beganMs = performance.now();
  const outcome = await fc.check(property, { seed, numRuns, ...(path === undefined ? {} : { path }) });
  if (outcome.failed) {
    const message = await describeFailure(outcome);
    throw new Error(`${name}: ${message.slice(0, MESSAGE_MAX)}`, { cause: outcome.errorInstance });
  }
  const tookMs = Math.round(performance.now() - beganMs);
  console.log(`fuzz ${name}: ${numRuns} runs from seed ${seed} in ${tookMs} ms`);
}

/** Counterexamples can be a megabyte, or more than can be printed at all; with seed and path they are found again. */
async function describeFailure<T>(outcome: fc.RunDetails<T>): Promise<string> {
  const where = `seed ${outcome.seed}, path ${outcome.counterexamplePath}, ${String(outcome.errorInstance)}\n`;
  try {
    return where + ((await fc.asyncDefaultReportMessage(outcome)) ?? '');
  } catch {
    return where;
  }
}

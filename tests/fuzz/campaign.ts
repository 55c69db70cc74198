/**
 * How long and from which seed the fuzzing runs. Within `npm test` each property runs a few dozen times from a fresh seed; `npm run fuzz`
 * sets the number (and, to replay, the seed) through the environment. fast-check adds the path of the smallest failing input to its message.
 */
import { randomInt } from 'node:crypto';
import fc from 'fast-check';

/** How much of a failure is printed, in characters. */
const MESSAGE_MAX = 3_000;

/** True in the long form. */
export const isLong = process.env.KUVERT_FUZZ_RUNS !== undefined;

/** The seed of this process. */
export const seed = Number(process.env.KUVERT_FUZZ_SEED ?? randomInt(2 ** 31 - 1));

/** Runs of a property: `short` within `npm test`, what was asked for otherwise. */
export function runsOf(short: number): number {
  return isLong ? Number(process.env.KUVERT_FUZZ_RUNS) : short;
}

/** Runs one property and says from which seed. */
export async function campaign<T extends [unknown, ...unknown[]]>(
  name: string,
  shortRuns: number,
  property: fc.IAsyncProperty<T>,
): Promise<void> {
  const numRuns = runsOf(shortRuns);
  const path = process.env.KUVERT_FUZZ_PATH;
  const beganMs = performance.now();
  const outcome = await fc.check(property, { seed, numRuns, ...(path === undefined ? {} : { path }) });
  if (outcome.failed) {
    // Counterexamples can be a megabyte; with seed and path they are found again.
    const message = (await fc.asyncDefaultReportMessage(outcome)) ?? '';
    throw new Error(`${name}: ${message.slice(0, MESSAGE_MAX)}`, { cause: outcome.errorInstance });
  }
  const tookMs = Math.round(performance.now() - beganMs);
  console.log(`fuzz ${name}: ${numRuns} runs from seed ${seed} in ${tookMs} ms`);
}

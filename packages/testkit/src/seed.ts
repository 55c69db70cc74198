/** The seed of a random test: fresh each time, or `KUVERT_SEED` to replay a run that failed. */
import { randomBytes } from 'node:crypto';
import { seededChoices } from './test-clock.ts';

/** Random choices of one run. */
export interface Chance {
  readonly seed: string;
  /** A whole number from 0 up to but not including `below`. */
  choose(below: number): number;
  /** Resolves after a random time, the one thing here that no seed can repeat exactly. */
  moment(belowMs: number): Promise<void>;
}

/** Makes the choices of a test and says by which seed. The runner shows what a test that failed has said. */
export function takeChances(): Chance {
  const seed = process.env.KUVERT_SEED || randomBytes(6).toString('hex');
  console.info(`random choices: replay them with KUVERT_SEED=${seed}`);
  const choose = seededChoices(seed);
  return {
    seed,
    choose,
    moment: (belowMs) => new Promise((resolve) => setTimeout(resolve, choose(belowMs))),
  };
}

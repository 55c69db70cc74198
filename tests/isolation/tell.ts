/**
 * Whether the time of an answer tells two kinds of question apart. Questions are asked in pairs, one of each kind right after the other, in an
 * order that chance decides. If time tells nothing, each of the two is the slower one in half of the pairs, however loaded the machine is:
 * load falls on both alike. So the verdict has two parts, and both must hold for a tell: one kind is the slower one in at least 80 of 100 pairs
 * (by chance once in more than a hundred million tries), and the medians of the two lie further apart than the bound.
 */
import { randomInt } from 'node:crypto';

/** Pairs that are asked. */
const PAIRS = 100;
/** Pairs that are asked before, because what is asked first warms up caches and the compiler. */
const WARMING = 5;
/** Questions of each kind that {@link measureTell} asks. */
export const ASKED = WARMING + PAIRS;
/** Share of the pairs in which one kind is slower, from which on it is not chance. */
const SHARE = 0.8;
/** What the medians may differ by. Because of the share, a small bound does not make a loaded machine fail. */
export const BOUND_MS = 0.5;

/** What was measured. */
export interface Tell {
  /** True when the time tells the two kinds apart. */
  readonly tells: boolean;
  /** Median of the first kind less that of the second, in milliseconds. */
  readonly differenceMs: number;
  /** Share of the pairs in which the first kind was slower. */
  readonly slowerShare: number;
}

/** Asks both kinds of question and compares their times. */
export async function measureTell<V>(questions: {
  /** What is asked about: made before the time is taken. */
  readonly first: () => V;
  readonly second: () => V;
  readonly ask: (about: V) => Promise<unknown>;
  /** After each pair, not timed: for example lets time pass so that no limit is reached. */
  readonly between?: () => void;
}): Promise<Tell> {
  const { ask } = questions;
  const firsts: number[] = [];
  const seconds: number[] = [];
  let slower = 0;
  for (let i = -WARMING; i < PAIRS; i++) {
    const pair = [questions.first(), questions.second()] as const;
    const isFirstFirst = randomInt(2) === 0;
    const before = await timed(() => ask(pair[isFirstFirst ? 0 : 1]));
    const after = await timed(() => ask(pair[isFirstFirst ? 1 : 0]));
    // Not before the first pair: a connection that was only just opened would have no time left for its handshake.
    questions.between?.();
    if (i < 0) continue;
    const [first, second] = isFirstFirst ? [before, after] : [after, before];
    firsts.push(first);
    seconds.push(second);
    if (first > second) slower += 1;
  }
  const differenceMs = median(firsts) - median(seconds);
  const slowerShare = slower / PAIRS;
  const isNotChance = Math.max(slowerShare, 1 - slowerShare) >= SHARE;
  return { tells: isNotChance && Math.abs(differenceMs) > BOUND_MS, differenceMs, slowerShare };
}

async function timed(ask: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await ask();
  return performance.now() - beganMs;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

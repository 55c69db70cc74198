/**
 * The short form of `npm run devices`, in every `npm test`: some schedules of people with several devices, always the same ones, so that what
 * is still open does not stop everybody; `npm run devices` takes a new seed each time. What it has shown is in docs/testing-campaigns.md.
 */

import { fileURLToPath } from 'node:url';
import { Children, resultOf } from '@kuvert/testkit';
import { expect, test } from 'vitest';
import { checkSchedules } from './check-schedules.ts';

const RUN = fileURLToPath(new URL('run.ts', import.meta.url));
const SEED = 2;
/** About two seconds each on a quiet machine. */
const SCHEDULES = 5;
const STEPS = 30;

test('A4 P1 P2 P3 devices stay in step whatever is sent, linked, revoked, put back, away and expired, and harm nobody', async () => {
  const { failure, ...result } = await checkSchedules({
    seed: SEED,
    schedules: SCHEDULES,
    steps: STEPS,
    shrinkForMs: 20_000,
  });
  console.info(JSON.stringify(result));
  expect(failure).toBeUndefined();
  expect(result.schedules).toBe(SCHEDULES);
  expect(result.messages).toBeGreaterThan(0);
});

test('H9 a run of schedules says in a sentence what it cannot do', async () => {
  await using children = new Children();
  const answers: string[] = [];
  for (const args of [
    ['--schedules', 'many'],
    ['--steps', '-1'],
    ['--step', '3'],
  ]) {
    const { code, stderr } = await resultOf(children.start(process.execPath, [RUN, ...args]));
    expect(code).toBe(2);
    answers.push(stderr.trim());
  }
  expect(answers).toEqual([
    '--schedules takes a whole number.',
    expect.stringContaining('--steps'),
    expect.stringContaining('--step'),
  ]);
});

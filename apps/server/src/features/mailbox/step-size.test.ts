import { expect, test } from 'vitest';
import { StepSize } from './step-size.ts';

/** Removes rows that take so long each, and tells the longest step after the first few. */
async function longestStepMs(msPerRow: number, rows: number): Promise<{ longestMs: number; steps: number }> {
  let nowMs = 0;
  const size = new StepSize({ monotonicMs: () => nowMs });
  let longestMs = 0;
  let steps = 0;
  for (let left = rows; left > 0; steps++) {
    const count = Math.min(left, size.rows);
    const beganMs = nowMs;
    await size.take(count, async () => {
      nowMs += count * msPerRow;
    });
    longestMs = Math.max(longestMs, nowMs - beganMs);
    left -= count;
  }
  return { longestMs, steps };
}

test.each([0.02, 0.3, 1, 4])(
  'F1 steps of removing rows that take %s ms each stay near 5 ms',
  async (msPerRow) => {
    const { longestMs, steps } = await longestStepMs(msPerRow, 500);
    expect(longestMs).toBeLessThanOrEqual(10);
    expect(steps).toBeLessThanOrEqual(500 / Math.min(32, Math.max(1, 2 / msPerRow)) + 10);
  },
);

test('F1 a row that takes longer than a step is removed alone, and small rows are removed together again after it', async () => {
  let nowMs = 0;
  const size = new StepSize({ monotonicMs: () => nowMs });
  const take = (msPerRow: number) =>
    size.take(size.rows, async () => {
      nowMs += size.rows * msPerRow;
    });
  for (let i = 0; i < 6; i++) await take(0.01);
  expect(size.rows).toBe(32);
  await take(20);
  expect(size.rows).toBe(1);
  await take(20);
  expect(size.rows).toBe(1);
  for (let i = 0; i < 6; i++) await take(0.01);
  expect(size.rows).toBe(32);
});

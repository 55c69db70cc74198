import { expect, test } from 'vitest';
import { type FaultCounts, planFaults } from './plan.ts';

const COUNTS: FaultCounts = {
  kills: 50,
  powerCuts: 10,
  partitions: 18,
  failingFsyncs: 3,
  slowFsyncs: 2,
  fullDisks: 4,
  clockJumps: 6,
};

test('H9 the same seed repeats the same faults, another one does not', () => {
  expect(planFaults('a', COUNTS, 6)).toEqual(planFaults('a', COUNTS, 6));
  expect(planFaults('a', COUNTS, 6)).not.toEqual(planFaults('b', COUNTS, 6));
});

test('H9 a plan has as many of each fault as was asked for', () => {
  const kinds = new Map<string, number>();
  for (const fault of planFaults('a', COUNTS, 6)) {
    kinds.set(fault.kind, (kinds.get(fault.kind) ?? 0) + 1);
    if (fault.kind === 'partition') kinds.set(fault.how, (kinds.get(fault.how) ?? 0) + 1);
  }
  expect(Object.fromEntries(kinds)).toEqual({
    'kill-server': 40,
    'kill-client': 10,
    'power-cut': 10,
    partition: 18,
    cut: 2,
    'half-open': 2,
    late: 2,
    blackhole: 2,
    'one-way': 2,
    slow: 2,
    reordered: 2,
    flipped: 2,
    unreachable: 2,
    'failing-fsync': 3,
    'slow-fsync': 2,
    'full-disk': 4,
    'clock-jump': 6,
  });
});

import type { KuvertError } from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LeakyBuckets } from './leaky-buckets.ts';

function setUp(limit = { burst: 10, perSecond: 2 }, bucketsMax = 100) {
  const clock = { ms: 0, monotonicMs: () => clock.ms };
  const closed: string[] = [];
  const buckets = new LeakyBuckets({ limit, clock, bucketsMax, onClosed: (key) => closed.push(key) });
  /** 0 when it was taken, else how long to wait. */
  const wait = (key: string, cost?: number): number => {
    try {
      buckets.take(key, cost);
      return 0;
    } catch (error) {
      const { code, retry } = error as KuvertError;
      if (code !== 'rate_limited' || retry.kind !== 'after') throw error;
      return retry.ms;
    }
  };
  return { clock, buckets, closed, wait };
}

test('P7 a burst goes through, then the answer says when there is room again, and then there is', () => {
  const { clock, wait, closed } = setUp();
  for (let i = 0; i < 10; i++) expect(wait('a')).toBe(0);
  const ms = wait('a');
  expect(ms).toBe(1_000);
  expect(wait('b')).toBe(0);
  clock.ms += ms;
  expect([wait('a'), wait('a'), wait('a')]).toEqual([0, 0, 1_000]);
  expect(closed).toEqual(['a', 'a']);
});

test('P7 after a refusal everything is refused until the time that was named, so nothing overtakes', () => {
  const { clock, wait } = setUp({ burst: 10, perSecond: 100 });
  expect(wait('a', 10)).toBe(0);
  expect(wait('a', 5)).toBe(1_000);
  clock.ms += 400;
  expect(wait('a', 1)).toBe(600);
  clock.ms += 600;
  expect(wait('a', 5)).toBe(0);
});

test('P7 what is larger than the burst goes through when nothing else does', () => {
  const { clock, wait } = setUp();
  expect(wait('a', 50)).toBe(0);
  expect(wait('a')).toBe(20_500);
  clock.ms += 60_000;
  expect(wait('a', 50)).toBe(0);
});

test('P7 what was given back may be taken again', () => {
  const { buckets, wait } = setUp();
  for (let i = 0; i < 100; i++) {
    expect(wait('a', 1)).toBe(0);
    buckets.giveBack('a', 1);
  }
});

test('P7 whatever keys come in, memory is bounded and a bucket in use is remembered', () => {
  const { buckets, wait } = setUp({ burst: 200, perSecond: 0.001 }, 100);
  for (let i = 0; i < 200; i++) {
    expect(wait('mine')).toBe(0);
    for (let j = 0; j < 20; j++) wait(`other ${i} ${j}`);
    expect(buckets.size).toBeLessThanOrEqual(101);
  }
  expect(wait('mine')).toBe(60_000);
});

test('P7 in any window no more than burst and flow gets through', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({ afterMs: fc.integer({ min: 0, max: 3_000 }), cost: fc.integer({ min: 1, max: 5 }) }),
        {
          maxLength: 200,
        },
      ),
      (steps) => {
        const { clock, wait } = setUp();
        let taken = 0;
        for (const { afterMs, cost } of steps) {
          clock.ms += afterMs;
          if (wait('a', cost) === 0) taken += cost;
          expect(taken).toBeLessThanOrEqual(10 + (clock.ms / 1_000) * 2 + 1e-6);
        }
      },
    ),
  );
});

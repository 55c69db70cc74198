import { expect, test } from 'vitest';
import { dropOldest } from './drop-oldest.ts';

test('H8 a cache keeps what it was given last, and nothing goes while there is room', () => {
  const kept = new Map([1, 2, 3, 4].map((key) => [key, `${key}`]));
  dropOldest(kept, 4);
  expect([...kept.keys()]).toEqual([1, 2, 3, 4]);
  kept.delete(1);
  kept.set(1, 'again');
  dropOldest(kept, 2);
  expect([...kept.keys()]).toEqual([4, 1]);
  const names = new Set(['a', 'b']);
  dropOldest(names, 0);
  expect(names.size).toBe(0);
});

import { expect, test } from 'vitest';
import { discardBytes } from './bytes.ts';

test('A1 memory is given back where it is a piece of its own, and a part of something else is left alone', () => {
  const whole = new Uint8Array(1_024);
  const slice = whole.subarray(8);
  discardBytes(slice);
  expect(slice.length).toBe(1_016);
  discardBytes(whole);
  expect([whole.length, slice.length, whole.buffer.detached]).toEqual([0, 0, true]);
  // Once more, and what holds nothing, are nothing special.
  discardBytes(whole);
  discardBytes(new Uint8Array());
});

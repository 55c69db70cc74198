import { expect, test } from 'vitest';
import { discardBytes, putU32, putU48, u32At, u48At } from './bytes.ts';

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

test.each([0, 1, 255, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 1_795_340_000_123, 2 ** 48 - 1])(
  'B2 %d is written as 48 bits in the order of a DataView, and read again',
  (value) => {
    const bytes = new Uint8Array(10).fill(0xaa);
    putU48(bytes, 2, value);
    const view = new DataView(bytes.buffer);
    expect(view.getUint16(2) * 2 ** 32 + view.getUint32(4)).toBe(value);
    expect([u48At(bytes, 2), bytes[1], bytes[8]]).toEqual([value, 0xaa, 0xaa]);
    putU32(bytes, 0, value % 2 ** 32);
    expect([view.getUint32(0), u32At(bytes, 0)]).toEqual([value % 2 ** 32, value % 2 ** 32]);
  },
);

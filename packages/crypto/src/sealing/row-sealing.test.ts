import { utf8 } from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hiddenPart, indexPartKey, NotOpenedError, RowSealer, SEALED_ROW_OVERHEAD_BYTES } from './index.ts';

const spaceKey = new Uint8Array(32).fill(7);

test('B5 a sealed row opens at its place, in any process with the key, and is never the same twice', () => {
  const [writer, reader] = [new RowSealer(spaceKey), new RowSealer(spaceKey)];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 40 }), (row, place) => {
      const sealed = writer.seal(place, row);
      expect(reader.open(place, sealed)).toEqual(row);
      expect(sealed.length).toBe(row.length + SEALED_ROW_OVERHEAD_BYTES);
      expect(writer.seal(place, row)).not.toEqual(sealed);
    }),
  );
});

test('B5 a sealed row opens at no other place, under no other key and not with any bit changed', () => {
  const sealer = new RowSealer(spaceKey);
  const sealed = sealer.seal(utf8('here'), utf8('Anna'));
  expect(() => sealer.open(utf8('there'), sealed)).toThrow(NotOpenedError);
  expect(() => new RowSealer(new Uint8Array(32)).open(utf8('here'), sealed)).toThrow(NotOpenedError);
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const altered = sealed.slice();
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => sealer.open(utf8('here'), altered)).toThrow(NotOpenedError);
  }
  for (let length = 0; length < sealed.length; length++) {
    expect(() => sealer.open(utf8('here'), sealed.subarray(0, length))).toThrow(NotOpenedError);
  }
});

test('B5 what stands in an index for a text is the same in that index only', () => {
  const key = indexPartKey(spaceKey, 'people', 'byTeam');
  expect(hiddenPart(key, utf8('sales'))).toEqual(hiddenPart(key, utf8('sales')));
  expect(hiddenPart(key, utf8('sales'))).toHaveLength(16);
  expect(hiddenPart(key, utf8('sale'))).not.toEqual(hiddenPart(key, utf8('sales')));
  for (const other of [
    indexPartKey(spaceKey, 'people', 'byMail'),
    indexPartKey(spaceKey, 'tokens', 'byTeam'),
    indexPartKey(new Uint8Array(32), 'people', 'byTeam'),
  ]) {
    expect(hiddenPart(other, utf8('sales'))).not.toEqual(hiddenPart(key, utf8('sales')));
  }
});

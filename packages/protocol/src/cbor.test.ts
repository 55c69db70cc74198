import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CBOR_DEPTH_MAX, type CborValue, decodeCbor, encodeCbor, InvalidCborError } from './cbor.ts';

const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.from(bytes)),
);
const key = fc.string({ maxLength: 8 }).filter((text) => text !== '__proto__');
const { tree } = fc.letrec<{ tree: CborValue }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: CBOR_DEPTH_MAX - 1, withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(key, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
  ),
}));

test('B8 what is encoded is decoded to the same value, and one value has one byte string', () => {
  fc.assert(
    fc.property(tree, (value) => {
      const bytes = encodeCbor(value);
      const decoded = decodeCbor(bytes);
      expect(decoded).toEqual(value);
      expect(encodeCbor(decoded)).toEqual(bytes);
    }),
  );
});

const refused: [string, string][] = [
  ['a duplicate key', 'a2616101616102'],
  ['a tag', 'c000'],
  ['a tag inside a map', 'a16161c11a514b67b0'],
  ['an array of indefinite length', '9f01ff'],
  ['a text of indefinite length', '7f6161ff'],
  ['not a number', 'f97e00'],
  ['infinity', 'fb7ff0000000000000'],
  ['an integer above 2^53', '1b0020000000000001'],
  ['an integer far above 2^53', '1bffffffffffffffff'],
  ['a negative integer below -2^53', '3b0020000000000001'],
  ['bytes after the end', '0000'],
  ['undefined', 'f7'],
  ['a break out of place', 'ff'],
  ['a declared length beyond the end', '5affffffff00'],
  ['an array that claims four billion items', '9affffffff'],
  ['a map that claims two to the 64 items', 'bbffffffffffffffff'],
  ['a map key that is a number', 'a10101'],
  ['a key that would reach the prototype', 'a1695f5f70726f746f5f5f01'],
  ['an integer in a longer form than needed', '1800'],
  ['text that is not UTF-8', '62c328'],
  ['nothing at all', ''],
  ['an item cut off', '1903'],
  ['nesting of nine', '81818181818181818180'],
];
test.each(refused)('B8 strict CBOR refuses %s', (_, hex) => {
  expect(() => decodeCbor(Buffer.from(hex, 'hex'))).toThrow(InvalidCborError);
});

test('B8 nesting of eight passes, and deep nesting costs no stack', () => {
  expect(decodeCbor(Buffer.from('818181818181818100', 'hex'))).toEqual([[[[[[[[0]]]]]]]]);
  expect(() => decodeCbor(new Uint8Array(1_000_000).fill(0x81))).toThrow(InvalidCborError);
});

test('H9 random bytes are decoded or refused, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decodeCbor(Uint8Array.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidCborError);
      }
    }),
    { numRuns: 5_000 },
  );
});

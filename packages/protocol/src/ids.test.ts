import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ID_TYPES,
  type IdType,
  InvalidIdError,
  idFromBytes,
  idToBytes,
  isId,
  makeId,
  makeSubmitId,
  parseId,
  submitIdTimeMs,
} from './ids.ts';

const types = Object.keys(ID_TYPES) as IdType[];
const anyType = fc.constantFrom(...types);
const random16 = fc.uint8Array({ minLength: 16, maxLength: 16 });

test('B8 every id survives the way to bytes and text and back', () => {
  fc.assert(
    fc.property(anyType, random16, (type, random) => {
      const id = makeId(type, random);
      expect(idFromBytes(type, idToBytes(id))).toBe(id);
      expect(parseId(type, id)).toBe(id);
      expect([...idToBytes(id).subarray(1)]).toEqual([...random]);
    }),
  );
});

test('B8 a parser refuses the id of every other type, as text and as bytes', () => {
  fc.assert(
    fc.property(anyType, anyType, random16, (made, read, random) => {
      fc.pre(made !== read);
      const id = makeId(made, random);
      expect(() => parseId(read, id)).toThrow(InvalidIdError);
      expect(() => idFromBytes(read, idToBytes(id))).toThrow(InvalidIdError);
      const relabelled = `${ID_TYPES[read].prefix}${id.slice(2)}`;
      expect(isId(read, relabelled), 'the checksum covers the type').toBe(false);
    }),
  );
});

test('B8 one wrong or missing character makes an id invalid', () => {
  fc.assert(
    fc.property(
      random16,
      fc.integer({ min: 3, max: 31 }),
      fc.constantFrom(...'0123abcz'),
      (random, at, character) => {
        const id = makeId('person', random);
        fc.pre(id[at] !== character);
        expect(isId('person', id.slice(0, at) + character + id.slice(at + 1))).toBe(false);
        expect(isId('person', id.slice(0, at) + id.slice(at + 1))).toBe(false);
      },
    ),
  );
});

test('B8 type bytes and prefixes are unique, two letters each', () => {
  const entries = Object.values(ID_TYPES);
  expect(new Set(entries.map((entry) => entry.byte)).size).toBe(entries.length);
  expect(new Set(entries.map((entry) => entry.prefix)).size).toBe(entries.length);
  for (const entry of entries) expect(entry.prefix).toMatch(/^[a-z]{2}$/);
});

test('B8 an id is not read from garbage', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      expect(isId('device', text)).toBe(false);
    }),
  );
  expect(isId('device', 'de_ÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀÀ')).toBe(false);
  expect(() => makeId('device', new Uint8Array(15))).toThrow(InvalidIdError);
});

test('A8 a submit id tells the time that its maker put into it, and sorts by it', () => {
  const time = fc.integer({ min: 0, max: 8.64e15 / 32 });
  fc.assert(
    fc.property(time, time, (a, b) => {
      const ids = [a, b].map((timeMs) => makeSubmitId(timeMs, new Uint8Array(10)));
      expect(ids.map((id) => submitIdTimeMs(id))).toEqual([a, b]);
      const [first, second] = ids.map((id) => Buffer.from(idToBytes(id)));
      expect(Math.sign(Buffer.compare(first as Buffer, second as Buffer))).toBe(Math.sign(a - b));
    }),
  );
});

test('B8 an id that was read from memory that is used again does not change', () => {
  const memory = Buffer.from(idToBytes(makeId('device', new Uint8Array(16).fill(1))));
  const first = idFromBytes('device', memory);
  // The last bytes, which say where it is remembered, stay what they are.
  memory.fill(2, 1, 15);
  const second = idFromBytes('device', memory);
  expect(second).not.toBe(first);
  expect(idToBytes(second)).toEqual(Uint8Array.from(memory));
  memory.fill(1, 1, 15);
  expect(idFromBytes('device', memory)).toBe(first);
});

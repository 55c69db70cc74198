import { makeId } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { mentionsIn } from './mentions.ts';

const id = (number: number) => makeId('person', new Uint8Array(16).fill(number));
const ben = { personId: id(1), name: 'Ben Beck', mail: 'ben@acme.test' };
const cem = { personId: id(2), name: 'Cem Demir', mail: 'demir@acme.test' };
const other = { personId: id(3), name: 'Ben Other', mail: 'b.other@acme.test' };

const named = (text: string, people = [ben, cem]) =>
  mentionsIn(text, people).map(({ person, start, length }) => [person, text.slice(start, start + length)]);

test('A1 people are named by whole name, first name or address, and by nothing else', () => {
  expect(named('@Ben Beck, ask @cem or @demir@acme.test.')).toEqual([
    [ben.personId, '@Ben Beck'],
    [cem.personId, '@cem'],
    [cem.personId, '@demir@acme.test'],
  ]);
  expect(named('@ben.')).toEqual([[ben.personId, '@ben']]);
  expect(named('mail ben@acme.test, @bender, @ben@other.test, x@ben')).toEqual([]);
});

test('A1 a first name that two have names neither', () => {
  expect(named('@ben and @Ben Other', [ben, other])).toEqual([[other.personId, '@Ben Other']]);
  expect(named('@Ben', [{ ...ben, mail: 'x@acme.test' }, other])).toEqual([]);
});

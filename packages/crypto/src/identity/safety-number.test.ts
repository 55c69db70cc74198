import { makeId } from '@kuvert/protocol';
import { Fingerprint, PrivateKey } from '@signalapp/libsignal-client';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareSafetyNumber, generateSigningKey, safetyNumber } from './index.ts';
import { digitsOf, fingerprintOf } from './safety-number.ts';

const tenantId = makeId('tenant', new Uint8Array(16).fill(1));
const party = (byte: number) => ({
  personId: makeId('person', new Uint8Array(16).fill(byte)),
  accountKey: generateSigningKey().publicKey,
});
const anna = party(2);
const ben = party(3);
const annas = { tenantId, own: anna, other: ben };
const bens = { tenantId, own: ben, other: anna };

test('B6 the number is what libsignal makes of the same keys and names', () => {
  const [one, two] = [PrivateKey.generate().getPublicKey(), PrivateKey.generate().getPublicKey()];
  const names = [Buffer.from('somebody'), Buffer.from('somebody else')] as const;
  const theirs = Fingerprint.new(5_200, 2, Uint8Array.from(names[0]), one, Uint8Array.from(names[1]), two);
  const halves = [
    digitsOf(fingerprintOf(one.serialize(), names[0])),
    digitsOf(fingerprintOf(two.serialize(), names[1])),
  ];
  expect(halves.sort().join('')).toBe(theirs.displayableFingerprint().toString());
});

test('B6 both sides see one number of 60 digits, and each accepts what the other shows', () => {
  const own = safetyNumber(annas);
  const other = safetyNumber(bens);
  expect(own.number).toMatch(/^\d{60}$/);
  expect(other.number).toBe(own.number);
  const grouped = own.number
    .replaceAll(/(\d{5})/g, '$1 ')
    .replace(' ', '\n')
    .replace(' ', ' - ');
  for (const shown of [own.number, grouped, other.code, ` ${other.code}\n`]) {
    expect(compareSafetyNumber(annas, shown)).toBe('equal');
  }
  expect(compareSafetyNumber(bens, own.code)).toBe('equal');
});

test('B6 the own code, the number of others and of changed keys or tenants are different', () => {
  const { number, code } = safetyNumber(annas);
  expect(compareSafetyNumber(annas, code)).toBe('different');
  const cem = party(4);
  const changed = [
    { ...annas, other: cem },
    { ...annas, other: { ...ben, accountKey: cem.accountKey } },
    { ...annas, other: { ...ben, personId: cem.personId } },
    { ...annas, tenantId: makeId('tenant', new Uint8Array(16).fill(9)) },
  ];
  for (const other of changed) {
    expect(compareSafetyNumber(other, number)).toBe('different');
    expect(compareSafetyNumber(other, safetyNumber(bens).code)).toBe('different');
  }
});

test('B6 what is neither a number nor a whole code is told apart from a wrong one', () => {
  const { code } = safetyNumber(bens);
  for (const text of [
    '',
    '1234',
    `${'1'.repeat(61)}`,
    code.slice(0, -1),
    'KUVERT:SAFETY:',
    `${code}A`,
    'x'.repeat(60),
  ]) {
    expect(compareSafetyNumber(annas, text), text).toBe('malformed');
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(['different', 'malformed']).toContain(compareSafetyNumber(annas, text));
    }),
    { numRuns: 50 },
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeToken, encodeToken } from './enrolment-token.ts';
import { makeId } from './ids.ts';

const bytes = (size: number) =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((value) => Uint8Array.from(value));
const token = fc.record({
  tenantId: bytes(16).map((value) => makeId('tenant', value)),
  tokenId: bytes(16).map((value) => makeId('enrolmentToken', value)),
  secret: bytes(32),
  serverStatic: bytes(32),
  rootHash: bytes(32),
});

test('E1 a token survives its text form, also with white space around it', () => {
  fc.assert(
    fc.property(token, (value) => {
      expect(decodeToken(` ${encodeToken(value)}\n`)).toEqual(value);
    }),
  );
});

test('E1 a token that was cut off or mistyped is told apart from one that is not valid', () => {
  fc.assert(
    fc.property(token, fc.nat(), fc.constantFrom(...'aZ9_-!'), (value, position, character) => {
      const text = encodeToken(value);
      const at = position % text.length;
      expect(() => decodeToken(text.slice(0, at))).toThrow('token_malformed');
      fc.pre(text[at] !== character && at < text.length - 1);
      expect(() => decodeToken(text.slice(0, at) + character + text.slice(at + 1))).toThrow(
        'token_malformed',
      );
    }),
  );
});

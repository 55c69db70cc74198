import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeCbor } from './cbor.ts';
import { decodeContent, encodeContent, InvalidContentError, READER_VERSION } from './content.ts';

test('A1 a text keeps every code point: NUL, line ends, emoji, right-to-left script', () => {
  const texts = ['', '\0', 'a\r\nb\r', '👩‍👩‍👧‍👦 🏳️‍🌈', 'שלום עולם \u202e', '\ufeffmark', 'ä\u0308'];
  for (const text of texts) {
    expect(decodeContent(encodeContent({ kind: 'text', minReader: 1, text }))).toEqual({
      kind: 'text',
      minReader: 1,
      text,
    });
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const decoded = decodeContent(encodeContent({ kind: 'text', minReader: 1, text }));
      expect(decoded).toMatchObject({ text });
    }),
  );
});

test('A1 an unknown kind, or a known one for newer readers, is kept and told apart', () => {
  const poll = encodeCbor({ kind: 'hologram', minReader: 1, question: 'Lunch?' });
  expect(decodeContent(poll)).toEqual({ kind: 'too-new', originalKind: 'hologram', bytes: poll });
  const later = encodeCbor({ kind: 'text', minReader: READER_VERSION + 1, text: 'hi' });
  expect(decodeContent(later)).toMatchObject({ kind: 'too-new', originalKind: 'text' });
});

test('A1 content with missing or wrong fields is refused, not guessed at', () => {
  for (const value of [
    {},
    { kind: 'text' },
    { kind: 'text', minReader: 1 },
    { kind: 'text', minReader: 1, text: 7 },
    [],
    'text',
  ]) {
    expect(() => decodeContent(encodeCbor(value))).toThrow(InvalidContentError);
  }
  expect(() => decodeContent(Uint8Array.of(0xff))).toThrow(InvalidContentError);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { showJson, showLine, showText } from './terminal-text.ts';

test('A1 a message cannot move the cursor, rename the window or hide anything on a terminal', () => {
  expect(showLine('\u001b]0;owned\u0007 \u001b[2J')).toBe('\\x1b]0;owned\\x07 \\x1b[2J');
  expect(showLine('a\u009b31mb\u007f\0')).toBe('a\\x9b31mb\\x7f\\x00');
  expect(showLine('invoice\u202efdp.exe')).toBe('invoice\\u202efdp.exe');
  expect(showLine('\u2066a\u2069 b\u200bc\ufeff')).toBe('\\u2066a\\u2069 b\\u200bc\\ufeff');
  expect(showLine('two\nlines\tand\r')).toBe('two\\nlines\\tand\\r');
});

test('A1 right-to-left letters and joined emoji are shown as they are', () => {
  for (const text of ['שלום עולם', 'مرحبا', '👩‍👩‍👧 🏳️‍🌈', 'Grüße']) expect(showText(text)).toBe(text);
});

test('A1 further lines of a text are indented, so that none looks like a line of ours', () => {
  expect(showText('one\r\ntwo\n2026-01-01 00:00  boss@acme.test: three')).toBe(
    'one\n  two\n  2026-01-01 00:00  boss@acme.test: three',
  );
  expect(showText('one\rtwo')).toBe('one\\rtwo');
});

test('A1 whatever the text, no byte that a terminal obeys comes out of it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(showLine(text)).not.toMatch(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
      expect(showText(text).replaceAll('\n', '').replaceAll('\t', '')).not.toMatch(/\p{Cc}/u);
      expect(showJson({ text })).not.toMatch(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
});

test('A1 JSON gives every text back exactly', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(JSON.parse(showJson({ text }))).toEqual({ text });
    }),
  );
});

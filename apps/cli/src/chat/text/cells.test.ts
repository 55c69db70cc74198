import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cellsOf, fit, pad, safeLines, widthOf, wrap, wrapText } from './cells.ts';

test('A1 joined emoji, flags, marks and wide letters have the width that a terminal gives them', () => {
  expect(['👩‍👩‍👧', '🏳️‍🌈', '🇩🇪', '中', 'ｱ', 'e\u0301', 'ß'].map(widthOf)).toEqual([2, 2, 2, 2, 1, 1, 1]);
});

test('A1 text is cut between what people see as characters, never inside of one', () => {
  expect(fit('Grüße', 5)).toBe('Grüße');
  expect(fit('Grüße an alle', 6)).toBe('Grüße…');
  expect(fit('👩‍👩‍👧👩‍👩‍👧', 3)).toBe('👩‍👩‍👧…');
  expect(pad('中', 4)).toBe('中  ');
  expect(fit('x', 0)).toBe('');
});

test('A1 lines break at spaces where there are any, and inside of words that are too long', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
  expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
  expect(wrap('中中中', 4)).toEqual(['中中', '中']);
  expect(wrap('', 4)).toEqual(['']);
});

test('A1 whatever the text, no line is wider than its column, and no letter of it is lost', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 30 }), (text, width) => {
      const lines = wrapText(text, width);
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
      const bare = (value: string) => value.replaceAll(/\s/g, '');
      expect(bare(lines.join(''))).toBe(bare(safeLines(text).join('')));
    }),
  );
});

test('A1 marks heaped on a letter are drawn up to a limit', () => {
  const [cell] = cellsOf(`e${'\u0301'.repeat(5_000)}`);
  expect(cell?.text.length).toBeLessThanOrEqual(32);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fold, tokensOf } from './fold.ts';
import { Matcher } from './matches.ts';
import { parseQuery } from './query.ts';

const ranges = (text: string, query: string) => new Matcher(parseQuery(query, 0)).rangesIn(text);
const marked = (text: string, query: string) => ranges(text, query).map(([a, b]) => text.slice(a, b));

/** Pieces that words, their neighbours and what shapes them are made of. */
const PIECES = [
  ...['a', 'B', 'ä', 'A\u0308', 'ß', 'é', 'ﬁ', 'Ａ', '①', '7', ' ', '-', '.', '\u00ad', '\u200d', '\n'],
  ...['👍', '👍🏽', '👩‍💻', '🇩🇪', '❤️', '会', '議', 'か', 'ｶ', 'ก', 'क', 'Σ', 'ς', '𝐀', '豈'],
];
const texts = fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map((pieces) => pieces.join(''));

test('A8 in any text every single word and character that folding knows is marked where it stands', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const { plain } = fold(text);
      for (const token of tokensOf(plain)) {
        // Soft hyphens and joiners at the edges belong to no word, and a mark alone is none.
        if (!/[\p{L}\p{N}\ue000]/u.test(token)) continue;
        const query = { terms: [{ forms: [[token]], isPrefix: false }] };
        const found = new Matcher(query).rangesIn(text);
        const forms = found.flatMap(([a, b]) => tokensOf(fold(text.slice(a, b)).plain));
        expect(forms).toContain(token);
      }
    }),
    { numRuns: 300 },
  );
});

test('A8 a word at the end of a long text is marked, with whatever it begins', () => {
  const long = `${'wort für wort, 会議 und 👍 '.repeat(2_000)}`;
  for (const word of ['Ärger', 'ﬁnal', 'Ｗｅｉｔ', 'über', '①', '🦔', '資']) {
    expect(marked(`${long}${word}`, word)).toEqual([word]);
  }
  expect(marked(`${long}zum Schluss`, '"zum schluss"')).toEqual(['zum Schluss']);
});

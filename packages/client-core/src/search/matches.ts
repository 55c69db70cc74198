/** Where in a text the words of a query are, to be shown highlighted. */
import { fold, tokensOf } from './fold.ts';
import type { SearchQuery, Term } from './query.ts';

/** Begin and end in UTF-16 units, as `slice` takes them. */
export type MatchRange = readonly [start: number, end: number];

const RANGES_MAX = 100;
/** Words with what shapes them, emoji with all that belongs to them, and characters that are words of their own. */
const WORD =
  /\p{Regional_Indicator}{2}|\p{Extended_Pictographic}[\p{EMod}\p{VS}\u{e0020}-\u{e007f}]*(?:\u200d\p{Extended_Pictographic}[\p{EMod}\p{VS}]*)*|[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]\p{M}*|[\p{L}\p{M}\p{N}\u00ad\u200c\u200d]+/gu;

interface Word {
  readonly range: MatchRange;
  /** Its folded forms, each of one or several tokens. */
  readonly forms: readonly (readonly string[])[];
}

/** The ranges of all terms, in order, not overlapping. */
export function matchesOf(text: string, query: SearchQuery): MatchRange[] {
  if (query.terms.length === 0) return [];
  const words: Word[] = [...text.matchAll(WORD)].map((match) => {
    const { plain, expanded } = fold(match[0]);
    const forms = [plain, expanded].map(tokensOf).filter((tokens) => tokens.length > 0);
    return { range: [match.index, match.index + match[0].length], forms };
  });
  const ranges: MatchRange[] = [];
  for (let at = 0; at < words.length && ranges.length < RANGES_MAX; at++) {
    const count = Math.max(0, ...query.terms.map((term) => countMatched(words, at, term)));
    const [first, last] = [words[at], words[at + count - 1]];
    if (first === undefined || last === undefined || count === 0) continue;
    ranges.push([first.range[0], last.range[1]]);
    at += count - 1;
  }
  return ranges;
}

/** How many words from `at` on the term covers; 0 when it does not begin there. */
function countMatched(words: readonly Word[], at: number, { forms, isPrefix }: Term): number {
  for (const form of forms) {
    let matched = 0;
    let count = 0;
    while (matched < form.length) {
      const step = words[at + count]?.forms
        .map((tokens) => tokensMatched(tokens, form.slice(matched), isPrefix))
        .find((length) => length > 0);
      if (step === undefined) break;
      matched += step;
      count++;
    }
    if (matched >= form.length) return count;
  }
  return 0;
}

/** How many wanted tokens a word gives: all of its own, or those that are left. */
function tokensMatched(tokens: readonly string[], wanted: readonly string[], isPrefix: boolean): number {
  const length = Math.min(tokens.length, wanted.length);
  for (let i = 0; i < length; i++) {
    const isLast = i === wanted.length - 1;
    const isSame = tokens[i] === wanted[i] || (isPrefix && isLast && tokens[i]?.startsWith(wanted[i] ?? ''));
    if (!isSame) return 0;
  }
  return length;
}

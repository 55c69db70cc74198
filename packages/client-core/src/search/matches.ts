/**
 * Where in a text the words of a query are, to be shown highlighted. Long texts are common enough among what is found, so only words are
 * folded that begin with a character with which a wanted word can begin.
 */
import { fold, tokensOf } from './fold.ts';
import type { SearchQuery, Term } from './query.ts';

/** Begin and end in UTF-16 units, as `slice` takes them. */
export type MatchRange = readonly [start: number, end: number];

const RANGES_MAX = 100;
/** Folded words that are remembered for one page. */
const REMEMBERED_MAX = 20_000;
const UNSPACED =
  '\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}';
/** What words consist of, where they are longer than a character. */
const LETTERS = `[[\\p{L}\\p{M}\\p{N}\\u00ad\\u200c\\u200d]--[${UNSPACED}]]`;
/** Words with what shapes them, emoji with all that belongs to them, and characters that are words of their own. */
const WORD = [
  '\\p{Regional_Indicator}{2}',
  '\\p{Extended_Pictographic}[\\p{EMod}\\p{VS}\\u{e0020}-\\u{e007f}]*(?:\\u200d\\p{Extended_Pictographic}[\\p{EMod}\\p{VS}]*)*',
  `[${UNSPACED}]\\p{M}*`,
  `${LETTERS}+`,
].join('|');
/**
 * Characters that may become any other by folding: all beyond ASCII, but for those that stand for themselves in scripts whose every
 * character is a word, or their texts would be looked at character by character.
 */
const MANIFOLD =
  '[[^\\x00-\\x7f]--[\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3040-\\u30ff\\u3400-\\u9fff]]';

interface Word {
  readonly end: number;
  /** Its folded forms, each of one or several tokens. */
  readonly forms: readonly (readonly string[])[];
}

/** Finds the words of one query in many texts. */
export class Matcher {
  readonly #terms: readonly Term[];
  readonly #beginning: RegExp | undefined;
  readonly #word = new RegExp(WORD, 'gv');
  readonly #known = new Map<string, Word['forms']>();

  constructor({ terms }: Pick<SearchQuery, 'terms'>) {
    this.#terms = terms;
    const firsts = new Set(terms.flatMap(({ forms }) => forms.map(([first = '']) => [...first][0] ?? '')));
    const letters = [...firsts].filter((letter) => /^[\p{L}\p{N}]$/u.test(letter));
    const both = letters.flatMap((letter) => [letter, letter.toUpperCase()]).join('');
    const first = `[${both}${MANIFOLD}]`;
    this.#beginning =
      terms.length === 0 ? undefined : new RegExp(`${first}(?<!${LETTERS}[${first}&&${LETTERS}])`, 'gv');
  }

  /** The ranges of all terms, in order, not overlapping. */
  rangesIn(text: string): MatchRange[] {
    const ranges: MatchRange[] = [];
    const beginning = this.#beginning;
    if (beginning === undefined) return ranges;
    beginning.lastIndex = 0;
    while (ranges.length < RANGES_MAX) {
      const start = beginning.exec(text)?.index;
      if (start === undefined) break;
      const end = Math.max(0, ...this.#terms.map((term) => this.#endOf(text, start, term)));
      if (end === 0) continue;
      ranges.push([start, end]);
      beginning.lastIndex = end;
    }
    return ranges;
  }

  /** Where the term ends that begins here; 0 when it does not begin here. */
  #endOf(text: string, start: number, { forms, isPrefix }: Term): number {
    for (const form of forms) {
      let matched = 0;
      let end = start;
      let word = this.#wordAt(text, start, true);
      while (word !== undefined) {
        const step = word.forms
          .map((tokens) => tokensMatched(tokens, form.slice(matched), isPrefix))
          .find((length) => length > 0);
        if (step === undefined) break;
        matched += step;
        end = word.end;
        if (matched >= form.length) return end;
        word = this.#wordAt(text, end, false);
      }
    }
    return 0;
  }

  /** The first word that begins here, or from here on. */
  #wordAt(text: string, from: number, isHere: boolean): Word | undefined {
    this.#word.lastIndex = from;
    const match = this.#word.exec(text);
    if (match === null || (isHere && match.index !== from)) return undefined;
    const [word] = match;
    let forms = this.#known.get(word);
    if (forms === undefined) {
      const { plain, expanded } = fold(word);
      forms = [plain, expanded].map(tokensOf).filter((tokens) => tokens.length > 0);
      if (this.#known.size < REMEMBERED_MAX) this.#known.set(word, forms);
    }
    return { end: match.index + word.length, forms };
  }
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

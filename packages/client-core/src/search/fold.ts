/**
 * Text as it is searched: what people count as the same becomes the same. Case and accents do not matter (`Müller` is found by `muller`
 * and by `müller`), nor does the German way of writing umlauts without them (`mueller`), nor the skin tone of an emoji. Emoji become words,
 * and so does every character of scripts that are written without spaces, so that any part of them can be found.
 *
 * The same folding is applied to what is searched for, so whatever it does, it does to both.
 */

/** A change of the folding, or of the tables of Unicode behind it, makes the index of a profile new. */
export const FOLDING_VERSION = '1';

/** Letters that are no base letter with a mark, as people type them who do not have them. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ı: 'i',
  ς: 'σ',
};
const LETTER = new RegExp(`[${Object.keys(LETTERS).join('')}]`, 'gu');
/** How they are written where there are no umlauts. */
const UMLAUTS: Readonly<Record<string, string>> = { ä: 'ae', ö: 'oe', ü: 'ue', ø: 'oe', å: 'aa' };
/** Marks that distinguish no words for those who search. In other scripts, such as Devanagari, marks are vowels and stay. */
const ACCENTS = /([\p{sc=Latin}\p{sc=Greek}\p{sc=Cyrillic}\p{sc=Hebrew}\p{sc=Arabic}])\p{Mn}+/gu;
/** What shapes characters and is none itself: soft hyphen, joiners, variation selectors, skin tones, tags. */
const SHAPES = /[\u00ad\u200b-\u200f\u2060\p{VS}\ufeff\p{EMod}\u{e0000}-\u{e007f}]/gu;
const EMOJI = /\p{Regional_Indicator}{2}|\p{Extended_Pictographic}/gu;
/** Scripts without spaces between words: each character with its marks is a word. */
const UNSPACED =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]\p{M}*/gu;
/** Begins the word that an emoji becomes: a character that means nothing of its own. */
const EMOJI_MARK = '\ue000';
const TOKEN = /[\p{L}\p{M}\p{N}\p{Co}]+/gu;

/** Text as it is searched, twice: umlauts as their base letters, and as two letters where that differs (else empty). */
export interface Folded {
  readonly plain: string;
  readonly expanded: string;
}

/** @see Folded */
export function fold(text: string): Folded {
  const words = text
    .normalize('NFKC')
    .replace(SHAPES, '')
    .replace(
      EMOJI,
      (emoji) => ` ${EMOJI_MARK}${[...emoji].map((c) => c.codePointAt(0)?.toString(16)).join('x')} `,
    )
    .replace(UNSPACED, ' $& ')
    .toLowerCase()
    .normalize('NFC');
  const plain = withoutAccents(words);
  const expanded = /[äöüøå]/u.test(words)
    ? withoutAccents(words.replace(/[äöüøå]/gu, (letter) => UMLAUTS[letter] ?? letter))
    : '';
  return { plain, expanded };
}

/** The words of folded text, in order. */
export function tokensOf(folded: string): string[] {
  return folded.match(TOKEN) ?? [];
}

function withoutAccents(text: string): string {
  return text
    .replace(LETTER, (letter) => LETTERS[letter] ?? letter)
    .normalize('NFD')
    .replace(ACCENTS, '$1')
    .normalize('NFC');
}

/**
 * Text of other people on a terminal. A terminal obeys control characters, so a message could move the cursor, rename
 * the window, or answer in the reader's place; and marks for the direction of writing could make one text look like
 * another. Both are shown as what they are. Only `--json` carries text as it came.
 */

/** C0 without line feed and tab, DEL, C1, line and paragraph separators. */
const CONTROL = '\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028\\u2029';
/** Marks that turn, embed or isolate the direction of writing; plain right-to-left letters need none of them. */
const BIDI = '\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069';
/** What can pass for nothing at all: soft hyphen, zero width space, byte order mark, tags. Joiners stay: emoji need them. */
const INVISIBLE = '\\u00ad\\u200b\\u2060\\ufeff\\u{e0000}-\\u{e007f}';

const UNSAFE = new RegExp(`[${CONTROL}${BIDI}${INVISIBLE}\\p{Cs}]`, 'gu');
const UNSAFE_ON_ONE_LINE = new RegExp(`[\\n\\t${CONTROL}${BIDI}${INVISIBLE}\\p{Cs}]`, 'gu');

/** One line: every control character becomes a visible escape such as `\x1b` or `\u202e`. */
export function showLine(text: string): string {
  return text.replace(UNSAFE_ON_ONE_LINE, escapeCharacter);
}

/** Several lines: line ends stay and what follows is indented, everything else as in {@link showLine}. */
export function showText(text: string, indent = '  '): string {
  return text
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => line.replace(UNSAFE, escapeCharacter))
    .join(`\n${indent}`);
}

/**
 * JSON on one line whose strings hold no character that a terminal obeys: those that `JSON.stringify` leaves alone are
 * written as `\u` escapes, which every parser reads back as the same text.
 */
export function showJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    unicodeEscape,
  );
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  if (character === '\t') return '\\t';
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return unicodeEscape(character);
  return `\\u{${code.toString(16)}}`;
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

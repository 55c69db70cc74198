/**
 * What styles look like. Nothing is told by colour alone: whatever has a colour also has a word, a sign or its place, so that
 * a screen without colours (`NO_COLOR`, `--theme none`) says the same.
 */
import { showLine } from '../../terminal-text.ts';
import type { Line, Style } from '../render/line.ts';

/** How to draw; `none` uses bold, underline and reverse only. */
export type ThemeName = 'dark' | 'light' | 'none';

/** Styles as parameters of SGR (ECMA-48). */
type Styles = Readonly<Record<Style, string>>;

/** How styles look on a terminal, and how many bits of colour it has. */
export interface Theme {
  readonly styles: Styles;
  readonly bits: number;
}

const NONE: Styles = {
  bar: '7',
  barStrong: '7;1',
  barGood: '7',
  barBad: '7;1',
  border: '',
  dim: '',
  strong: '1',
  accent: '1',
  me: '1',
  them: '1',
  good: '',
  warning: '1',
  error: '1',
  unread: '1',
  selected: '7',
  selectedIdle: '4',
  match: '4',
  qr: '7',
};

/** 256 colours of fixed value; contrast of text to its ground at least 4.5:1 on black to #303030. */
const DARK: Styles = {
  bar: '48;5;236;38;5;252',
  barStrong: '48;5;236;38;5;231;1',
  barGood: '48;5;236;38;5;114',
  barBad: '48;5;236;38;5;215;1',
  border: '38;5;243',
  dim: '38;5;248',
  strong: '1',
  accent: '38;5;117',
  me: '38;5;117;1',
  them: '38;5;180;1',
  good: '38;5;114',
  warning: '38;5;215',
  error: '38;5;210;1',
  unread: '38;5;231;1',
  selected: '48;5;25;38;5;231',
  selectedIdle: '48;5;238;38;5;252',
  match: '48;5;58;38;5;230',
  qr: '48;5;231;38;5;16',
};

/** The same on white to #e0e0e0. */
const LIGHT: Styles = {
  bar: '48;5;254;38;5;236',
  barStrong: '48;5;254;38;5;16;1',
  barGood: '48;5;254;38;5;22',
  barBad: '48;5;254;38;5;124;1',
  border: '38;5;245',
  dim: '38;5;241',
  strong: '1',
  accent: '38;5;25',
  me: '38;5;25;1',
  them: '38;5;88;1',
  good: '38;5;22',
  warning: '38;5;94',
  error: '38;5;124;1',
  unread: '38;5;16;1',
  selected: '48;5;25;38;5;231',
  selectedIdle: '48;5;252;38;5;235',
  match: '48;5;229;38;5;16',
  qr: '48;5;231;38;5;16',
};

/** For terminals with 16 colours, whose values are the person's own; it does on dark and on light. */
const SIXTEEN: Styles = {
  ...NONE,
  accent: '36',
  me: '36;1',
  them: '35;1',
  good: '32',
  warning: '33;1',
  error: '31;1',
  border: '2',
  dim: '2',
  qr: '30;47',
};

/** @param colourBits as `getColorDepth` gives them: 1, 4, 8 or 24 */
export function themeOf(name: ThemeName, colourBits: number): Theme {
  if (name === 'none' || colourBits < 4) return { styles: NONE, bits: 1 };
  if (colourBits < 8) return { styles: SIXTEEN, bits: colourBits };
  return { styles: name === 'light' ? LIGHT : DARK, bits: colourBits };
}

/** Letter and ground in any colour, or in the nearest of 256; nothing where there are fewer. */
function coloursOf([letter, ground]: readonly [number, number], bits: number): string {
  if (bits < 8) return '';
  const parts = (rgb: number) => [rgb >> 16, (rgb >> 8) & 255, rgb & 255] as const;
  if (bits >= 24) return `38;2;${parts(letter).join(';')};48;2;${parts(ground).join(';')}`;
  const nearest = (rgb: number) => {
    // The cube of 6×6×6 begins at 16; its steps are 0, 95, 135, 175, 215, 255.
    const [red, green, blue] = parts(rgb).map((value) =>
      value < 48 ? 0 : value < 115 ? 1 : Math.floor((value - 35) / 40),
    );
    return 16 + 36 * (red ?? 0) + 6 * (green ?? 0) + (blue ?? 0);
  };
  return `38;5;${nearest(letter)};48;5;${nearest(ground)}`;
}

/**
 * A line as the terminal takes it. Its text was made safe where it was measured; that nothing of it is obeyed is made sure of
 * here once more, for all of it.
 */
export function encodeLine(line: Line, theme: Theme): string {
  let result = '';
  for (const { text, style, at, colours } of line) {
    if (at !== undefined && at > 0) result += `\u001b[${at + 1}G`;
    const sgr = colours ? coloursOf(colours, theme.bits) : style === undefined ? '' : theme.styles[style];
    const safe = showLine(text);
    result += sgr === '' ? safe : `\u001b[${sgr}m${safe}\u001b[m`;
  }
  return result;
}

/**
 * Whether the ground is dark or light, from what the terminal says: its answer to OSC 11 (`rgb:1e1e/1e1e/1e1e`).
 * @returns undefined when that cannot be read
 */
export function themeOfBackground(colour: string): ThemeName | undefined {
  const match = /rgba?:([0-9a-f]{1,4})\/([0-9a-f]{1,4})\/([0-9a-f]{1,4})/i.exec(colour);
  if (match === null) return undefined;
  const [red = 0, green = 0, blue = 0] = match
    .slice(1, 4)
    .map((part) => Number.parseInt(part, 16) / (16 ** part.length - 1));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 ? 'light' : 'dark';
}

/** `COLORFGBG`, which some terminals set: the last number is the ground; 7 and above 8 are light. */
export function themeOfEnvironment(colorFgBg: string): ThemeName | undefined {
  const ground = /(?:^|;)(\d{1,2})$/.exec(colorFgBg)?.[1];
  if (ground === undefined) return undefined;
  return Number(ground) === 7 || Number(ground) > 8 ? 'light' : 'dark';
}

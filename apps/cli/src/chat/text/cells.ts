/**
 * Text measured in the cells of a terminal. What people see as one character (a letter with its marks, a joined emoji)
 * is never taken apart; how wide it is, string-width says.
 */
import stringWidth from 'string-width';
import { showText } from '../../terminal-text.ts';

/** One character as people see it, with its width in cells (0, 1 or 2). */
export interface Cell {
  readonly text: string;
  readonly width: number;
}

/** Marks can be heaped on a letter without end; what is beyond this many code units is not drawn. */
const CODE_UNITS_MAX = 32;
const PLAIN = /^[\x20-\x7e]*$/;
const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The characters of a text that is safe for a terminal. */
export function cellsOf(text: string): Cell[] {
  if (PLAIN.test(text)) return Array.from(text, (character) => ({ text: character, width: 1 }));
  const cells: Cell[] = [];
  for (const { segment } of segmenter.segment(text)) {
    const drawn = segment.length > CODE_UNITS_MAX ? segment.slice(0, CODE_UNITS_MAX).toWellFormed() : segment;
    cells.push({ text: drawn, width: PLAIN.test(drawn) ? drawn.length : Math.min(2, stringWidth(drawn)) });
  }
  return cells;
}

/** Width in cells. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  return cellsOf(text).reduce((sum, cell) => sum + cell.width, 0);
}

/** At most `width` cells of a text; what was cut off is told by an ellipsis. */
export function fit(text: string, width: number): string {
  if (width <= 0) return '';
  if (widthOf(text) <= width) return text;
  let used = 0;
  let result = '';
  for (const cell of cellsOf(text)) {
    if (used + cell.width > width - 1) break;
    result += cell.text;
    used += cell.width;
  }
  return `${result}…`;
}

/** Exactly `width` cells: cut off or filled with spaces. */
export function pad(text: string, width: number): string {
  const fitted = fit(text, width);
  return fitted + ' '.repeat(Math.max(0, width - widthOf(fitted)));
}

/** The lines of somebody's text, safe for a terminal: control characters are visible, tabs are four spaces. */
export function safeLines(text: string): string[] {
  return showText(text, '')
    .split('\n')
    .map((line) => line.replaceAll('\t', '    '));
}

/**
 * Breaks one line of safe text so that no part is wider than `width`: at spaces where there are any, inside words that
 * are longer than a whole line. A space at which it breaks is not shown.
 */
export function wrap(line: string, width: number): string[] {
  if (width < 2) return [fit(line, width)];
  if (PLAIN.test(line) && line.length <= width) return [line];
  const lines: string[] = [];
  let current = '';
  let used = 0;
  let breakAt = -1;
  let usedAtBreak = 0;
  for (const cell of cellsOf(line)) {
    if (used + cell.width > width) {
      if (cell.text === ' ') {
        lines.push(current);
        [current, used, breakAt] = ['', 0, -1];
        continue;
      }
      if (breakAt > 0) {
        lines.push(current.slice(0, breakAt - 1));
        current = current.slice(breakAt);
        used -= usedAtBreak;
      } else {
        lines.push(current);
        [current, used] = ['', 0];
      }
      breakAt = -1;
    }
    current += cell.text;
    used += cell.width;
    if (cell.text === ' ') {
      breakAt = current.length;
      usedAtBreak = used;
    }
  }
  lines.push(current);
  return lines;
}

/** Breaks somebody's text, of any number of lines, for a column of `width` cells. */
export function wrapText(text: string, width: number): string[] {
  return safeLines(text).flatMap((line) => wrap(line, width));
}

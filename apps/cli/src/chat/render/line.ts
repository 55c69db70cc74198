/** What a screen is made of: lines of styled text, measured in cells. What a style looks like is up to the theme. */
import { fit, widthOf } from '../text/cells.ts';

/** What a piece of text is, not what it looks like. */
export type Style =
  | 'bar'
  | 'barStrong'
  | 'barGood'
  | 'barBad'
  | 'border'
  | 'dim'
  | 'strong'
  | 'accent'
  | 'me'
  | 'them'
  | 'good'
  | 'warning'
  | 'error'
  | 'unread'
  | 'selected'
  | 'selectedIdle'
  | 'match'
  | 'qr';

/** A piece of text in one style. */
export interface Span {
  readonly text: string;
  readonly style?: Style;
  /** Of a point of a picture: red, green and blue (`0xrrggbb`) of the letter and of its ground. */
  readonly colours?: readonly [letter: number, ground: number];
  /**
   * The column, from 0 in its pane, at which this piece begins whatever the terminal made of what stands before it: terminals do not
   * agree on how wide every emoji is, and a pane must not move because of one.
   */
  readonly at?: number;
}

/** One line of the screen. */
export type Line = readonly Span[];

/** A whole screen, and where the cursor is: an input method shows what is being composed there. */
export interface Frame {
  readonly lines: readonly Line[];
  readonly cursor?: { readonly row: number; readonly column: number };
}

/** Columns and rows of a terminal. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** A line of one style, or of none. */
export function plain(text: string, style?: Style): Line {
  return [style === undefined ? { text } : { text, style }];
}

/** Width of a line in cells. */
function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** A line of exactly `width` cells. */
export function fillLine(line: Line, width: number, style?: Style): Line {
  const result: Span[] = [];
  let left = width;
  for (const span of line) {
    if (left <= 0) break;
    const text = fit(span.text, left);
    result.push({ ...span, text });
    left -= widthOf(text);
  }
  if (left > 0) result.push({ text: ' '.repeat(left), ...(style === undefined ? {} : { style }) });
  return result;
}

/** Two texts at both ends of a line; the left one gives way. */
export function spread(left: Line, right: Line, width: number, style?: Style): Line {
  const rightWidth = Math.min(lineWidth(right), width);
  const end = fillLine(right, rightWidth, style).map((span, index) =>
    index === 0 ? { ...span, at: width - rightWidth } : span,
  );
  return [...fillLine(left, width - rightWidth, style), ...end];
}

/** Panes side by side: each keeps its columns. Missing lines are empty. */
export function besides(panes: readonly { lines: readonly Line[]; width: number }[], rows: number): Line[] {
  return Array.from({ length: rows }, (_, row) => {
    let at = 0;
    return panes.flatMap(({ lines, width }, index) => {
      const border: Line = index === 0 ? [] : [{ text: '│', style: 'border', at }];
      if (index > 0) at += 1;
      const start = at;
      at += width;
      const line = fillLine(lines[row] ?? [], width).map((span, place): Span => {
        if (place > 0 && span.at === undefined) return span;
        return { ...span, at: start + (span.at ?? 0) };
      });
      return [...border, ...line];
    });
  });
}

/** A line with a title in its middle: `──── title ────`. */
export function rule(title: string, width: number, style: Style, titleStyle: Style = style): Line {
  const fitted = title === '' ? '' : ` ${fit(title, Math.max(1, width - 6))} `;
  const left = Math.max(0, Math.floor((width - widthOf(fitted)) / 2));
  const right = Math.max(0, width - widthOf(fitted) - left);
  return [
    { text: '─'.repeat(left), style },
    { text: fitted, style: titleStyle },
    { text: '─'.repeat(right), style },
  ];
}

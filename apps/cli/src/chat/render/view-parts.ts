/** What views are made of. */
import { wrapText } from '../text/cells.ts';
import { type Frame, type Line, plain, rule } from './line.ts';
import { oneLine } from './list.ts';

/** A view as lines, and where its cursor is. */
export interface DrawnView {
  readonly lines: readonly Line[];
  readonly cursor?: NonNullable<Frame['cursor']>;
}

/** The room for a view. */
export interface Area {
  readonly width: number;
  readonly rows: number;
}

/** A sentence of any length, in lines of a width that is easy to read. */
export function sentence(
  text: string,
  { width }: Area,
  style?: 'dim' | 'error' | 'strong' | 'good' | 'warning',
): Line[] {
  return wrapText(text, Math.max(2, Math.min(90, width - 4))).map((row) => plain(`  ${row}`, style));
}

/** A view under its title. */
export function boxed(title: string, lines: readonly Line[], { width, rows }: Area): DrawnView {
  return { lines: [rule(oneLine(title), width, 'accent', 'strong'), ...lines].slice(0, rows) };
}

/** A view that is longer than the screen. */
export function scrolled(title: string, lines: readonly Line[], scroll: number, area: Area): DrawnView {
  const fits = area.rows - 1;
  const from = Math.min(scroll, Math.max(0, lines.length - fits));
  const isMore = from + fits < lines.length;
  const shown = lines.slice(from, from + fits - (isMore ? 1 : 0));
  return boxed(title, [...shown, ...(isMore ? [plain('  ↓', 'dim')] : [])], area);
}

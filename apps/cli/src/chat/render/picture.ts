/** Pictures in the cells of a terminal: each cell is two points, one above the other, in the colours of its upper and lower half. */
import type { PictureItem } from '../model.ts';
import type { Line } from './line.ts';

/** A picture at the left of an area; what does not fit is left out on the right and below. */
export function pictureLines({ width, height, points }: PictureItem, columns: number, rows = height): Line[] {
  const shown = Math.min(width, columns);
  const count = Math.min(Math.ceil(height / 2), rows);
  return Array.from({ length: count }, (_, row) =>
    Array.from({ length: shown }, (__, column) => {
      const upper = points[2 * row * width + column] ?? 0;
      const lower = points[(2 * row + 1) * width + column] ?? upper;
      return { text: '▀', colours: [upper, lower] as const };
    }),
  );
}

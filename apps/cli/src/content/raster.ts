/** Small pictures as points, for screens that are made of cells. The pictures come from others: what is too large or damaged is none. */
import type { Preview } from '@kuvert/protocol';
import { smallPicture } from '../previews.ts';

/** A picture of few points, row by row from above: red, green and blue in one number (`0xrrggbb`). */
export interface Points {
  readonly width: number;
  readonly height: number;
  readonly points: readonly number[];
}

/** @param sides the most that there is room for */
export function pointsOf(
  { bytes }: Pick<Preview, 'bytes'>,
  sides: { width: number; height: number },
): Points | undefined {
  const small = smallPicture(Buffer.from(bytes), sides);
  if (small === undefined) return undefined;
  const { width, height, data } = small;
  const points = Array.from(
    { length: width * height },
    (_, at) => ((data[4 * at] ?? 0) << 16) | ((data[4 * at + 1] ?? 0) << 8) | (data[4 * at + 2] ?? 0),
  );
  return { width, height, points };
}

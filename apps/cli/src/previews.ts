/** Small pictures of pictures, made here and sent sealed with the message: nobody else ever sees the large one for it. */
import { readFile } from 'node:fs/promises';
import type { Preview } from '@kuvert/protocol';
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';

/** Larger files, and pictures with more points, get no preview: opening them takes memory. */
export const FILE_BYTES_MAX = 24 * 1_048_576;
const POINTS_MAX = 24_000_000;
const SIDE_MAX = 256;
const PREVIEW_BYTES_MAX = 32_768;
const QUALITIES = [70, 50, 30];

/** A picture, row by row from above. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, opacity. */
  readonly data: Uint8Array;
}

/** Sizes and a preview of a JPEG or PNG file; nothing for what cannot be read as one. */
export async function filePreview(
  path: string,
  sizeBytes: number,
): Promise<{ width?: number; height?: number; preview?: Preview }> {
  if (sizeBytes > FILE_BYTES_MAX) return {};
  try {
    return picturePreview(await readFile(path)) ?? {};
  } catch {
    // Whatever is wrong with the file is said by whoever sends it.
    return {};
  }
}

/** What a preview may be. */
export interface PreviewLimits {
  readonly sideMax: number;
  readonly bytesMax: number;
}

/** The same of bytes that are there; undefined for what is no JPEG or PNG. Never throws. */
export function picturePreview(
  bytes: Buffer,
  { sideMax, bytesMax }: PreviewLimits = { sideMax: SIDE_MAX, bytesMax: PREVIEW_BYTES_MAX },
): { readonly width: number; readonly height: number; readonly preview?: Preview } | undefined {
  try {
    const raster = decode(bytes);
    if (raster === undefined) return undefined;
    const { width, height } = raster;
    const small = shrink(raster, { width: sideMax, height: sideMax });
    for (const quality of QUALITIES) {
      const { data } = jpeg.encode(small, quality);
      if (data.length > bytesMax) continue;
      const preview = { type: 'image/jpeg', width: small.width, height: small.height } as const;
      return { width, height, preview: { ...preview, bytes: Uint8Array.from(data) } };
    }
    return { width, height };
  } catch {
    // Whatever is wrong with the picture, it is sent as it is.
    return undefined;
  }
}

function decode(bytes: Buffer, pointsMax = POINTS_MAX): Raster | undefined {
  if (bytes.length > 24 && bytes.readUInt32BE(0) === 0x89504e47) {
    if (bytes.readUInt32BE(16) * bytes.readUInt32BE(20) > pointsMax) return undefined;
    return PNG.sync.read(bytes);
  }
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined;
  const limits = { maxResolutionInMP: pointsMax / 1e6, maxMemoryUsageInMB: 512 };
  return jpeg.decode(bytes, { useTArray: true, formatAsRGBA: true, ...limits });
}

/** Previews of others that are larger are not opened: they are not made so. */
const SHOWN_POINTS_MAX = 1_048_576;

/** A small picture as points of four bytes; undefined for what is none, or has too many points. Never throws. */
export function smallPicture(
  bytes: Buffer,
  sides: { readonly width: number; readonly height: number },
): Raster | undefined {
  try {
    const raster = decode(bytes, SHOWN_POINTS_MAX);
    return raster && shrink(raster, sides);
  } catch {
    return undefined;
  }
}

/** The mean of the points that become one, on white where nothing is. */
function shrink(
  { width, height, data }: Raster,
  sides: { readonly width: number; readonly height: number },
): { width: number; height: number; data: Buffer } {
  const scale = Math.min(1, sides.width / width, sides.height / height);
  const [toWidth, toHeight] = [
    Math.max(1, Math.round(width * scale)),
    Math.max(1, Math.round(height * scale)),
  ];
  const small = Buffer.alloc(toWidth * toHeight * 4, 255);
  for (let y = 0; y < toHeight; y++) {
    const [top, bottom] = span(y, toHeight, height);
    for (let x = 0; x < toWidth; x++) {
      const [left, right] = span(x, toWidth, width);
      const sum = [0, 0, 0];
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          const at = (row * width + column) * 4;
          const opacity = (data[at + 3] ?? 255) / 255;
          for (let c = 0; c < 3; c++)
            sum[c] = (sum[c] ?? 0) + (data[at + c] ?? 0) * opacity + 255 * (1 - opacity);
        }
      }
      const count = (bottom - top) * (right - left);
      for (let c = 0; c < 3; c++) small[(y * toWidth + x) * 4 + c] = Math.round((sum[c] ?? 0) / count);
    }
  }
  return { width: toWidth, height: toHeight, data: small };
}

function span(at: number, of: number, size: number): [number, number] {
  const begin = Math.floor((at * size) / of);
  return [begin, Math.max(begin + 1, Math.floor(((at + 1) * size) / of))];
}

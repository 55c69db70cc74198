/**
 * What is said of a video, by `ffprobe` and `ffmpeg` where they are installed: how long and how large it is, and one picture of it. Without them
 * a video is sent as it is. Both programs read nothing but the file: a video may name addresses in the network.
 */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Preview } from '@kuvert/protocol';
import { picturePreview } from '../previews.ts';

/** What is said of a video, or of a sound. */
export interface FilmFacts {
  readonly width?: number;
  readonly height?: number;
  readonly durationMs?: number;
  readonly preview?: Preview;
}

const run = promisify(execFile);
const TIME_LIMIT_MS = 20_000;
const ANSWER_BYTES_MAX = 4 * 1_048_576;
/** Frames among which the one is chosen that is most like the others, so that it is seldom black. */
const FRAMES = 60;
/** Content says no more. */
const DURATION_MAX_MS = 86_400_000;
const SIDE_MAX = 100_000;

/** Never throws: of what cannot be read nothing is said. */
export async function filmFacts(path: string): Promise<FilmFacts> {
  const [facts, preview] = await Promise.all([probe(path), still(path)]);
  const isTurned =
    preview !== undefined &&
    facts.width !== undefined &&
    facts.height !== undefined &&
    preview.width < preview.height !== facts.width < facts.height;
  const sides = isTurned ? { width: facts.height, height: facts.width } : {};
  return { ...facts, ...(sides as FilmFacts), ...(preview && { preview }) };
}

/** How long a sound or a video is, and its sides; nothing without `ffprobe`. */
export async function probe(path: string): Promise<FilmFacts> {
  const wanted = ['-show_entries', 'format=duration:stream=width,height', '-of', 'json'];
  const answer = await program('ffprobe', ['-v', 'error', ...only(path), ...wanted]);
  if (answer === undefined) return {};
  try {
    const { format, streams = [] } = JSON.parse(answer.toString()) as {
      format?: { duration?: string };
      streams?: { width?: number; height?: number }[];
    };
    const durationMs = Math.round(Number(format?.duration) * 1_000);
    const sides = streams.find(({ width = 0, height = 0 }) => isSide(width) && isSide(height));
    return {
      ...(durationMs >= 0 && durationMs <= DURATION_MAX_MS && { durationMs }),
      ...(sides && { width: sides.width, height: sides.height }),
    } as FilmFacts;
  } catch {
    return {};
  }
}

async function still(path: string): Promise<Preview | undefined> {
  const filter = `thumbnail=${FRAMES},scale=512:512:force_original_aspect_ratio=decrease`;
  const picture = await program('ffmpeg', [
    ...['-v', 'error', '-nostdin', ...only(path), '-an', '-vf', filter],
    ...['-frames:v', '1', '-f', 'image2pipe', '-c:v', 'mjpeg', '-'],
  ]);
  return picture && picturePreview(picture)?.preview;
}

/** A path that begins with a dash, or looks like an address, is a path all the same. */
function only(path: string): string[] {
  return ['-protocol_whitelist', 'file,pipe', '-i', `file:${resolve(path)}`];
}

async function program(name: string, args: readonly string[]): Promise<Buffer | undefined> {
  try {
    const limits = { timeout: TIME_LIMIT_MS, killSignal: 'SIGKILL', maxBuffer: ANSWER_BYTES_MAX } as const;
    const { stdout } = await run(name, [...args], { ...limits, encoding: 'buffer' });
    return stdout;
  } catch {
    return undefined;
  }
}

function isSide(side: number): boolean {
  return Number.isInteger(side) && side >= 1 && side <= SIDE_MAX;
}

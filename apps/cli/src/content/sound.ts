/**
 * How long a sound is, and how loud over its length, read from its file where that needs no decoder: WAV (PCM) and Ogg (Opus, Vorbis). Of other
 * files `ffprobe` says the length, where it is installed (`film.ts`).
 */
import { type FileHandle, open } from 'node:fs/promises';

/** What is said of a sound. */
export interface SoundFacts {
  readonly durationMs?: number;
  /** Peaks, 0 to 255. */
  readonly waveform?: Uint8Array<ArrayBuffer>;
}

const POINTS = 64;
/** Longer sounds are not read through for their waveform. */
const WAVE_BYTES_MAX = 200 * 1_048_576;
const READ_BYTES = 1_048_576;
/** Where the last page of an Ogg stream is looked for. */
const TAIL_BYTES = 131_072;
const OPUS_RATE = 48_000;

/** Never throws: of what cannot be read nothing is said. */
export async function soundFacts(path: string): Promise<SoundFacts> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    const head = Buffer.alloc(4_096);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const begin = head.subarray(0, bytesRead);
    if (begin.toString('latin1', 0, 4) === 'OggS') return await oggFacts(file, begin);
    if (begin.toString('latin1', 0, 4) === 'RIFF' && begin.toString('latin1', 8, 12) === 'WAVE') {
      return await waveFacts(file, begin);
    }
    return {};
  } catch {
    return {};
  } finally {
    await file?.close();
  }
}

/** RFC 7845 §4 and the Vorbis I specification §4.2.2: the position of the last page counts samples. */
async function oggFacts(file: FileHandle, head: Buffer): Promise<SoundFacts> {
  const opus = head.indexOf('OpusHead');
  const vorbis = head.indexOf('\u0001vorbis', 0, 'latin1');
  if (opus < 0 && vorbis < 0) return {};
  const rate = opus >= 0 ? OPUS_RATE : head.readUInt32LE(vorbis + 12);
  const skipped = opus >= 0 ? head.readUInt16LE(opus + 10) : 0;
  const { size } = await file.stat();
  const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
  await file.read(tail, 0, tail.length, size - tail.length);
  const last = tail.lastIndexOf('OggS');
  if (last < 0 || rate === 0) return {};
  const samples = Number(tail.readBigInt64LE(last + 6)) - skipped;
  return samples < 0 ? {} : { durationMs: Math.round((samples * 1_000) / rate) };
}

interface WaveFormat {
  readonly isFloat: boolean;
  readonly channels: number;
  readonly rate: number;
  readonly bits: number;
}

async function waveFacts(file: FileHandle, head: Buffer): Promise<SoundFacts> {
  let format: WaveFormat | undefined;
  for (let at = 12; at + 8 <= head.length; ) {
    const name = head.toString('latin1', at, at + 4);
    const size = head.readUInt32LE(at + 4);
    if (name === 'fmt ') format = waveFormat(head, at + 8);
    if (name === 'data' && format !== undefined) return measure(file, { from: at + 8, size, format });
    at += 8 + size + (size % 2);
  }
  return {};
}

function waveFormat(head: Buffer, at: number): WaveFormat {
  const tag = head.readUInt16LE(at);
  // The extended format has the real one in its sub-format.
  const kind = tag === 0xfffe ? head.readUInt16LE(at + 24) : tag;
  return {
    isFloat: kind === 3,
    channels: head.readUInt16LE(at + 2),
    rate: head.readUInt32LE(at + 4),
    bits: head.readUInt16LE(at + 14),
  };
}

async function measure(
  file: FileHandle,
  { from, size, format }: { from: number; size: number; format: WaveFormat },
): Promise<SoundFacts> {
  const { channels, rate, bits } = format;
  const stride = (channels * bits) / 8;
  if (stride === 0 || rate === 0 || ![8, 16, 24, 32].includes(bits)) return {};
  // A recorder that was stopped may have written no length.
  const bytes = Math.min(size, (await file.stat()).size - from);
  const frames = Math.floor(bytes / stride);
  const durationMs = Math.round((frames * 1_000) / rate);
  if (bytes > WAVE_BYTES_MAX || frames < POINTS) return { durationMs };
  const peaks = new Float64Array(POINTS);
  const block = Buffer.alloc(Math.floor(READ_BYTES / stride) * stride);
  for (let done = 0; done < frames * stride; ) {
    const { bytesRead } = await file.read(block, 0, block.length, from + done);
    if (bytesRead < stride) break;
    for (let at = 0; at + stride <= bytesRead && done + at < frames * stride; at += stride) {
      const point = Math.min(POINTS - 1, Math.floor((((done + at) / stride) * POINTS) / frames));
      peaks[point] = Math.max(peaks[point] ?? 0, loudness(block, at, format));
    }
    done += bytesRead - (bytesRead % stride);
  }
  return { durationMs, waveform: Uint8Array.from(peaks, (peak) => Math.round(Math.min(1, peak) * 255)) };
}

/** The first channel, 0 to 1. */
function loudness(block: Buffer, at: number, { isFloat, bits }: WaveFormat): number {
  if (isFloat) return bits === 32 ? Math.abs(block.readFloatLE(at)) : 0;
  if (bits === 8) return Math.abs((block[at] ?? 128) - 128) / 128;
  return Math.abs(block.readIntLE(at, bits / 8)) / 2 ** (bits - 1);
}

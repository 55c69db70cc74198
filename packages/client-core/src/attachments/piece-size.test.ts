import { ATTACHMENT_LIMITS } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { PieceSize } from './piece-size.ts';

const MIB = 1_048_576;
const ENDLESS = 2 ** 40;

/** Sends a file over a line of so many bytes a second, where no request may take longer than `limitMs` or be larger than `bytesMax`. */
function sendOver(
  size: PieceSize,
  line: { bytes: number; perSecond: number; limitMs?: number; bytesMax?: number },
) {
  const { limitMs = Number.POSITIVE_INFINITY, bytesMax = Number.POSITIVE_INFINITY } = line;
  const seen = { pieces: 0, failures: 0, longestMs: 0 };
  for (let at = 0; at < line.bytes && seen.pieces < 10_000; seen.pieces++) {
    const count = size.of(line.bytes - at);
    const tookMs = (count / line.perSecond) * 1_000;
    if (tookMs > limitMs || count > bytesMax) {
      size.failed(count);
      seen.failures++;
      continue;
    }
    seen.longestMs = Math.max(seen.longestMs, tookMs);
    size.arrived(count, tookMs);
    at += count;
  }
  return seen;
}

test('P1 a fast line soon carries pieces as large as may be', () => {
  const size = new PieceSize();
  sendOver(size, { bytes: 64 * MIB, perSecond: 50 * MIB });
  expect(size.of(ENDLESS)).toBe(ATTACHMENT_LIMITS.pieceBytesMax);
});

test.each([2_000, 10_000, 50_000, 99_000])(
  'P1 on a line of %i bytes a second pieces become small enough, and stay so for the next file',
  (perSecond) => {
    const size = new PieceSize();
    const first = sendOver(size, { bytes: 3 * MIB, perSecond, limitMs: 30_000 });
    expect(first.failures).toBeLessThanOrEqual(4);
    const second = sendOver(size, { bytes: 3 * MIB, perSecond, limitMs: 30_000 });
    expect(second.failures).toBe(0);
    expect(second.longestMs).toBeLessThan(9_000);
  },
);

test('P1 behind a proxy that takes 1 MiB at most a large file arrives, with few attempts in vain', () => {
  const size = new PieceSize();
  const { failures, pieces } = sendOver(size, { bytes: 512 * MIB, perSecond: 20 * MIB, bytesMax: MIB });
  expect(pieces).toBeLessThan(2_000);
  expect(failures / pieces).toBeLessThan(0.1);
});

test('P1 a line that becomes faster is used', () => {
  const size = new PieceSize();
  sendOver(size, { bytes: 2 * MIB, perSecond: 20_000, limitMs: 30_000 });
  sendOver(size, { bytes: 256 * MIB, perSecond: 50 * MIB });
  expect(size.of(ENDLESS)).toBeGreaterThan(8 * MIB);
});

test('P1 the little that a file of a round size has beyond its largest pieces goes first, so that its end waits for no piece', () => {
  const size = new PieceSize();
  const largest = ATTACHMENT_LIMITS.pieceBytesMax;
  const sealed = 2 * largest + 1_832;
  // Not while pieces are small.
  expect(size.of(sealed)).toBeGreaterThan(1_832);
  sendOver(size, { bytes: 64 * MIB, perSecond: 1e9 });
  const counts: number[] = [];
  for (let left = sealed; left > 0; left -= counts.at(-1) ?? left) counts.push(size.of(left));
  expect(counts).toEqual([1_832, largest, largest]);
  expect(size.of(largest - 1)).toBe(largest - 1);
  expect(size.of(largest + 4 * MIB)).toBe(largest);
});

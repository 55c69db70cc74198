import { writeFileSync } from 'node:fs';
import { TemporaryFolder } from '@kuvert/testkit';
import { afterAll, expect, test } from 'vitest';
import { soundFacts } from './sound.ts';

const folder = new TemporaryFolder();
afterAll(() => folder[Symbol.dispose]?.());

/** A WAV file of 16 bits that is silent in its first half and loud in its second. */
export function wave(seconds: number, rate = 8_000): Buffer {
  const samples = Buffer.alloc(seconds * rate * 2);
  for (let at = samples.length / 2; at < samples.length; at += 2) {
    samples.writeInt16LE(at % 4 === 0 ? 32_767 : -32_768, at);
  }
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

test('A1 length and loudness of a recording are read without any program', async () => {
  writeFileSync(folder.at('a.wav'), wave(3));
  const { durationMs, waveform } = await soundFacts(folder.at('a.wav'));
  expect(durationMs).toBe(3_000);
  expect([...(waveform ?? [])]).toEqual([...Array(32).fill(0), ...Array(32).fill(255)]);
});

test('A1 the length of an Opus recording is that of its last page', async () => {
  const page = (granule: bigint, body: Buffer) => {
    const head = Buffer.alloc(28);
    head.write('OggS', 0);
    head.writeBigInt64LE(granule, 6);
    return Buffer.concat([head, body]);
  };
  const opus = Buffer.alloc(19);
  opus.write('OpusHead', 0);
  opus.writeUInt16LE(312, 10);
  writeFileSync(folder.at('a.opus'), Buffer.concat([page(0n, opus), page(48_312n, Buffer.alloc(100))]));
  expect(await soundFacts(folder.at('a.opus'))).toEqual({ durationMs: 1_000 });
});

test('A1 of what is no sound, is cut off or lies about itself nothing is said', async () => {
  const whole = wave(1);
  const noRate = Buffer.from(whole);
  noRate.writeUInt32LE(0, 24);
  const noBits = Buffer.from(whole);
  noBits.writeUInt16LE(7, 34);
  for (const [name, bytes] of Object.entries({
    empty: Buffer.alloc(0),
    short: whole.subarray(0, 30),
    noRate,
    noBits,
    ogg: Buffer.from('OggS and nothing'),
  })) {
    writeFileSync(folder.at(name), bytes);
    expect({ name, ...(await soundFacts(folder.at(name))) }).toEqual({ name });
  }
  expect(await soundFacts(folder.at('missing'))).toEqual({});
});

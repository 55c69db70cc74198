import { createHash, randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openSealer } from '../node/file-sealing.ts';
import type { Clock } from '../ports.ts';
import { GrowingFile } from './growing-file.ts';
import type { FileWriting } from './ports.ts';
import { sealedBytesOf, sealFile } from './sealing.ts';

/** Time passes when nothing else happens. */
const clock: Clock = {
  now: () => 0,
  after(_delayMs, fire) {
    void setImmediate().then(fire);
    return () => undefined;
  },
};

/** A disk of which one can see what is on it. */
function disk(sizeBytes: number, writes: (at: number) => Promise<void>) {
  const bytes = Buffer.alloc(sizeBytes);
  let at = 0;
  const writing: FileWriting = {
    sizeBytes: 0,
    read: async () => new Uint8Array(),
    truncate: async () => undefined,
    flushSoon: () => undefined,
    finish: async () => undefined,
    close: async () => undefined,
    async write(...parts) {
      for (const part of parts) {
        await writes(at);
        bytes.set(part, at);
        at += part.length;
      }
    },
  };
  // Some of it is sealed before the file is there.
  return { writing: wait(3).then(() => writing), bytes };
}

const MIB = 1_048_576;
/** 0 to `below`, in an order that is the same in every run. */
function uneven(below: number): () => number {
  let last = 1;
  return () => {
    last = (last * 48_271) % 2_147_483_647;
    return last % below;
  };
}
const wait = async (times: number) => {
  for (let i = 0; i < times; i++) await setImmediate();
};

/** Takes all there is, from memory where it is there; `fromDisk` counts what was not. */
async function sendAll(file: GrowingFile, onDisk: Buffer, pace: () => number) {
  const parts: Buffer[] = [];
  let fromDisk = 0;
  file.sentFrom(0);
  for (let at = 0; at < onDisk.length; ) {
    await file.reaches(at + 1);
    if (file.isGivenUp) break;
    const loan = file.take(at);
    const end = loan === undefined ? file.writtenBytes : loan.from + loan.bytes.length;
    // What was neither lent nor written would be zeros.
    const part = loan === undefined ? onDisk.subarray(at, end) : loan.bytes.subarray(at - loan.from);
    if (loan === undefined) fromDisk += part.length;
    await wait(pace());
    parts.push(Buffer.from(part));
    at = end;
    file.passed(at, loan);
  }
  file.noSender();
  return { bytes: Buffer.concat(parts), fromDisk };
}

const source = (bytes: Buffer) => ({
  name: 'x',
  sizeBytes: bytes.length,
  async *read() {
    yield bytes;
  },
});

test.each([
  ['as fast', () => 0, 3 * MIB],
  ['now fast, now slow', uneven(12), 3 * MIB],
  ['much slower', () => 40, 3 * MIB],
  ['now fast, now slow, beside a thread that seals', uneven(12), 13 * MIB],
])(
  'P1 what is sent while it is sealed is what is on the disk, to a line that is %s',
  async (_line, pace, size) => {
    const plain = randomBytes(size);
    const diskPace = uneven(4);
    const { writing, bytes } = disk(sealedBytesOf(size), () => wait(diskPace()));
    const growing = new GrowingFile(clock);
    const sending = sendAll(growing, bytes, pace);
    const sealed = await sealFile(source(plain), writing, { openSealer, random: randomBytes, growing });
    // Sealing does not wait for whoever is slow.
    const sent = await sending;
    expect(sent.bytes.equals(bytes)).toBe(true);
    expect(createHash('sha256').update(bytes).digest().equals(sealed.sealedSha256)).toBe(true);
    expect(await growing.sealedSha256).toEqual(sealed.sealedSha256);
  },
);

test('P1 a file is sealed whole while its sender stands still, or where there is none', async () => {
  const plain = randomBytes(5 * MIB);
  for (const hasSender of [true, false]) {
    const { writing, bytes } = disk(sealedBytesOf(plain.length), async () => undefined);
    const growing = new GrowingFile(clock);
    const goOn = Promise.withResolvers<void>();
    if (hasSender) {
      growing.sentFrom(0);
      void growing.reaches(1).then(() => {
        const loan = growing.take(0);
        void goOn.promise.then(() => growing.passed(0, loan));
      });
    }
    await sealFile(source(plain), writing, { openSealer, random: randomBytes, growing });
    expect(growing.writtenBytes).toBe(bytes.length);
    expect(growing.isNearlySent).toBe(hasSender);
    goOn.resolve();
  }
});

test('H1 a disk that takes no more ends the sealing with its reason, whoever sends meanwhile', async () => {
  const plain = randomBytes(5 * MIB);
  const { writing, bytes } = disk(sealedBytesOf(plain.length), async (at) => {
    if (at > 0) throw new Error('full');
  });
  const growing = new GrowingFile(clock);
  const sending = sendAll(growing, bytes, () => 0);
  const failed = await sealFile(source(plain), writing, { openSealer, random: randomBytes, growing }).catch(
    (error: unknown) => error,
  );
  expect(failed).toEqual(new Error('full'));
  growing.giveUp();
  expect(await growing.sealedSha256).toBeUndefined();
  expect((await sending).bytes.length).toBeLessThan(bytes.length);
});

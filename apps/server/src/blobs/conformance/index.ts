/** What every engine of blobs has to do: to be called in a test file of the engine. */
import { createHash, randomBytes } from 'node:crypto';
import { type AttachmentId, makeId, type TenantId } from '@kuvert/protocol';
import { describe, expect, test } from 'vitest';
import type { BlobPlace, Blobs } from '../blobs.ts';

/** An engine under test. */
export interface BlobFixture {
  open(): Promise<Blobs>;
}

const placeOf = (tenantId: TenantId = makeId('tenant', randomBytes(16))): BlobPlace => ({
  tenantId,
  attachment: makeId('attachment', randomBytes(16)),
});

async function* pieces(...parts: (Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield part;
  }
}

async function allOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

async function readAll(blobs: Blobs, place: BlobPlace, from = 0): Promise<Buffer> {
  const { bytes } = await blobs.read(place, from);
  return Buffer.concat(await allOf(bytes));
}

async function namesOf(blobs: Blobs, tenantId: TenantId): Promise<AttachmentId[]> {
  return (await allOf(blobs.list(tenantId))).map(({ attachment }) => attachment);
}

const sha256 = (bytes: Uint8Array) => Uint8Array.from(createHash('sha256').update(bytes).digest());

/** @see the top of this file */
export function blobConformance(name: string, fixture: BlobFixture): void {
  describe(`blobs: ${name}`, () => {
    test('A9 a file grows at its end, is whole once completed, and is read from anywhere', async () => {
      const blobs = await fixture.open();
      const place = placeOf();
      const bytes = randomBytes(700_000);
      expect(await blobs.find(place)).toBeUndefined();
      expect(
        await blobs.append(place, 0, pieces(bytes.subarray(0, 1), bytes.subarray(1, 300_000)), 1e6),
      ).toBe(300_000);
      expect(await blobs.find(place)).toEqual({ sizeBytes: 300_000, isComplete: false });
      await expect(blobs.read(place, 0)).rejects.toMatchObject({ code: 'not_found' });
      expect(await blobs.append(place, 300_000, pieces(bytes.subarray(300_000)), 1e6)).toBe(700_000);
      expect(await blobs.hash(place)).toEqual(sha256(bytes));
      await blobs.complete(place);
      await blobs.complete(place);
      expect(await blobs.find(place)).toEqual({ sizeBytes: 700_000, isComplete: true });
      expect(await blobs.hash(place)).toEqual(sha256(bytes));
      for (const from of [0, 1, 262_144, 699_999, 700_000]) {
        expect((await readAll(blobs, place, from)).equals(bytes.subarray(from))).toBe(true);
      }
      await expect(blobs.append(place, 700_000, pieces(bytes), 1e7)).rejects.toMatchObject({
        code: 'attachment_offset',
      });
      expect(await namesOf(blobs, place.tenantId)).toEqual([place.attachment]);
      await blobs.remove(place);
      await blobs.remove(place);
      expect(await blobs.find(place)).toBeUndefined();
      await expect(blobs.complete(place)).rejects.toMatchObject({ code: 'not_found' });
    });

    test('A9 what a broken connection has brought stays, and a wrong offset is told the right one', async () => {
      const blobs = await fixture.open();
      const place = placeOf();
      const bytes = randomBytes(1_000);
      const size = await blobs.append(place, 0, pieces(bytes.subarray(0, 400), new Error('cut')), 1_000);
      expect(size).toBe(400);
      for (const from of [0, 399, 401]) {
        await expect(blobs.append(place, from, pieces(bytes), 1_000)).rejects.toMatchObject({
          code: 'attachment_offset',
          details: { offset: 400 },
        });
      }
      // After a restart too, when nothing is carried along.
      const again = await fixture.open();
      expect(await again.append(place, 400, pieces(bytes.subarray(400)), 1_000)).toBe(1_000);
      expect(await again.hash(place)).toEqual(sha256(bytes));
    });

    test('P7 a file grows no larger than it may', async () => {
      const blobs = await fixture.open();
      const place = placeOf();
      await expect(
        blobs.append(place, 0, pieces(randomBytes(50), randomBytes(51)), 100),
      ).rejects.toMatchObject({ code: 'too_large' });
      expect((await blobs.find(place))?.sizeBytes).toBeLessThanOrEqual(100);
    });

    test('A9 a part of what comes need only be good until the next is asked for', async () => {
      const blobs = await fixture.open();
      const place = placeOf();
      const bytes = randomBytes(9_000_000);
      async function* inOneBuffer(): AsyncGenerator<Uint8Array> {
        const buffer = Buffer.alloc(1_000_000);
        for (let at = 0; at < bytes.length; at += buffer.length) {
          buffer.set(bytes.subarray(at, at + buffer.length));
          yield buffer;
          buffer.fill(0);
        }
      }
      expect(await blobs.append(place, 0, inOneBuffer(), bytes.length)).toBe(bytes.length);
      expect(await blobs.hash(place)).toEqual(sha256(bytes));
      await blobs.complete(place);
      expect((await readAll(blobs, place)).equals(bytes)).toBe(true);
    });

    test('A9 a client that comes again takes over from a connection that hangs', async () => {
      const blobs = await fixture.open();
      const place = placeOf();
      const bytes = randomBytes(200);
      const taken = Promise.withResolvers<void>();
      async function* hanging(): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, 80);
        taken.resolve();
        await new Promise(() => undefined);
      }
      const first = blobs.append(place, 0, hanging(), 200);
      await taken.promise;
      await expect(blobs.append(place, 0, pieces(bytes), 200)).rejects.toMatchObject({
        details: { offset: 80 },
      });
      expect(await first).toBe(80);
      expect(await blobs.append(place, 80, pieces(bytes.subarray(80)), 200)).toBe(200);
      expect(await blobs.hash(place)).toEqual(sha256(bytes));
    });

    test('A9 whoever asks for what is under way waits until it has settled, and for nothing else', async () => {
      const blobs = await fixture.open();
      const place = placeOf();
      await blobs.settled(place);
      const [begun, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const bytes = randomBytes(200);
      async function* slow(): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, 80);
        begun.resolve();
        await goOn.promise;
        yield bytes.subarray(80);
      }
      const appending = blobs.append(place, 0, slow(), 200);
      await begun.promise;
      const found = blobs.settled(place).then(() => blobs.find(place));
      await blobs.settled(placeOf());
      goOn.resolve();
      expect(await found).toEqual({ sizeBytes: 200, isComplete: false });
      expect(await appending).toBe(200);
    });

    test('P4 the files of one tenant are not found under another', async () => {
      const blobs = await fixture.open();
      const place = placeOf();
      await blobs.append(place, 0, pieces(randomBytes(10)), 10);
      await blobs.complete(place);
      const foreign = { ...placeOf(), attachment: place.attachment };
      expect(await blobs.find(foreign)).toBeUndefined();
      await expect(blobs.read(foreign, 0)).rejects.toMatchObject({ code: 'not_found' });
      await blobs.remove(foreign);
      expect(await namesOf(blobs, foreign.tenantId)).toEqual([]);
      expect(await namesOf(blobs, place.tenantId)).toEqual([place.attachment]);
      for (const wrong of ['../x', '..', '/etc/passwd', '', `${place.attachment}/..`]) {
        const at = { ...place, attachment: wrong as AttachmentId };
        await expect(blobs.find(at)).rejects.toMatchObject({ code: 'not_found' });
        await expect(blobs.append(at, 0, pieces(randomBytes(1)), 1)).rejects.toMatchObject({
          code: 'not_found',
        });
      }
    });

    test('P7 reading may end early, and many may read at once', async () => {
      const blobs = await fixture.open();
      const place = placeOf();
      const bytes = randomBytes(600_000);
      await blobs.append(place, 0, pieces(bytes), 600_000);
      await blobs.complete(place);
      for (let round = 0; round < 20; round++) {
        for await (const piece of (await blobs.read(place, 0)).bytes) {
          expect(piece.length).toBeGreaterThan(0);
          break;
        }
      }
      const all = await Promise.all(Array.from({ length: 8 }, () => readAll(blobs, place)));
      for (const one of all) expect(one.equals(bytes)).toBe(true);
    });
  });
}

import { randomBytes } from 'node:crypto';
import { utf8 } from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { attachmentCipher, attachmentHeader, attachmentLayout } from './index.ts';
import { paddedBytes } from './padding.ts';
import {
  newHeader,
  type SegmentPlace,
  StreamingCipher,
  StreamingLayout,
  type StreamingParameters,
} from './streaming.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const KEY_16 = '6eb56cdc726dfbe5d57f2fcdc6e9345b';
const KEY_32 = `00112233445566778899aabbccddeeff${KEY_16}`;

interface Vector {
  readonly key: string;
  readonly hash: StreamingParameters['hkdfHash'];
  readonly segment: number;
  readonly derived: 16 | 32;
  readonly aad: Uint8Array;
  readonly plaintext: string;
  readonly ciphertext: string;
}
const EMPTY = { key: KEY_16, hash: 'sha1', segment: 64, derived: 16, aad: utf8(''), plaintext: '' } as const;

/** Tink's vectors: tink-java, `streamingaead/internal/testing/AesGcmHkdfStreamingTestUtil.java` (Apache-2.0), 2025. */
const VECTORS: readonly Vector[] = [
  {
    ...EMPTY,
    aad: utf8('aad'),
    plaintext: 'This is a fairly long plaintext. It is of the exact length to create three output blocks. ',
    ciphertext:
      '1893b3af5e14ab378d065addfc8484da642c0862877baea8' +
      'db92d9c77406a406168478821c4298eab3e6d531277f4c1a051714faebcaefcbca7b7be05e9445ea' +
      'a0bb2904153398a25084dd80ae0edcd1c3079fcea2cd3770630ee36f7539207b8ec9d754956d486b71cdf989f0ed6fba6779b63558be0a66e668df14e1603cd2' +
      'af8944844078345286d0b292e772e7190775c51a0f83e40c0b75821027e7e538e111',
  },
  {
    ...EMPTY,
    ciphertext: '18ec99b2c3884194023bd41bb9bff309205354c750fa0cb3c0d02609abf71f88eaeaa48d7deca27f',
  },
  {
    ...EMPTY,
    hash: 'sha256',
    ciphertext: '18be78bce0cab6fd38a9041eea8ab0ffc4cf17e3c00b661d3927f5f79069f41a210fedc40b25648c',
  },
  {
    ...EMPTY,
    hash: 'sha512',
    ciphertext: '18fec8139ccb406e0f140d7e2bcc41e1b899bc1b121574cc31d1c78ed2ca1cdf324665b8dce21095',
  },
  {
    ...EMPTY,
    key: KEY_32,
    ciphertext: '180880e85a24207a7b72cefde26306ed09d7d76e58104b751d005a3ffd72dd6151f0d9c8ccf163f7',
  },
  ...([64, 128] as const).map((segment) => ({
    ...EMPTY,
    key: KEY_32,
    derived: 32 as const,
    segment,
    ciphertext:
      '28fae780c70a82d1256c8303a1261ac6a98cf557b4e173967a62f3c149517ba5b2431da93b3c6e90f508b34dc14bfda59bab05681c6ad3fa',
  })),
  {
    ...EMPTY,
    key: KEY_32,
    derived: 32,
    segment: 120,
    aad: Uint8Array.of(0, 1, 2, 3),
    plaintext: 'BLOCK 1.BLOCK 2.BLOCK 3.BLOCK 4.BLOCK 5.BLOCK 6.BLOCK 7.BLOCK 8.',
    ciphertext:
      '28782994617714a80fa085e15051a16854522330d6d0f26c049b2192f09cdd98b2eb90c753bfff277a29e54fa4afb15d648c28477eb07f012535c767f5fdce24ffffae318480c1d37357d6d3c511159318afa09ef38aa3f5456fd7817c5c02dd6e1a7fef174c8bd24e38b5982ac105497c0101ac5581fe5b',
  },
];

const parametersOf = (vector: Vector): StreamingParameters => ({
  segmentBytes: vector.segment,
  derivedKeyBytes: vector.derived,
  hkdfHash: vector.hash,
  associatedData: vector.aad,
});

function sealSegment(
  cipher: StreamingCipher,
  place: SegmentPlace,
  plaintext: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const into = new Uint8Array(place.sealedEnd - place.sealedStart);
  expect(cipher.seal(place, plaintext.subarray(place.plainStart, place.plainEnd), into)).toBe(into.length);
  return into;
}

/** Opens a whole sealed file, as a reader would who knows the size of its content. */
function openAll(cipher: StreamingCipher, layout: StreamingLayout, sealed: Uint8Array): Uint8Array {
  const parts = Array.from({ length: layout.segmentCount }, (_, index) => {
    const place = layout.segment(index);
    return cipher.open(place, sealed.subarray(place.sealedStart, place.sealedEnd));
  });
  return Buffer.concat(parts);
}

test.each(VECTORS)(
  'B1 B8 the published vectors of Tink open and are made again ($hash, $segment)',
  (vector) => {
    const parameters = parametersOf(vector);
    const plaintext = utf8(vector.plaintext);
    const layout = new StreamingLayout(plaintext.length, parameters);
    const sealed = hex(vector.ciphertext);
    expect(layout.sealedBytes).toBe(sealed.length);
    const cipher = new StreamingCipher(hex(vector.key), sealed.subarray(0, layout.headerBytes), parameters);
    expect(Buffer.from(openAll(cipher, layout, sealed)).toString()).toBe(vector.plaintext);
    const again = [cipher.header];
    for (let index = 0; index < layout.segmentCount; index++) {
      const place = layout.segment(index);
      again.push(sealSegment(cipher, place, plaintext));
    }
    expect(Buffer.concat(again).toString('hex')).toBe(vector.ciphertext);
  },
);

test('B8 segments that were changed, moved, repeated, cut off or appended do not open', () => {
  const parameters = {
    segmentBytes: 80,
    derivedKeyBytes: 32,
    hkdfHash: 'sha256',
    associatedData: utf8('x'),
  } as const;
  const plaintext = Uint8Array.from(randomBytes(150));
  const layout = new StreamingLayout(plaintext.length, parameters);
  const cipher = new StreamingCipher(randomBytes(32), newHeader(randomBytes), parameters);
  const sealed = Array.from({ length: layout.segmentCount }, (_, index) => {
    const place = layout.segment(index);
    return sealSegment(cipher, place, plaintext);
  });
  const last = sealed.length - 1;
  expect(last).toBeGreaterThan(1);
  for (let index = 0; index <= last; index++) {
    const place = { index, isLast: index === last };
    const segment = sealed[index] ?? Buffer.alloc(0);
    expect(() => cipher.open(place, segment)).not.toThrow();
    for (let bit = 0; bit < segment.length * 8; bit += 7) {
      const changed = Buffer.from(segment);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => cipher.open(place, changed)).toThrow('changed');
    }
    expect(() => cipher.open({ ...place, index: index + 1 }, segment)).toThrow('changed');
    expect(() => cipher.open({ ...place, isLast: !place.isLast }, segment)).toThrow('changed');
    expect(() => cipher.open(place, segment.subarray(0, -1))).toThrow();
  }
});

test('B1 an attachment of any size is laid out without gaps, and resumes at whole segments', () => {
  for (const size of [0, 1, 4_096, 262_087, 262_088, 262_089, 524_216, 524_217, 2 ** 31]) {
    const layout = attachmentLayout(size);
    const last = layout.segment(layout.segmentCount - 1);
    expect([last.plainEnd, last.sealedEnd]).toEqual([size, layout.sealedBytes]);
    expect(layout.segment(0).sealedStart).toBe(40);
    for (const index of [0, Math.floor(layout.segmentCount / 2), layout.segmentCount - 1]) {
      const { sealedEnd } = layout.segment(index);
      expect(layout.segmentsIn(sealedEnd)).toBe(index + 1);
      expect(layout.segmentsIn(sealedEnd - 1)).toBe(index);
    }
  }
});

test('B1 another key, or another header, opens nothing', () => {
  const key = randomBytes(32);
  const cipher = attachmentCipher(key, attachmentHeader(randomBytes));
  const place = { index: 0, isLast: true };
  const sealed = new Uint8Array(6 + 16);
  cipher.seal(place, utf8('secret'), sealed);
  expect(attachmentCipher(key, cipher.header).open(place, sealed)).toEqual(Buffer.from('secret'));
  expect(() => attachmentCipher(randomBytes(32), cipher.header).open(place, sealed)).toThrow('changed');
  expect(() =>
    attachmentCipher(key, attachmentCipher(key, attachmentHeader(randomBytes)).header).open(place, sealed),
  ).toThrow('changed');
  expect(() => attachmentCipher(key, cipher.header.subarray(1))).toThrow('header');
});

test('B1 sizes are padded as Padmé says, at little cost, and never shrink', () => {
  // By hand: 9,000 has E = 13 and S = 4, so its last 9 bits become zero; 100,000 has 16 and 5, a million 19 and 5.
  expect([paddedBytes(9_000), paddedBytes(100_000), paddedBytes(1_000_000)]).toEqual([
    9_216, 100_352, 1_015_808,
  ]);
  expect([0, 1, 4_096].map(paddedBytes)).toEqual([4_096, 4_096, 4_096]);
  expect(paddedBytes(2 ** 31)).toBe(2 ** 31);
  let before = 0;
  const seen = new Set<number>();
  for (let size = 4_097; size < 2 ** 31; size = Math.ceil(size * 1.0007)) {
    const padded = paddedBytes(size);
    expect(padded).toBeGreaterThanOrEqual(Math.max(size, before));
    expect(padded).toBeLessThan(size * 1.12);
    seen.add(padded);
    before = padded;
  }
  expect(seen.size).toBeLessThan(600);
});

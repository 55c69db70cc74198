import { randomBytes } from 'node:crypto';
import { decodeCbor, decodeContent, encodeCbor, encodeContent, makeId } from '@kuvert/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { buildFrame, conversationIdFor, FRAME_BYTES_MAX, type FrameHeader, parseFrame } from './frame.ts';
import { decodeHeader, encodeHeader } from './header.ts';
import { INLINE_FRAME_BYTES_MAX, packFrame, unpackFrame } from './shared-body.ts';

const fill = (byte: number, size = 16) => new Uint8Array(size).fill(byte);
const tenant = makeId('tenant', fill(1));
const anna = makeId('person', fill(2));
const bob = makeId('person', fill(3));
const key = fill(9, 32);
const header: FrameHeader = {
  v: 1,
  tenant,
  conversation: conversationIdFor(tenant, anna, bob),
  senderPerson: anna,
  senderDevice: makeId('device', fill(4)),
  contentId: makeId('content', fill(5)),
  kind: 'text',
  sentAtMs: Date.UTC(2026, 0, 1),
  lifetimeMs: 86_400_000,
  chain: { id: makeId('chain', fill(6)), seq: 1, link: fill(7, 32) },
  lists: { own: { version: 1, hash: fill(8, 32) }, peer: { version: 3, hash: fill(9, 32) } },
};
const full: FrameHeader = {
  ...header,
  policyHash: fill(1, 32),
  refs: [makeId('content', fill(2))],
  attachments: [fill(3, 40)],
};
const malformed = expect.objectContaining({ name: 'SessionError', reason: 'malformed' });
const tooNew = expect.objectContaining({ name: 'SessionError', reason: 'too-new' });

test('B1 a frame gives back header, body and commitment', () => {
  for (const each of [header, full]) {
    const built = buildFrame({ frankingKey: key, header: each, body: fill(1, 100) });
    const parsed = parseFrame(built.bytes);
    expect(parsed).toEqual({
      frankingKey: key,
      header: each,
      body: fill(1, 100),
      commitment: built.commitment,
    });
  }
});

test('B1 every text arrives byte for byte, from 0 to 60,000 code points', () => {
  const texts = [
    '',
    '\0',
    'a\r\nb\r\n',
    'שלום \u202eabc\u202c مرحبا',
    '👩‍👩‍👧‍👦🏳️‍🌈',
    '\ufeff\u200b',
    '😀'.repeat(60_000),
  ];
  for (const text of texts) {
    const body = encodeContent({ kind: 'text', minReader: 1, text });
    const packed = packFrame(buildFrame({ frankingKey: key, header, body }).bytes, randomBytes(32));
    const frame = parseFrame(unpackFrame(packed.plaintext, packed.body));
    expect(decodeContent(frame.body)).toEqual({ kind: 'text', minReader: 1, text });
  }
});

test('B1 the size of a frame tells the bucket and nothing more', () => {
  fc.assert(
    fc.property(fc.nat(6_000), (size) => {
      const { length } = buildFrame({ frankingKey: key, header, body: fill(1, size) }).bytes;
      expect(Number.isInteger(Math.log2(length / 160))).toBe(true);
      const smallest = encodeHeader(header).length + 38 + size;
      expect(length).toBeGreaterThanOrEqual(smallest);
      expect(length === 160 || length / 2 < smallest).toBe(true);
    }),
  );
});

test('B8 padding other than zero, another bucket and lengths beyond the end are refused', () => {
  const { bytes } = buildFrame({ frankingKey: key, header, body: fill(1, 10) });
  const changed = (at: number, value: number) => {
    const copy = Uint8Array.from(bytes);
    copy[at] = value;
    return copy;
  };
  const doubled = new Uint8Array(bytes.length * 2);
  doubled.set(bytes);
  const refused = [
    new Uint8Array(0),
    new Uint8Array(160),
    bytes.subarray(0, bytes.length - 1),
    bytes.subarray(0, 160),
    doubled,
    changed(bytes.length - 1, 1),
    changed(32, 0xff),
    changed(34, 0xff),
    changed(36, 0xff),
    new Uint8Array(FRAME_BYTES_MAX * 2),
  ];
  for (const [index, frame] of refused.entries()) {
    expect(() => parseFrame(frame), `frame ${index}`).toThrow(malformed);
  }
});

test('B8 a changed byte never leaves header, body and commitment as they were', () => {
  const { bytes, commitment } = buildFrame({ frankingKey: key, header, body: fill(1, 10) });
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const copy = Uint8Array.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ mask;
      let parsed: ReturnType<typeof parseFrame>;
      try {
        parsed = parseFrame(copy);
      } catch (error) {
        expect(error).toMatchObject({ name: 'SessionError' });
        return;
      }
      expect(parsed.commitment).not.toEqual(commitment);
    }),
    { numRuns: 2_000 },
  );
});

test('B8 a header with missing, wrong or excessive fields is refused, also when writing', () => {
  const fields: { readonly [key: string]: unknown } = {
    t: fill(2, 17),
    c: 5,
    p: undefined,
    d: new Uint8Array(17),
    m: 'x',
    k: '',
    s: -1,
    l: 1.5,
    h: [fill(1, 17), 0, fill(1, 32)],
    o: [1],
    e: [1, fill(1, 31)],
    y: fill(1, 31),
    r: [fill(1, 17)],
    a: [new Uint8Array(0)],
    x: 5,
  };
  const valid = decodeMap(encodeHeader(full));
  for (const [name, value] of Object.entries(fields)) {
    expect(() => decodeHeader(encodeCbor({ ...valid, [name]: value } as never)), name).toThrow(malformed);
  }
  expect(() => decodeHeader(encodeCbor([1]))).toThrow(malformed);
  expect(() => decodeHeader(Uint8Array.of(0xff))).toThrow(malformed);
  expect(() => encodeHeader({ ...header, kind: 'k'.repeat(65) })).toThrow(malformed);
  expect(() => buildFrame({ frankingKey: fill(1, 31), header, body: key })).toThrow(malformed);
  expect(() => buildFrame({ frankingKey: key, header, body: fill(0, FRAME_BYTES_MAX) })).toThrow(malformed);
});

test('A1 fields of a later release are ignored unless they are marked as critical', () => {
  const valid = decodeMap(encodeHeader(header));
  expect(decodeHeader(encodeCbor({ ...valid, zz: 1, x: ['k'] } as never))).toEqual(header);
  expect(() => decodeHeader(encodeCbor({ ...valid, zz: 1, x: ['zz'] } as never))).toThrow(tooNew);
  expect(() => decodeHeader(encodeCbor({ ...valid, v: 2 } as never))).toThrow(tooNew);
});

test('B1 a conversation has one id from both sides, and another in another tenant or with another person', () => {
  const here = conversationIdFor(tenant, anna, bob);
  expect(conversationIdFor(tenant, bob, anna)).toBe(here);
  expect(conversationIdFor(makeId('tenant', fill(9)), anna, bob)).not.toBe(here);
  expect(conversationIdFor(tenant, anna, makeId('person', fill(9)))).not.toBe(here);
});

test('B1 a large frame is sealed once beside the legs and opens only with the very body', () => {
  const small = fill(1, INLINE_FRAME_BYTES_MAX);
  expect(packFrame(small, key)).not.toHaveProperty('body');
  const frame = fill(1, INLINE_FRAME_BYTES_MAX * 2);
  const { plaintext, body } = packFrame(frame, key);
  expect(plaintext).toHaveLength(65);
  if (body === undefined) throw new Error('a large frame has a body');
  expect(body).toHaveLength(frame.length + 17);
  expect(unpackFrame(plaintext, body)).toEqual(frame);

  const flip = (bytes: Uint8Array, at: number) =>
    bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
  const wrong: [Uint8Array, Uint8Array | undefined][] = [
    [plaintext, undefined],
    [plaintext, flip(body, 0)],
    [plaintext, flip(body, 100)],
    [plaintext, body.subarray(0, body.length - 1)],
    [flip(plaintext, 0), body],
    [flip(plaintext, 1), body],
    [flip(plaintext, 40), body],
    [plaintext.subarray(0, 64), body],
    [packFrame(small, key).plaintext, body],
    [new Uint8Array(0), undefined],
    [Uint8Array.of(1, ...frame), undefined],
  ];
  for (const [index, [leg, other]] of wrong.entries()) {
    expect(() => unpackFrame(leg, other), `pair ${index}`).toThrow(malformed);
  }
});

function decodeMap(bytes: Uint8Array): { readonly [key: string]: unknown } {
  return decodeCbor(bytes) as { readonly [key: string]: unknown };
}

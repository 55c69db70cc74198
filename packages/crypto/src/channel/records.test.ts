import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChannelError } from './channel-error.ts';
import { NOISE_PLAINTEXT_BYTES_MAX } from './cipher-state.ts';
import { RECORD_BYTES_MAX, RecordReader, RecordWriter } from './records.ts';

const HEAD = 3;

function packed(records: readonly Uint8Array[]): Uint8Array[] {
  const writer = new RecordWriter();
  for (const record of records) writer.add(record);
  return writer.take();
}

function patterned(sizeBytes: number): Uint8Array {
  const record = new Uint8Array(sizeBytes);
  for (let i = 0; i < sizeBytes; i++) record[i] = (i * 31 + (i >> 8)) & 0xff;
  return record;
}

function failureOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof ChannelError) return error.failure;
    throw error;
  }
  return 'nothing';
}

const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
  {
    weight: 2,
    arbitrary: fc.integer({ min: NOISE_PLAINTEXT_BYTES_MAX - 8, max: NOISE_PLAINTEXT_BYTES_MAX + 8 }),
  },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 300_000 }) },
);

test('B3 whatever records are written come out whole and in order, each Noise message within its limit', () => {
  fc.assert(
    fc.property(fc.array(fc.array(sizes, { maxLength: 12 }), { maxLength: 4 }), (ticks) => {
      const writer = new RecordWriter();
      const reader = new RecordReader();
      for (const tick of ticks) {
        const records = tick.map(patterned);
        for (const record of records) writer.add(record);
        const plaintexts = writer.take();
        expect(writer.pendingBytes).toBe(0);
        const read = plaintexts.flatMap((plaintext) => {
          expect(plaintext.length).toBeLessThanOrEqual(NOISE_PLAINTEXT_BYTES_MAX);
          return reader.push(plaintext);
        });
        expect(read.length).toBe(records.length);
        for (const [index, record] of read.entries()) {
          expect(Buffer.compare(record, records[index] as Uint8Array)).toBe(0);
        }
      }
    }),
    { numRuns: 150 },
  );
});

test('B3 arbitrary bytes are read without harm: records or a ChannelError, and nothing after an error', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (plaintexts) => {
      const reader = new RecordReader();
      let failed = false;
      for (const plaintext of plaintexts) {
        const failure = failureOf(() => reader.push(plaintext));
        if (failed) expect(failure).toBe('closed');
        failed ||= failure !== 'nothing';
      }
    }),
    { numRuns: 2_000 },
  );
});

test('B3 the records of one tick share one Noise message where they fit', () => {
  const fits = Math.floor(NOISE_PLAINTEXT_BYTES_MAX / (HEAD + 200));
  const records = Array.from({ length: fits }, () => patterned(200));
  expect(packed(records).length).toBe(1);
  expect(packed([...records, patterned(200)]).length).toBe(2);
  expect(packed([])).toEqual([]);
});

test('B3 a record is cut only when it does not fit into a Noise message of its own', () => {
  const whole = NOISE_PLAINTEXT_BYTES_MAX - HEAD;
  expect(packed([patterned(10), patterned(whole)]).map((plaintext) => plaintext.length)).toEqual([
    13,
    whole + HEAD,
  ]);
  expect(packed([patterned(10), patterned(whole + 1)]).map((plaintext) => plaintext.length)).toEqual([
    NOISE_PLAINTEXT_BYTES_MAX,
    17,
  ]);
});

test('B3 the layout is flags, length, bytes', () => {
  expect(packed([Uint8Array.of(1, 2), new Uint8Array(0)])).toEqual([Uint8Array.of(1, 0, 2, 1, 2, 1, 0, 0)]);
  const reader = new RecordReader();
  expect(reader.push(Uint8Array.of(0, 0, 2, 1, 2))).toEqual([]);
  expect(reader.push(Uint8Array.of(1, 0, 1, 3, 1, 0, 0))).toEqual([
    Uint8Array.of(1, 2, 3),
    new Uint8Array(0),
  ]);
});

test('B3 a record of one fragment is a view of the plaintext, not a copy', () => {
  const plaintext = Uint8Array.of(1, 0, 1, 9);
  const [record] = new RecordReader().push(plaintext);
  expect(record?.buffer).toBe(plaintext.buffer);
});

test.each<[string, number[]]>([
  ['no fragment', []],
  ['an empty fragment that ends nothing', [0, 0, 0]],
  ['an unknown flag', [3, 0, 1, 9]],
  ['a high flag', [0x81, 0, 1, 9]],
  ['a fragment longer than its message', [1, 0, 2, 9]],
  ['one byte behind the last fragment', [1, 0, 1, 9, 1]],
  ['two bytes behind the last fragment', [1, 0, 1, 9, 1, 0]],
])('B3 a message with %s ends the record layer', (_name, bytes) => {
  const reader = new RecordReader();
  expect(failureOf(() => reader.push(Uint8Array.from(bytes)))).toBe('malformed');
  expect(failureOf(() => reader.push(Uint8Array.of(1, 0, 1, 9)))).toBe('closed');
});

test('B3 a record of 1 MiB passes, one byte more is refused by writer and reader', () => {
  const largest = patterned(RECORD_BYTES_MAX);
  const reader = new RecordReader();
  const read = packed([largest]).flatMap((plaintext) => reader.push(plaintext));
  expect(read.length).toBe(1);
  expect(Buffer.compare(read[0] as Uint8Array, largest)).toBe(0);

  const writer = new RecordWriter();
  expect(failureOf(() => writer.add(new Uint8Array(RECORD_BYTES_MAX + 1)))).toBe('too_long');
  expect(writer.pendingBytes).toBe(0);

  const hostile = new RecordReader();
  const fragment = new Uint8Array(HEAD + 65_516).fill(1);
  fragment.set([0, 0xff, 0xec]);
  let accepted = 0;
  while (failureOf(() => hostile.push(fragment)) === 'nothing') accepted += 65_516;
  expect(accepted).toBeLessThanOrEqual(RECORD_BYTES_MAX);
  expect(failureOf(() => hostile.push(Uint8Array.of(1, 0, 1, 9)))).toBe('closed');
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KuvertError } from './errors.ts';
import { makeId, makeSubmitId } from './ids.ts';
import {
  CLASSES,
  decodeAck,
  decodeDelivery,
  decodeSubmit,
  decodeSubmitAnswer,
  encodeAck,
  encodeDelivery,
  encodeSubmit,
  encodeSubmitAnswer,
  MAILBOX_LIMITS,
} from './mailbox.ts';

const random16 = fc.uint8Array({ minLength: 16, maxLength: 16 });
const device = random16.map((bytes) => makeId('device', bytes));
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((value) => Uint8Array.from(value));
const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const timeMs = fc.integer({ min: 0, max: 8.64e15 });
const submitClass = fc.constantFrom(...Object.values(CLASSES));
const body = fc.option(bytes(300), { nil: undefined });

const toPerson = fc.record({
  requestNo: uint32,
  submitId: timeMs.map((time) => makeSubmitId(time / 64, new Uint8Array(10).fill(7))),
  to: random16.map((value) => makeId('person', value)),
  listHash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((value) => Uint8Array.from(value)),
  suite: fc.constant(1),
  class: submitClass,
  urgency: fc.constantFrom(0, 1),
  lifetime: fc.constantFrom(1 as const, 2 as const, 3 as const),
  legs: fc.array(fc.record({ device, bytes: bytes(200) }), { maxLength: 4 }),
  body,
});
/** What is for a group has one body and no legs. */
const toGroup = fc.tuple(toPerson, random16, bytes(300)).map(([value, group, content]) => ({
  ...value,
  to: makeId('group', group),
  suite: 2,
  legs: [],
  body: content,
}));
const submit = fc.oneof(toPerson, toGroup);
const withoutUndefined = <T extends { body: unknown }>(value: T) => {
  const { body: present, ...rest } = value;
  return present === undefined ? rest : value;
};

test('A1 a submit survives its binary layout', () => {
  fc.assert(
    fc.property(submit, (value) => {
      const expected = withoutUndefined(value);
      const decoded = decodeSubmit(encodeSubmit(expected as Parameters<typeof encodeSubmit>[0]));
      expect({ ...decoded, submitId: decoded.submitId }).toEqual(expected);
    }),
  );
});

test('A1 an answer, a delivery and an ack survive their binary layouts', () => {
  const answer = fc.record({
    requestNo: uint32,
    acceptedAtMs: timeMs,
    legs: fc.array(fc.record({ device, outcome: fc.constantFrom('stored' as const, 'dormant' as const) }), {
      maxLength: 4,
    }),
  });
  fc.assert(
    fc.property(answer, (value) => {
      expect(decodeSubmitAnswer(encodeSubmitAnswer(value))).toEqual(value);
    }),
  );
  const refused = {
    requestNo: 9,
    error: {
      code: 'devices_changed',
      retry: { kind: 'resync', what: 'devices' },
      details: { missing: ['a'], stale: true },
    },
  } as const;
  expect(
    decodeSubmitAnswer(encodeSubmitAnswer(refused as unknown as Parameters<typeof encodeSubmitAnswer>[0])),
  ).toEqual(refused);
  const delivery = fc.record({
    deliverySeq: uint32,
    acceptedAtMs: timeMs,
    expiresAtMs: timeMs,
    suite: fc.constant(1),
    class: submitClass,
    leg: bytes(200),
    body,
  });
  fc.assert(
    fc.property(delivery, (value) => {
      const expected = withoutUndefined(value);
      expect(decodeDelivery(encodeDelivery(expected as Parameters<typeof encodeDelivery>[0]))).toEqual(
        expected,
      );
    }),
  );
  fc.assert(
    fc.property(uint32, (upTo) => {
      expect(decodeAck(encodeAck(upTo))).toBe(upTo);
    }),
  );
});

test('H9 a record that was cut, lengthened or filled at random is decoded or refused from the catalogue', () => {
  const decoders = [decodeSubmit, decodeSubmitAnswer, decodeDelivery, decodeAck];
  const damaged = fc.tuple(submit, fc.nat(400), fc.nat(255)).map(([value, at, byte]) => {
    const record = encodeSubmit(withoutUndefined(value) as Parameters<typeof encodeSubmit>[0]);
    record[at % record.length] = byte;
    return record.subarray(0, byte % 2 === 0 ? record.length : at % record.length);
  });
  const noise = fc
    .tuple(fc.constantFrom(0x10, 0x11, 0x12, 0x13), bytes(80))
    .map(([type, rest]) => Uint8Array.of(type, ...rest));
  fc.assert(
    fc.property(fc.oneof(damaged, noise), (record) => {
      for (const decode of decoders) {
        try {
          decode(record);
        } catch (error) {
          expect(error).toBeInstanceOf(KuvertError);
        }
      }
    }),
    { numRuns: 3_000 },
  );
});

test('A1 a leg or body above its limit is refused as too large', () => {
  const base = {
    requestNo: 1,
    submitId: makeSubmitId(0, new Uint8Array(10)),
    to: makeId('person', new Uint8Array(16)),
    listHash: new Uint8Array(32),
    suite: 1,
    class: CLASSES.message,
    urgency: 1,
    lifetime: 1,
  } as const;
  const leg = {
    device: makeId('device', new Uint8Array(16)),
    bytes: new Uint8Array(MAILBOX_LIMITS.legBytesMax + 1),
  };
  expect(() => decodeSubmit(encodeSubmit({ ...base, legs: [leg] }))).toThrow('too_large');
  const tooLong = new Uint8Array(MAILBOX_LIMITS.bodyBytesMax + 1);
  expect(() => decodeSubmit(encodeSubmit({ ...base, legs: [], body: tooLong }))).toThrow('too_large');
});

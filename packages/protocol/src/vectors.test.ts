/**
 * Byte-exact examples of the formats, for authors of other clients: `vectors/formats.json` names a value in words and gives its bytes in
 * hex. Values below are rebuilt from the same facts and must encode to exactly these bytes, and these bytes must decode to the values.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import { decodeControl, encodeControl, toWireError } from './channel.ts';
import { decodeContent, encodeContent } from './content.ts';
import { decodeToken, encodeToken } from './enrolment-token.ts';
import { KuvertError } from './errors.ts';
import { idFromBytes, idToBytes, makeId, makeSubmitId } from './ids.ts';
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
  type Submit,
} from './mailbox.ts';

type Example = { about: string; text?: string; hex?: string };
const examples = JSON.parse(
  readFileSync(new URL('./vectors/formats.json', import.meta.url), 'utf8'),
) as Record<string, Example>;

/** `size` bytes that count up from `first`. */
function counting(first: number, size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, i) => (first + i) & 0xff);
}

const person = makeId('person', counting(0x10, 16));
const device = makeId('device', counting(0x20, 16));
const submitId = makeSubmitId(Date.UTC(2026, 0, 2, 3, 4, 5, 678), counting(0x30, 10));
const submit = {
  requestNo: 7,
  submitId,
  to: person,
  listHash: counting(0x40, 32),
  suite: 1,
  class: CLASSES.message,
  urgency: 1,
  lifetime: 1,
  legs: [{ device, bytes: counting(0x60, 5) }],
} as const;
const accepted = {
  requestNo: 7,
  acceptedAtMs: Date.UTC(2026, 0, 2, 3, 4, 6),
  legs: [{ device, outcome: 'stored' as const }],
};
const refused = {
  requestNo: 8,
  error: toWireError(
    new KuvertError('devices_changed', { details: { missing: [device], extra: [], stale: true } }),
  ),
};
const delivery = {
  deliverySeq: 1,
  acceptedAtMs: Date.UTC(2026, 0, 2, 3, 4, 6),
  expiresAtMs: Date.UTC(2026, 1, 1, 3, 4, 6),
  suite: 1,
  class: CLASSES.message,
  leg: counting(0x60, 5),
} as const;
const token = {
  tenantId: makeId('tenant', counting(0x01, 16)),
  tokenId: makeId('enrolmentToken', counting(0x50, 16)),
  secret: counting(0x80, 32),
  serverStatic: counting(0xa0, 32),
  rootHash: counting(0xc0, 32),
};
const request = { id: 1, method: 'people.find', params: { mail: 'ben@acme.test' } };
const event = { event: 'drained', data: {} };
const text = { kind: 'text', minReader: 1, text: 'Grüße 👋\r\n\0' } as const;

/** With the id, which is made into text when it is asked for, as a field of its own. */
function readSubmit(bytes: Uint8Array): Submit {
  const read = decodeSubmit(bytes);
  return { ...read, submitId: read.submitId };
}

const formats: [name: string, bytes: Uint8Array, decoded: unknown, read: (bytes: Uint8Array) => unknown][] = [
  ['submit', encodeSubmit(submit), submit, readSubmit],
  [
    'submitWithBody',
    encodeSubmit({ ...submit, body: counting(0x70, 4) }),
    { ...submit, body: counting(0x70, 4) },
    readSubmit,
  ],
  ['submitAccepted', encodeSubmitAnswer(accepted), accepted, decodeSubmitAnswer],
  ['submitRefused', encodeSubmitAnswer(refused), refused, decodeSubmitAnswer],
  ['delivery', encodeDelivery(delivery), delivery, decodeDelivery],
  ['ack', encodeAck(3), 3, decodeAck],
  ['request', encodeControl('request', request), request, decodeControl],
  ['event', encodeControl('event', event), event, decodeControl],
  ['textContent', encodeContent(text), text, decodeContent],
  ['cbor', encodeCbor({ b: [1, -2, null], aa: counting(0, 2), a: true }), undefined, decodeCbor],
];

test.each(formats)(
  'A1 the example %s has exactly these bytes, in both directions',
  (name, bytes, decoded, read) => {
    const hex = examples[name]?.hex ?? '';
    expect(Buffer.from(bytes).toString('hex')).toBe(hex);
    const value = read(Uint8Array.from(Buffer.from(hex, 'hex')));
    expect(value).toEqual(decoded ?? { a: true, b: [1, -2, null], aa: counting(0, 2) });
    if (name === 'cbor') expect(encodeCbor(value as CborValue)).toEqual(bytes);
  },
);

test('A1 the example ids and token have exactly these forms', () => {
  for (const [name, type, id] of [
    ['personId', 'person', person],
    ['deviceId', 'device', device],
    ['submitId', 'submit', submitId],
  ] as const) {
    expect(examples[name]).toMatchObject({ text: id, hex: Buffer.from(idToBytes(id)).toString('hex') });
    expect(idFromBytes(type, Buffer.from(examples[name]?.hex ?? '', 'hex'))).toBe(id);
  }
  expect(encodeToken(token)).toBe(examples.token?.text);
  expect(decodeToken(examples.token?.text ?? '')).toEqual(token);
});

test('A1 every example is used', () => {
  const used = [...formats.map(([name]) => name), 'personId', 'deviceId', 'submitId', 'token'];
  expect(Object.keys(examples).sort()).toEqual(used.sort());
});

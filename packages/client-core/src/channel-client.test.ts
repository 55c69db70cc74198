import {
  type CborValue,
  decodeAck,
  encodeControl,
  encodeDelivery,
  encodeSubmitAnswer,
  KuvertError,
  makeId,
  RECORD_TYPES,
} from '@kuvert/protocol';
import { expect, test } from 'vitest';
import { ChannelClient } from './channel-client.ts';
import { ManualClock } from './node/doubles/manual-clock.ts';

function open() {
  const clock = new ManualClock();
  const sent: Uint8Array[] = [];
  const heard: string[] = [];
  let closed = 0;
  const client = new ChannelClient({
    clock,
    link: { send: (record) => sent.push(record), close: () => closed++ },
    events: {
      onDelivery: (delivery) => heard.push(`delivery ${delivery.deliverySeq}`),
      onEvent: (name) => heard.push(name),
      onClose: (reason: KuvertError) => heard.push(`closed ${reason.code}`),
    },
  });
  return { clock, client, sent, heard, closings: () => closed };
}

const deviceId = makeId('device', new Uint8Array(16));
const respond = (message: CborValue) => encodeControl('response', message);

test('A1 answers find their questions in any order, and an answer to nothing is passed over', async () => {
  const { client } = open();
  const first = client.request('prekeys.count', {});
  const second = client.request('prekeys.count', {});
  client.receive(respond({ id: 9, result: {} }));
  client.receive(respond({ id: 2, result: { counts: { ec: 2, kyber: 2 } } }));
  client.receive(respond({ id: 1, error: { code: 'overloaded', retry: { kind: 'after', ms: 70 } } }));
  await expect(second).resolves.toEqual({ counts: { ec: 2, kyber: 2 } });
  await expect(first).rejects.toMatchObject({ code: 'overloaded', retry: { kind: 'after', ms: 70 } });
});

test('B8 an answer that does not have the shape of its method is refused', async () => {
  const { client } = open();
  const asked = client.request('devices.owner', { deviceId });
  client.receive(respond({ id: 1, result: { account: 'me' } }));
  await expect(asked).rejects.toMatchObject({ code: 'bad_request' });
});

const delivery = (deliverySeq: number, bytes = 1) =>
  encodeDelivery({
    deliverySeq,
    acceptedAtMs: 1,
    expiresAtMs: 2,
    suite: 1,
    class: 1,
    leg: Uint8Array.of(1),
    body: new Uint8Array(bytes),
  });
const acks = (sent: readonly Uint8Array[]) =>
  sent.flatMap((record) => (record[0] === RECORD_TYPES.ack ? decodeAck(record) : []));

test('P2 acknowledgements wait for company, but never long, and never beyond what the server holds back for them', () => {
  const { client, clock, sent } = open();
  client.ack(1);
  client.ack(2);
  clock.advance(499);
  expect(acks(sent)).toEqual([]);
  clock.advance(1);
  expect(acks(sent)).toEqual([2]);
  for (let upTo = 3; upTo <= 40; upTo++) client.ack(upTo);
  expect(acks(sent)).toEqual([2, 34]);
  for (const seq of [41, 42]) client.receive(delivery(seq, 390_000));
  client.ack(42);
  expect(acks(sent)).toEqual([2, 34, 42]);
  for (let upTo = 43; upTo <= 50; upTo++) client.ack(upTo);
  clock.advance(99);
  expect(acks(sent)).toEqual([2, 34, 42]);
  // Enough have come to be told of sooner.
  clock.advance(1);
  expect(acks(sent)).toEqual([2, 34, 42, 50]);
  clock.advance(60_000);
  expect(acks(sent)).toEqual([2, 34, 42, 50]);
});

test('P2 an acknowledgement that is due goes before whatever is sent next, also before the end', () => {
  const { client, clock, sent } = open();
  client.ack(1);
  void client.request('prekeys.count', {}).catch(() => undefined);
  expect(sent.map(([type]) => type)).toEqual([RECORD_TYPES.ack, RECORD_TYPES.request]);
  client.ack(2);
  client.close();
  clock.advance(1_000);
  expect(acks(sent)).toEqual([1, 2]);
});

test('A8 a server that does not answer in time is given up, with all that waits', async () => {
  const { client, clock, heard, closings } = open();
  const asked = client.request('prekeys.count', {});
  clock.advance(20_000);
  await expect(asked).rejects.toMatchObject({ code: 'server_unreachable' });
  await expect(client.request('prekeys.count', {})).rejects.toMatchObject({ code: 'server_unreachable' });
  expect(heard).toEqual(['closed server_unreachable']);
  expect(closings()).toBe(1);
});

test('A8 the reason that the server gave before it closed is what people hear', () => {
  const { client, heard } = open();
  client.receive(encodeControl('event', { event: 'closing', data: { code: 'device_not_accepted' } }));
  client.receive(encodeControl('event', { event: 'from-the-future', data: {} }));
  client.receive(
    encodeDelivery({
      deliverySeq: 1,
      acceptedAtMs: 1,
      expiresAtMs: 2,
      suite: 1,
      class: 1,
      leg: Uint8Array.of(1),
    }),
  );
  client.failed(new KuvertError('server_unreachable'));
  expect(heard).toEqual(['closing', 'delivery 1', 'closed device_not_accepted']);
});

test('B8 a record of an unknown sort, or the answer to a submit where a request was, ends the connection', () => {
  const unknown = open();
  unknown.client.receive(Uint8Array.of(0x7f));
  expect(unknown.heard).toEqual(['closed bad_request']);
  const mixed = open();
  mixed.client.request('prekeys.count', {}).catch(() => undefined);
  mixed.client.receive(encodeSubmitAnswer({ requestNo: 1, acceptedAtMs: 1, legs: [] }));
  expect(mixed.heard).toEqual(['closed bad_request']);
  expect(mixed.sent[0]?.[0]).toBe(RECORD_TYPES.request);
});

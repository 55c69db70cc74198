/**
 * The message path in layers, each with all those before it, so that a difference of two is the cost of one:
 *
 * - `socket`: WebSocket frames and records; rows in memory. This one is also the ceiling: what a server could do that promises nothing.
 * - `noise`: the real handshake, every frame sealed.
 * - `codec`: submits, answers and deliveries through the real decoder and encoders.
 * - `store`: the same rows as the product, committed before anybody is told (`durable-rows.ts`).
 *
 * What the product adds to the last one are its checks: tenant, device, list, submit record and its hash, limits, delivery window.
 * Messages to groups go through all but `store`, because layers are told apart between pairs.
 *
 *     node layered-server.ts DEPTH FOLDER
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  acceptOpening,
  type DeviceHandshake,
  generateStaticKeyPair,
  type StaticKeyPair,
} from '@kuvert/crypto/channel';
import {
  decodeAck,
  decodeCbor,
  decodeControl,
  decodeSubmit,
  encodeControl,
  encodeDelivery,
  encodeSubmitAnswer,
  Hello,
  ID_BYTES,
  idToBytes,
  LIFETIME_MS,
  PROTOCOL_VERSIONS,
  RECORD_TYPES,
  type Submit,
} from '@kuvert/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { TickFlusher } from '../load/network.ts';
import { DELIVERY_AT, LEG_BYTES, SUBMIT_AT } from '../wire/layout.ts';
import { type Channel, PlainChannel } from '../wire/plain-channel.ts';
import { DummyGroups, type GroupRequest } from './dummy-groups.ts';
import { type DurableRows, openDurableRows } from './durable-rows.ts';
import { Mailboxes } from './mailboxes.ts';

const DEPTHS = ['socket', 'noise', 'codec', 'store'] as const;
const [, , depthName = '', folder = ''] = process.argv;
const depth = (DEPTHS as readonly string[]).indexOf(depthName);
if (depth < 0) throw new Error(`a depth is one of ${DEPTHS.join(', ')}`);
const hasNoise = depth >= DEPTHS.indexOf('noise');
const hasCodec = depth >= DEPTHS.indexOf('codec');
const durable: DurableRows | undefined = depthName === 'store' ? await openDurableRows(folder) : undefined;

const statics: StaticKeyPair = generateStaticKeyPair();
const mailboxes = new Mailboxes();
const groups = new DummyGroups();
const flusher = new TickFlusher();

/** Answer of one accepted leg: type, number, status, time, count, device, outcome. */
const ANSWER_BYTES = 6 + 8 + 2 + ID_BYTES + 1;

class Peer {
  readonly #socket: WebSocket;
  #channel: Channel | undefined;
  #handshake: DeviceHandshake | undefined;
  #device = new Uint8Array(0);
  #name = '';

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#receive(data as Buffer));
    socket.on('close', () => mailboxes.disconnect(this.#name, this));
    socket.on('error', () => undefined);
  }

  send(record: Uint8Array): void {
    this.#channel?.queue(record);
    flusher.mark(this);
  }

  flush(): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    for (const frame of this.#channel?.flush() ?? []) this.#socket.send(frame, sent);
  }

  #receive(frame: Buffer): void {
    if (this.#channel !== undefined) {
      for (const record of this.#channel.open(frame)) this.#handle(record);
    } else if (!hasNoise) {
      this.#begin(new PlainChannel(), frame);
    } else if (this.#handshake === undefined) {
      const accepted = acceptOpening(frame, { statics: [statics], supported: PROTOCOL_VERSIONS });
      this.#socket.send(accepted.reply);
      if (accepted.kind === 'device') this.#handshake = accepted.handshake;
    } else {
      const { channel, payload } = this.#handshake.finish(frame);
      this.#begin(channel, idToBytes(Hello.parse(decodeCbor(payload)).device));
    }
  }

  #begin(channel: Channel, device: Uint8Array): void {
    this.#channel = channel;
    this.#device = Uint8Array.from(device);
    this.#name = nameOf(device);
    mailboxes.connect(this.#name, this);
    this.send(encodeControl('event', { event: 'drained', data: {} }));
  }

  #handle(record: Uint8Array): void {
    if (record[0] === RECORD_TYPES.request) {
      const request = decodeControl(record) as unknown as GroupRequest;
      this.send(encodeControl('response', { id: request.id, result: groups.answer(request) }));
    } else if (record[0] === RECORD_TYPES.submit) {
      const devices = groups.devicesOf(record);
      if (devices !== undefined) this.#toAll(decodeSubmit(record), devices);
      else if (hasCodec) void this.#submit(record);
      else this.#forward(record);
    } else {
      const upTo = hasCodec ? decodeAck(record) : new DataView(record.buffer, record.byteOffset).getUint32(1);
      const gone = mailboxes.acknowledge(this.#name, upTo);
      durable?.remove(gone.flatMap(({ storedKey }) => storedKey ?? []));
    }
  }

  /** Moves the leg over without looking at anything but the device that it is for. */
  #forward(submit: Uint8Array): void {
    const device = submit.subarray(SUBMIT_AT.device, SUBMIT_AT.device + ID_BYTES);
    const delivery = new Uint8Array(DELIVERY_AT.leg + LEG_BYTES);
    delivery[0] = RECORD_TYPES.deliver;
    delivery.set(submit.subarray(SUBMIT_AT.leg), DELIVERY_AT.leg);
    mailboxes.add(nameOf(device), { record: delivery, storedKey: undefined });
    const answer = new Uint8Array(ANSWER_BYTES);
    answer[0] = RECORD_TYPES.submitAnswer;
    answer.set(submit.subarray(SUBMIT_AT.requestNo, SUBMIT_AT.requestNo + 4), 1);
    this.send(answer);
  }

  /** Decoded and encoded once at every depth: it is once for all members. */
  #toAll(submit: Submit, devices: readonly Uint8Array[]): void {
    if (durable !== undefined || submit.body === undefined) throw new Error('this layer has no groups');
    const acceptedAtMs = Date.now();
    const delivery = encodeDelivery({
      deliverySeq: 0,
      acceptedAtMs,
      expiresAtMs: acceptedAtMs + LIFETIME_MS[submit.lifetime],
      suite: submit.suite,
      class: submit.class,
      leg: idToBytes(submit.to),
      body: submit.body,
    });
    for (const device of devices)
      mailboxes.add(nameOf(device), { record: delivery.slice(), storedKey: undefined });
    this.send(encodeSubmitAnswer({ requestNo: submit.requestNo, acceptedAtMs, legs: [] }));
  }

  async #submit(record: Uint8Array): Promise<void> {
    const submit = decodeSubmit(record);
    const acceptedAtMs = Date.now();
    for (const leg of submit.legs) {
      const device = idToBytes(leg.device);
      const delivery = encodeDelivery({
        deliverySeq: 0,
        acceptedAtMs,
        expiresAtMs: acceptedAtMs + LIFETIME_MS[submit.lifetime],
        suite: submit.suite,
        class: submit.class,
        leg: leg.bytes,
      });
      const storedKey = durable && (await durable.add(this.#device, device, delivery.slice(DELIVERY_AT.seq)));
      mailboxes.add(nameOf(device), { record: delivery, storedKey });
    }
    this.send(
      encodeSubmitAnswer({
        requestNo: submit.requestNo,
        acceptedAtMs,
        legs: submit.legs.map(({ device }) => ({ device, outcome: 'stored' })),
      }),
    );
  }
}

function nameOf(device: Uint8Array): string {
  return Buffer.from(device.buffer, device.byteOffset, device.length).toString('latin1');
}

function sent(): void {
  // The product learns here that a slow peer can take more.
}

const server = createServer();
const webSockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false });
webSockets.on('connection', (socket) => new Peer(socket));
server.listen({ host: '127.0.0.1', port: 0 }, () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ port, serverStatic: Buffer.from(statics.publicKey).toString('base64') });
});

async function end(): Promise<never> {
  await durable?.close();
  process.exit(0);
}
process.on('SIGTERM', () => void end());
process.on('disconnect', () => void end());

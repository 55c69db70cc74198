import {
  acceptOpening,
  ClientHandshake,
  generateStaticKeyPair,
  type SecureChannel,
} from '@kuvert/crypto/channel';
import { PROTOCOL_VERSIONS } from '@kuvert/protocol';
import { beforeEach, expect, test, vi } from 'vitest';
import type { FrameSocket } from './frame-socket.ts';
import { LIMITS } from './limits.ts';
import { Outgoing, TickFlusher } from './outgoing.ts';

/** A peer that reads only when the test says so. */
class SlowSocket implements FrameSocket {
  readonly frames: Uint8Array[] = [];
  readonly #sent: (() => void)[] = [];
  bufferedBytes = 0;

  send(frame: Uint8Array, sent: () => void): void {
    this.frames.push(frame.slice());
    this.bufferedBytes += frame.length;
    this.#sent.push(sent);
  }
  readAll(): void {
    this.bufferedBytes = 0;
    for (const sent of this.#sent.splice(0)) sent();
  }
  close(): void {}
  terminate(): void {}
  pause(): void {}
  resume(): void {}
  ping(): void {}
}

let client: SecureChannel;
let socket: SlowSocket;
let outgoing: Outgoing;
let overflows: number;
let writable: number;

beforeEach(() => {
  const keys = generateStaticKeyPair();
  const handshake = new ClientHandshake({
    mode: 'enrolment',
    offered: PROTOCOL_VERSIONS,
    serverStatic: keys.publicKey,
  });
  const accepted = acceptOpening(handshake.begin(), { statics: [keys], supported: PROTOCOL_VERSIONS });
  if (accepted.kind !== 'enrolment') throw new Error('the handshake failed');
  client = handshake.finish(accepted.reply).channel;
  socket = new SlowSocket();
  overflows = 0;
  writable = 0;
  outgoing = new Outgoing({
    channel: accepted.channel,
    socket,
    flusher: new TickFlusher(),
    onOverflow: () => {
      overflows++;
    },
  });
  outgoing.onWritable(() => {
    writable++;
  });
});

const nextTick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const record = (sizeBytes: number): Uint8Array => new Uint8Array(sizeBytes).fill(3);

test('H3 what is sent in one tick is one frame', async () => {
  for (let no = 0; no < 50; no++) outgoing.send(record(600));
  expect(socket.frames).toHaveLength(0);
  await nextTick();
  expect(socket.frames).toHaveLength(1);
  expect(client.open(socket.frames[0] as Uint8Array)).toHaveLength(50);
});

test('H8 a feature that minds the room is told when to stop and when to go on', async () => {
  let sent = 0;
  while (outgoing.writableBytes > 0) {
    outgoing.send(record(60_000));
    sent++;
  }
  await nextTick();
  expect(outgoing.writableBytes).toBeLessThanOrEqual(0);
  expect(sent).toBe(Math.ceil(LIMITS.outgoingBytesMax / 60_003));
  expect(writable).toBe(0);
  socket.readAll();
  expect(writable).toBe(1);
  expect(outgoing.writableBytes).toBe(LIMITS.outgoingBytesMax);
  const records = socket.frames.flatMap((frame) => client.open(frame));
  expect(records).toHaveLength(sent);
});

test('H8 a connection whose peer reads nothing is given up before memory is', async () => {
  const most = Math.ceil((LIMITS.outgoingBytesLimit + LIMITS.outgoingBytesMax) / 1_000_000);
  for (let no = 0; no < most && overflows === 0; no++) {
    outgoing.send(record(1_000_000));
    await nextTick();
  }
  expect(overflows).toBe(1);
});

test('B3 nothing is sent after the end', async () => {
  outgoing.send(record(10));
  outgoing.end();
  outgoing.send(record(10));
  await nextTick();
  expect(socket.frames).toHaveLength(0);
});

test('H3 what holds nobody up leaves in one frame, with the next record or soon alone', async () => {
  outgoing.sendUnhurried(record(100));
  outgoing.sendUnhurried(record(100));
  await nextTick();
  expect(socket.frames).toHaveLength(0);
  outgoing.send(record(600));
  await nextTick();
  expect(client.open(socket.frames[0] as Uint8Array).map(({ length }) => length)).toEqual([100, 100, 600]);
  outgoing.sendUnhurried(record(100));
  outgoing.sendUnhurried(record(200));
  await vi.waitFor(() => expect(socket.frames).toHaveLength(2));
  expect(client.open(socket.frames[1] as Uint8Array).map(({ length }) => length)).toEqual([100, 200]);
});

test('H8 records that wait count against the room of a connection', async () => {
  for (let no = 0; no < 40 && overflows === 0; no++) outgoing.sendUnhurried(record(1_000_000));
  expect(overflows).toBeGreaterThan(0);
});

test('P2 a record that was sealed in advance leaves at once, and never before what was sent earlier', async () => {
  const first = outgoing.sealAhead(record(600));
  expect(first && outgoing.sendAhead(first)).toBe(true);
  expect(socket.frames).toHaveLength(1);
  // Something else has come meanwhile: it waits for the end of the tick, then it has left.
  const second = outgoing.sealAhead(record(700));
  outgoing.send(record(100));
  expect(outgoing.sealAhead(record(800))).toBeUndefined();
  expect(second && outgoing.sendAhead(second)).toBe(false);
  await nextTick();
  expect(second && outgoing.sendAhead(second)).toBe(false);
  // What needs several frames is not sealed in advance.
  expect(outgoing.sealAhead(record(70_000))).toBeUndefined();
  const last = outgoing.sealAhead(record(500));
  expect(last && outgoing.sendAhead(last)).toBe(true);
  const opened = socket.frames.flatMap((frame) => client.open(frame).map(({ length }) => length));
  expect(opened).toEqual([600, 100, 500]);
  const afterwards = outgoing.sealAhead(record(10));
  outgoing.end();
  expect(afterwards && outgoing.sendAhead(afterwards)).toBe(false);
});

/** Frames over real sockets and `ws`, cut into writes at random places. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { readIntoSharedBuffer } from './shared-read-buffer.ts';
import { WholeFrames } from './whole-frames.ts';

const PAYLOAD_MAX = 65_535;
const OPCODE = { continuation: 0, binary: 2, close: 8, ping: 9 } as const;

/** A client that writes bytes, and what the server heard: each payload with the way on which it came. */
async function open(): Promise<{
  socket: Socket;
  webSocket: WebSocket;
  /** The server's end. */
  stream: Socket;
  heard: { payload: Uint8Array; way: 'direct' | 'ws' }[];
}> {
  const server = createServer();
  const webSockets = new WebSocketServer({ noServer: true, maxPayload: PAYLOAD_MAX });
  const heard: { payload: Uint8Array; way: 'direct' | 'ws' }[] = [];
  const accepted = new Promise<{ webSocket: WebSocket; stream: Socket }>((resolve) => {
    server.on('upgrade', (request, stream, head) =>
      webSockets.handleUpgrade(request, stream, head, (webSocket) => {
        const onFrame = (frame: Uint8Array) => heard.push({ payload: new Uint8Array(frame), way: 'direct' });
        const frames = new WholeFrames({ webSocket, stream, payloadMax: PAYLOAD_MAX, onFrame });
        readIntoSharedBuffer(stream, (bytes) => frames.take(bytes));
        webSocket.on('message', (data: Buffer) => heard.push({ payload: new Uint8Array(data), way: 'ws' }));
        webSocket.on('error', () => undefined);
        resolve({ webSocket, stream: stream as Socket });
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay();
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
    server.close();
  });
  socket.write(
    'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a3V2ZXJ0IGJlbmNobWFyaw==\r\n\r\n',
  );
  await once(socket, 'data');
  return { socket, ...(await accepted), heard };
}

/** A masked frame as a client sends it. */
function frame(payload: Uint8Array, options: { opcode?: number; isFinal?: boolean; mask?: Uint8Array } = {}) {
  const { opcode = OPCODE.binary, isFinal = true, mask = randomBytes(4) } = options;
  const { length } = payload;
  const size = length < 126 ? [length] : [126, length >> 8, length & 0xff];
  const head = [(isFinal ? 0x80 : 0) | opcode, 0x80 | (size[0] as number), ...size.slice(1), ...mask];
  return Buffer.concat([Buffer.from(head), payload.map((byte, i) => byte ^ (mask[i & 3] as number))]);
}

async function waitUntil(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

test('P7 frames come whole, in order and once, wherever they are cut and whatever comes between them', async () => {
  const { socket, heard } = await open();
  const sizes = fc.oneof(fc.integer({ min: 0, max: 700 }), fc.constantFrom(125, 126, 127, 20_000));
  const kinds = fc.constantFrom('whole', 'whole', 'whole', 'unmasked', 'fragments', 'ping');
  const messages = fc.array(fc.tuple(sizes, kinds), { minLength: 1, maxLength: 12 });
  const ways = new Set<string>();
  await fc.assert(
    fc.asyncProperty(messages, fc.array(fc.nat(2_000), { maxLength: 12 }), async (all, cuts) => {
      heard.length = 0;
      const expected: Uint8Array[] = [];
      const bytes = Buffer.concat(
        all.flatMap(([size, kind]) => {
          const payload = randomBytes(size);
          if (kind === 'ping') return [frame(payload.subarray(0, 100), { opcode: OPCODE.ping })];
          expected.push(payload);
          if (kind === 'unmasked') return [frame(payload, { mask: new Uint8Array(4) })];
          if (kind === 'whole') return [frame(payload)];
          const [one, other] = [payload.subarray(0, size >> 1), payload.subarray(size >> 1)];
          return [frame(one, { isFinal: false }), frame(other, { opcode: OPCODE.continuation })];
        }),
      );
      let at = 0;
      for (const cut of cuts) {
        socket.write(bytes.subarray(at, at + cut));
        at += cut;
        await new Promise((resolve) => setImmediate(resolve));
      }
      socket.write(bytes.subarray(at));
      await waitUntil(() => heard.length >= expected.length);
      expect(heard.map(({ payload }) => Buffer.from(payload).toString('hex'))).toEqual(
        expected.map((payload) => Buffer.from(payload).toString('hex')),
      );
      for (const { way } of heard) ways.add(way);
    }),
    { numRuns: 100 },
  );
  expect([...ways].sort()).toEqual(['direct', 'ws']);
});

test('P7 frames that come alone are taken where they were read; behind a part of one it is so again', async () => {
  const { socket, stream, heard } = await open();
  const bytes = frame(randomBytes(600));
  for (const piece of [bytes, bytes.subarray(0, 100), bytes.subarray(100), bytes]) {
    const before = stream.bytesRead;
    socket.write(piece);
    await waitUntil(() => stream.bytesRead === before + piece.length);
  }
  expect(heard.map(({ way }) => way)).toEqual(['direct', 'ws', 'direct']);
});

test('P7 a paused socket gives nothing until it goes on; then all of it, in order', async () => {
  const { socket, webSocket, heard } = await open();
  webSocket.pause();
  const payloads = Array.from({ length: 300 }, () => randomBytes(1_000));
  for (const payload of payloads) socket.write(frame(payload));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toEqual([]);
  webSocket.resume();
  await waitUntil(() => heard.length === payloads.length);
  expect(heard.every(({ payload }, i) => Buffer.compare(payload, payloads[i] as Buffer) === 0)).toBe(true);
});

test.each([
  ['without a mask', Buffer.from([0x82, 1, 7])],
  ['with a reserved bit', Buffer.from([0xc2, 0x81, 0, 0, 0, 0, 7])],
  ['of text that is none', frame(Buffer.from([0xff]), { opcode: 1 })],
  ['longer than allowed', Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])],
  ['to close', frame(Buffer.from([3, 232]), { opcode: OPCODE.close })],
])('P7 a frame %s ends the connection, and nothing behind it is heard', async (_what, bytes) => {
  const { socket, webSocket, heard } = await open();
  // `once` of events would reject with the error before it.
  const closed = new Promise((resolve) => webSocket.once('close', resolve));
  socket.write(Buffer.concat([frame(Buffer.from([1])), bytes, frame(Buffer.from([2]))]));
  await closed;
  expect(heard.map(({ payload }) => [...payload])).toEqual([[1]]);
});

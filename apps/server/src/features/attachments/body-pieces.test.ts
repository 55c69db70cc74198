import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { BODY_MS, limitBodyTime } from '../../http/body-time.ts';
import { bodyPieces } from './body-pieces.ts';
import { PIECE_BYTES, TRANSFER_IDLE_BYTES, TRANSFER_IDLE_MS } from './limits.ts';

afterEach(() => vi.useRealTimers());

/** A server that gives one request to `taking`, and a client that has begun to send it. */
async function begin(length: number, taking: (request: IncomingMessage) => Promise<unknown>) {
  const server = createServer();
  const outcome = Promise.withResolvers<unknown>();
  server.once('request', (request, response) => {
    taking(request).then((result) => {
      outcome.resolve(result);
      response.end();
    }, outcome.reject);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sending = httpRequest({ port, method: 'PATCH', headers: { 'content-length': length } });
  const closed = Promise.withResolvers<void>();
  sending.on('error', () => undefined);
  sending.on('close', () => closed.resolve());
  sending.on('response', (response) => response.resume());
  const requested = once(server, 'request');
  sending.flushHeaders();
  await requested;
  return {
    sending,
    closed: closed.promise,
    outcome: outcome.promise,
    [Symbol.dispose]: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function hashOf(pieces: AsyncIterable<Uint8Array>) {
  const hash = createHash('sha256');
  const sizes: number[] = [];
  for await (const piece of pieces) {
    // Whoever comes too late finds other bytes: each piece is used before the next is asked for.
    await new Promise(setImmediate);
    hash.update(piece);
    sizes.push(piece.length);
  }
  return { hash: hash.digest('hex'), sizes };
}

test.each([1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 5 * PIECE_BYTES + 77_777])(
  'A9 a body of %i bytes comes as it was sent, in pieces of one size',
  async (length) => {
    const bytes = randomBytes(length);
    using line = await begin(length, (request) => hashOf(bodyPieces(request, length)));
    line.sending.end(bytes);
    const { hash, sizes } = (await line.outcome) as Awaited<ReturnType<typeof hashOf>>;
    expect(hash).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(sizes.slice(0, -1).every((size) => size === PIECE_BYTES)).toBe(true);
    expect(sizes).toHaveLength(Math.ceil(length / PIECE_BYTES));
  },
);

test('P1 what a connection has brought before it broke is there, and its end is no error', async () => {
  const bytes = randomBytes(70_000);
  const first = Promise.withResolvers<void>();
  using line = await begin(200_000, async (request) => {
    request.on('data', () => first.resolve());
    return hashOf(bodyPieces(request, 200_000));
  });
  line.sending.write(bytes);
  await first.promise;
  line.sending.destroy();
  const { sizes } = (await line.outcome) as Awaited<ReturnType<typeof hashOf>>;
  const arrived = sizes.reduce((sum, size) => sum + size, 0);
  expect(arrived).toBeGreaterThan(0);
  expect(arrived).toBeLessThanOrEqual(bytes.length);
});

test('P1 a slow line keeps its upload for longer than other bodies may take, one that stands still loses it', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  let bytesRead = 0;
  using line = await begin(10 * TRANSFER_IDLE_BYTES, async (request) => {
    limitBodyTime(request);
    request.on('data', (bytes: Uint8Array) => {
      bytesRead += bytes.length;
    });
    return hashOf(bodyPieces(request, 10 * TRANSFER_IDLE_BYTES));
  });
  const arrived = async (bytes: number) => {
    while (bytesRead < bytes) await new Promise(setImmediate);
  };
  for (let window = 1; window <= 3; window++) {
    line.sending.write(Buffer.alloc(TRANSFER_IDLE_BYTES));
    await arrived(window * TRANSFER_IDLE_BYTES);
    vi.advanceTimersByTime(TRANSFER_IDLE_MS);
    expect(3 * TRANSFER_IDLE_MS).toBeGreaterThan(BODY_MS);
    expect(line.sending.destroyed).toBe(false);
  }
  line.sending.write(Buffer.alloc(TRANSFER_IDLE_BYTES - 1));
  await arrived(4 * TRANSFER_IDLE_BYTES - 1);
  vi.advanceTimersByTime(TRANSFER_IDLE_MS);
  await line.closed;
  await line.outcome;
});

test('P7 any other body that is not there in time ends its connection', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  using line = await begin(100, async (request) => {
    limitBodyTime(request);
    await new Promise((resolve) => request.once('close', resolve));
  });
  line.sending.write(Buffer.alloc(99));
  vi.advanceTimersByTime(BODY_MS);
  await line.closed;
});

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { readIntoSharedBuffer } from './shared-read-buffer.ts';

async function pair(): Promise<{ accepted: Socket; peer: Socket }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    peer.destroy();
    accepted.destroy();
    server.close();
  });
  return { accepted, peer };
}

test('P7 accepted sockets read into one buffer on this Node; what was read stays what it was when more comes, also for another socket', async () => {
  const [one, other] = await Promise.all([pair(), pair()]);
  expect(readIntoSharedBuffer(one.accepted)).toBe(true);
  expect(readIntoSharedBuffer(other.accepted)).toBe(true);
  const read = { one: [] as Buffer[], other: [] as Buffer[] };
  one.accepted.on('data', (chunk: Buffer) => read.one.push(chunk));
  other.accepted.on('data', (chunk: Buffer) => read.other.push(chunk));
  for (let round = 0; round < 20; round++) {
    one.peer.write(Buffer.alloc(5_000, round));
    other.peer.write(Buffer.alloc(3, 200 + round));
    await new Promise((resolve) => setImmediate(resolve));
  }
  one.peer.end();
  other.peer.end();
  await Promise.all([once(one.accepted, 'end'), once(other.accepted, 'end')]);
  const expected = (bytes: number, first: number) =>
    Buffer.concat(Array.from({ length: 20 }, (_, round) => Buffer.alloc(bytes, first + round)));
  expect(Buffer.concat(read.one).equals(expected(5_000, 0))).toBe(true);
  expect(Buffer.concat(read.other).equals(expected(3, 200))).toBe(true);
});

test('P7 a socket that is paused after each chunk loses nothing and is read no further than its buffer', async () => {
  const { accepted, peer } = await pair();
  readIntoSharedBuffer(accepted);
  const total = 4 * 1_048_576;
  peer.end(Buffer.alloc(total, 7));
  let bytes = 0;
  let mostWaiting = 0;
  accepted.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    accepted.pause();
    setImmediate(() => {
      mostWaiting = Math.max(mostWaiting, accepted.readableLength);
      accepted.resume();
    });
  });
  await once(accepted, 'end');
  expect(bytes).toBe(total);
  expect(mostWaiting).toBeLessThan(total / 4);
});

test('P7 what is not a socket of Node is left alone', () => {
  expect(readIntoSharedBuffer(new Duplex())).toBe(false);
});

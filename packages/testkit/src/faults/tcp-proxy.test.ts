import { once } from 'node:events';
import { createServer, connect as open, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ProxiedConnection, TcpProxy } from './tcp-proxy.ts';

let proxy: TcpProxy;
let client: Socket;
let server: Socket;
let connection: ProxiedConnection;
const listener = createServer();

beforeEach(async () => {
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  proxy = new TcpProxy();
  await proxy.start();
  proxy.forwardTo(typeof address === 'object' ? (address?.port ?? 0) : 0);
  const accepted = once(listener, 'connection');
  client = open(Number(new URL(proxy.url).port), '127.0.0.1');
  client.on('error', () => undefined);
  [server] = (await accepted) as [Socket];
  server.on('error', () => undefined);
  const [only] = proxy.connections;
  if (only === undefined) throw new Error('the proxy does not know of the connection');
  connection = only;
});
afterEach(async () => {
  client.destroy();
  server.destroy();
  await proxy[Symbol.asyncDispose]();
  await new Promise((resolve) => listener.close(resolve));
});

const heard = async (socket: Socket): Promise<string> => String((await once(socket, 'data'))[0]);

test('H9 the proxy passes bytes on in both directions until it is told otherwise', async () => {
  client.write('hello');
  expect(await heard(server)).toBe('hello');
  server.write('good day');
  expect(await heard(client)).toBe('good day');
});

test('H9 a connection is cut after so many bytes', async () => {
  connection.up.limit(3, () => {
    connection.client.destroy();
    connection.server.end();
  });
  const received = text(server);
  client.write('hello');
  expect(await received).toBe('hel');
});

test('H9 what is held arrives when the network heals, in order; a flipped byte arrives flipped', async () => {
  connection.up.mode = 'held';
  connection.up.flipAfter(6);
  client.write('first ');
  await once(connection.client, 'data');
  client.write('second');
  await once(connection.client, 'data');
  connection.heal();
  client.end();
  connection.keepsOtherSide = true;
  let received = '';
  while (received.length < 12) received += await heard(server);
  expect(received).toBe('first cecond');
});

test('H9 who cannot be reached sends people away', async () => {
  proxy.isReachable = false;
  const late = open(Number(new URL(proxy.url).port), '127.0.0.1');
  const [error] = (await once(late, 'error').catch((reason: unknown) => [reason])) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
});

/** A first connection that fails says what whoever set it up can mend (H2). */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MongoDouble, startMongoDouble } from '@kuvert/testkit/mongo-double';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectMongo } from './connecting.ts';

const unset = { passwordFile: undefined, caFile: undefined, certFile: undefined, keyFile: undefined };
/** How long the driver looks for a server. What it says at the end is only right if it has come to speak to one. */
const FOR_MS = 5_000;
const folder = mkdtempSync(join(tmpdir(), 'mongo-connecting-'));
let double: MongoDouble;

beforeAll(async () => {
  double = await startMongoDouble();
});
afterAll(async () => {
  await double.stop();
  rmSync(folder, { recursive: true, force: true });
});

test.each(['mongodb://', 'mongodb://127.0.0.1:9/kuvert?foo=bar', 'mongodb://127.0.0.1:9/kuvert?tls=maybe'])(
  'H2 %s is told as an address that is wrong, not as a database that is away',
  async (url) => {
    await expect(connectMongo({ url, ...unset })).rejects.toMatchObject({
      code: 'config_invalid',
      details: { about: expect.stringContaining('KUVERT_STORE') },
    });
  },
);

test.concurrent('H2 a database of another replica set is named as that', async ({ expect }) => {
  const url = `${double.url.replace('replicaSet=double', 'replicaSet=other')}&serverSelectionTimeoutMS=${FOR_MS}`;
  await expect(connectMongo({ url, ...unset })).rejects.toMatchObject({
    code: 'store_unavailable',
    details: { about: expect.stringContaining('another replica set') },
  });
});

test('H2 a database that does not take the kind of sign-in refuses us, and no fault is ours', async () => {
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, 'hunter2\n');
  const url = double.url.replace('mongodb://', 'mongodb://kuvert@');
  await expect(connectMongo({ url, ...unset, passwordFile })).rejects.toMatchObject({ code: 'store_denied' });
});

test.concurrent('H2 a name that is not found is told as that, never as an address to listen on', async ({
  expect,
}) => {
  const url = 'mongodb+srv://nobody.invalid/kuvert?tls=true';
  await expect(connectMongo({ url, ...unset })).rejects.toMatchObject({
    code: 'store_unavailable',
    details: { about: expect.stringContaining('host name') },
  });
});

test.concurrent('H2 a database that speaks no TLS where it is asked for is named as that', async ({
  expect,
}) => {
  const url = `${double.url}&tls=true&serverSelectionTimeoutMS=${FOR_MS}`;
  await expect(connectMongo({ url, ...unset })).rejects.toMatchObject({
    code: 'store_unavailable',
    details: { about: expect.stringContaining('speaks no TLS') },
  });
});

test.concurrent('H2 whoever ends the connection at once is told as no MongoDB, or one that wants TLS', async ({
  expect,
}) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const url = `mongodb://127.0.0.1:${(server.address() as AddressInfo).port}/?serverSelectionTimeoutMS=${FOR_MS}`;
    await expect(connectMongo({ url, ...unset })).rejects.toMatchObject({
      code: 'store_unavailable',
      details: { about: expect.stringContaining('wants TLS') },
    });
  } finally {
    server.close();
  }
});

import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findServer, signOperatorRequest } from './operator-client.ts';

const KEY = Buffer.alloc(32, 7);
let folder: string;
let server: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kuvert-operator-'));
  await writeFile(join(folder, 'operator.key'), KEY);
});
afterEach(async () => {
  server?.close();
  server = undefined;
  await rm(folder, { recursive: true });
});

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<void> {
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await writeServerFile({ opsUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

async function writeServerFile(facts: object): Promise<void> {
  const all = { pid: process.pid, url: 'http://127.0.0.1:1', opsUrl: 'http://127.0.0.1:1', ...facts };
  await writeFile(join(folder, 'server.json'), JSON.stringify(all));
}

const find = () => findServer({ dataDir: folder, keysDir: folder });

test('H1 an operator request is signed byte for byte as documented', () => {
  const body = '{"name":"Acme"}';
  const headers = signOperatorRequest({
    key: KEY,
    path: '/operator/v1/tenants/create',
    body,
    timeMs: 1_800_000_000_000,
    nonce: '00112233445566778899aabbccddeeff',
  });
  const sum = createHash('sha256').update(body).digest('hex');
  const text = `POST\n/operator/v1/tenants/create\n1800000000000\n00112233445566778899aabbccddeeff\n${sum}`;
  expect(headers).toEqual({
    'content-type': 'application/json',
    'kuvert-operator-time': '1800000000000',
    'kuvert-operator-nonce': '00112233445566778899aabbccddeeff',
    'kuvert-operator-mac': createHmac('sha256', KEY).update(`kuvert/operator-request/1${text}`).digest('hex'),
  });
});

test('H1 every request has a nonce of its own', () => {
  const request = { key: KEY, path: '/x', body: '', timeMs: 0 };
  expect(signOperatorRequest(request)).not.toEqual(signOperatorRequest(request));
});

test('H1 what the server refuses keeps its code', async () => {
  await serve((_, response) => {
    const problem = { title: 'x', status: 409, code: 'mail_taken', retry: { kind: 'never' } };
    response.writeHead(409).end(JSON.stringify(problem));
  });
  const operator = await find();
  await expect(operator.call('installation', {})).rejects.toMatchObject({ code: 'mail_taken' });
});

test('H1 an answer that is no answer of ours is an internal fault', async () => {
  await serve((_, response) => response.end('<html>'));
  const operator = await find();
  await expect(operator.call('installation', {})).rejects.toMatchObject({ code: 'internal' });
});

test('H1 a wrong id is found before anything is sent', async () => {
  let requests = 0;
  await serve((_, response) => {
    requests += 1;
    response.end('{}');
  });
  const operator = await find();
  const personId = 'tn_00000000000000000000000000000' as never;
  await expect(operator.call('tokenCreate', { personId })).rejects.toThrow('not the id of a person');
  expect(requests).toBe(0);
});

test('H1 no server: no file, a broken file, a dead process or a refused connection', async () => {
  await expect(find()).rejects.toMatchObject({ code: 'server_not_running' });
  await writeFile(join(folder, 'server.json'), 'null');
  await expect(find()).rejects.toMatchObject({ code: 'server_not_running' });
  // Process numbers end below 2^22 on Linux.
  await writeServerFile({ pid: 2 ** 22 + 1 });
  await expect(find()).rejects.toMatchObject({ code: 'server_not_running' });
  await writeServerFile({});
  const operator = await find();
  await expect(operator.call('installation', {})).rejects.toMatchObject({ code: 'server_not_running' });
});

test('H1 a missing operator key is told as missing keys', async () => {
  await writeServerFile({});
  await rm(join(folder, 'operator.key'));
  await expect(find()).rejects.toMatchObject({ code: 'keys_missing' });
});

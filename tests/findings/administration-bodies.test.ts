/** Bodies of requests to the administration API that are not what they say, too large, or slow (H9). */
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { ADMIN_BASE, AdminClient } from '@kuvert/protocol/admin';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AdminRequests, changing } from './admin-requests.ts';

let api: AdminRequests;

beforeAll(async () => {
  api = await AdminRequests.start();
});
afterAll(() => api?.[Symbol.asyncDispose]());

const TYPES = [
  ...['text/plain', 'text/json', 'application/jsonp', 'application/json, text/plain', 'application/json;x=y'],
  ...[
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/vnd.api+json',
    '*/*',
  ],
  ...['application/json; charset=utf-16', 'application/json; charset=utf-7', 'application/json/../x', 'x'],
  ...['application/merge-patch+json', 'application/cbor', 'application/json;', 'application//json', ''],
];

test('H9 a body counts as JSON in UTF-8 or not at all, whatever it calls itself and however it is packed', async () => {
  const before = await api.present();
  const { token } = api;
  const path = `${ADMIN_BASE}/tenants/${api.world.own.tenant}/pools`;
  const body = JSON.stringify({ name: 'Planted' });
  const authorization = `Bearer ${token}`;
  const refused = async (headers: Record<string, string | string[]>, bytes: string | Uint8Array) => {
    const answer = await api.ask('POST', path, { headers: { authorization, ...headers }, body: bytes });
    expect([answer.status, JSON.parse(answer.text).code], JSON.stringify(headers)).toEqual([
      400,
      'bad_request',
    ]);
  };
  for (const type of TYPES) await refused(type === '' ? {} : { 'content-type': type }, body);
  const type = { 'content-type': 'application/json' };
  for (const encoding of ['gzip', 'deflate', 'br', 'gzip, identity', 'x'])
    for (const bytes of [body, gzipSync(body)])
      await refused({ ...type, 'content-encoding': encoding }, bytes);
  await refused(type, gzipSync(body));
  await refused(type, Buffer.from(body, 'utf16le'));
  await refused(type, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]));
  await refused(type, '{"name":"Planted","__proto__":{"x":1}}');
  await refused(type, `name=Planted`);
  // Who looks at requests in front of the server may take another one of two.
  await refused(type, '{"name":"Harmless","name":"Planted"}');
  await refused(type, '{"name":"Harmless","na\\u006de":"Planted"}');
  await refused({ 'content-type': ['application/json', 'text/plain'] }, body);
  await refused({ ...type, authorization: [authorization, 'Bearer x'] }, body);
  for (const name of ['\\ud800', 'a\\u202eb', '\\u200b', 'a\\u2028b', '\\u0301'])
    await refused(type, `{"name":"${name}"}`);
  await refused({ ...type, 'x-http-method-override': 'PUT' }, '');
  expect(await api.present()).toEqual(before);
});

test('H9 a body beyond the greatest size is refused, said or not said how long it is, and nothing is done', async () => {
  const before = await api.present();
  const { token } = api;
  for (const [id, one] of changing) {
    const answer = await api.ask(one.method, api.pathOf(one), {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: `{"name":"${'x'.repeat(66_000)}"}`,
    });
    expect(answer.status, `${id} ${answer.text}`).toBe(413);
  }
  const { hostname, port } = new URL(api.url);
  // In pieces without a length, for as long as anybody listens.
  const socket = connect(Number(port), hostname);
  const piece = `1000\r\n${'x'.repeat(4_096)}\r\n`;
  let answer = '';
  socket.on('data', (data) => {
    answer += String(data);
  });
  socket.on('error', () => undefined);
  socket.write(
    `POST ${ADMIN_BASE}/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    socket.write(piece);
  }, 1);
  await new Promise<void>((resolve) => socket.on('close', () => resolve()));
  clearInterval(timer);
  // Read on for a second, so that the answer arrives, and not for as long as a request may take.
  expect(sent).toBeLessThan(5_000);
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(await api.present()).toEqual(before);
});

test('H9 whoever sends headers or a body drop by drop is cut off after seconds, and others are served meanwhile', async () => {
  const { hostname, port } = new URL(api.url);
  const heads = [
    'GET /api/v1/me HTTP/1.1\r\nHost: a\r\nX-Slow: ',
    `POST ${ADMIN_BASE}/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"mail":"`,
    `POST ${ADMIN_BASE}/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    '',
  ];
  const drop = ['a', 'a', '1\r\na\r\n', ''];
  const slow = Array.from({ length: 40 }, (_, i) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.on('data', (data) => {
      answer += String(data);
    });
    socket.on('error', () => undefined);
    socket.write(heads[i % 4] ?? '');
    const timer = setInterval(() => socket.write(drop[i % 4] ?? ''), 400);
    return new Promise<string>((resolve) =>
      socket.on('close', () => {
        clearInterval(timer);
        resolve(answer);
      }),
    );
  });
  let isOver = false;
  const all = Promise.all(slow).finally(() => {
    isOver = true;
  });
  const client = new AdminClient({ url: api.url, fetch });
  let served = 0;
  while (!isOver) {
    await client.call('installation.get');
    served += 1;
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, 200))]);
  }
  expect(served).toBeGreaterThan(5);
  for (const answer of await all)
    if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/);
});

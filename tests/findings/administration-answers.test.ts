/** What answers of the administration API say to browsers: headers of every one, never elsewhere, and nothing that somebody has sent (H8). */
import { ADMIN_BASE } from '@kuvert/protocol/admin';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answersIn, expectHttpAnswer } from '../fuzz/refusals.ts';
import { RawSocket } from '../fuzz/web-socket.ts';
import { AdminRequests, type Answer, operations } from './admin-requests.ts';

let api: AdminRequests;

beforeAll(async () => {
  api = await AdminRequests.start();
});
afterAll(() => api?.[Symbol.asyncDispose]());

const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'/),
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
};

test('H8 every answer of every route, refusals and bytes that are no request included, has the headers that keep a browser from misusing it', async () => {
  const { token } = api;
  const routes = api.world.installation.server.routes.public.filter(({ method }) => method === 'GET');
  expect(routes.length).toBeGreaterThan(20);
  const expectHeaders = ({ headers, status }: Answer, about: string) => {
    expect({ ...headers, status }, about).toMatchObject(SECURITY_HEADERS);
    for (const telling of ['server', 'x-powered-by', 'access-control-allow-origin', 'location'])
      expect(headers, about).not.toHaveProperty(telling);
  };
  for (const [id, one] of operations) {
    // Refused by whoever gets to reading it, so that nothing is done.
    const body = one.method === 'GET' ? {} : { body: '[' };
    for (const headers of [{}, { authorization: `Bearer ${token}` }])
      expectHeaders(await api.ask(one.method, api.pathOf(one), { headers, ...body }), id);
  }
  for (const { path } of routes.filter(({ path }) => !path.includes(':')))
    expectHeaders(await api.ask('GET', path), path);
  const odd: [string, string, string][] = [
    ['GET', '/nothing', ''],
    ['GET', `${ADMIN_BASE}/nothing`, ''],
    ['TRACE', `${ADMIN_BASE}/me`, ''],
    ['OPTIONS', `${ADMIN_BASE}/me`, ''],
    ['GET', `${ADMIN_BASE}/%ff`, ''],
    ['POST', `${ADMIN_BASE}/sessions`, 'x'.repeat(70_000)],
  ];
  for (const [method, path, body] of odd) {
    const answer = await api.ask(method, path, body === '' ? {} : { body });
    expect(answer.status, path).toBeGreaterThanOrEqual(400);
    expectHeaders(answer, `${method} ${path}`);
  }
  for (const bytes of [
    'x\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n',
  ]) {
    const socket = await RawSocket.plain(api.url);
    socket.write(bytes);
    socket.finish();
    await socket.untilEnded();
    const head = socket.httpText.slice(0, socket.httpText.indexOf('\r\n\r\n')).toLowerCase();
    for (const name of Object.keys(SECURITY_HEADERS)) expect(head, bytes).toContain(`\r\n${name}: `);
  }
});

test('H8 nobody is sent elsewhere, whatever the path, the host or the query say', async () => {
  const hosts: Record<string, string>[] = [
    {},
    { host: 'evil.test' },
    { 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'https', forwarded: 'host=evil.test' },
    { 'x-original-url': '//evil.test', 'x-rewrite-url': '//evil.test', referer: 'https://evil.test' },
  ];
  const paths = [
    ...[
      '//evil.test',
      '//evil.test/%2f..',
      '/\\evil.test',
      '/https://evil.test',
      '/%2f%2fevil.test',
      '/.evil.test',
    ],
    ...[
      `${ADMIN_BASE}`,
      `${ADMIN_BASE}/`,
      `${ADMIN_BASE}//evil.test`,
      `${ADMIN_BASE}/docs/`,
      `${ADMIN_BASE}/../evil`,
    ],
    ...['next', 'url', 'return', 'redirect', 'redirect_uri', 'continue'].map(
      (name) => `${ADMIN_BASE}/docs?${name}=https://evil.test`,
    ),
    ...operations.map(([, one]) => `${api.pathOf(one)}/`),
  ];
  for (const headers of hosts) {
    for (const path of paths) {
      for (const method of ['GET', 'POST']) {
        const answer = await api.ask(method, path, { headers });
        expect(Math.floor(answer.status / 100), path).not.toBe(3);
        expect(answer.headers, path).not.toHaveProperty('location');
        expect(answer.headers, path).not.toHaveProperty('refresh');
        expect(answer.text, path).not.toContain('evil.test');
      }
    }
  }
});

test('H8 no header of an answer says what somebody has sent: request ids, keys, versions, languages, paths and names with line ends in them', async () => {
  const { token } = api;
  const injection = 'evil\r\nset-cookie: evil=1\r\n\r\nevil';
  const encoded = encodeURIComponent(injection);
  const authorization = `Bearer ${token}`;
  const json = { authorization, 'content-type': 'application/json' };
  const tenant = `${ADMIN_BASE}/tenants/${api.world.own.tenant}`;
  const answers = [
    await api.ask('GET', `${ADMIN_BASE}/${encoded}`),
    await api.ask('GET', `${ADMIN_BASE}/tenants/${encoded}`, { headers: { authorization } }),
    await api.ask('GET', `${tenant}/people?cursor=${encoded}&q=${encoded}`, { headers: { authorization } }),
    await api.ask('GET', `${tenant}?${encoded}=${encoded}`, { headers: { authorization } }),
    await api.ask('POST', `${tenant}/pools`, { headers: json, body: JSON.stringify({ name: injection }) }),
    await api.ask('GET', `${ADMIN_BASE}/me`, {
      headers: {
        authorization,
        'x-request-id': 'evil',
        'accept-language': 'evil',
        'x-correlation-id': 'evil',
      },
    }),
    await api.ask('POST', `${tenant}/pools`, {
      headers: { ...json, 'idempotency-key': 'evil' },
      body: JSON.stringify({ name: 'evil' }),
    }),
    await api.ask('PATCH', tenant, { headers: { ...json, 'if-match': '"evil"' }, body: '{}' }),
  ];
  for (const { raw, text } of answers) {
    expect(raw.join('\n').toLowerCase()).not.toContain('evil');
    expect(raw.join('')).not.toMatch(/[\r\n]/);
    // Of refusals the reason is told, never the value.
    if (text.includes('"code"')) expect(text).not.toContain('evil');
  }
  for (const end of ['\r', '\n', '\0', '\r\n\t']) {
    const socket = await RawSocket.plain(api.url);
    socket.write(
      `POST ${tenant}/pools HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\nIdempotency-Key: k${end}set-cookie: evil=1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
    );
    await socket.untilEnded();
    expect(socket.httpText.toLowerCase()).not.toContain('evil');
    for (const answer of answersIn(socket.httpText)) {
      expectHttpAnswer(answer);
      expect(answer.status).toBeGreaterThanOrEqual(400);
    }
  }
});

/** What is done elsewhere to interfaces of administration over HTTP, tried here against every operation (H8, H9). */
import { request as send } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { ADMIN_BASE, ADMIN_OPERATIONS, AdminClient, type AdminOperation } from '@kuvert/protocol/admin';
import { ADMIN_PASSWORD } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answersIn, expectHttpAnswer } from '../fuzz/refusals.ts';
import { RawSocket } from '../fuzz/web-socket.ts';
import { AdminWorld, exampleBody, type Ids } from '../isolation/admin-world.ts';

let world: AdminWorld;
/** A browser's cookie of somebody who may do everything in a tenant. */
let cookie: string;

beforeAll(async () => {
  world = await AdminWorld.start();
  cookie = (await signedInWith({})).cookie;
});
afterAll(() => world?.[Symbol.asyncDispose]());

const operations = Object.entries<AdminOperation>(ADMIN_OPERATIONS);
const changing = operations.filter(([, { method, access }]) => method !== 'GET' && access !== 'public');

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly raw: readonly string[];
  readonly text: string;
}

/** A request whose path goes out as it stands here. */
function ask(
  method: string,
  path: string,
  { headers = {}, body }: { headers?: Record<string, string | string[]>; body?: string | Uint8Array } = {},
): Promise<Answer> {
  const { hostname, port } = new URL(world.installation.url);
  return new Promise((resolve, reject) => {
    // Said for every method: Node says it by itself for some only.
    const size: Record<string, string> =
      body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const outgoing = send({ hostname, port, method, path, headers: { ...headers, ...size } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          raw: answer.rawHeaders,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function pathOf({ path }: AdminOperation, ids: Ids = world.own): string {
  const filled = path.replaceAll(/\{(\w+?)(?:Id)?\}/g, (_, name: string) => ids[name] ?? ids.person ?? '');
  return `${ADMIN_BASE}${filled}`;
}

/** Signs the first administrator in as a browser does, with these headers besides. */
async function signedInWith(headers: Record<string, string>) {
  const [chief] = world.chiefs;
  const secondFactor = { kind: 'totp', code: chief.totp() };
  const answer = await ask('POST', `${ADMIN_BASE}/sessions`, {
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ mail: chief.mail, password: ADMIN_PASSWORD, secondFactor, cookie: true }),
  });
  expect(answer.status, answer.text).toBe(201);
  return { cookie: String(answer.headers['set-cookie']).split(';')[0] ?? '', text: answer.text };
}

/** What a tenant looks like to its administrators. */
async function present(): Promise<unknown> {
  const [chief] = world.chiefs;
  const params = { tenantId: world.own.tenant as never };
  const { result: people } = await chief.call('people.list', { params });
  const { result: pools } = await chief.call('pools.list', { params });
  const { result: programs } = await chief.call('integrations.list', { params });
  const { result: invitations } = await chief.call('invitations.list', { params });
  const { result: administrators } = await chief.call('administrators.list', { params });
  return { people, pools, programs, invitations, administrators };
}

const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'/),
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
};

test('H8 every answer of every route, refusals and bytes that are no request included, has the headers that keep a browser from misusing it', async () => {
  const { token } = world.chiefs[0];
  const routes = world.installation.server.routes.public.filter(({ method }) => method === 'GET');
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
      expectHeaders(await ask(one.method, pathOf(one), { headers, ...body }), id);
  }
  for (const { path } of routes.filter(({ path }) => !path.includes(':')))
    expectHeaders(await ask('GET', path), path);
  const odd: [string, string, string][] = [
    ['GET', '/nothing', ''],
    ['GET', `${ADMIN_BASE}/nothing`, ''],
    ['TRACE', `${ADMIN_BASE}/me`, ''],
    ['OPTIONS', `${ADMIN_BASE}/me`, ''],
    ['GET', `${ADMIN_BASE}/%ff`, ''],
    ['POST', `${ADMIN_BASE}/sessions`, 'x'.repeat(70_000)],
  ];
  for (const [method, path, body] of odd) {
    const answer = await ask(method, path, body === '' ? {} : { body });
    expect(answer.status, path).toBeGreaterThanOrEqual(400);
    expectHeaders(answer, `${method} ${path}`);
  }
  for (const bytes of [
    'x\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n',
    'GET / HTTP/1.1\r\n\r\n',
  ]) {
    const socket = await RawSocket.plain(world.installation.url);
    socket.write(bytes);
    socket.finish();
    await socket.untilEnded();
    const head = socket.httpText.slice(0, socket.httpText.indexOf('\r\n\r\n')).toLowerCase();
    for (const name of Object.keys(SECURITY_HEADERS)) expect(head, bytes).toContain(`\r\n${name}: `);
  }
});

test('H8 with a cookie nothing is done for another page: foreign, missing or odd origins, for every operation that changes something', async () => {
  const before = await present();
  const { url } = world.installation;
  const { host, port } = new URL(url);
  const foreign: Record<string, string>[] = [
    {},
    { origin: 'null' },
    { origin: 'https://evil.test' },
    { origin: `https://${host}` },
    { origin: `${url}.evil.test` },
    { origin: `http://127.0.0.1:${Number(port) - 1}` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: url },
    { 'sec-fetch-site': 'same-origin', origin: 'https://evil.test' },
    { 'sec-fetch-site': 'cross-site', 'x-forwarded-host': 'evil.test', origin: 'https://evil.test' },
  ];
  await world.chiefs[0].stepUp();
  for (const [id, one] of changing) {
    const body = exampleBody(one, world.own);
    for (const headers of foreign) {
      const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
      const answer = await ask(one.method, pathOf(one), {
        headers: { cookie, ...type, ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      expect([answer.status, JSON.parse(answer.text).code], `${id} ${JSON.stringify(headers)}`).toEqual([
        403,
        'origin_refused',
      ]);
    }
  }
  // A browser asks first, and is told nothing that would let it go on.
  const preflight = await ask('OPTIONS', `${ADMIN_BASE}/sessions`, {
    headers: {
      origin: 'https://evil.test',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  });
  expect(preflight.status).toBe(404);
  expect(Object.keys(preflight.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  expect(await present()).toEqual(before);
  const own = { cookie, origin: url, 'sec-fetch-site': 'same-origin' };
  expect((await ask('GET', `${ADMIN_BASE}/me`, { headers: own })).status).toBe(200);
});

test('H8 C4 a token that somebody has chosen beforehand is never adopted, and each sign-in makes a new one', async () => {
  const chosen = 'A'.repeat(43);
  const asCookie = { cookie: `__Host-kuvert=${chosen}`, 'sec-fetch-site': 'same-origin' };
  const me = async (headers: Record<string, string>) =>
    (await ask('GET', `${ADMIN_BASE}/me`, { headers: { 'sec-fetch-site': 'same-origin', ...headers } }))
      .status;
  const seen = new Set([chosen, cookie.split('=')[1]]);
  for (const headers of [{}, asCookie, { authorization: `Bearer ${chosen}` }, { cookie }]) {
    const signedIn = await signedInWith(headers as Record<string, string>);
    const token = signedIn.cookie.split('=')[1];
    expect(seen.has(token)).toBe(false);
    expect(signedIn.text).not.toContain(chosen);
    seen.add(token);
    expect(await me({ cookie: signedIn.cookie })).toBe(200);
    expect(await me({ cookie: asCookie.cookie })).toBe(401);
    // Neither the first nor the last of two counts: whoever can plant a second one gains nothing.
    expect(await me({ cookie: `${asCookie.cookie}; ${signedIn.cookie}` })).toBe(401);
    expect(await me({ cookie: `${signedIn.cookie}; ${asCookie.cookie}` })).toBe(401);
  }
  const url = `${ADMIN_BASE}/me?token=${chosen}&__Host-kuvert=${chosen}`;
  expect((await ask('GET', url)).status).toBe(401);
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
    ...operations.map(([, one]) => `${pathOf(one)}/`),
  ];
  for (const headers of hosts) {
    for (const path of paths) {
      for (const method of ['GET', 'POST']) {
        const answer = await ask(method, path, { headers });
        expect(Math.floor(answer.status / 100), path).not.toBe(3);
        expect(answer.headers, path).not.toHaveProperty('location');
        expect(answer.headers, path).not.toHaveProperty('refresh');
        expect(answer.text, path).not.toContain('evil.test');
      }
    }
  }
});

test('H8 no header of an answer says what somebody has sent: request ids, keys, versions, languages, paths and names with line ends in them', async () => {
  const { token } = world.chiefs[0];
  const injection = 'evil\r\nset-cookie: evil=1\r\n\r\nevil';
  const encoded = encodeURIComponent(injection);
  const authorization = `Bearer ${token}`;
  const json = { authorization, 'content-type': 'application/json' };
  const tenant = `${ADMIN_BASE}/tenants/${world.own.tenant}`;
  const answers = [
    await ask('GET', `${ADMIN_BASE}/${encoded}`),
    await ask('GET', `${ADMIN_BASE}/tenants/${encoded}`, { headers: { authorization } }),
    await ask('GET', `${tenant}/people?cursor=${encoded}&q=${encoded}`, { headers: { authorization } }),
    await ask('GET', `${tenant}?${encoded}=${encoded}`, { headers: { authorization } }),
    await ask('POST', `${tenant}/pools`, { headers: json, body: JSON.stringify({ name: injection }) }),
    await ask('GET', `${ADMIN_BASE}/me`, {
      headers: {
        authorization,
        'x-request-id': 'evil',
        'accept-language': 'evil',
        'x-correlation-id': 'evil',
      },
    }),
    await ask('POST', `${tenant}/pools`, {
      headers: { ...json, 'idempotency-key': 'evil' },
      body: JSON.stringify({ name: 'evil' }),
    }),
    await ask('PATCH', tenant, { headers: { ...json, 'if-match': '"evil"' }, body: '{}' }),
  ];
  for (const { raw, text } of answers) {
    expect(raw.join('\n').toLowerCase()).not.toContain('evil');
    expect(raw.join('')).not.toMatch(/[\r\n]/);
    // Of refusals the reason is told, never the value.
    if (text.includes('"code"')) expect(text).not.toContain('evil');
  }
  for (const end of ['\r', '\n', '\0', '\r\n\t']) {
    const socket = await RawSocket.plain(world.installation.url);
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
  const before = await present();
  const { token } = world.chiefs[0];
  const path = `${ADMIN_BASE}/tenants/${world.own.tenant}/pools`;
  const body = JSON.stringify({ name: 'Planted' });
  const authorization = `Bearer ${token}`;
  const refused = async (headers: Record<string, string | string[]>, bytes: string | Uint8Array) => {
    const answer = await ask('POST', path, { headers: { authorization, ...headers }, body: bytes });
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
  await refused({ ...type, 'x-http-method-override': 'PUT' }, '');
  expect(await present()).toEqual(before);
});

test('H9 a body beyond the greatest size is refused, said or not said how long it is, and nothing is done', async () => {
  const before = await present();
  const { token } = world.chiefs[0];
  for (const [id, one] of changing) {
    const answer = await ask(one.method, pathOf(one), {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: `{"name":"${'x'.repeat(66_000)}"}`,
    });
    expect(answer.status, `${id} ${answer.text}`).toBe(413);
  }
  const { hostname, port } = new URL(world.installation.url);
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
  expect(await present()).toEqual(before);
});

test('H9 whoever sends headers or a body drop by drop is cut off after seconds, and others are served meanwhile', async () => {
  const { hostname, port } = new URL(world.installation.url);
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
  const client = new AdminClient({ url: world.installation.url, fetch });
  let served = 0;
  while (!isOver) {
    await client.call('installation.get');
    served += 1;
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, 200))]);
  }
  expect(served).toBeGreaterThan(5);
  for (const answer of await all)
    if (answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"request_timeout"/);
}, 60_000);

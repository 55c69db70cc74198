/** How the first operator comes in, and how nobody else does (C4, H8). */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { startInstallation, type TestInstallation } from '@kuvert/testkit';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, expect, test } from 'vitest';

const PASSWORD = 'korrekt Pferd Batterie Heftklammer';
const MAIL = 'olga@example.test';
const MINUTE = 60_000;

let installation: TestInstallation;
let secret: string;
let recoveryCodes: string[];

beforeAll(async () => {
  installation = await startInstallation();
});
afterAll(() => installation[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Record<string, unknown> & { code?: string };
}

async function call(
  method: string,
  path: string,
  options: { body?: unknown; token?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const { body, token, headers = {} } = options;
  const response = await fetch(`${installation.url}/api/v1${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text === '' ? {} : JSON.parse(text) };
}

/** The code that the app shows; each is good once, so time goes on by a step before the next. */
function totp(): string {
  installation.clock.advance(30_000);
  return generateSync({ secret, epoch: Math.floor(installation.clock.nowMs() / 1_000) });
}

function signIn(body: Record<string, unknown> = {}): Promise<Answer> {
  return call('POST', '/sessions', {
    body: { mail: MAIL, password: PASSWORD, secondFactor: { kind: 'totp', code: totp() }, ...body },
  });
}

test('C4 there is no default password: the set-up code makes the first operator, once and for half an hour', async () => {
  expect((await call('GET', '/installation')).json).toMatchObject({ isSetUp: false });
  const first = installation.server.setUpCode as string;
  installation.clock.advance(31 * MINUTE);
  const choice = { name: 'Olga', mail: MAIL, password: PASSWORD };
  expect((await call('POST', '/invitations/open', { body: { code: first, ...choice } })).json.code).toBe(
    'invitation_not_valid',
  );
  await installation.restart();
  const code = installation.server.setUpCode as string;
  expect(code).not.toBe(first);

  for (const [password, reason] of [
    ['kurz', 'too_short'],
    ['Kuvert Olga example', undefined],
    ['aaaaaaaaaaaaaaaaaaaa', undefined],
  ] as const) {
    const weak = await call('POST', '/invitations/open', { body: { code, ...choice, password } });
    expect(weak.json).toMatchObject({
      code: 'password_weak',
      details: reason === undefined ? {} : { reason },
    });
  }
  const opened = await call('POST', '/invitations/open', { body: { code: code.toUpperCase(), ...choice } });
  expect(opened.status).toBe(201);
  secret = opened.json.totpSecret as string;
  expect(opened.json.totpUri).toContain(secret);

  const wrong = await call('POST', '/invitations/accept', { body: { code, totp: '000000' } });
  expect([wrong.status, wrong.json.code]).toEqual([401, 'sign_in_failed']);
  const both = await Promise.all(
    [totp()].flatMap((shown) =>
      [0, 1].map(() => call('POST', '/invitations/accept', { body: { code, totp: shown } })),
    ),
  );
  expect(both.map(({ status }) => status).sort()).toEqual([201, 404]);
  const accepted = both.find(({ status }) => status === 201) as Answer;
  recoveryCodes = accepted.json.recoveryCodes as string[];
  expect(new Set(recoveryCodes).size).toBe(10);
  const me = await call('GET', '/me', { token: accepted.json.token as string });
  expect(me.json).toMatchObject({
    mail: MAIL,
    grants: [
      {
        role: 'operator',
        scope: { kind: 'installation' },
        permissions: expect.arrayContaining(['tenants.create']),
      },
    ],
  });
  expect((await call('GET', '/installation')).json).toMatchObject({ isSetUp: true });
  await installation.restart();
  expect(installation.server.setUpCode).toBeUndefined();
});

test('C4 sign-in wants password and second factor, takes a code once, and says nothing about which was wrong', async () => {
  const shown = totp();
  const body = { secondFactor: { kind: 'totp', code: shown } };
  const signedIn = await signIn(body);
  expect(signedIn.status).toBe(201);
  const replayed = await signIn(body);
  const nobody = await signIn({ mail: 'nobody@example.test' });
  const wrong = await signIn({ password: 'korrekt Pferd Batterie Heftpflaster' });
  for (const { status, json } of [replayed, nobody, wrong]) {
    expect([status, json]).toEqual([401, replayed.json]);
  }
  const [recovery] = recoveryCodes;
  const secondFactor = { kind: 'recovery', code: recovery };
  expect((await signIn({ secondFactor })).status).toBe(201);
  expect((await signIn({ secondFactor })).status).toBe(401);
});

/** A sign-in with a wrong password from an address of this machine's own. @returns the status, and how long to wait */
function wrongFrom(localAddress: string): Promise<{ status: number; waitMs: number }> {
  const url = new URL('/api/v1/sessions', installation.url);
  const secondFactor = { kind: 'totp', code: '000000' };
  const body = JSON.stringify({ mail: MAIL, password: 'wrong, and wrong again', secondFactor });
  const headers = { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', localAddress, headers }, async (response) => {
      const { retry } = JSON.parse(await text(response)) as { retry: { ms?: number } };
      resolve({ status: response.statusCode ?? 0, waitMs: retry.ms ?? 0 });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

test('C4 waiting times double, survive a restart, and lock nobody out who is elsewhere', async () => {
  const stranger = '127.0.0.2';
  for (let failures = 0; failures < 5; failures++) expect((await wrongFrom(stranger)).status).toBe(401);
  for (const waitMs of [1_000, 2_000, 4_000, 8_000]) {
    expect(await wrongFrom(stranger)).toEqual({ status: 429, waitMs });
    await installation.restart();
    expect(await wrongFrom(stranger)).toEqual({ status: 429, waitMs });
    installation.clock.advance(waitMs);
    expect((await wrongFrom(stranger)).status).toBe(401);
  }
  expect((await signIn()).status).toBe(201);
});

test('C4 a session ends when it is idle, when its time is over, and when its owner says so', async () => {
  installation.clock.advance(25 * 60 * MINUTE);
  const first = (await signIn()).json.token as string;
  const second = (await signIn()).json.token as string;
  const { sessions } = (await call('GET', '/sessions', { token: second })).json as {
    sessions: { sessionId: string; isCurrent: boolean }[];
  };
  expect(sessions.length).toBe(2);
  const other = sessions.find(({ isCurrent }) => !isCurrent)?.sessionId;
  expect((await call('DELETE', `/sessions/${other}`, { token: second })).status).toBe(204);
  expect((await call('GET', '/me', { token: first })).status).toBe(401);
  expect((await call('DELETE', `/sessions/${other}`, { token: second })).status).toBe(404);

  for (let used = 0; used < 4; used++) {
    installation.clock.advance(10 * MINUTE);
    expect((await call('GET', '/me', { token: second })).status).toBe(200);
  }
  installation.clock.advance(15 * MINUTE);
  expect((await call('GET', '/me', { token: second })).status).toBe(401);

  const third = (await signIn()).json.token as string;
  for (let minutes = 0; minutes < 12 * 60 - 5; minutes += 10) {
    installation.clock.advance(10 * MINUTE);
    if ((await call('GET', '/me', { token: third })).status === 401) {
      expect(minutes).toBeGreaterThan(11.5 * 60);
      return;
    }
  }
  installation.clock.advance(10 * MINUTE);
  expect((await call('GET', '/me', { token: third })).status).toBe(401);
});

test('H8 a cookie counts from our own pages only, and a token in the wrong place not at all', async () => {
  const signedIn = await call('POST', '/sessions', {
    body: { mail: MAIL, password: PASSWORD, secondFactor: { kind: 'totp', code: totp() }, cookie: true },
  });
  expect(signedIn.json.token).toBeUndefined();
  const [setCookie = '', device] = signedIn.headers.getSetCookie();
  expect(setCookie).toMatch(/^__Host-kuvert=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/);
  expect(device).toMatch(
    /^__Host-kuvert-device=[\w-]{43}; Path=\/; Max-Age=\d{8}; Secure; HttpOnly; SameSite=Strict$/,
  );
  expect(signedIn.json.deviceToken).toBeUndefined();
  const cookie = setCookie.split(';')[0] as string;
  const get = (headers: Record<string, string>) => call('GET', '/me', { headers: { cookie, ...headers } });
  expect((await get({ 'sec-fetch-site': 'same-origin' })).status).toBe(200);
  expect((await get({ 'sec-fetch-site': 'cross-site' })).json.code).toBe('origin_refused');
  expect((await get({ origin: 'https://evil.test' })).json.code).toBe('origin_refused');
  const token = cookie.slice(cookie.indexOf('=') + 1);
  expect((await get({ authorization: `Bearer ${token}` })).status).toBe(401);
  expect((await call('GET', `/me?token=${token}`)).status).toBe(401);
  const blind = await call('POST', '/sessions/current/step-up', {
    body: { totp: totp() },
    headers: { cookie },
  });
  expect(blind.json.code).toBe('origin_refused');
});

test('H8 what is not asked for is refused: other types, unknown fields, operators in the place of text, bodies where there are none', async () => {
  const body = { mail: MAIL, password: PASSWORD, secondFactor: { kind: 'totp', code: '123456' } };
  for (const bad of [
    { ...body, mail: { $ne: '' } },
    { ...body, password: { $gt: '' } },
    { ...body, isAdmin: true },
    { ...body, secondFactor: { kind: 'none' } },
    [],
    null,
  ]) {
    expect((await call('POST', '/sessions', { body: bad })).json.code, JSON.stringify(bad)).toBe(
      'bad_request',
    );
  }
  const raw = (text: string, type: string) =>
    fetch(`${installation.url}/api/v1/sessions`, {
      method: 'POST',
      body: text,
      headers: { 'content-type': type },
    });
  expect((await raw(JSON.stringify(body), 'text/plain')).status).toBe(400);
  expect((await raw(`{"__proto__":{"mail":"x"}}`, 'application/json')).status).toBe(400);
  expect((await raw('{', 'application/json')).status).toBe(400);
  expect((await raw(`"${'x'.repeat(70_000)}"`, 'application/json')).status).toBe(413);
  expect((await call('GET', '/me', { token: 'x'.repeat(43) })).status).toBe(401);
  expect((await call('GET', '/me')).status).toBe(401);
});

interface Document {
  readonly openapi: string;
  readonly paths: object;
  readonly components: { readonly schemas: { readonly Problem: object } };
}

test('H8 a method that a path does not take is refused with those that it takes, whoever asks and whatever its ids stand for', async () => {
  const paths = ['/people/pe_x', '/people/nobody'].map((path) => `/tenants/tn_x${path}`);
  for (const path of paths) {
    const { status, json, headers } = await call('PUT', path);
    expect([status, json.code, headers.get('content-type')]).toEqual([
      405,
      'method_not_allowed',
      'application/problem+json; charset=utf-8',
    ]);
    expect(headers.get('allow')).toBe('DELETE, GET, HEAD, PATCH');
  }
  expect((await call('OPTIONS', '/sessions')).headers.get('allow')).toBe('GET, HEAD, POST');
  const away = await fetch(`${installation.url}/`, { method: 'DELETE' });
  expect([away.status, away.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  for (const path of ['/nothing', '/tenants//people', '/sessions/'])
    expect((await call('PUT', path)).status, path).toBe(404);
});

test('C5 the API describes itself', async () => {
  const document = (await call('GET', '/openapi.json')).json as unknown as Document;
  expect(document.openapi).toBe('3.1.0');
  const page = await fetch(`${installation.url}/api/v1/docs`);
  expect(await page.text()).toContain('/api/v1/sessions');
  // By somebody else's reading of OpenAPI 3.1, and each schema by somebody else's of JSON Schema 2020-12.
  const { valid, errors } = await new Validator().validate(structuredClone(document) as never);
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true });
  addFormats.default(ajv);
  ajv.addSchema({ ...document.components.schemas.Problem, $id: 'https://kuvert.test/Problem' });
  const schemas = new Set<string>();
  JSON.stringify(document.paths, (name, value) => {
    if (name !== 'schema') return value;
    schemas.add(JSON.stringify(value).replaceAll('"#/components/schemas/', '"https://kuvert.test/'));
    return undefined;
  });
  expect(schemas.size).toBeGreaterThan(100);
  for (const text of schemas) ajv.compile(JSON.parse(text));
  expect(Object.keys(document.paths)).toContain('/sessions/{sessionId}');
});

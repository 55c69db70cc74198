/** Requests to the administration API that another page has a browser send, and tokens that somebody else has chosen (H8). */
import { ADMIN_BASE } from '@kuvert/protocol/admin';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exampleBody } from '../isolation/admin-world.ts';
import { AdminRequests, changing } from './admin-requests.ts';

let api: AdminRequests;
/** A browser’s cookie of somebody who may do everything in a tenant. */
let cookie: string;

beforeAll(async () => {
  api = await AdminRequests.start();
  cookie = (await api.signedInWith({})).cookie;
});
afterAll(() => api?.[Symbol.asyncDispose]());

test('H8 with a cookie nothing is done for another page: foreign, missing or odd origins, for every operation that changes something', async () => {
  const before = await api.present();
  const { url } = api.world.installation;
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
  await api.world.chiefs[0].stepUp();
  for (const [id, one] of changing) {
    const body = exampleBody(one, api.world.own);
    for (const headers of foreign) {
      const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
      const answer = await api.ask(one.method, api.pathOf(one), {
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
  const preflight = await api.ask('OPTIONS', `${ADMIN_BASE}/sessions`, {
    headers: {
      origin: 'https://evil.test',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  });
  expect(preflight.status).toBe(405);
  expect(Object.keys(preflight.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  expect(await api.present()).toEqual(before);
  const own = { cookie, origin: url, 'sec-fetch-site': 'same-origin' };
  expect((await api.ask('GET', `${ADMIN_BASE}/me`, { headers: own })).status).toBe(200);
});

test('H8 C4 a token that somebody has chosen beforehand is never adopted, and each sign-in makes a new one', async () => {
  const chosen = 'A'.repeat(43);
  const asCookie = { cookie: `__Host-kuvert=${chosen}`, 'sec-fetch-site': 'same-origin' };
  const me = async (headers: Record<string, string>) =>
    (await api.ask('GET', `${ADMIN_BASE}/me`, { headers: { 'sec-fetch-site': 'same-origin', ...headers } }))
      .status;
  const seen = new Set([chosen, cookie.split('=')[1]]);
  for (const headers of [{}, asCookie, { authorization: `Bearer ${chosen}` }, { cookie }]) {
    const signedIn = await api.signedInWith(headers as Record<string, string>);
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
  expect((await api.ask('GET', url)).status).toBe(401);
});

import { KuvertError, OPERATOR_HEADERS, operatorCalls } from '@kuvert/protocol';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from '../log.ts';
import { createServerMetrics } from '../metrics/server-metrics.ts';
import { OperatorGate, operatorRequestMac } from './operator-gate.ts';
import type { OperatorRoutes } from './operator-routes.ts';
import { joinOperatorRoutes } from './operator-routes.ts';
import { createOpsListener } from './ops-listener.ts';
import { Readiness } from './readiness.ts';

const key = new Uint8Array(32).fill(1);
const NOW = 1_700_000_000_000;
let writes: number;
let writeError: Error | undefined;
let monotonicMs: number;
let logged: string[];
let readiness: Readiness;
let ops: ReturnType<typeof createOpsListener>;
let nonceNo = 0;

beforeEach(() => {
  writes = 0;
  writeError = undefined;
  monotonicMs = 0;
  logged = [];
  const clock = { nowMs: () => NOW, monotonicMs: () => monotonicMs };
  const operator = {
    write: async () => {
      writes++;
      if (writeError) throw writeError;
    },
  };
  readiness = new Readiness({ operator: () => operator as never }, clock);
  const all = Object.keys(operatorCalls).map((name) => [
    name,
    async () => {
      throw new KuvertError('mail_taken', { details: { field: 'mail' } });
    },
  ]);
  const routes = {
    ...Object.fromEntries(all),
    installation: async () => ({ tenants: 3, secret: 'dropped' }),
    keysRotate: async () => {
      throw new Error('the secret word');
    },
  } as OperatorRoutes;
  ops = createOpsListener({
    readiness,
    gate: new OperatorGate(key, clock),
    routes: joinOperatorRoutes([routes]),
    log: createLog({ level: 'info', write: (line) => logged.push(line) }),
    metrics: createServerMetrics(),
  });
});

afterEach(() => ops.close());

function post(path: string, body: string, options: { key?: Uint8Array; type?: string } = {}) {
  const timeMs = String(NOW);
  const nonce = (nonceNo++).toString(16).padStart(32, '0');
  const mac = operatorRequestMac(options.key ?? key, { path, timeMs, nonce, body: Buffer.from(body) });
  return ops.inject({
    method: 'POST',
    url: path,
    headers: {
      host: '127.0.0.1:8421',
      'content-type': options.type ?? 'application/json',
      [OPERATOR_HEADERS.time]: timeMs,
      [OPERATOR_HEADERS.nonce]: nonce,
      [OPERATOR_HEADERS.mac]: mac,
    },
    payload: body,
  });
}

const get = (url: string, host = 'localhost:8421') => ops.inject({ method: 'GET', url, headers: { host } });

test('H6 livez answers without the store, readyz writes to it, once a second at most', async () => {
  expect((await get('/livez')).statusCode).toBe(200);
  expect(writes).toBe(0);
  expect((await get('/readyz')).json()).toEqual({ status: 'ready' });
  await get('/readyz');
  expect(writes).toBe(1);
  monotonicMs = 1_500;
  await get('/readyz');
  expect(writes).toBe(2);
});

test('H6 readyz says 503 when the disk is full or the server is about to stop', async () => {
  writeError = new KuvertError('disk_full');
  const full = await get('/readyz');
  expect(full.statusCode).toBe(503);
  expect(full.json()).toMatchObject({ code: 'disk_full', status: 503 });
  readiness.drain();
  const draining = await get('/readyz');
  expect(draining.statusCode).toBe(503);
  expect(draining.json()).toMatchObject({ code: 'shutting_down' });
  expect((await get('/livez')).statusCode).toBe(200);
});

test('H8 an operator call answers its result and nothing beside it', async () => {
  const answer = await post(operatorCalls.installation.path, '{}');
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toEqual({ tenants: 3 });
});

test('H8 an operator call without the key is refused as a problem with code and sentence', async () => {
  const answer = await post(operatorCalls.installation.path, '{}', { key: new Uint8Array(32) });
  expect(answer.statusCode).toBe(401);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json()).toEqual({
    title: 'The sender of this request could not be verified.',
    status: 401,
    code: 'unauthenticated',
    retry: { kind: 'never' },
  });
});

test('H8 refusals of a feature come with their details, faults of ours without any', async () => {
  const taken = await post(operatorCalls.tenantCreate.path, '{"name":"Acme"}');
  expect(taken.statusCode).toBe(409);
  expect(taken.json()).toMatchObject({ code: 'mail_taken', details: { field: 'mail' } });
  const broken = await post(operatorCalls.keysRotate.path, '{}');
  expect(broken.statusCode).toBe(500);
  expect(broken.body + logged.join('')).not.toContain('secret word');
  expect(logged.some((line) => line.includes('http-failed'))).toBe(true);
});

test('H8 bodies that are too large, not JSON or not the call are refused', async () => {
  const { path } = operatorCalls.tenantCreate;
  expect((await post(path, `{"name":"${'x'.repeat(70_000)}"}`)).json()).toMatchObject({ code: 'too_large' });
  expect((await post(path, '{')).json()).toMatchObject({ code: 'bad_request' });
  expect((await post(path, '{"name":7}')).json()).toMatchObject({ code: 'bad_request' });
  expect((await post(path, 'name=x', { type: 'application/x-www-form-urlencoded' })).statusCode).toBe(400);
  expect((await get('/operator/v1/nothing')).json()).toMatchObject({ code: 'not_found', status: 404 });
});

test('H8 a page that reaches the ops port under a name of its own is refused', async () => {
  expect((await get('/livez', 'evil.example:8421')).statusCode).toBe(400);
  expect((await get('/livez', '[::1]:8421')).statusCode).toBe(200);
});

test('H7 metrics are told to whoever may watch, in the text form of Prometheus', async () => {
  await post(operatorCalls.installation.path, '{}');
  const answer = await get('/metrics');
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(answer.body).toContain(
    '# TYPE kuvert_operator_calls_total counter\nkuvert_operator_calls_total 1\n',
  );
  expect((await get('/metrics', 'evil.example:8421')).statusCode).toBe(400);
});

/** Operator calls and health over HTTP: bodies, headers, media types and paths, with and without the operator key. */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import {
  type CborValue,
  LABELS,
  OPERATOR_HEADERS,
  type OperatorCallName,
  operatorCalls,
  operatorRequestText,
} from '@kuvert/protocol';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { campaign, isLong } from './campaign.ts';
import { fromSchema, type Pool } from './from-schema.ts';
import { anyId, damaged, damagedBytes, oddOperator, oddText, oddValue } from './mutations.ts';
import { answersIn, expectHttpAnswer, type HttpAnswer } from './refusals.ts';
import { RawSocket } from './web-socket.ts';
import { type KnownDevice, World } from './world.ts';

/** How many calls of a campaign may make or rotate something; each is a file or a pass over all keys. */
const WELL_FORMED_MAX = 200;

/** What the ops listener reads of a body. */
const BODY_BYTES_MAX = 65_536;

let world: World;
let device: KnownDevice;
let pool: Pool;
let agent: Agent;

beforeAll(async () => {
  world = await World.start();
  agent = new Agent({ keepAlive: true, maxSockets: 1 });
  device = await world.device();
  const stranger = await world.device(await world.installation.tenant('Other'));
  const ids = [device, stranger].flatMap((one) => [one.tenantId, one.personId, one.deviceId]);
  pool = { texts: [...ids, 'mail@acme.test', 'Somebody', ...fc.sample(anyId, 40)], bytes: [] };
});

afterEach(async () => {
  await world.expectQuiet();
});

afterAll(async () => {
  agent?.destroy();
  await world?.[Symbol.asyncDispose]();
});

/** Headers of a call that is signed as it should be. */
function signed(path: string, body: Uint8Array): Record<string, string> {
  const { clock, server } = world.installation;
  const timeMs = String(clock.nowMs());
  const nonce = randomBytes(16).toString('hex');
  const bodySha256Hex = createHash('sha256').update(body).digest('hex');
  const mac = createHmac('sha256', readFileSync(join(server.keysFolder, 'operator.key')))
    .update(LABELS.operatorRequest)
    .update(operatorRequestText({ path, timeMs, nonce, bodySha256Hex }))
    .digest('hex');
  return {
    'content-type': 'application/json',
    [OPERATOR_HEADERS.time]: timeMs,
    [OPERATOR_HEADERS.nonce]: nonce,
    [OPERATOR_HEADERS.mac]: mac,
  };
}

/** The connection ended under a body that is too large. */
class RefusalLostError extends Error {}

async function call(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: Uint8Array },
): Promise<HttpAnswer> {
  const { method = 'POST', headers = {}, body } = options;
  const { hostname, port } = new URL(world.installation.server.opsUrl);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, path, method, headers, agent }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, contentType: answer.headers['content-type'], body: text }),
      );
    });
    outgoing.setTimeout(120_000, () => reject(new Error('the server does not answer')));
    outgoing.on('error', (error) => {
      // A body that is far too large is refused while it is being sent, and the refusal may be lost with the connection.
      if (body !== undefined && body.length > BODY_BYTES_MAX) reject(new RefusalLostError());
      else reject(error);
    });
    outgoing.end(body);
  });
}

const names = Object.keys(operatorCalls) as OperatorCallName[];

test.each(names)('H9 operator call %s answers by its schema or refuses by the catalogue', async (name) => {
  const { path, params, result } = operatorCalls[name];
  const fits = fromSchema(params, pool);
  const json = (value: CborValue) => Buffer.from(JSON.stringify(value) ?? '');
  const rarely = isLong ? Math.max(1, Math.round(WELL_FORMED_MAX / 100)) : 5;
  const body: fc.Arbitrary<Uint8Array> = fc.oneof(
    { weight: rarely, arbitrary: fits.map(json) },
    { weight: 40, arbitrary: damaged(fits).map(json) },
    { weight: 10, arbitrary: oddValue.map(json) },
    { weight: 20, arbitrary: damagedBytes(fits.map(json)) },
    { weight: 5, arbitrary: fc.uint8Array({ maxLength: 100 }) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(65_535, 65_536, 65_537, 200_000).map((n) => Buffer.alloc(n, 32)),
    },
    {
      weight: 3,
      arbitrary: fc
        .constantFrom('[[[['.repeat(16_000), `{"a":${'['.repeat(30_000)}`, '{"__proto__":{"x":1}}')
        .map((text) => Buffer.from(text)),
    },
  );
  // `z.object({})` takes any object, and each such call makes or rotates something.
  const allWellFormed = Object.keys(params.shape).length === 0;
  let wellFormed = 0;
  await campaign(
    `operator ${name}`,
    25,
    fc.asyncProperty(body, async (bytes) => {
      world.installation.clock.advance(20);
      const isWellFormed = params.safeParse(readJson(bytes)).success;
      if (isWellFormed) wellFormed += 1;
      fc.pre(!isWellFormed || wellFormed <= (allWellFormed ? WELL_FORMED_MAX / 4 : WELL_FORMED_MAX));
      const answer = await call(path, { headers: signed(path, bytes), body: bytes }).catch(
        (error: unknown) => {
          if (error instanceof RefusalLostError) return undefined;
          throw error;
        },
      );
      if (answer === undefined) return;
      expectHttpAnswer(answer);
      if (answer.status === 200) expect(result.safeParse(JSON.parse(answer.body)).success).toBe(true);
      else expect(isWellFormed && answer.status === 400, 'a call that fits its schema').toBe(false);
    }),
  );
});

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}

test('finding 1 H9 an operator object instead of a text is refused in every field of every call', async () => {
  for (const name of names) {
    const { path, params } = operatorCalls[name];
    for (const field of Object.keys(params.shape)) {
      for (const odd of fc.sample(oddOperator, { numRuns: 12, seed: 1 })) {
        const [good] = fc.sample(fromSchema(params, pool), { numRuns: 1, seed: 1 });
        const body = Buffer.from(JSON.stringify({ ...(good as object), [field]: odd }));
        const { status } = await call(path, { headers: signed(path, body), body });
        expect(status, `${name} ${field}`).toBe(400);
      }
    }
  }
});

test('H9 calls without the right signature, media type, host, path or method are refused and do nothing', async () => {
  const before = await world.installation.operator.call('installation', {});
  const path = operatorCalls.tenantCreate.path;
  const body = Buffer.from('{"name":"Planted"}');
  const headerValue = oddText
    .map((text) =>
      text
        .replaceAll(/[^\x20-\x7e]/g, '?')
        .trim()
        .slice(0, 2_000),
    )
    .filter((text) => text !== '');
  const wrong = fc.oneof(
    fc.record({
      kind: fc.constant('header' as const),
      name: fc.constantFrom(...Object.values(OPERATOR_HEADERS), 'host', 'content-type'),
      value: headerValue,
    }),
    fc.record({
      kind: fc.constant('bit' as const),
      name: fc.constantFrom(...Object.values(OPERATOR_HEADERS)),
      at: fc.nat(),
      by: fc.constantFrom('0', 'f', 'F', ' ', '-'),
    }),
    fc.record({
      kind: fc.constant('without' as const),
      name: fc.constantFrom(...Object.values(OPERATOR_HEADERS)),
    }),
    fc.record({
      kind: fc.constant('time' as const),
      offsetMs: fc.constantFrom(-3_600_000, -60_001, 60_001, 3_600_000, 1e14),
    }),
    fc.record({ kind: fc.constant('body' as const), with: fc.constantFrom('{"name":"Other"}', '', '{}') }),
    fc.record({ kind: fc.constantFrom('repeat', 'otherPath', 'method', 'suffix' as const) }),
  );
  await campaign(
    'operator signatures',
    60,
    fc.asyncProperty(wrong, async (what) => {
      world.installation.clock.advance(20);
      let headers = signed(path, body);
      if (what.kind === 'header') {
        fc.pre(!(what.name === 'content-type' && what.value === 'application/json'));
        headers = { ...headers, [what.name]: what.value };
      } else if (what.kind === 'bit') {
        const value = headers[what.name] ?? '';
        const at = what.at % value.length;
        const changed = value.slice(0, at) + what.by + value.slice(at + 1);
        fc.pre(changed !== value);
        headers = { ...headers, [what.name]: changed };
      } else if (what.kind === 'without') delete headers[what.name];
      else if (what.kind === 'time') {
        world.installation.clock.jump(what.offsetMs);
        headers = signed(path, body);
        world.installation.clock.jump(-what.offsetMs);
      } else if (what.kind === 'repeat') {
        const other = operatorCalls.installation.path;
        headers = signed(other, Buffer.from('{}'));
        expect((await call(other, { headers, body: Buffer.from('{}') })).status).toBe(200);
        expect((await call(other, { headers, body: Buffer.from('{}') })).status).toBe(401);
        return;
      } else if (what.kind === 'otherPath') headers = signed(operatorCalls.personAdd.path, body);
      const answer =
        what.kind === 'method'
          ? await call(path, { method: 'PUT', headers, body })
          : await call(what.kind === 'suffix' ? `${path}/` : path, {
              headers,
              body: what.kind === 'body' ? Buffer.from(what.with) : body,
            });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expectHttpAnswer(answer);
    }),
  );
  expect(await world.installation.operator.call('installation', {})).toEqual(before);
});

test('H9 bytes that are not HTTP, or odd HTTP, are refused in good order on the ops listener', async () => {
  const { opsUrl } = world.installation.server;
  const text = fc.oneof(
    fc
      .tuple(
        fc.constantFrom('GET', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY'),
        fc.constantFrom(
          '/livez',
          '/readyz',
          '/operator/v1/tenants/create',
          '/',
          '/%',
          '/../livez',
          '//livez',
          '*',
        ),
        fc.constantFrom('localhost', '127.0.0.1', 'evil.example', '', 'localhost:99999', '[::1]', 'a b'),
        fc.constantFrom(
          '',
          'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n',
          'Content-Length: 99999999999\r\n',
        ),
        fc.constantFrom('application/json', 'application/json; charset=utf-7', 'text/plain', 'a/b;;;', '\t'),
      )
      .map(
        ([method, path, host, length, type]) =>
          `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${length}Content-Type: ${type}\r\n\r\n{}`,
      ),
    fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  await campaign(
    'HTTP on the ops listener',
    60,
    fc.asyncProperty(text, async (bytes) => {
      const socket = await RawSocket.plain(opsUrl);
      socket.write(Buffer.from(bytes, 'latin1'));
      socket.finish();
      await socket.untilEnded();
      for (const answer of answersIn(socket.httpText)) expectHttpAnswer(answer);
    }),
  );
});

test('H9 after all of this people write to each other as before', () => world.expectUnharmed());

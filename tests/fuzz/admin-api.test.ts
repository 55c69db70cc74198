/** The administration API: every route of the table with bodies, queries, paths and headers made from its schemas and damaged; never a fault of ours. */
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { type CborValue, ID_TYPES, type IdType, makeId } from '@kuvert/protocol';
import {
  ADMIN_BASE,
  ADMIN_OPERATIONS,
  type AdminOperation,
  type AdminOperationId,
} from '@kuvert/protocol/admin';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AdminWorld, expectDocumented } from '../isolation/admin-world.ts';
import { campaign, isLong } from './campaign.ts';
import { fromSchema, type Pool } from './from-schema.ts';
import { damaged, damagedBytes, oddOperator, oddText, oddValue } from './mutations.ts';
import { expectHttpAnswer, type HttpAnswer } from './refusals.ts';

/** How many well-formed requests of a campaign may make something. */
const WELL_FORMED_MAX = 200;

let world: AdminWorld;
let pool: Pool;
let agent: Agent;

beforeAll(async () => {
  world = await AdminWorld.start();
  agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const strangers = (Object.keys(ID_TYPES) as IdType[]).map((type) => makeId(type, randomBytes(16)));
  const ids = [...Object.values(world.own), ...Object.values(world.foreign), ...strangers];
  const words = [
    'somebody@acme.test',
    'Somebody',
    'a'.repeat(64),
    '123456',
    '2026-01-02T08:00:00.000Z',
    '5',
    '10.0.0.0/8',
  ];
  pool = { texts: [...ids, ...words], bytes: [] };
});
afterAll(async () => {
  agent?.destroy();
  await world?.[Symbol.asyncDispose]();
});

const operations = Object.entries(ADMIN_OPERATIONS) as [AdminOperationId, AdminOperation][];

// Before the campaigns, which may end the sessions of callers.
test('finding 1 H9 an operator object in the place of any value is refused, with and without rights', async () => {
  for (const [id, one] of operations) {
    for (const field of Object.keys(one.body?.shape ?? {})) {
      for (const odd of fc.sample(oddOperator, { numRuns: 6, seed: 1 })) {
        const [good] = fc.sample(fromSchema(one.body as never, pool), { numRuns: 1, seed: 1 });
        const body = { ...(good as object), [field]: odd };
        const { token = '' } = world.callers[1] ?? {};
        const { status } = await world.send(id, world.own, { token, body, headers: { 'if-match': '"x"' } });
        expect([400, 403, 404], `${id} ${field} ${JSON.stringify(odd)}`).toContain(status);
      }
    }
  }
  expect(Object.prototype).not.toHaveProperty('x');
});

test.each(operations)('H9 %s answers by its schema or refuses by the catalogue', async (id, one) => {
  const isOpen = one.access === 'public';
  const fits = one.body === undefined ? fc.constant<CborValue>({}) : fromSchema(one.body as never, pool);
  const json = (value: CborValue) => Buffer.from(JSON.stringify(value) ?? '');
  const rarely = isLong ? 1 : 4;
  const body: fc.Arbitrary<Uint8Array | undefined> =
    one.body === undefined
      ? fc.constantFrom(undefined, undefined, undefined, Buffer.from('{}'), Buffer.from('x'))
      : fc.oneof(
          { weight: rarely, arbitrary: fits.map(json) },
          { weight: 40, arbitrary: damaged(fits).map(json) },
          { weight: 10, arbitrary: oddValue.map(json) },
          { weight: 15, arbitrary: damagedBytes(fits.map(json)) },
          {
            weight: 2,
            arbitrary: fc
              .constantFrom('[[[['.repeat(9_000), '{"__proto__":{"x":1}}', '')
              .map((text) => Buffer.from(text)),
          },
          { weight: 1, arbitrary: fc.constantFrom(65_536, 65_537, 90_000).map((n) => Buffer.alloc(n, 32)) },
        );
  const known = fc.constantFrom(world.own, world.foreign);
  const query = fc.array(
    fc.tuple(
      fc.oneof(fc.constantFrom(...Object.keys(one.query.shape), 'limit'), oddText),
      fc.oneof(fc.constantFrom(...pool.texts), oddText),
    ),
    { maxLength: 3 },
  );
  const header = fc.constantFrom<Record<string, string>>(
    {},
    {},
    { 'if-match': '"x"' },
    { 'if-match': '*' },
    { 'idempotency-key': 'k' },
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/json; charset=utf-16' },
    { 'x-forwarded-for': '::ffff:1.2.3.4, x' },
    { cookie: '__Host-kuvert=x; a=b' },
  );
  const holes = fc.array(
    fc.oneof({ weight: 8, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: oddText }),
    { minLength: 4, maxLength: 4 },
  );
  let wellFormed = 0;
  await campaign(
    `admin ${id}`,
    12,
    fc.asyncProperty(
      fc.record({ body, known, query, header, holes, who: fc.nat(world.callers.length) }),
      async (sent) => {
        const isWellFormed =
          one.method !== 'GET' && (one.body === undefined || one.body.safeParse(readJson(sent.body)).success);
        if (isWellFormed) wellFormed += 1;
        // Passwords are hashed slowly on purpose, and what is made stays. Without a body every request is well formed.
        if (one.body !== undefined) fc.pre(!isWellFormed || wellFormed <= (isOpen ? 10 : WELL_FORMED_MAX));
        let hole = 0;
        const path = one.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
          encodeURIComponent(
            (sent.holes[hole++] ?? sent.known[name.replace(/Id$/, '')] ?? sent.known.person ?? '').slice(
              0,
              90,
            ),
          ),
        );
        const search = new URLSearchParams(
          sent.query.map(([name, value]) => [name.slice(0, 50), value.slice(0, 300)]),
        ).toString();
        const token = world.callers[sent.who]?.token;
        const answer = await call(one.method, `${path}${search === '' ? '' : `?${search}`}`, {
          body: sent.body,
          headers: {
            ...(sent.body === undefined ? {} : { 'content-type': 'application/json' }),
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...sent.header,
          },
        });
        expect(answer.status, answer.body).not.toBe(500);
        expectHttpAnswer(answer);
        if (answer.status >= 400) expectDocumented(id, (JSON.parse(answer.body) as { code: string }).code);
      },
    ),
  );
});

function readJson(body: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(body ?? []).toString('utf8'));
  } catch {
    return undefined;
  }
}

function call(
  method: string,
  path: string,
  { body, headers }: { body: Uint8Array | undefined; headers: Record<string, string> },
): Promise<HttpAnswer> {
  const url = new URL(`${ADMIN_BASE}${path}`, world.installation.url);
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          contentType: response.headers['content-type'],
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    outgoing.setTimeout(120_000, () => outgoing.destroy(new Error('the server does not answer')));
    outgoing.on('error', (error) => {
      if (body !== undefined && body.length > 65_536)
        resolve({ status: 0, contentType: undefined, body: '' });
      else reject(error);
    });
    outgoing.end(body);
  });
}

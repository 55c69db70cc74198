/**
 * What went wrong with requests elsewhere, tried here. The numbers are those of "Findings of others" in docs/security.md.
 */
import { randomBytes } from 'node:crypto';
import {
  type CborValue,
  decodeControl,
  Event,
  encodeSubmit,
  ID_TYPES,
  type IdType,
  idToBytes,
  METHODS,
  type MethodName,
  makeId,
} from '@kuvert/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fromSchema, type Pool, type Schema } from '../fuzz/from-schema.ts';
import { oddOperator } from '../fuzz/mutations.ts';
import { Peer } from '../fuzz/peer.ts';
import { expectRefusal } from '../fuzz/refusals.ts';
import { type OpenWorld, openWorld } from './open-world.ts';

let open: OpenWorld;
let pool: Pool;
const names = Object.keys(METHODS) as MethodName[];
const operators = fc.sample(oddOperator, { numRuns: 16, seed: 1 });

beforeAll(async () => {
  open = await openWorld();
  const { a, b, stranger } = open;
  const ids = [a, b, stranger].flatMap((one) => [one.tenantId, one.personId, one.deviceId]);
  const made = (Object.keys(ID_TYPES) as IdType[]).map((type) => makeId(type, random(16)));
  pool = { texts: [...ids, ...made, 'a@acme.test'], bytes: [random(32), random(33), random(64)] };
});

afterAll(async () => {
  await open?.world[Symbol.asyncDispose]();
});

function random(size: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(randomBytes(size));
}

/** Fields of a method's params with one value that fits, and their schemas. */
function fieldsOf(name: MethodName): { good: Record<string, CborValue>; shape: [string, Schema][] } {
  const { params } = METHODS[name];
  const [good] = fc.sample(fromSchema(params, pool), { numRuns: 1, seed: 2 });
  return {
    good: good as Record<string, CborValue>,
    shape: Object.entries(params.shape) as [string, Schema][],
  };
}

async function ask(name: MethodName, params: CborValue): Promise<unknown> {
  const peer =
    METHODS[name].access === 'device'
      ? await open.world.connect(open.a)
      : await Peer.enrolling(open.world.place);
  const answer = await peer.request(name, params);
  peer.close();
  return answer;
}

test('finding 1 H9 an object with operators instead of a value is refused in every field of every method', async () => {
  let tried = 0;
  for (const name of names) {
    const { good, shape } = fieldsOf(name);
    for (const [field, schema] of shape) {
      for (const operator of operators) {
        if (schema.safeParse(operator).success) continue;
        tried++;
        const answer = await ask(name, { ...good, [field]: operator });
        expect(answer, `${name} ${field}`).toMatchObject({ error: { code: 'bad_request' } });
      }
    }
  }
  expect(tried).toBeGreaterThan(100);
});

test('finding 6 B6 an id of every other type is refused wherever an id is asked for', async () => {
  let tried = 0;
  for (const name of names) {
    const { good, shape } = fieldsOf(name);
    for (const [field, schema] of shape) {
      const types = Object.keys(ID_TYPES) as IdType[];
      const fitting = types.filter((type) => schema.safeParse(makeId(type, random(16))).success);
      if (fitting.length !== 1) continue;
      for (const type of types.filter((one) => !fitting.includes(one))) {
        tried++;
        const answer = await ask(name, { ...good, [field]: makeId(type, random(16)) });
        expect(answer, `${name} ${field} ${type}`).toMatchObject({ error: { code: 'bad_request' } });
      }
    }
  }
  expect(tried).toBeGreaterThan(60);
});

test('finding 14 E7 no method takes a list of addresses, so there is nothing that an address book could be sent to', () => {
  const holdsTextLists = (schema: Schema): boolean => {
    const { type, shape, element, innerType } = schema._zod.def as {
      type: string;
      shape?: Record<string, Schema>;
      element?: Schema;
      innerType?: Schema;
    };
    if (type === 'array' && element && (element._zod.def as { type: string }).type === 'string') return true;
    return [...Object.values(shape ?? {}), element, innerType].some(
      (one) => one !== undefined && holdsTextLists(one),
    );
  };
  expect(names.filter((name) => holdsTextLists(METHODS[name].params))).toEqual([]);
});

test('finding 13 H8 whoever guesses addresses is slowed down after a few hundred, is seen, and can still find colleagues later', async () => {
  const { world, a } = open;
  const peer = await world.connect(a);
  let refusal: { code: string; retry: { kind: string; ms: number } } | undefined;
  let found = 0;
  for (let i = 0; i < 10_000 && refusal === undefined; i++) {
    const answer = (await peer.request('people.find', { mail: `guess${i}@acme.test` })) as {
      error: { code: string; retry: { kind: string; ms: number } };
    };
    expectRefusal(answer.error);
    if (answer.error.code === 'not_found') found++;
    else refusal = answer.error;
  }
  expect(refusal).toMatchObject({ code: 'rate_limited', retry: { kind: 'after' } });
  expect(found).toBeLessThan(1_000);
  // Somebody is told; who was asked for is not.
  const noted = world.installation.log.filter(
    (line) => line.includes(a.deviceId) && line.includes('"level":"warn"'),
  );
  expect(noted.length).toBeGreaterThan(0);
  expect(world.installation.log.join('')).not.toContain('guess');
  world.installation.clock.advance((refusal?.retry.ms ?? 0) + 60_000);
  const later = await world.connect(a);
  expect(await later.request('people.find', { mail: world.anna.mail })).toHaveProperty('result.person');
  later.close();
  peer.close();
});

test('finding 13 C1 to a stranger, and to somebody without a device, the directory does not exist', async () => {
  const { world, stranger } = open;
  const peer = await world.connect(stranger);
  for (const [method, params] of [
    ['people.find', { mail: world.anna.mail }],
    ['people.get', { personId: world.anna.personId }],
  ] as const) {
    expect(await peer.request(method, params)).toMatchObject({ error: { code: 'not_found' } });
  }
  peer.close();
  const nobody = await Peer.enrolling(world.place);
  expect(await nobody.request('people.find', { mail: world.anna.mail })).toMatchObject({
    error: { code: 'method_unknown' },
  });
  nobody.close();
});

test('finding 15 B2 a flood of prekey requests ends at the quota of the pair, also across a restart, and empties no stock', async () => {
  const { world, b } = open;
  const target = await world.device();
  const takeOne = async (peer: Peer) =>
    peer.request('prekeys.take', { personId: target.personId, requestId: makeId('request', random(16)) });
  let peer = await world.connect(b);
  for (let i = 0; i < 30; i++) expect(await takeOne(peer)).toHaveProperty('result.bundles.length', 1);
  expect(await takeOne(peer)).toMatchObject({ error: { code: 'rate_limited', retry: { kind: 'after' } } });
  peer.close();
  await world.installation.restart();
  peer = await world.connect(b);
  expect(await takeOne(peer)).toMatchObject({ error: { code: 'rate_limited' } });
  peer.close();
  const owner = await world.connect(target);
  expect(await owner.request('prekeys.count', {})).toMatchObject({
    result: { counts: { ec: 70, kyber: 0 } },
  });
  owner.close();
});

test('finding 23 B7 answers hold the fields of their schema and no others, at any depth', async () => {
  const { world, a, b } = open;
  const peer = await world.connect(a);
  const asked: [MethodName, CborValue][] = [
    ['people.list', {}],
    ['people.get', { personId: b.personId }],
    ['people.find', { mail: world.anna.mail }],
    ['devices.list', { personId: b.personId }],
    ['devices.owner', { deviceId: b.deviceId }],
    ['prekeys.take', { personId: b.personId, requestId: makeId('request', random(16)) }],
    ['prekeys.count', {}],
  ];
  for (const [name, params] of asked) {
    const answer = (await peer.request(name, params)) as { result: unknown };
    expect(answer, name).toHaveProperty('result');
    // Reading drops what the schema does not have, so nothing may be missing from what was read.
    expect(METHODS[name].result.parse(answer.result), name).toEqual(answer.result);
  }
  peer.close();
  const { token } = await world.token();
  const { tenantId, tokenId, secret } = token;
  const enrolling = await Peer.enrolling(world.place);
  const opened = await enrolling.request('enrolment.open', {
    tenantId,
    tokenId,
    secret: Uint8Array.from(secret),
  });
  const { result } = opened as { result: unknown };
  expect(METHODS['enrolment.open'].result.parse(result)).toEqual(result);
  enrolling.close();
});

test('finding 24 A9 of what has expired a device hears how many there were and from when, and nothing of what or who it was', async () => {
  const { world, a, b } = open;
  const canary = Buffer.from('burn after reading');
  const peer = await world.connect(a);
  peer.sendRecords(encodeSubmit({ ...world.submit(b, 1, Uint8Array.from(canary)), lifetime: 3 }));
  expect(await peer.submitAnswer(1)).toHaveProperty('acceptedAtMs');
  peer.close();
  world.installation.clock.advance(86_400_000 + 1);
  const reader = await world.connect(b);
  expect(await reader.drained()).toBe(true);
  expect(reader.deliveries).toEqual([]);
  const told = reader.eventRecords.map((record) => Event.parse(decodeControl(record)));
  const tombstones = told.filter(({ event }) => event === 'expired');
  expect(tombstones.map(({ data }) => Object.keys(data as object).sort())).toEqual([
    ['count', 'deliverySeq', 'fromMs', 'toMs'],
  ]);
  for (const record of reader.eventRecords) {
    expect(Buffer.from(record).includes(canary)).toBe(false);
    for (const id of [a.deviceId, a.personId, a.tenantId]) {
      expect(Buffer.from(record).includes(id) || Buffer.from(record).includes(idToBytes(id))).toBe(false);
    }
  }
  reader.close();
});

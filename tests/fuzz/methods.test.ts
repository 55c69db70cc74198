/** Control records: every method of the table, with values that fit its schema, almost fit, and do not fit at all. */
import { randomBytes } from 'node:crypto';
import {
  type CborValue,
  CHANNEL_LIMITS,
  concatBytes,
  decodeControl,
  encodeCbor,
  encodeControl,
  ID_TYPES,
  type IdType,
  KuvertError,
  METHODS,
  type MethodName,
  makeId,
  RECORD_TYPES,
  Request,
} from '@kuvert/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { campaign } from './campaign.ts';
import { fromSchema, type Pool } from './from-schema.ts';
import { anyId, damaged, damagedBytes, oddCbor, oddText, oddValue, REFUSED_CBOR } from './mutations.ts';
import { Peer } from './peer.ts';
import { expectAnswer } from './refusals.ts';
import { type KnownDevice, World } from './world.ts';

/** An enrolment connection takes 16 requests. */
const ENROLMENT_REQUESTS = 15;

let world: World;
let caller: KnownDevice;
let pool: Pool;
let genuine: Partial<Record<MethodName, CborValue[]>>;

beforeAll(async () => {
  world = await World.start();
  const other = await world.installation.tenant('Other');
  caller = await world.device();
  const target = await world.device();
  const stranger = await world.device(other);
  const open = await world.token();
  const unused = world.prepare(open);
  const proof = { tenantId: open.token.tenantId, tokenId: open.token.tokenId, secret: open.token.secret };
  const ids = [caller, target, stranger].flatMap((one) => [one.tenantId, one.personId, one.deviceId]);
  // So that no run depends on which ids the sample below happens to draw.
  const oneOfEach = (Object.keys(ID_TYPES) as IdType[]).map((type) => makeId(type, randomBytes(16)));
  pool = {
    texts: [
      ...ids,
      ...oneOfEach,
      open.token.tokenId,
      world.ben.mail,
      'nobody@acme.test',
      ...fc.sample(anyId, 40),
    ],
    bytes: [open.token.secret, caller.listHash, caller.noise.publicKey, ...bytesIn(caller.enrolment)],
  };
  const peer = await world.connect(caller);
  const page = await peer.request('people.list', { limit: 1 });
  peer.close();
  const next = (page as { result: { next?: string } }).result.next;
  expect(next).toBeTypeOf('string');
  const { signed, lastResort, oneTime, kyber } = caller.enrolment.prekeys as Record<string, CborValue>;
  genuine = {
    'enrolment.open': [proof],
    'enrolment.finish': [unused.enrolment, caller.enrolment, stranger.enrolment],
    'people.list': [{ after: next as string, limit: 3 }],
    'devices.publish': [
      { deviceList: caller.enrolment.deviceList ?? null },
      {
        deviceList: stranger.enrolment.deviceList ?? null,
        link: { linkId: new Uint8Array(16).fill(1), answer: new Uint8Array(600).fill(2) },
        succession: {
          accountKey: stranger.enrolment.accountKey ?? null,
          statement: stranger.enrolment.deviceList ?? null,
        },
      },
    ],
    'linking.fetch': [{ linkId: new Uint8Array(16).fill(1) }],
    'prekeys.upload': [{ signed, lastResort, oneTime, kyber } as CborValue],
  };
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

function bytesIn(value: CborValue): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  return value !== null && typeof value === 'object'
    ? Object.values(value as Record<string, CborValue>).flatMap((child) => bytesIn(child))
    : [];
}

/** A connection that is opened again whenever an attack has ended it. */
class Line {
  readonly #access: 'device' | 'enrolment';
  #peer: Peer | undefined;
  #requests = 0;

  constructor(access: 'device' | 'enrolment') {
    this.#access = access;
  }

  async peer(): Promise<Peer> {
    if (this.#access === 'enrolment' && this.#requests >= ENROLMENT_REQUESTS) this.close();
    if (this.#peer === undefined || this.#peer.socket.ended) {
      this.#requests = 0;
      this.#peer =
        this.#access === 'device' ? await world.connect(caller) : await Peer.enrolling(world.place);
    }
    this.#requests += 1;
    return this.#peer;
  }

  close(): void {
    this.#peer?.close();
    this.#peer = undefined;
  }
}

/** A request that the server must answer, or undefined where it must close, because there is no id to answer to. */
function readAsServer(record: Uint8Array): Request | undefined {
  if (record[0] !== RECORD_TYPES.request || record.length > CHANNEL_LIMITS.recordBytesMax) return undefined;
  try {
    return Request.safeParse(decodeControl(record)).data;
  } catch (error) {
    expect(error).toBeInstanceOf(KuvertError);
    return undefined;
  }
}

async function attack(line: Line, record: Uint8Array): Promise<void> {
  const peer = await line.peer();
  const request = readAsServer(record);
  if (record.length > CHANNEL_LIMITS.recordBytesMax) peer.sendInPieces(record);
  else peer.sendRecords(record);
  if (request !== undefined) {
    expectAnswer(await peer.answer(request.id), request.method);
  } else {
    expect(await peer.untilEnded()).toEqual([]);
    expect(peer.socket.closeCode).toBe(1002);
  }
}

function encoded(message: CborValue): Uint8Array {
  return concatBytes(Uint8Array.of(RECORD_TYPES.request), encodeCbor(message));
}

test.each(Object.keys(METHODS) as MethodName[])(
  'H9 the schema of %s gives values that fit it',
  async (name) => {
    const { params } = METHODS[name];
    await fc.assert(
      fc.asyncProperty(fromSchema(params, pool), async (value) => {
        expect(params.safeParse(value).success).toBe(true);
      }),
      { numRuns: 30 },
    );
  },
);

test.each(Object.keys(METHODS) as MethodName[])(
  'H9 %s answers or closes, whatever it is sent, and never breaks',
  async (name) => {
    const { access, params } = METHODS[name];
    const line = new Line(access);
    const fits = fromSchema(params, pool);
    const real = genuine[name] ? fc.oneof(fits, fc.constantFrom(...genuine[name])) : fits;
    const someParams = fc.oneof(
      { weight: 3, arbitrary: real },
      { weight: 5, arbitrary: damaged(real) },
      { weight: 1, arbitrary: oddValue },
    );
    const message = fc
      .tuple(fc.integer({ min: 0, max: 0xffffffff }), someParams)
      .map(([id, value]): CborValue => ({ id, method: name, params: value }));
    const record = fc.oneof(
      { weight: 12, arbitrary: message.map(encoded) },
      { weight: 2, arbitrary: damaged(message).map(encoded) },
      { weight: 2, arbitrary: damagedBytes(message.map(encoded)) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(message, fc.array(oddText, { maxLength: 10 }))
          .map(([start, crit]) => encoded({ ...(start as object), crit })),
      },
    );
    await campaign(
      name,
      40,
      fc.asyncProperty(record, async (bytes) => {
        world.installation.clock.advance(20);
        await attack(line, bytes);
      }),
    );
    line.close();
    await world.expectQuiet();
  },
);

test.each(['device', 'enrolment'] as const)(
  'H9 an open %s connection refuses records of other types, methods of the other kind and CBOR that is not strict',
  async (access) => {
    const line = new Line(access);
    const foreign = (Object.keys(METHODS) as MethodName[]).filter((name) => METHODS[name].access !== access);
    const methodName = fc.oneof(fc.constantFrom<string>(...foreign), oddText);
    const record = fc.oneof(
      fc
        .tuple(fc.constantFrom(0x00, 0x02, 0x03, 0x04, 0x11, 0x12, 0x14, 0x7f, 0xff), oddValue)
        .map(([type, value]) => concatBytes(Uint8Array.of(type), encodeCbor(value))),
      methodName.map((method) => encodeControl('request', { id: 1, method, params: {} })),
      oddCbor.map((bytes) => concatBytes(Uint8Array.of(RECORD_TYPES.request), bytes)),
      oddCbor.map((bytes) =>
        concatBytes(
          Uint8Array.of(RECORD_TYPES.request),
          Uint8Array.from(Buffer.from('a3626964016666706172616d73', 'hex')),
          bytes,
        ),
      ),
      fc.constant(new Uint8Array(0)),
    );
    await campaign(
      `records on a ${access} connection`,
      60,
      fc.asyncProperty(record, (bytes) => attack(line, bytes)),
    );
    line.close();
    await world.expectQuiet();
  },
);

test.each(REFUSED_CBOR)('H9 %s in a request ends the connection', async (_name, hex) => {
  const peer = await world.connect(caller);
  const head = encodeCbor({ id: 7, method: 'prekeys.count' });
  const params = Buffer.from(`66${Buffer.from('params').toString('hex')}${hex}`, 'hex');
  // A map of three: the two that are encoded, and one that the library would never write.
  const message = concatBytes(Uint8Array.of(0xa3), head.subarray(1), params);
  peer.sendRecords(concatBytes(Uint8Array.of(RECORD_TYPES.request), message));
  expect(await peer.untilEnded()).toEqual([]);
  expect(peer.socket.closeCode).toBe(1002);
});

test('H9 after all of this people write to each other as before', () => world.expectUnharmed());

/** The channel over real sockets, with `@kuvert/crypto/channel` as the client and features that answer from memory. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  ClientHandshake,
  decodeServerFrame,
  generateStaticKeyPair,
  type SecureChannel,
  type StaticKeyPair,
} from '@kuvert/crypto/channel';
import {
  type CborValue,
  CHANNEL_PATH,
  type DeviceId,
  decodeControl,
  decodeSubmitAnswer,
  encodeAck,
  encodeCbor,
  encodeControl,
  encodeSubmit,
  KuvertError,
  METHODS,
  makeId,
  makeSubmitId,
  type PersonId,
  PROTOCOL_VERSIONS,
  RECORD_TYPES,
  type Submit,
  type TenantId,
} from '@kuvert/protocol';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { createLog } from '../log.ts';
import { createServerMetrics } from '../metrics/server-metrics.ts';
import type { TenantScope } from '../store/index.ts';
import type { ChannelHost } from './channel-host.ts';
import { ChannelServer } from './channel-server.ts';
import { isClientTooOld } from './client-version.ts';
import type { Connection } from './connection.ts';
import { LIMITS } from './limits.ts';
import { LiveConnections } from './live-connections.ts';
import { TickFlusher } from './outgoing.ts';
import type { DeviceRoutes, EnrolmentRoutes } from './routes.ts';
import { joinRoutes } from './routes.ts';

const id16 = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const tenantId: TenantId = makeId('tenant', id16(1));
const personId: PersonId = makeId('person', id16(2));
const deviceId: DeviceId = makeId('device', id16(3));
const serverKeys = generateStaticKeyPair();
const deviceKeys = generateStaticKeyPair();

let http: Server;
let server: ChannelServer;
let host: ChannelHost;
let monotonicMs: number;
let busy: boolean;
let logged: string[];
let submits: Submit[];
let acks: number[];
let ready: Connection[];
let answerSubmit: (submit: Submit) => Promise<{ acceptedAtMs: number; legs: [] }>;

beforeEach(async () => {
  monotonicMs = 5_000;
  busy = false;
  logged = [];
  submits = [];
  acks = [];
  ready = [];
  answerSubmit = async () => ({ acceptedAtMs: 77, legs: [] });
  const device: Record<string, unknown> = {};
  const enrolment: Record<string, unknown> = {};
  for (const { name, access } of Object.values(METHODS)) {
    (access === 'device' ? device : enrolment)[name] = async () => {
      throw new KuvertError('not_found');
    };
  }
  device['prekeys.count'] = async () => ({ counts: { ec: 7, kyber: 8 } });
  device['people.get'] = async () => {
    throw new TypeError('the secret word');
  };
  host = {
    statics: () => [serverKeys],
    store: { tenant: (tenant) => ({ tenant }) as TenantScope },
    door: {
      findForChannel: async (tenant, wanted) =>
        tenant === tenantId && wanted === deviceId
          ? { personId, noiseStatic: deviceKeys.publicKey }
          : undefined,
      lastState: async () => undefined,
      noteState: async (_identity, { now }) => now === 0,
      countPrekeys: async () => ({ ec: 1, kyber: 2 }),
      deviceSet: async () => undefined,
    },
    routes: joinRoutes({ device: [device as DeviceRoutes], enrolment: [enrolment as EnrolmentRoutes] }),
    mailbox: {
      onSubmit: (_connection, submit) => {
        submits.push(submit);
        return answerSubmit(submit);
      },
      onAck: (_connection, upTo) => {
        acks.push(upTo);
      },
      onReady: (connection) => {
        ready.push(connection);
      },
    },
    connections: new LiveConnections(),
    flusher: new TickFlusher(),
    clock: { nowMs: () => 1_700_000_000_000, monotonicMs: () => monotonicMs },
    log: createLog({ level: 'debug', write: (line) => logged.push(line) }),
    metrics: createServerMetrics(),
    isBusy: () => busy,
    installationEpoch: 1,
  };
  server = new ChannelServer(host);
  http = createServer();
  http.on('upgrade', (request, socket, head) => server.upgrade(request, socket, head));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  await server.drain();
  await new Promise((resolve) => {
    http.close(resolve);
    http.closeAllConnections();
  });
});

/** Frames in order of arrival, and the end. */
class Line {
  readonly socket: WebSocket;
  readonly #frames: Uint8Array[] = [];
  readonly #waiting: ((frame: Uint8Array | undefined) => void)[] = [];
  readonly closed: Promise<number>;

  constructor(options: { origin?: string } = {}) {
    const { port } = http.address() as AddressInfo;
    this.socket = new WebSocket(`ws://127.0.0.1:${port}${CHANNEL_PATH}`, options);
    this.socket.on('message', (data: Buffer) => {
      const waiting = this.#waiting.shift();
      if (waiting) waiting(data);
      else this.#frames.push(data);
    });
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code) => {
        for (const waiting of this.#waiting.splice(0)) waiting(undefined);
        resolve(code);
      });
    });
  }

  async open(): Promise<this> {
    await new Promise((resolve, reject) => {
      this.socket.on('open', resolve);
      this.socket.on('unexpected-response', (_request, response) =>
        reject(new Error(String(response.statusCode))),
      );
    });
    return this;
  }

  next(): Promise<Uint8Array | undefined> {
    const frame = this.#frames.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  send(...frames: Uint8Array[]): void {
    for (const frame of frames) this.socket.send(frame);
  }
}

const hello = {
  tenant: tenantId,
  device: deviceId,
  clientVersion: '0.1.0',
  stateCounter: 1,
  policyVersion: 0,
};

interface Call {
  readonly keys?: StaticKeyPair;
  readonly hello?: CborValue;
}

/** A device that has sent message 3. */
async function call(options: Call = {}): Promise<{ line: Line; channel: SecureChannel }> {
  const line = await new Line().open();
  const handshake = new ClientHandshake({
    mode: 'device',
    offered: PROTOCOL_VERSIONS,
    serverStatic: serverKeys.publicKey,
    deviceKeyPair: options.keys ?? deviceKeys,
  });
  line.send(handshake.begin());
  const answer = (await line.next()) as Uint8Array;
  const { channel, frame } = handshake.finish(answer, encodeCbor(options.hello ?? hello));
  line.send(frame as Uint8Array);
  return { line, channel };
}

async function enrolmentCall(): Promise<{ line: Line; channel: SecureChannel }> {
  const line = await new Line().open();
  const handshake = new ClientHandshake({
    mode: 'enrolment',
    offered: PROTOCOL_VERSIONS,
    serverStatic: serverKeys.publicKey,
  });
  line.send(handshake.begin());
  return { line, channel: handshake.finish((await line.next()) as Uint8Array).channel };
}

async function records(line: Line, channel: SecureChannel): Promise<Uint8Array[]> {
  return channel.open((await line.next()) as Uint8Array);
}

async function event(
  line: Line,
  channel: SecureChannel,
): Promise<{ event: string; data: { code?: string } }> {
  const [record] = await records(line, channel);
  return decodeControl(record as Uint8Array) as { event: string; data: { code?: string } };
}

async function connected(): Promise<{ line: Line; channel: SecureChannel }> {
  const both = await call();
  expect(await event(both.line, both.channel)).toMatchObject({ event: 'welcome' });
  return both;
}

const request = (id: number, method: string, params: CborValue, crit?: string[]): Uint8Array =>
  encodeControl('request', { id, method, params, ...(crit === undefined ? {} : { crit }) });

function submit(requestNo: number): Uint8Array {
  return encodeSubmit({
    requestNo,
    submitId: makeSubmitId(1_700_000_000_000, new Uint8Array(10).fill(requestNo)),
    to: personId,
    listHash: new Uint8Array(32),
    suite: 1,
    class: 1,
    urgency: 1,
    lifetime: 1,
    legs: [],
  });
}

test('B1 a listed device is welcomed and its requests are answered', async () => {
  const { line, channel } = await call();
  expect(await event(line, channel)).toEqual({
    event: 'welcome',
    data: {
      serverTime: 1_700_000_000_000,
      installationEpoch: 1,
      minimumVersion: '0.1.0',
      policyVersion: 0,
      prekeys: { ec: 1, kyber: 2 },
    },
  });
  expect(ready).toHaveLength(1);
  line.send(...channel.seal([request(9, 'prekeys.count', {})]));
  const [answer] = await records(line, channel);
  expect(answer?.[0]).toBe(RECORD_TYPES.response);
  expect(decodeControl(answer as Uint8Array)).toEqual({ id: 9, result: { counts: { ec: 7, kyber: 8 } } });
});

test('B1 a submit is answered after the mailbox accepted it, and with its error when it did not', async () => {
  const { line, channel } = await connected();
  line.send(...channel.seal([submit(1)]));
  const [first] = await records(line, channel);
  expect(decodeSubmitAnswer(first as Uint8Array)).toEqual({ requestNo: 1, acceptedAtMs: 77, legs: [] });
  answerSubmit = async () => {
    throw new KuvertError('devices_changed', { details: { missing: [deviceId] } });
  };
  line.send(...channel.seal([submit(2), encodeAck(3)]));
  const [second] = await records(line, channel);
  expect(decodeSubmitAnswer(second as Uint8Array)).toMatchObject({
    requestNo: 2,
    error: { code: 'devices_changed', details: { missing: [deviceId] } },
  });
  expect(acks).toEqual([3]);
  expect(submits.map((each) => each.requestNo)).toEqual([1, 2]);
});

test('H8 records of one tick leave in one frame', async () => {
  const { line, channel } = await connected();
  line.send(...channel.seal(Array.from({ length: 20 }, (_, index) => submit(index + 1))));
  expect(await records(line, channel)).toHaveLength(20);
});

test('H3 answers to submits that are under way together share a frame, and none waits for one that takes long', async () => {
  const gates = new Map([1, 2, 3].map((no) => [no, Promise.withResolvers<void>()]));
  const open = (no: number): void => gates.get(no)?.resolve();
  answerSubmit = async ({ requestNo }) => {
    await gates.get(requestNo)?.promise;
    return { acceptedAtMs: requestNo, legs: [] };
  };
  const { line, channel } = await connected();
  line.send(...channel.seal([submit(1), submit(2), submit(3)]));
  await vi.waitFor(() => expect(submits).toHaveLength(3));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  open(1);
  await new Promise((resolve) => setImmediate(resolve));
  open(2);
  await new Promise((resolve) => setImmediate(resolve));
  vi.advanceTimersByTime(LIMITS.unhurriedMs);
  const together = await records(line, channel);
  expect(together.map((record) => decodeSubmitAnswer(record).requestNo)).toEqual([1, 2]);
  open(3);
  expect(await records(line, channel)).toHaveLength(1);
});

test('H8 a peer that asks for more than is worked on at once gets everything, in bounded steps', async () => {
  let inFlight = 0;
  let highest = 0;
  answerSubmit = async () => {
    highest = Math.max(highest, ++inFlight);
    await new Promise((resolve) => setImmediate(resolve));
    inFlight--;
    return { acceptedAtMs: 1, legs: [] };
  };
  const { line, channel } = await connected();
  const count = 3 * LIMITS.inFlightMax;
  for (let no = 0; no < count; no += 100) {
    const some = Array.from({ length: Math.min(100, count - no) }, (_, index) => submit((no + index) % 256));
    line.send(...channel.seal(some));
  }
  let answers = 0;
  while (answers < count) answers += (await records(line, channel)).length;
  expect(answers).toBe(count);
  expect(highest).toBeGreaterThan(1);
  expect(highest).toBeLessThanOrEqual(LIMITS.inFlightMax);
});

test.each([
  ['an unknown device', { hello: { ...hello, device: makeId('device', id16(9)) } }],
  ['an unknown tenant', { hello: { ...hello, tenant: makeId('tenant', id16(9)) } }],
  ['a wrong key', { keys: generateStaticKeyPair() }],
] as const)('B1 %s is answered with device_not_accepted and nothing else', async (_what, options) => {
  const { line, channel } = await call(options);
  expect(await event(line, channel)).toEqual({ event: 'closing', data: { code: 'device_not_accepted' } });
  expect(await line.closed).toBe(1000);
  expect(ready).toHaveLength(0);
  expect(host.connections.size).toBe(0);
});

test('E6 a device whose client is too old is told so', async () => {
  const { line, channel } = await call({ hello: { ...hello, clientVersion: '0.0.9' } });
  expect(await event(line, channel)).toEqual({ event: 'closing', data: { code: 'client_too_old' } });
  for (const [version, tooOld] of [
    ['1.9.9', true],
    ['2.0.0', false],
    ['2.0.0-beta.1', false],
    ['10.0.0', false],
    ['latest', true],
  ] as const) {
    expect(isClientTooOld(version, '2.0.0')).toBe(tooOld);
  }
});

test('H2 a peer that does not answer does not hold up a drain', async () => {
  const { line } = await connected();
  line.socket.pause();
  await server.drain();
  const listenerEnd = await new Promise((resolve) => http.close(resolve));
  expect(listenerEnd).toBeUndefined();
  line.socket.resume();
  expect(await line.closed).toBe(1000);
});

test('B1 a revocation closes the open connection, and one whose hello is just being checked', async () => {
  const { line, channel } = await connected();
  host.connections.closeDevice(tenantId, deviceId, 'device_not_accepted');
  expect(await event(line, channel)).toEqual({ event: 'closing', data: { code: 'device_not_accepted' } });
  expect(await line.closed).toBe(1000);

  const gate = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const { findForChannel } = host.door;
  host.door.findForChannel = async (...args) => {
    const found = await findForChannel(...args);
    asked.resolve();
    await gate.promise;
    return found;
  };
  const second = await call();
  await asked.promise;
  host.connections.closeDevice(tenantId, deviceId, 'device_not_accepted');
  gate.resolve();
  expect(await event(second.line, second.channel)).toMatchObject({ data: { code: 'device_not_accepted' } });
  expect(await second.line.closed).toBe(1000);
});

test('B1 a second connection of a device takes the place of the first', async () => {
  const first = await connected();
  const second = await connected();
  expect(await event(first.line, first.channel)).toMatchObject({ data: { code: 'connection_replaced' } });
  expect(await first.line.closed).toBe(1000);
  second.line.send(...second.channel.seal([request(1, 'prekeys.count', {})]));
  expect(await records(second.line, second.channel)).toHaveLength(1);
  expect(host.connections.find(tenantId, deviceId)).toBe(ready[1]);
  expect(ready[0]?.closed).toBe(true);
});

test('B1 a method of the other access is answered like one that does not exist', async () => {
  const device = await connected();
  device.line.send(
    ...device.channel.seal([
      request(1, 'enrolment.open', {}),
      request(2, 'no.such', {}),
      request(3, 'toString', {}),
    ]),
  );
  const answers = (await records(device.line, device.channel)).map((record) => decodeControl(record));
  const unknown = { code: 'method_unknown', retry: { kind: 'never' } };
  expect(answers).toEqual([1, 2, 3].map((id) => ({ id, error: unknown })));

  const enrolment = await enrolmentCall();
  enrolment.line.send(...enrolment.channel.seal([request(4, 'people.list', {})]));
  const [answer] = await records(enrolment.line, enrolment.channel);
  expect(decodeControl(answer as Uint8Array)).toEqual({ id: 4, error: unknown });
});

test('B1 params that do not fit are refused, and so are critical fields that nobody knows', async () => {
  const { line, channel } = await connected();
  line.send(
    ...channel.seal([
      request(1, 'people.find', { mail: 7 }),
      request(2, 'people.list', { future: 1 }, ['future']),
      request(3, 'people.list', { future: 1 }),
    ]),
  );
  const answers = (await records(line, channel)).map((record) => decodeControl(record));
  expect(answers).toMatchObject([
    { id: 1, error: { code: 'bad_request' } },
    { id: 2, error: { code: 'bad_request' } },
    { id: 3, error: { code: 'not_found' } },
  ]);
});

test('H6 a fault of ours is told as internal and logged without its message', async () => {
  const { line, channel } = await connected();
  line.send(...channel.seal([request(1, 'people.get', { personId })]));
  const [answer] = await records(line, channel);
  expect(decodeControl(answer as Uint8Array)).toMatchObject({ id: 1, error: { code: 'internal' } });
  expect(logged.some((line) => line.includes('"request-failed"') && line.includes('TypeError'))).toBe(true);
  expect(logged.join('')).not.toContain('secret word');
});

test('B3 a flipped, repeated or reordered frame ends the connection', async () => {
  for (const spoil of [
    ([frame]: Uint8Array[]) => {
      const flipped = Uint8Array.from(frame as Uint8Array);
      flipped[5] = (flipped[5] ?? 0) ^ 1;
      return [flipped];
    },
    ([frame]: Uint8Array[]) => [frame as Uint8Array, frame as Uint8Array],
    ([first, second]: Uint8Array[]) => [second as Uint8Array, first as Uint8Array],
  ]) {
    const { line, channel } = await connected();
    const frames = [...channel.seal([encodeAck(1)]), ...channel.seal([encodeAck(2)])];
    line.send(...spoil(frames));
    expect(await line.closed).toBe(1002);
  }
  expect(host.connections.size).toBe(0);
});

test.each([
  ['garbage as opening', (line: Line) => line.send(new Uint8Array(100).fill(7))],
  ['an empty frame', (line: Line) => line.send(new Uint8Array(0))],
])('B3 %s is answered with a rejection', async (_what, speak) => {
  const line = await new Line().open();
  speak(line);
  const answer = decodeServerFrame((await line.next()) as Uint8Array);
  expect(answer).toMatchObject({ type: 'rejection', rejection: { reason: 'malformed' } });
  expect(await line.closed).toBe(1000);
});

test('B3 text, a garbled third message and a hello that cannot be read end the connection', async () => {
  const text = await new Line().open();
  text.socket.send('hello');
  expect(await text.closed).toBe(1002);

  const garbled = await new Line().open();
  const handshake = new ClientHandshake({
    mode: 'device',
    offered: PROTOCOL_VERSIONS,
    serverStatic: serverKeys.publicKey,
    deviceKeyPair: deviceKeys,
  });
  garbled.send(handshake.begin());
  await garbled.next();
  garbled.send(new Uint8Array(80));
  expect(await garbled.closed).toBe(1002);

  const unread = await call({ hello: { tenant: tenantId } });
  expect(await unread.line.closed).toBe(1002);
});

test('B3 a client that expects another server key is told so, and one with another version too', async () => {
  const other = await new Line().open();
  const wrongKey = new ClientHandshake({
    mode: 'device',
    offered: PROTOCOL_VERSIONS,
    serverStatic: generateStaticKeyPair().publicKey,
    deviceKeyPair: deviceKeys,
  });
  other.send(wrongKey.begin());
  const answer = (await other.next()) as Uint8Array;
  expect(() => wrongKey.finish(answer)).toThrow(expect.objectContaining({ code: 'server_key_unknown' }));

  const newer = await new Line().open();
  const future = new ClientHandshake({
    mode: 'device',
    offered: { min: 40, max: 41 },
    serverStatic: serverKeys.publicKey,
    deviceKeyPair: deviceKeys,
  });
  newer.send(future.begin());
  const refusal = (await newer.next()) as Uint8Array;
  expect(() => future.finish(refusal)).toThrow(expect.objectContaining({ code: 'version_unsupported' }));
});

test('B3 a record of no known type, or one that only a server sends, ends the connection', async () => {
  for (const record of [Uint8Array.of(0x7f), Uint8Array.of(RECORD_TYPES.deliver, 1, 2), new Uint8Array(0)]) {
    const { line, channel } = await connected();
    line.send(...channel.seal([record]));
    expect(await line.closed).toBe(1002);
  }
});

test('B1 an enrolment may not submit, and gets a limited number of requests', async () => {
  const submitting = await enrolmentCall();
  submitting.line.send(...submitting.channel.seal([submit(1)]));
  expect(await submitting.line.closed).toBe(1002);
  expect(submits).toHaveLength(0);

  const asking = await enrolmentCall();
  const many = Array.from({ length: LIMITS.enrolmentRequestsMax + 1 }, (_, no) =>
    request(no, 'enrolment.open', {}),
  );
  asking.line.send(...asking.channel.seal(many));
  expect(await asking.line.closed).toBe(1000);
});

test('B1 a page in a browser cannot connect', async () => {
  await expect(new Line({ origin: 'https://evil.example' }).open()).rejects.toThrow('403');
});

test('H8 a peer that does not finish its handshake in time is dropped', async () => {
  const line = await new Line().open();
  const { port } = http.address() as AddressInfo;
  expect(port).toBeGreaterThan(0);
  while (server.size === 0) await new Promise((resolve) => setImmediate(resolve));
  monotonicMs += LIMITS.handshakeMs + 2_000;
  server.checkTimeouts();
  expect(await line.closed).toBe(1006);
});

test('B3 a connection ends at its greatest age, and when its peer stays silent', async () => {
  const old = await connected();
  old.line.socket.pause();
  monotonicMs += LIMITS.handshakeMs + 2_000;
  server.checkTimeouts();
  monotonicMs += LIMITS.silenceMs;
  server.checkTimeouts();
  old.line.socket.resume();
  expect(await old.line.closed).toBe(1006);

  const aged = await connected();
  monotonicMs += LIMITS.connectionAgeMs;
  server.checkTimeouts();
  expect(await event(aged.line, aged.channel)).toMatchObject({ data: { code: 'connection_expired' } });
  expect(await aged.line.closed).toBe(1000);
});

test('H2 a drain finishes what is in flight, answers it, then closes with a code that says to come again', async () => {
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  answerSubmit = async () => {
    begun.resolve();
    await gate.promise;
    return { acceptedAtMs: 5, legs: [] };
  };
  const { line, channel } = await connected();
  line.send(...channel.seal([submit(1)]));
  await begun.promise;
  const drained = server.drain();
  gate.resolve();
  await drained;
  const received = [...(await records(line, channel))];
  if (received.length < 2) received.push(...(await records(line, channel)));
  expect(decodeSubmitAnswer(received[0] as Uint8Array)).toMatchObject({ requestNo: 1, acceptedAtMs: 5 });
  expect(decodeControl(received[1] as Uint8Array)).toEqual({
    event: 'closing',
    data: { code: 'shutting_down' },
  });
  expect(await line.closed).toBe(1000);
  await expect(new Line().open()).rejects.toThrow('503');
});

test('H6 the log of a whole conversation holds ids and code words only', async () => {
  const { line, channel } = await connected();
  line.socket.close();
  await line.closed;
  channel.close();
  while (server.size > 0) await new Promise((resolve) => setImmediate(resolve));
  const lines = logged.map((text) => JSON.parse(text) as Record<string, unknown>);
  expect(lines.map((each) => each.event)).toEqual(['device-connected', 'device-disconnected']);
  for (const each of lines) {
    expect(Object.keys(each).sort()).toEqual(['deviceId', 'event', 'level', 'tenantId', 'time']);
  }
});

test('P7 a busy server refuses a connection before its handshake and serves on those that it has', async () => {
  const { line, channel } = await connected();
  busy = true;
  const late = await new Line().open();
  const handshake = new ClientHandshake({
    mode: 'device',
    offered: PROTOCOL_VERSIONS,
    serverStatic: serverKeys.publicKey,
    deviceKeyPair: deviceKeys,
  });
  late.send(handshake.begin());
  expect(decodeServerFrame((await late.next()) as Uint8Array)).toEqual({
    type: 'rejection',
    rejection: { reason: 'busy', supported: PROTOCOL_VERSIONS },
  });
  await late.closed;
  for (const frame of channel.seal([submit(5)])) line.send(frame);
  const [answer] = await records(line, channel);
  expect(decodeSubmitAnswer(answer as Uint8Array)).toMatchObject({ requestNo: 5, acceptedAtMs: 77 });
  expect(host.metrics.text()).toContain('kuvert_connections_refused_total{reason="busy"} 1\n');
  busy = false;
  await connected();
});

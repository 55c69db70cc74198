/** Below the records: openings, handshakes, sealed frames, fragments, WebSocket frames and upgrades that are wrong in every way. */
import { chooseVersion, decodeServerFrame } from '@kuvert/crypto/channel';
import {
  type CborValue,
  CHANNEL_PATH,
  concatBytes,
  ERRORS,
  type ErrorCode,
  encodeCbor,
  encodeControl,
  equalBytes,
  PROTOCOL_VERSIONS,
} from '@kuvert/protocol';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { campaign } from './campaign.ts';
import { damaged, damagedBytes, oddCbor, oddText, oddValue } from './mutations.ts';
import { helloOf, openingOf, Peer } from './peer.ts';
import { answersIn, expectAnswer, expectHttpAnswer, type HttpAnswer } from './refusals.ts';
import { RawSocket } from './web-socket.ts';
import { type KnownDevice, World } from './world.ts';

let world: World;
let device: KnownDevice;
let other: KnownDevice;

beforeAll(async () => {
  world = await World.start();
  device = await world.device();
  other = await world.device();
});

afterEach(async () => {
  await world.expectQuiet();
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const garbage = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .constantFrom(0, 1, 15, 16, 17, 64, 65_535, 65_536, 65_599, 65_600, 200_000)
    .map((n) => new Uint8Array(n)),
);

test('H9 an opening that is changed in any bit gets a rejection or nothing, never a handshake', async () => {
  const mode = fc.constantFrom('device', 'enrolment');
  const attack = fc.oneof(
    fc.record({ garbage }),
    fc.record({ mode, damage: damagedBytes(fc.constant(new Uint8Array(64))) }),
    fc.record({ mode, versions: fc.tuple(fc.nat(0xffff), fc.nat(0xffff), fc.nat(0xffff)) }),
  );
  await campaign(
    'openings',
    60,
    fc.asyncProperty(attack, async (what) => {
      const socket = await RawSocket.open(world.place.url);
      const { frame: good } = openingOf(
        world.place,
        'mode' in what && what.mode === 'enrolment' ? 'enrolment' : 'device',
        device.noise,
      );
      const frame = Uint8Array.from('garbage' in what ? what.garbage : good);
      let isGood = false;
      if ('damage' in what) {
        // What the damage did to zeros says where bits are flipped here; its length says where this is cut.
        for (let i = 0; i < frame.length; i++) frame[i] = (frame[i] as number) ^ (what.damage[i] ?? 0);
        socket.send(frame.subarray(0, what.damage.length));
        isGood = equalBytes(frame.subarray(0, what.damage.length), good);
      } else if ('versions' in what) {
        const [min, max, chosen] = what.versions;
        const view = new DataView(frame.buffer);
        view.setUint16(2, min);
        view.setUint16(4, max);
        view.setUint16(6, chosen);
        // The prologue binds the versions, so even a sensible choice fails unless it was the client's.
        isGood = min === 1 && max === 1 && chosen === chooseVersion({ min, max }, PROTOCOL_VERSIONS);
        socket.send(frame);
      } else socket.send(frame);
      const reply = await socket.next();
      if (isGood) expect(reply?.[0]).toBe(0);
      else if (reply !== undefined) expect(decodeServerFrame(reply).type).toBe('rejection');
      if (isGood) socket.destroy();
      else await socket.untilEnded();
    }),
  );
});

test('H9 a third message that is changed, cut, foreign or odd inside lets nobody in', async () => {
  const good: CborValue = {
    tenant: device.tenantId,
    device: device.deviceId,
    clientVersion: '0.1.0',
    stateCounter: 1,
    policyVersion: 0,
  };
  const hello = fc
    .oneof(
      damaged(fc.constant(good)).map(encodeCbor),
      oddValue.map(encodeCbor),
      oddCbor,
      garbage,
      fc.constant(helloOf(other)),
    )
    .filter((bytes) => bytes.length < 60_000);
  const attack = fc.oneof(
    fc.record({ hello }),
    fc.record({ damage: damagedBytes(fc.constant(new Uint8Array(200))) }),
    fc.record({ garbage }),
  );
  await campaign(
    'third messages',
    60,
    fc.asyncProperty(attack, async (what) => {
      const socket = await RawSocket.open(world.place.url);
      const { frame, handshake } = openingOf(world.place, 'device', device.noise);
      socket.send(frame);
      const reply = (await socket.next()) as Uint8Array;
      handshake.readMessage(reply.subarray(1));
      const message = handshake.writeMessage('hello' in what ? Uint8Array.from(what.hello) : helloOf(device));
      if ('garbage' in what) socket.send(what.garbage);
      else if ('damage' in what) {
        const { damage } = what;
        const cut = message.slice(0, damage.length);
        for (let i = 0; i < cut.length; i++) cut[i] = (cut[i] as number) ^ (damage[i] as number);
        if (equalBytes(cut, message)) cut[0] = (cut[0] as number) ^ 1;
        socket.send(cut);
      } else socket.send(message);
      const peer = new Peer(socket, handshake.split());
      const isIn = await peer.welcomed();
      // Unknown fields are ignored, so some damaged hellos are hellos still; then they are this device's own.
      if (isIn) expect('hello' in what).toBe(true);
      if (isIn) expectAnswer(await peer.request('prekeys.count', {}), 'prekeys.count');
      else if (peer.closingCode !== undefined)
        expect(['device_not_accepted', 'client_too_old']).toContain(peer.closingCode);
      peer.close();
    }),
  );
});

test('B3 on an open connection a frame that is changed, repeated, left out, swapped or foreign ends it', async () => {
  const attack = fc.oneof(
    fc.record({ kind: fc.constant('garbage' as const), garbage }),
    fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bit: fc.nat(7) }),
    fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
    fc.record({ kind: fc.constantFrom('repeat', 'swap', 'skip', 'foreign', 'handshake' as const) }),
  );
  await campaign(
    'sealed frames',
    60,
    fc.asyncProperty(attack, async (what) => {
      const peer = await world.connect(device);
      const fragment = asFragment(encodeControl('request', { id: 1, method: 'prekeys.count', params: {} }));
      const frame = peer.cipher.seal(fragment);
      let others: Peer | undefined;
      if (what.kind === 'garbage') peer.socket.send(what.garbage);
      else if (what.kind === 'flip') {
        frame[what.at % frame.length] = (frame[what.at % frame.length] as number) ^ (1 << what.bit);
        peer.socket.send(frame);
      } else if (what.kind === 'cut') peer.socket.send(frame.subarray(0, what.at % frame.length));
      else if (what.kind === 'repeat') {
        peer.socket.send(frame);
        expectAnswer(await peer.answer(1), 'prekeys.count');
        peer.socket.send(frame);
      } else if (what.kind === 'swap') {
        peer.socket.send(peer.cipher.seal(fragment));
        peer.socket.send(frame);
      } else if (what.kind === 'skip') peer.socket.send(peer.cipher.seal(fragment));
      else if (what.kind === 'foreign') {
        others = await world.connect(other);
        peer.socket.send(others.cipher.seal(fragment));
      } else peer.socket.send(openingOf(world.place, 'device', device.noise).frame);
      expect(await peer.untilEnded()).toEqual([]);
      expect(peer.socket.closeCode).toBe(
        what.kind === 'garbage' && what.garbage.length > 65_599 ? 1009 : 1002,
      );
      others?.close();
    }),
  );
});

/** A record in one fragment that ends it. */
function asFragment(record: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(1, record.length >> 8, record.length & 255), record);
}

test('H9 sealed bytes that are not a sequence of fragments end the connection; those that are get their answer', async () => {
  const record = encodeControl('request', { id: 9, method: 'prekeys.count', params: {} });
  const good = asFragment(record);
  const cuts = fc
    .array(fc.integer({ min: 1, max: record.length - 1 }), { maxLength: 8 })
    .map((points) => [...new Set(points)].sort((a, b) => a - b))
    .map((points) => {
      const edges = [0, ...points, record.length];
      return points.concat(record.length).map((end, i) => {
        const part = record.subarray(edges[i] as number, end);
        const flag = end === record.length ? 1 : 0;
        return concatBytes(Uint8Array.of(flag, part.length >> 8, part.length & 255), part);
      });
    });
  const attack = fc.oneof(
    cuts.map((plaintexts) => ({ plaintexts, isGood: true })),
    damagedBytes(fc.constant(good))
      .filter((bytes) => !equalBytes(bytes, good))
      .map((bytes) => ({ plaintexts: [bytes], isGood: false })),
    fc
      .constantFrom(
        ...[new Uint8Array(0), Uint8Array.of(0, 0, 0), Uint8Array.of(1), Uint8Array.of(1, 0xff, 0xff)],
        ...[Uint8Array.of(2, 0, 0), Uint8Array.of(0xff, 0, 1, 0), Uint8Array.of(1, 0, 0)],
      )
      .map((bytes) => ({ plaintexts: [bytes], isGood: false })),
  );
  await campaign(
    'fragments',
    60,
    fc.asyncProperty(attack, async ({ plaintexts, isGood }) => {
      const peer = await world.connect(device);
      for (const plaintext of plaintexts) peer.sendPlaintext(plaintext);
      if (isGood) expectAnswer(await peer.answer(9), 'prekeys.count');
      else {
        // Damage may leave a fragment that does not end its record; then the server rightly waits for the rest.
        peer.sendPlaintext(Uint8Array.of(7, 0, 0));
        await peer.untilEnded();
        expect(peer.socket.closeCode).toBe(1002);
      }
      peer.close();
    }),
  );
});

test('H9 a record that grows beyond 1 MiB ends the connection', async () => {
  const peer = await world.connect(device);
  const fragment = new Uint8Array(65_000);
  new DataView(fragment.buffer).setUint16(1, fragment.length - 3);
  for (let i = 0; i < 17; i++) peer.sendPlaintext(fragment);
  await peer.untilEnded();
  expect(peer.socket.closeCode).toBe(1002);
});

const payload = new Uint8Array(20);
const wrongFrames: [string, (socket: RawSocket) => void][] = [
  ['a text message', (socket) => socket.send(payload, { opcode: 1 })],
  ['reserved bits', (socket) => socket.send(payload, { reserved: 4 })],
  ['a reserved opcode', (socket) => socket.send(payload, { opcode: 3 })],
  ['a frame without mask', (socket) => socket.send(payload, { masked: false })],
  ['a continuation of nothing', (socket) => socket.send(payload, { opcode: 0 })],
  ['a ping in pieces', (socket) => socket.send(payload, { opcode: 9, fin: false })],
  ['a ping that is too long', (socket) => socket.send(new Uint8Array(126), { opcode: 9 })],
  ['a length of 2⁶² bytes', (socket) => socket.send(payload, { declaredBytes: 2 ** 62 })],
  ['a length of 100 kB', (socket) => socket.send(payload, { declaredBytes: 100_000 })],
  ['a close frame of one byte', (socket) => socket.send(Uint8Array.of(3), { opcode: 8 })],
  ['a message in 1,000 pieces', (socket) => pieces(socket, 1_000)],
];

function pieces(socket: RawSocket, count: number): void {
  for (let i = 0; i < count; i++) socket.send(Uint8Array.of(75), { opcode: i === 0 ? 2 : 0, fin: false });
}

test.each(wrongFrames)('H9 %s ends a connection before and after its handshake', async (_name, attack) => {
  const early = await RawSocket.open(world.place.url);
  attack(early);
  await early.untilEnded();
  const peer = await world.connect(device);
  attack(peer.socket);
  await peer.untilEnded();
});

test('H9 random WebSocket frames and their remains leave nothing open', async () => {
  const form = fc.record(
    {
      opcode: fc.nat(15),
      fin: fc.boolean(),
      reserved: fc.constantFrom(0, 0, 0, 1, 4, 7),
      masked: fc.constantFrom(true, true, true, false),
      declaredBytes: fc.constantFrom(0, 1, 125, 126, 65_535, 65_536, 2 ** 31, 2 ** 53),
    },
    { requiredKeys: [] },
  );
  const frames = fc.array(fc.tuple(fc.uint8Array({ maxLength: 130 }), form), { minLength: 1, maxLength: 4 });
  await campaign(
    'WebSocket frames',
    60,
    fc.asyncProperty(frames, fc.boolean(), async (list, isOpen) => {
      const socket = isOpen ? (await world.connect(device)).socket : await RawSocket.open(world.place.url);
      for (const [bytes, how] of list) socket.send(bytes, how);
      socket.destroy();
    }),
  );
});

test('H9 upgrades and HTTP requests that are not well formed are refused in good order', async () => {
  const token = fc.stringMatching(/^[A-Za-z-]{1,20}$/);
  const value = oddText.map((text) => text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 20_000));
  const headers = fc.array(fc.tuple(token, value), { maxLength: 6 });
  const request = fc.oneof(
    fc
      .tuple(
        fc.constantFrom('GET', 'POST', 'PUT', 'OPTIONS', 'TRACE', 'CONNECT', 'get', 'PRI', 'QUERY'),
        fc.constantFrom(
          '/',
          CHANNEL_PATH,
          `${CHANNEL_PATH}/`,
          `${CHANNEL_PATH}?a=1`,
          '*',
          '//',
          '/%',
          '/%00',
          '/..',
        ),
        fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9', ''),
        headers,
        fc.constantFrom('', 'Upgrade: websocket\r\nConnection: Upgrade\r\n', 'Content-Length: -1\r\n'),
        fc.constantFrom(
          '',
          'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n',
          'Expect: 100-continue\r\n',
        ),
      )
      .map(
        ([method, path, version, list, upgrade, odd]) =>
          `${method} ${path} ${version}\r\nHost: localhost\r\nConnection: close\r\n${upgrade}${odd}${list
            .map(([name, text]) => `${name}: ${text}\r\n`)
            .join('')}\r\n`,
      ),
    fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    oddText,
  );
  await campaign(
    'HTTP on the public listener',
    60,
    fc.asyncProperty(request, async (text) => {
      const socket = await RawSocket.plain(world.place.url);
      socket.write(Buffer.from(`${text}\r\n\r\n`, 'latin1'));
      socket.finish();
      await socket.untilEnded();
      for (const answer of answersIn(socket.httpText)) expectHttpAnswer(answer);
    }),
  );
});

const LINES_OF_HOST = 'Host: localhost\r\nConnection: close\r\n';
const UPGRADE = 'Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';

test.each([
  ['bytes that are no HTTP request', '\0\r\n\r\n', 'bad_request'],
  ['a TLS greeting on a plain port', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03', 'bad_request'],
  ['a path that cannot be decoded', `GET /% HTTP/1.1\r\n${LINES_OF_HOST}\r\n`, 'bad_request'],
  ['a request without host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 'bad_request'],
  ['an odd expectation', `GET / HTTP/1.1\r\n${LINES_OF_HOST}Expect: tea\r\n\r\n`, 'bad_request'],
  ['too many headers', `GET / HTTP/1.1\r\n${LINES_OF_HOST}a: ${'x'.repeat(20_000)}\r\n\r\n`, 'too_large'],
  ['a path that is not there', `GET /v2 HTTP/1.1\r\n${LINES_OF_HOST}\r\n`, 'not_found'],
  ['an upgrade of another path', `GET /v2 HTTP/1.1\r\n${UPGRADE}\r\n`, 'not_found'],
  ['an upgrade without a key', `GET ${CHANNEL_PATH} HTTP/1.1\r\n${UPGRADE}\r\n`, 'bad_request'],
  [
    'an upgrade by a web page',
    `GET ${CHANNEL_PATH} HTTP/1.1\r\n${UPGRADE}Origin: https://evil.example\r\n\r\n`,
    'origin_refused',
  ],
])('H9 %s gets a refusal of the catalogue', async (_name, text, code) => {
  const socket = await RawSocket.plain(world.place.url);
  socket.write(Buffer.from(text, 'latin1'));
  await socket.untilEnded();
  const [answer, ...others] = answersIn(socket.httpText);
  expect(others).toEqual([]);
  expectHttpAnswer(answer as HttpAnswer);
  expect(JSON.parse(answer?.body ?? '')).toMatchObject({ code, status: ERRORS[code as ErrorCode].status });
});

test('H9 after all of this people write to each other as before', () => world.expectUnharmed());

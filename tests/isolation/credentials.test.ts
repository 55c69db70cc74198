/**
 * P4 for whoever is not an active device of the own tenant: with the channel of a token, with no token, as a revoked device, under the names of
 * others, with wrong operator keys, over plain HTTP. What is asked of another tenant is answered as what does not exist, on every method,
 * every operator call and every route; a new one that nobody tries here fails the test.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateStaticKeyPair, type StaticKeyPair } from '@kuvert/crypto/channel';
import {
  ATTACHMENT_PATH,
  type DeviceId,
  type Id,
  idToBytes,
  LABELS,
  METHODS,
  type MethodName,
  makeId,
  OPERATOR_HEADERS,
  type OperatorCallName,
  operatorCalls,
  operatorRequestText,
  type TenantId,
  UPLOAD_TYPE,
} from '@kuvert/protocol';
import { ADMIN_BASE, ADMIN_OPERATIONS, type AdminOperation } from '@kuvert/protocol/admin';
import { DeviceChannel, HandMadeDevice, startInstallation, type TestInstallation } from '@kuvert/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { helloOf, openingOf, Peer } from '../fuzz/peer.ts';
import { RawSocket } from '../fuzz/web-socket.ts';
import { type Reference, referencesIn, withValue } from './references.ts';
import { comparable, honestParams, nothing, type Side, settle } from './sides.ts';

let installation: TestInstallation;
let elsewhere: TestInstallation;
let own: Side;
let foreign: Side;

beforeAll(async () => {
  installation = await startInstallation();
  elsewhere = await startInstallation();
  own = await settle(installation, 'Acme');
  foreign = await settle(installation, 'Zenith');
});
afterAll(async () => {
  RawSocket.destroyAll();
  own?.channel[Symbol.dispose]();
  foreign?.channel[Symbol.dispose]();
  await installation[Symbol.asyncDispose]();
  await elsewhere[Symbol.asyncDispose]();
});

/** Every value of the other tenant in every field of a schema, beside a value that names nothing. */
function* pairsIn(schema: Parameters<typeof referencesIn>[0], honest: unknown) {
  for (const { path, kind } of referencesIn(schema)) {
    for (const name of foreign.names[kind] ?? []) {
      const absent = nothing(kind);
      yield {
        where: `${path.join('.')} = a foreign ${kind}`,
        foreign: { asked: name, params: withValue(honest, path, name) },
        absent: { asked: absent, params: withValue(honest, path, absent) },
      };
    }
  }
}

const methods = Object.keys(METHODS) as MethodName[];

describe('P4 H8 without a device, with a token of another tenant or without any, no method of a device is there', () => {
  test.each(methods.filter((name) => METHODS[name].access === 'device'))('%s', async (method) => {
    const { url, token } = own;
    const honest = honestParams(method, own, installation.clock.nowMs());
    for (const pair of pairsIn(METHODS[method].params, honest)) {
      using channel = await DeviceChannel.open({ url, serverStatic: token.serverStatic });
      const { tenantId, tokenId, secret } = token;
      expect((await channel.request('enrolment.open', { tenantId, tokenId, secret })).error).toBeUndefined();
      const answer = await channel.request(method, pair.foreign.params);
      expect(answer.error?.code, pair.where).toBe('method_unknown');
      expect(comparable(answer, pair.foreign.asked)).toEqual(
        comparable(await channel.request(method, pair.absent.params), pair.absent.asked),
      );
    }
  });
});

test('P4 H8 a device has no method of enrolment, whatever token it shows there', async () => {
  for (const method of methods.filter((name) => METHODS[name].access === 'enrolment')) {
    const honest = honestParams(method, foreign, installation.clock.nowMs());
    expect((await own.channel.request(method, honest)).error?.code, method).toBe('method_unknown');
  }
});

describe('P4 H8 nobody gets in', () => {
  /** What the server says to a hello. */
  async function hello(
    who: { tenantId: TenantId; deviceId: DeviceId },
    noise: StaticKeyPair,
  ): Promise<unknown> {
    const { serverStatic } = own.token;
    const socket = await RawSocket.open(installation.url);
    const { frame, handshake } = openingOf({ url: installation.url, serverStatic }, 'device', noise);
    socket.send(frame);
    handshake.readMessage(((await socket.next()) as Uint8Array).subarray(1));
    socket.send(handshake.writeMessage(helloOf(who)));
    const peer = new Peer(socket, handshake.split());
    const welcomed = await peer.welcomed();
    peer.close();
    return { welcomed, code: peer.closingCode, ends: peer.socket.closeCode, events: peer.events };
  }

  test('under the name of another tenant or device, with the own key, a fresh one or that of a revoked device', async () => {
    const { url, clock } = installation;
    const leaver = await (await installation.tenant('Leavers')).personWithoutDevice('Leaver');
    const { personId } = leaver;
    const revoked = await HandMadeDevice.enrol({
      url,
      token: await leaver.token(),
      personId,
      nowMs: clock.nowMs(),
    });
    await installation.operator.call('deviceRevoke', { deviceId: revoked.deviceId });
    const refused = { welcomed: false, code: 'device_not_accepted' };
    const absentTenant = makeId('tenant', randomBytes(16));
    const absentDevice = makeId('device', randomBytes(16));
    const keys = [own.device.made.noise, revoked.made.noise, generateStaticKeyPair()];
    const names = [
      { tenantId: foreign.tenantId, deviceId: foreign.device.deviceId },
      { tenantId: foreign.tenantId, deviceId: own.device.deviceId },
      { tenantId: own.tenantId, deviceId: foreign.device.deviceId },
      { tenantId: foreign.tenantId, deviceId: absentDevice },
      { tenantId: absentTenant, deviceId: own.device.deviceId },
      { tenantId: leaver.tenantId, deviceId: revoked.deviceId },
      { tenantId: absentTenant, deviceId: absentDevice },
    ];
    const asNobody = await hello({ tenantId: absentTenant, deviceId: absentDevice }, generateStaticKeyPair());
    expect(asNobody).toMatchObject(refused);
    for (const noise of keys) for (const who of names) expect(await hello(who, noise)).toEqual(asNobody);
    expect(await hello({ ...own, deviceId: own.device.deviceId }, own.device.made.noise)).toMatchObject({
      welcomed: true,
    });
  });

  test('once revoked: the open connection ends, whatever it asks of another tenant', async () => {
    const { url, clock } = installation;
    const leaver = await (await installation.tenant('Leavers two')).personWithoutDevice('Leaver');
    const { personId } = leaver;
    const device = await HandMadeDevice.enrol({
      url,
      token: await leaver.token(),
      personId,
      nowMs: clock.nowMs(),
    });
    using channel = await device.connect();
    expect((await channel.request('prekeys.count', {})).error).toBeUndefined();
    await installation.operator.call('deviceRevoke', { deviceId: device.deviceId });
    for (const personId of foreign.names.person ?? [])
      await expect(channel.request('people.get', { personId })).rejects.toThrow(/closed/);
  });
});

type Signer = (request: { path: string; body: string }) => Record<string, string>;

function signer(key: Uint8Array, timeMs = installation.clock.nowMs()): Signer {
  return ({ path, body }) => {
    const nonce = randomBytes(16).toString('hex');
    const bodySha256Hex = createHash('sha256').update(body).digest('hex');
    const text = operatorRequestText({ path, timeMs: String(timeMs), nonce, bodySha256Hex });
    return {
      [OPERATOR_HEADERS.time]: String(timeMs),
      [OPERATOR_HEADERS.nonce]: nonce,
      [OPERATOR_HEADERS.mac]: createHmac('sha256', key)
        .update(LABELS.operatorRequest)
        .update(text)
        .digest('hex'),
    };
  };
}

async function post(path: string, body: string, headers: Record<string, string>) {
  const url = new URL(path, installation.server.opsUrl);
  const answer = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
  return { status: answer.status, body: await answer.text() };
}

describe('P4 H8 without the operator key of this installation an operator call says the same of what is there and what is not', () => {
  test.each(Object.keys(operatorCalls) as OperatorCallName[])('%s', async (name) => {
    const { path, params } = operatorCalls[name];
    const operatorKey = readFileSync(join(installation.server.keysFolder, 'operator.key'));
    const otherKey = readFileSync(join(elsewhere.server.keysFolder, 'operator.key'));
    const { secret } = foreign.token;
    const signers: [string, Signer][] = [
      ['no key', () => ({})],
      ['the key of another installation', signer(otherKey)],
      ['the secret of an enrolment token', signer(secret)],
      ['the private key of a device', signer(foreign.device.made.noise.privateKey)],
      ['the right key too late', signer(operatorKey, installation.clock.nowMs() - 3_600_000)],
      ['a MAC for another call', () => signer(operatorKey)({ path: '/operator/v1/other', body: '{}' })],
    ];
    const bodies: object[] = [{}];
    for (const pair of pairsIn(params, {}))
      bodies.push(pair.foreign.params as object, pair.absent.params as object);
    for (const [who, sign] of signers) {
      for (const body of bodies.map((one) => JSON.stringify(one))) {
        const answer = await post(path, body, sign({ path, body }));
        expect([answer.status, JSON.parse(answer.body).code], who).toEqual([401, 'unauthenticated']);
        expect(answer.body, who).toBe((await post(path, '{}', sign({ path, body: '{}' }))).body);
      }
    }
  });
});

/** Routes that take nothing: they say the same whatever somebody names beside them. */
const TAKES_NOTHING: readonly string[] = [
  'public GET /',
  'public GET /v1/server-key',
  `public GET ${ADMIN_BASE}/openapi.json`,
  `public GET ${ADMIN_BASE}/docs`,
  `public GET ${ADMIN_BASE}/browser`,
  'ops GET /livez',
  'ops GET /readyz',
  'ops GET /metrics',
];

/** Tried from their table in administration.test.ts. */
const ADMIN_ROUTES = Object.values<AdminOperation>(ADMIN_OPERATIONS).map(
  ({ method, path }) => `public ${method} ${ADMIN_BASE}${path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
);

/** A small file with its hash behind it. */
const WHOLE = Buffer.concat([Uint8Array.of(1), createHash('sha256').update(Uint8Array.of(1)).digest()]);

describe('P4 H8 every HTTP route is tried', () => {
  test('and there are no others', () => {
    const { routes } = installation.server;
    const tried = [
      ...new Set([
        ...TAKES_NOTHING,
        ...Object.values(operatorCalls).map(({ path }) => `ops POST ${path}`),
        ...ADMIN_ROUTES,
        ...['GET', 'POST', 'PATCH'].map((method) => `public ${method} ${ATTACHMENT_PATH}`),
      ]),
    ];
    const found = (['public', 'ops'] as const).flatMap((listener) =>
      routes[listener]
        .filter(({ method }) => method !== 'HEAD')
        .map(({ method, path }) => `${listener} ${method} ${path}`),
    );
    const untried = found.filter((route) => !tried.includes(route));
    expect(untried, 'routes that take something need a test here, others a line in TAKES_NOTHING').toEqual(
      [],
    );
    expect(tried.filter((route) => !found.includes(route))).toEqual([]);
  });

  test('the attachment routes move nothing without a capability of that device, attachment and direction', async () => {
    const ask = async (method: string, capability: string | undefined) => {
      const headers: Record<string, string> = {
        ...(capability !== undefined && { authorization: `Kuvert ${capability}` }),
        ...(method === 'PATCH' && { 'upload-offset': '0' }),
        ...(method.startsWith('P') && { 'content-type': UPLOAD_TYPE }),
      };
      const body = method === 'PATCH' ? Uint8Array.of(1) : method === 'POST' ? WHOLE : undefined;
      const answer = await fetch(`${installation.url}${ATTACHMENT_PATH}`, {
        method,
        headers,
        ...(body && { body }),
      });
      await answer.bytes();
      return answer.status;
    };
    const [begun, stored] = foreign.names.attachment ?? [];
    const next = makeId('attachment', randomBytes(16));
    const up = await foreign.channel.request('attachments.create', {
      attachment: begun,
      sizeBytes: 4_096,
      next,
    });
    const down = await foreign.channel.request('attachments.open', { attachment: stored });
    const [upload, download] = [up, down].map(({ result }) => (result as { capability: string }).capability);
    const whole = (up.result as { next: string }).next;
    expect([await ask('HEAD', upload), await ask('GET', download)]).toEqual([204, 200]);
    for (const [method, wrong] of [
      ['GET', upload],
      ['PATCH', download],
      ['HEAD', download],
      ['GET', whole],
      ['PATCH', whole],
      ['HEAD', whole],
      ['POST', upload],
      ['POST', download],
    ] as const) {
      expect(await ask(method, wrong), `${method} with the other direction`).toBe(401);
    }
    // Another tenant, device or attachment in a capability that was made for this one.
    const tampered = [8, 25, 42].map((at) => {
      const bytes = Buffer.from(download ?? '', 'base64url');
      const names = [own.tenantId, own.device.deviceId, own.names.attachment?.[1]] as Id<'tenant'>[];
      bytes.set(idToBytes(names[(at - 8) / 17] ?? own.tenantId), at);
      return bytes.toString('base64url');
    });
    const later = Buffer.from(download ?? '', 'base64url');
    later.writeUIntBE(later.readUIntBE(2, 6) + 1, 2, 6);
    const wrongs = [undefined, 'x', (download ?? '').slice(0, -4), later.toString('base64url'), ...tampered];
    for (const wrong of wrongs) expect(await ask('GET', wrong)).toBe(401);
    for (const at of [8, 25, 42]) {
      const bytes = Buffer.from(whole, 'base64url');
      const names = [own.tenantId, own.device.deviceId, own.names.attachment?.[1]] as Id<'tenant'>[];
      bytes.set(idToBytes(names[(at - 8) / 17] ?? own.tenantId), at);
      expect(await ask('POST', bytes.toString('base64url'))).toBe(401);
    }
    // Good for one file, once.
    expect([await ask('POST', whole), await ask('POST', whole)]).toEqual([204, 409]);
    await foreign.channel.request('attachments.remove', { attachment: next });
  });

  test.each(TAKES_NOTHING)('%s', async (route) => {
    const [listener, method = '', path = ''] = route.split(' ');
    const base = listener === 'public' ? installation.url : installation.server.opsUrl;
    const ask = async (query: string, headers: Record<string, string>) => {
      const answer = await fetch(`${base}${path}${query}`, { method, headers });
      // Numbers move; what they are numbers of does not.
      return { status: answer.status, body: (await answer.text()).replaceAll(/ [\d.e+-]+$/gm, ' 0') };
    };
    const plain = await ask('', {});
    expect(plain.status).toBe(200);
    const about = (name: string) =>
      ask(`?id=${encodeURIComponent(name)}`, { authorization: `Bearer ${name}`, cookie: `id=${name}` });
    for (const [kind, names] of Object.entries(foreign.names)) {
      for (const name of names.map(String)) {
        expect(plain.body).not.toContain(name);
        // A route may refuse what it does not take, as long as it does so whatever that names.
        expect(await about(name)).toEqual(await about(String(nothing(kind as Reference['kind']))));
      }
    }
  });
});

/**
 * P4: the time of an answer does not tell whether something exists in another tenant either. For every field of every method, for submits and
 * for whoever wants to connect: what is there, beside what is nowhere.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { generateStaticKeyPair } from '@kuvert/crypto/channel';
import {
  CLASSES,
  type DeviceId,
  METHODS,
  type MethodName,
  makeId,
  makeSubmitId,
  type PersonId,
  SUITES,
  type TenantId,
} from '@kuvert/protocol';
import { DeviceChannel, startInstallation, type TestInstallation } from '@kuvert/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { helloOf, openingOf, Peer } from '../fuzz/peer.ts';
import { RawSocket } from '../fuzz/web-socket.ts';
import { type Reference, referencesIn, withValue } from './references.ts';
import { honestParams, nothing, type Side, settle } from './sides.ts';
import { ASKED, BOUND_MS, measureTell, type Tell } from './tell.ts';

let installation: TestInstallation;
let own: Side;
let foreign: Side;

beforeAll(async () => {
  installation = await startInstallation();
  own = await settle(installation, 'Acme');
  foreign = await settle(installation, 'Zenith');
});
afterAll(async () => {
  RawSocket.destroyAll();
  own?.channel[Symbol.dispose]();
  foreign?.channel[Symbol.dispose]();
  await installation[Symbol.asyncDispose]();
});

function expectNoTell(tell: Tell, where: string): void {
  expect(tell.tells, `${where}: ${JSON.stringify(tell)}, bound ${BOUND_MS} ms`).toBe(false);
}

/** Lets so much time pass that no limit on guessing is reached, and so little that connections do not grow too old. */
const between = (): void => installation.clock.advance(10_000);

interface Case {
  readonly method: MethodName;
  readonly reference: Reference;
}

/** A request id names a repetition of the caller's own, so there is nothing of others in it. */
const cases: Case[] = (Object.keys(METHODS) as MethodName[]).flatMap((method) =>
  referencesIn(METHODS[method].params)
    .filter(({ kind }) => kind !== 'request')
    .map((reference) => ({ method, reference })),
);

/**
 * What a case asks about in the other tenant. An attachment that the caller begins is its own from then on, whatever it is called: one that is
 * asked about twice, or by a later case, would be compared as the caller's own, so each question has one that nobody asks about again.
 */
async function foreignNames({ method, reference }: Case): Promise<readonly unknown[]> {
  if (method !== 'attachments.create') return foreign.names[reference.kind] ?? [];
  using channel = await foreign.device.connect();
  const begun: unknown[] = [];
  while (begun.length < ASKED) {
    const attachment = makeId('attachment', randomBytes(16));
    const { error } = await channel.request(method, { attachment, sizeBytes: 4_096 });
    expect(error).toBeUndefined();
    installation.clock.advance(1_000);
    begun.push(attachment);
  }
  return begun;
}

/** A fresh connection, because time passes here by which an old one would be given up. */
async function connected(): Promise<DeviceChannel> {
  own.channel[Symbol.dispose]();
  own = { ...own, channel: await own.device.connect() };
  return own.channel;
}

/** Asks a method with a value in one field; the time is that of the answer, not that of making up the question. */
async function asker({ method, reference }: Case): Promise<(value: unknown) => Promise<unknown>> {
  const honest = honestParams(method, own, installation.clock.nowMs());
  const paramsWith = (value: unknown) => withValue(honest, reference.path, value);
  if (METHODS[method].access === 'device') {
    const channel = await connected();
    return (value) => channel.request(method, paramsWith(value));
  }
  const { url } = installation;
  const { serverStatic } = own.token;
  let channel = await DeviceChannel.open({ url, serverStatic });
  let left = 14;
  return async (value) => {
    if (left === 0) {
      channel[Symbol.dispose]();
      channel = await DeviceChannel.open({ url, serverStatic });
      left = 14;
    }
    left -= 1;
    return channel.request(method, paramsWith(value));
  };
}

test.each(cases.map((one) => [`${one.method} ${one.reference.path.join('.')}`, one] as const))(
  'P4 time tells nothing: %s',
  async (where, one) => {
    const { kind } = one.reference;
    const names = await foreignNames(one);
    const ask = await asker(one);
    let turn = 0;
    const tell = await measureTell({
      first: () => names[turn++ % names.length],
      second: () => nothing(kind),
      ask,
      between,
    });
    expectNoTell(tell, where);
  },
);

test('P4 time tells nothing: a submit to a person or device of another tenant', async () => {
  const channel = await connected();
  const ask = (submit: Parameters<DeviceChannel['submit']>[0]) => channel.submit(submit);
  const about = (to: PersonId, device: DeviceId) => ({
    submitId: makeSubmitId(installation.clock.nowMs(), randomBytes(10)),
    to,
    listHash: own.device.listHash,
    suite: SUITES.signalPairwise,
    class: CLASSES.message,
    urgency: 1,
    lifetime: 1 as const,
    legs: [{ device, bytes: randomBytes(600) }],
  });
  const person = foreign.colleague.personId;
  const device = foreign.device.deviceId;
  const nobody = () => makeId('person', randomBytes(16));
  const noDevice = () => makeId('device', randomBytes(16));
  const toPerson = await measureTell({
    first: () => about(person, device),
    second: () => about(nobody(), noDevice()),
    ask,
    between,
  });
  expectNoTell(toPerson, 'submit to');
  const { personId } = own.colleague;
  const toDevice = await measureTell({
    first: () => about(personId, device),
    second: () => about(personId, noDevice()),
    ask,
    between,
  });
  expectNoTell(toDevice, 'submit legs');
});

test('P4 time tells nothing: a hello under the name of another tenant or device', async () => {
  const noise = generateStaticKeyPair();
  const ask = async (who: { tenantId: TenantId; deviceId: DeviceId }) => {
    const { serverStatic } = own.token;
    const socket = await RawSocket.open(installation.url);
    const { frame, handshake } = openingOf({ url: installation.url, serverStatic }, 'device', noise);
    socket.send(frame);
    handshake.readMessage(((await socket.next()) as Uint8Array).subarray(1));
    socket.send(handshake.writeMessage(helloOf(who)));
    const peer = new Peer(socket, handshake.split());
    expect(await peer.welcomed()).toBe(false);
    peer.close();
  };
  const absent = () => makeId('device', randomBytes(16));
  const { tenantId } = foreign;
  const deviceTell = await measureTell({
    first: () => ({ tenantId, deviceId: foreign.device.deviceId }),
    second: () => ({ tenantId, deviceId: absent() }),
    ask,
  });
  expectNoTell(deviceTell, 'hello device');
  const tenantTell = await measureTell({
    first: () => ({ tenantId, deviceId: absent() }),
    second: () => ({ tenantId: makeId('tenant', randomBytes(16)), deviceId: absent() }),
    ask,
  });
  expectNoTell(tenantTell, 'hello tenant');
});

test('P4 an answer that is 5 ms slower for what is there is found out', async () => {
  const ask = await asker({ method: 'people.get', reference: { path: ['personId'], kind: 'person' } });
  let tell: Tell | undefined;
  // Load can hide 5 ms for a while, but not for ever.
  for (let tries = 0; tries < 60; tries++) {
    tell = await measureTell({
      first: (): unknown => foreign.colleague.personId,
      second: () => nothing('person'),
      ask: async (person) => {
        await ask(person);
        if (person === foreign.colleague.personId) await pause(5);
      },
      between,
    });
    if (tell.tells) break;
  }
  expect(tell?.tells, JSON.stringify(tell)).toBe(true);
});

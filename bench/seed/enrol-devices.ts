/**
 * Fills a fresh server with people who each have one device, over the ways that people take: operator calls and enrolment over Noise NK
 * with signed lists. Only the prekeys are the same for all and made once, because nobody starts a session here.
 */
import { randomBytes } from 'node:crypto';
import { ClientHandshake, generateStaticKeyPair, type SecureChannel } from '@kuvert/crypto/channel';
import { generateSigningKey, listHash, makeFirstDeviceList } from '@kuvert/crypto/identity';
import { createDeviceKeys, FIRST_PREKEY_COUNTERS, makePrekeys } from '@kuvert/crypto/session';
import {
  type CborValue,
  CHANNEL_PATH,
  decodeControl,
  decodeToken,
  encodeControl,
  makeId,
  type PersonId,
  PROTOCOL_VERSIONS,
  type PrekeyUpload,
  Response,
  SUITES,
} from '@kuvert/protocol';
import type { ServerProcess } from '@kuvert/testkit';
import { FrameConnection } from '../load/frame-connection.ts';
import { inParallel } from '../load/in-parallel.ts';
import type { Account } from './accounts.ts';

const AT_ONCE = 16;

/** The address of a tenant's person by number. */
export function mailOf(index: number): string {
  return `person${index}@bench.test`;
}

/** One tenant's worth of people. */
export interface SeededTenant {
  readonly devices: number;
  /** How many of them, from the first on, have a full stock of prekeys; the others have none but the lasting ones. */
  readonly stocked: number;
}

/** What a server was filled with. */
export interface Seeded {
  /** The tenants' devices, one tenant behind the other. */
  readonly accounts: Account[];
  /** The key that devices pin, in base64. */
  readonly serverStatic: string;
}

/** Enrols all devices of these tenants. */
export async function enrolDevices(
  server: Pick<ServerProcess, 'url' | 'operator'>,
  tenants: readonly SeededTenant[],
): Promise<Seeded> {
  const device = createDeviceKeys();
  const { identityPrivateKey } = device;
  const counters = FIRST_PREKEY_COUNTERS;
  const { upload } = makePrekeys({ identityPrivateKey, counters, nowMs: Date.now() });
  let serverStatic = '';
  const accounts: Account[] = [];
  for (const [number, tenant] of tenants.entries()) {
    const { tenantId } = await server.operator.call('tenantCreate', { name: `Bench ${number}` });
    const enrolled = await inParallel(tenant.devices, AT_ONCE, async (index) => {
      const person = { tenantId, name: `Person ${index}`, mail: mailOf(index) };
      const { personId } = await server.operator.call('personAdd', person);
      const { token } = await server.operator.call('tokenCreate', { personId });
      serverStatic ||= Buffer.from(decodeToken(token).serverStatic).toString('base64');
      const prekeys = index < tenant.stocked ? upload : { ...upload, oneTime: [], kyber: [] };
      return enrolOne({ port: Number(new URL(server.url).port), personId, token, device, prekeys });
    });
    accounts.push(...enrolled);
  }
  return { accounts, serverStatic };
}

async function enrolOne(options: {
  readonly port: number;
  readonly personId: PersonId;
  readonly token: string;
  readonly device: ReturnType<typeof createDeviceKeys>;
  readonly prekeys: PrekeyUpload;
}): Promise<Account> {
  const { port, personId, device, prekeys } = options;
  const { tenantId, tokenId, secret, serverStatic } = decodeToken(options.token);
  const noise = generateStaticKeyPair();
  const accountKey = generateSigningKey();
  const deviceId = makeId('device', randomBytes(16));
  const deviceList = makeFirstDeviceList({
    accountPrivateKey: accountKey.privateKey,
    tenantId,
    personId,
    nowMs: Date.now(),
    device: {
      device: deviceId,
      identityKey: device.identityKey,
      noiseStatic: Uint8Array.from(noise.publicKey),
      receiptKey: device.receiptKey.publicKey,
      registrationId: device.registrationId,
      suites: [SUITES.signalPairwise],
    },
  });
  await finishEnrolment(port, serverStatic, {
    tenantId,
    tokenId,
    secret: Uint8Array.from(secret),
    deviceId,
    accountKey: accountKey.publicKey,
    deviceList,
    prekeys,
  });
  return {
    tenantId,
    personId,
    deviceId,
    listHash: listHash(deviceList),
    noisePublic: noise.publicKey,
    noisePrivate: noise.privateKey,
    signingPrivate: device.receiptKey.privateKey,
  };
}

async function finishEnrolment(port: number, serverStatic: Uint8Array, params: CborValue): Promise<void> {
  const connection = await FrameConnection.open({ port, path: CHANNEL_PATH });
  const handshake = new ClientHandshake({ mode: 'enrolment', offered: PROTOCOL_VERSIONS, serverStatic });
  const opened = connection.nextFrame();
  connection.send([handshake.begin()]);
  const { channel } = handshake.finish(await opened);
  connection.send(channel.seal([encodeControl('request', { id: 1, method: 'enrolment.finish', params })]));
  const answer = Response.parse(decodeControl(await nextRecord(connection, channel)));
  await connection.close();
  if ('error' in answer) throw new Error(`an enrolment was refused: ${answer.error.code}`);
}

async function nextRecord(connection: FrameConnection, channel: SecureChannel): Promise<Uint8Array> {
  for (;;) {
    const [record] = channel.open(await connection.nextFrame());
    if (record !== undefined) return record;
  }
}

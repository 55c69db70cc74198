/**
 * A device whose keys lie open: enrolled over the real channel by a test that keeps every private key, so that it can say what no
 * honest client would.
 */
import { randomBytes } from 'node:crypto';
import { generateStaticKeyPair, type StaticKeyPair } from '@kuvert/crypto/channel';
import { generateSigningKey, listHash, makeFirstDeviceList, type SigningKey } from '@kuvert/crypto/identity';
import { createDeviceKeys, FIRST_PREKEY_COUNTERS, makePrekeys } from '@kuvert/crypto/session';
import {
  type DeviceId,
  decodeToken,
  type EnrolmentToken,
  makeId,
  type PersonId,
  type PrekeyUpload,
  type Signed,
  SUITES,
} from '@kuvert/protocol';
import { DeviceChannel, type RawAnswer } from './device-channel.ts';

/** What is said at enrolment. */
export interface HandMadeEnrolment {
  readonly deviceId: DeviceId;
  readonly accountKey: SigningKey;
  readonly deviceList: Signed;
  readonly prekeys: PrekeyUpload;
  readonly noise: StaticKeyPair;
  /** With which it signs. */
  readonly receiptKey: SigningKey;
}

/** Makes all keys of a device. */
export function makeByHand(
  token: EnrolmentToken,
  personId: PersonId,
  options: { deviceId?: DeviceId; nowMs: number },
): HandMadeEnrolment {
  const { nowMs, deviceId = makeId('device', randomBytes(16)) } = options;
  const accountKey = generateSigningKey();
  const noise = generateStaticKeyPair();
  const { identityKey, identityPrivateKey, receiptKey, registrationId } = createDeviceKeys();
  const deviceList = makeFirstDeviceList({
    accountPrivateKey: accountKey.privateKey,
    tenantId: token.tenantId,
    personId,
    nowMs,
    device: {
      device: deviceId,
      identityKey,
      noiseStatic: Uint8Array.from(noise.publicKey),
      receiptKey: receiptKey.publicKey,
      registrationId,
      suites: [SUITES.signalPairwise],
    },
  });
  const { upload } = makePrekeys({ identityPrivateKey, counters: FIRST_PREKEY_COUNTERS, nowMs });
  return { deviceId, accountKey, deviceList, prekeys: upload, noise, receiptKey };
}

/** Params of `enrolment.finish`. */
export function finishParams(token: EnrolmentToken, made: HandMadeEnrolment) {
  const { tenantId, tokenId, secret } = token;
  const { deviceId, deviceList, prekeys } = made;
  return {
    tenantId,
    tokenId,
    secret,
    deviceId,
    accountKey: made.accountKey.publicKey,
    deviceList,
    prekeys,
  };
}

/** An enrolled device. */
export class HandMadeDevice {
  readonly token: EnrolmentToken;
  readonly made: HandMadeEnrolment;
  readonly answer: RawAnswer;
  readonly #url: string;

  private constructor(url: string, token: EnrolmentToken, made: HandMadeEnrolment, answer: RawAnswer) {
    this.#url = url;
    this.token = token;
    this.made = made;
    this.answer = answer;
  }

  /** Enrols a device; `answer` says how the server took it. */
  static async enrol(options: {
    url: string;
    token: string;
    personId: PersonId;
    deviceId?: DeviceId;
    nowMs: number;
  }): Promise<HandMadeDevice> {
    const { url, personId, deviceId, nowMs } = options;
    const token = decodeToken(options.token);
    const made = makeByHand(token, personId, { nowMs, ...(deviceId === undefined ? {} : { deviceId }) });
    using channel = await DeviceChannel.open({ url, serverStatic: token.serverStatic });
    const answer = await channel.request('enrolment.finish', finishParams(token, made));
    return new HandMadeDevice(url, token, made, answer);
  }

  get deviceId(): DeviceId {
    return this.made.deviceId;
  }

  /** Hash of the device list, for submits to this person. */
  get listHash(): Uint8Array {
    return listHash(this.made.deviceList);
  }

  /** Connects as this device, to another server of the same installation if told. `stateCounter` counts up with each connection. */
  connect({ url = this.#url, stateCounter = 0 } = {}): Promise<DeviceChannel> {
    const { tenantId: tenant, serverStatic } = this.token;
    const { deviceId: device, noise: keyPair } = this.made;
    const hello = { tenant, device, clientVersion: '0.1.0', stateCounter, policyVersion: 0 };
    return DeviceChannel.open({ url, serverStatic, device: { keyPair, hello } });
  }
}

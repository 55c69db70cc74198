/**
 * What is attacked: an installation in this process with two tenants, devices whose keys the attacker holds, and two honest people who must
 * still be able to write to each other afterwards.
 */
import { randomBytes } from 'node:crypto';
import { generateStaticKeyPair } from '@kuvert/crypto/channel';
import { generateSigningKey, listHash, makeFirstDeviceList } from '@kuvert/crypto/identity';
import { createDeviceKeys, FIRST_PREKEY_COUNTERS, makePrekeys } from '@kuvert/crypto/session';
import {
  type CborValue,
  CLASSES,
  decodeToken,
  type EnrolmentToken,
  makeId,
  makeSubmitId,
  type PersonId,
  SUITES,
  type Submit,
} from '@kuvert/protocol';
import { startInstallation, type TestInstallation, type TestPerson, type TestTenant } from '@kuvert/testkit';
import { expect } from 'vitest';
import { type DeviceIdentity, Peer, type ServerPlace } from './peer.ts';
import { RawSocket } from './web-socket.ts';

/** An enrolled device with all that the attacker knows of it. */
export interface KnownDevice extends DeviceIdentity {
  readonly personId: PersonId;
  readonly listHash: Uint8Array;
  /** What was sent to enrol it. */
  readonly enrolment: { readonly [key: string]: CborValue };
}

/** @see the head of this file */
export class World implements AsyncDisposable {
  readonly installation: TestInstallation;
  readonly tenant: TestTenant;
  readonly place: ServerPlace;
  readonly anna: TestPerson;
  readonly ben: TestPerson;
  readonly #unhandled: unknown[] = [];
  readonly #note = (error: unknown): void => {
    this.#unhandled.push(error);
  };
  #letters = 0;

  private constructor(parts: {
    installation: TestInstallation;
    tenant: TestTenant;
    place: ServerPlace;
    anna: TestPerson;
    ben: TestPerson;
  }) {
    this.installation = parts.installation;
    this.tenant = parts.tenant;
    this.place = parts.place;
    this.anna = parts.anna;
    this.ben = parts.ben;
    process.on('uncaughtExceptionMonitor', this.#note);
    process.on('unhandledRejection', this.#note);
  }

  static async start(): Promise<World> {
    const installation = await startInstallation();
    const tenant = await installation.tenant('Acme');
    const anna = await tenant.personWithoutDevice('Anna');
    const { serverStatic } = decodeToken(await anna.token());
    const ben = await tenant.person('Ben');
    await anna.enrol();
    const place = { url: installation.url, serverStatic };
    return new World({ installation, tenant, place, anna, ben });
  }

  /** A person of this or another tenant with a token that was not used. */
  async token(tenant = this.tenant): Promise<{ personId: PersonId; token: EnrolmentToken }> {
    const mail = `${randomBytes(6).toString('hex')}@acme.test`;
    const { personId } = await this.installation.operator.call('personAdd', {
      tenantId: tenant.tenantId,
      name: 'Somebody',
      mail,
    });
    const { token } = await this.installation.operator.call('tokenCreate', { personId });
    return { personId, token: decodeToken(token) };
  }

  /** What a device sends as the second step of its enrolment, and what it keeps. */
  prepare({ personId, token }: { personId: PersonId; token: EnrolmentToken }): KnownDevice {
    const { tenantId, tokenId, secret } = token;
    const nowMs = this.installation.clock.nowMs();
    const keys = createDeviceKeys();
    const accountKey = generateSigningKey();
    const noise = generateStaticKeyPair();
    const deviceId = makeId('device', Uint8Array.from(randomBytes(16)));
    const deviceList = makeFirstDeviceList({
      accountPrivateKey: accountKey.privateKey,
      tenantId,
      personId,
      nowMs,
      device: {
        device: deviceId,
        identityKey: keys.identityKey,
        noiseStatic: Uint8Array.from(noise.publicKey),
        receiptKey: keys.receiptKey.publicKey,
        registrationId: keys.registrationId,
        suites: [SUITES.signalPairwise],
      },
    });
    const { identityPrivateKey } = keys;
    const prekeys = makePrekeys({ identityPrivateKey, counters: FIRST_PREKEY_COUNTERS, nowMs }).upload;
    const enrolment = {
      tenantId,
      tokenId,
      secret,
      deviceId,
      accountKey: accountKey.publicKey,
      deviceList,
      prekeys,
    } as unknown as { readonly [key: string]: CborValue };
    return { tenantId, personId, deviceId, noise, listHash: listHash(deviceList), enrolment };
  }

  /** An enrolled device of this or another tenant. */
  async device(tenant = this.tenant): Promise<KnownDevice> {
    const device = this.prepare(await this.token(tenant));
    const peer = await Peer.enrolling(this.place);
    const answer = await peer.request('enrolment.finish', device.enrolment);
    expect(answer).toHaveProperty('result');
    peer.close();
    return device;
  }

  /** Connects a device that is expected to be let in. */
  async connect(device: KnownDevice): Promise<Peer> {
    const peer = await Peer.device(this.place, device);
    expect(await peer.welcomed()).toBe(true);
    return peer;
  }

  /** A submit of one leg, as it should be. */
  submit(to: KnownDevice, requestNo: number, bytes: Uint8Array = Uint8Array.from(randomBytes(40))): Submit {
    return {
      requestNo,
      submitId: makeSubmitId(this.installation.clock.nowMs(), Uint8Array.from(randomBytes(10))),
      to: to.personId,
      listHash: to.listHash,
      suite: SUITES.signalPairwise,
      class: CLASSES.message,
      urgency: 1,
      lifetime: 1,
      legs: [{ device: to.deviceId, bytes }],
    };
  }

  /** What must hold after every campaign: nothing broke, nothing is left open. */
  async expectQuiet(): Promise<void> {
    const { server, log, failures } = this.installation;
    RawSocket.destroyAll();
    await expect.poll(() => server.channel.size).toBe(0);
    expect(log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
    expect(failures).toEqual([]);
    expect(this.#unhandled).toEqual([]);
    // A long campaign would otherwise keep a line per refusal.
    log.length = 0;
  }

  /** The same, and that honest people are served as before. */
  async expectUnharmed(): Promise<void> {
    await this.expectQuiet();
    this.#letters += 1;
    const text = `Letter ${this.#letters}`;
    await this.anna.with(async (profile) => {
      await profile.send({ to: this.ben.mail, text });
      expect(await profile.flush({ timeoutMs: 60_000 })).toEqual({ waiting: 0 });
    });
    await this.ben.with(async (profile) => {
      await profile.flush({ timeoutMs: 60_000 });
      const messages = profile.inbox();
      expect(messages.map((message) => message.text)).toEqual([text]);
      profile.markPrinted(messages);
    });
    await this.expectQuiet();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('uncaughtExceptionMonitor', this.#note);
    process.off('unhandledRejection', this.#note);
    await this.installation[Symbol.asyncDispose]();
  }
}

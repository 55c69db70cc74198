import { randomBytes } from 'node:crypto';
import { listHash, signDeviceList } from '@kuvert/crypto/identity';
import {
  type ContentId,
  type DeviceList,
  decodeCbor,
  type EnrolmentToken,
  type Person,
  SUITES,
} from '@kuvert/protocol';
import { enrolDevice } from '../../enrolment.ts';
import { completeLink, makeLinkAnswer, makeLinkOffer } from '../../linking.ts';
import { Messenger } from '../../messenger.ts';
import type { OwnDevice } from '../../own-device.ts';
import type { Random } from '../../ports.ts';
import type { Store } from '../../store.ts';
import { NO_POLICY, type PolicyPort } from '../../ticks/policy.ts';
import { openSqlcipherStore } from '../store-sqlcipher/index.ts';
import type { ManualClock } from './manual-clock.ts';
import type { ServerDouble } from './server-double.ts';

const random: Random = (count) => Uint8Array.from(randomBytes(count));

/** A person with an enrolled device, its store in memory. */
export class TestDevice {
  readonly person: Person;
  readonly own: OwnDevice;
  readonly store: Store;
  readonly #server: ServerDouble;
  readonly #clock: ManualClock;
  /** Holds from the next restart on. */
  policy: PolicyPort = NO_POLICY;
  messenger: Messenger;

  private constructor(parts: {
    person: Person;
    own: OwnDevice;
    store: Store;
    server: ServerDouble;
    clock: ManualClock;
  }) {
    this.person = parts.person;
    this.own = parts.own;
    this.store = parts.store;
    this.#server = parts.server;
    this.#clock = parts.clock;
    this.messenger = this.#makeMessenger();
  }

  /** Enrols a device for a new person, or with a token that was made before. */
  static async enrol(
    server: ServerDouble,
    clock: ManualClock,
    name: string,
    given?: { person: Person; token: EnrolmentToken },
  ): Promise<TestDevice> {
    const { person, token } = given ?? server.addPerson(name, `${name.toLowerCase()}@acme.test`);
    const store = openSqlcipherStore(':memory:', new Uint8Array(32));
    const connection = server.enrolment(person.personId);
    const own = await enrolDevice({
      store,
      token,
      serverUrl: 'http://127.0.0.1',
      clock,
      random,
      connection,
    });
    return new TestDevice({ person, own, store, server, clock });
  }

  /** A further device of the person of another one, as its signer puts it into the list. */
  static async link(server: ServerDouble, clock: ManualClock, signer: TestDevice): Promise<TestDevice> {
    const { person, own } = signer;
    const store = openSqlcipherStore(':memory:', new Uint8Array(32));
    const nowMs = clock.now();
    const { serverUrl, serverStatic, accountPrivateKey } = own;
    const pending = makeLinkOffer(store, { serverUrl, serverStatic, serverTimeMs: nowMs, nowMs, random });
    const before = server.record(person.personId);
    const list = decodeCbor(before.deviceList.bytes) as unknown as DeviceList;
    const { device, identityKey, noiseStatic, receiptKey, registrationId } = pending.offer;
    const keys = { device, identityKey, noiseStatic, receiptKey, registrationId };
    if (accountPrivateKey === undefined) throw new Error('only a signer links');
    const deviceList = signDeviceList(accountPrivateKey, {
      ...list,
      version: list.version + 1,
      prevHash: listHash(before.deviceList),
      issuedAt: nowMs,
      devices: [
        ...list.devices,
        { ...keys, suites: [SUITES.signalPairwise], role: 'linked', addedAt: nowMs },
      ],
    });
    server.addDevice(person.personId, device, deviceList, pending.upload);
    const record = server.record(person.personId);
    const linked = completeLink(
      store,
      pending,
      makeLinkAnswer(own, pending.offer, { record, accountPrivateKey: undefined }),
    );
    const account = store.directory.getAccount(person.personId);
    // Whoever has signed the list knows it.
    if (account !== undefined) signer.store.directory.putAccount(account);
    return new TestDevice({ person, own: linked, store, server, clock });
  }

  get mail(): string {
    return this.person.mail;
  }

  /** Writes a text down. */
  async write(to: TestDevice, text: string): Promise<ContentId> {
    const [sent] = await this.messenger.send([{ to: to.mail, text }]);
    if (sent === undefined) throw new Error('nothing was queued');
    return sent.messageId;
  }
  /** Connects, does all that can be done, disconnects. */
  async sync(): Promise<void> {
    await this.messenger.connect(this.#server.connect(this.own.deviceId));
    try {
      await this.messenger.settled();
    } finally {
      this.messenger.disconnect();
    }
  }
  connect(): Promise<void> {
    return this.messenger.connect(this.#server.connect(this.own.deviceId));
  }
  /** As after a crash: all that is not in the store is forgotten. */
  restart(): void {
    this.messenger.disconnect();
    this.messenger = this.#makeMessenger();
  }
  /** Texts that have arrived, in order of arrival. */
  texts(): string[] {
    return this.messenger.inbox(10_000).map((message) => message.text);
  }
  noticeKinds(): string[] {
    return this.messenger.notices().map((notice) => notice.kind);
  }

  #makeMessenger(): Messenger {
    return new Messenger({
      own: this.own,
      store: this.store,
      clock: this.#clock,
      random,
      policy: this.policy,
    });
  }
}

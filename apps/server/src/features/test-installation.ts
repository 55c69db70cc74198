/**
 * All features on a real store in a folder of their own, for the tests beside them: the clock moves when a test moves it, and
 * connections keep what they were sent. Prekeys come from a file, because the server has nothing with which it could make them.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SealedAhead } from '@kuvert/crypto/channel';
import { generateSigningKey, listHash, makeFirstDeviceList, type SigningKey } from '@kuvert/crypto/identity';
import {
  CLASSES,
  type Delivery,
  type DeviceId,
  decodeDelivery,
  decodeToken,
  type EnrolmentToken,
  type ErrorCode,
  type KyberPrekey,
  makeId,
  makeSubmitId,
  type PersonId,
  type PrekeyUpload,
  RECORD_TYPES,
  type Signed,
  SUITES,
  type Submit,
  type TenantId,
} from '@kuvert/protocol';
import { openFileBlobs } from '../blobs/index.ts';
import type { Connection } from '../channel/connection.ts';
import { createKekFile, openFileKeyProvider } from '../keys/file-key-provider.ts';
import type { Admission } from '../limits/admission.ts';
import { createServerMetrics } from '../metrics/server-metrics.ts';
import { openStore, type Store } from '../store/index.ts';
import { COLLECTIONS, createFeatures } from './index.ts';
import type { ExchangeService } from './pools/index.ts';

/** A clock that stands still until it is moved. */
class TestClock {
  #now = Date.UTC(2026, 10, 21, 9);
  nowMs(): number {
    return this.#now;
  }
  monotonicMs(): number {
    return this.#now;
  }
  advance(ms: number): void {
    this.#now += ms;
  }
}

/** A connection that keeps what it was sent. */
export class TestConnection implements Connection {
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  readonly deviceId: DeviceId;
  readonly deliveries: Delivery[] = [];
  readonly events: { name: string; data: unknown }[] = [];
  writableBytes = 1_000_000;
  /** Deliveries that had been sealed before their commit. */
  sentAhead = 0;
  #sent = 0;
  readonly #ahead = new WeakMap<SealedAhead, { readonly place: number; readonly record: Uint8Array }>();
  closed = false;
  closedWith: ErrorCode | undefined;
  #onClose: (() => void)[] = [];
  #onWritable: (() => void)[] = [];
  #waiting: { readonly isThere: () => boolean; readonly resolve: () => void }[] = [];

  constructor(device: { tenantId: TenantId; personId: PersonId; deviceId: DeviceId }) {
    this.tenantId = device.tenantId;
    this.personId = device.personId;
    this.deviceId = device.deviceId;
  }
  sendRecord(record: Uint8Array): void {
    if (this.closed) return;
    if (record[0] !== RECORD_TYPES.deliver)
      throw new Error('a record that a feature has no business to send');
    this.#sent++;
    this.deliveries.push(decodeDelivery(record.slice()));
    this.#look();
  }
  /** As a channel does it: what was sealed in advance is worth nothing once something else was sent. */
  sealAhead(record: Uint8Array): SealedAhead | undefined {
    if (this.closed) return undefined;
    const sealed = {} as SealedAhead;
    this.#ahead.set(sealed, { place: this.#sent, record: record.slice() });
    return sealed;
  }
  sendAhead(sealed: SealedAhead): boolean {
    const ahead = this.#ahead.get(sealed);
    if (this.closed || ahead?.place !== this.#sent) return false;
    this.sentAhead++;
    this.sendRecord(ahead.record);
    return true;
  }
  sendEvent(name: string, data: unknown): void {
    if (this.closed) return;
    this.#sent++;
    this.events.push({ name, data });
    this.#look();
  }
  close(code: ErrorCode): void {
    if (this.closed) return;
    this.closed = true;
    this.closedWith = code;
    for (const callback of this.#onClose) callback();
    this.#look();
  }
  onClose(callback: () => void): void {
    if (this.closed) callback();
    else this.#onClose.push(callback);
  }
  onWritable(callback: () => void): void {
    this.#onWritable.push(callback);
  }
  /** Lets the peer read: there is room again. */
  becomeWritable(): void {
    this.writableBytes = 1_000_000;
    for (const callback of this.#onWritable) callback();
  }
  /** Resolves as soon as so many deliveries have come. */
  delivered(count: number): Promise<void> {
    return this.#until(() => this.deliveries.length >= count);
  }
  /** Resolves as soon as the event has come. */
  event(name: string): Promise<void> {
    return this.#until(() => this.events.some((event) => event.name === name));
  }
  #until(isThere: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ isThere, resolve });
      this.#look();
    });
  }
  #look(): void {
    this.#waiting = this.#waiting.filter(({ isThere, resolve }) => {
      if (!isThere()) return true;
      resolve();
      return false;
    });
  }
}

/** A device that has enrolled, as its own side knows it. */
export interface TestDevice {
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  readonly deviceId: DeviceId;
  readonly accountKey: SigningKey;
  /** What the device itself signs with. */
  readonly receiptKey: SigningKey;
  readonly list: Signed;
  readonly listHash: Uint8Array;
}

const stored = JSON.parse(readFileSync(new URL('./test-prekeys.json', import.meta.url), 'utf8')) as {
  identityKey: string;
  signed: { id: number; publicKey: string; signature: string };
  kyber: { id: number; publicKey: string; signature: string }[];
};
const bytes = (base64: string) => Uint8Array.from(Buffer.from(base64, 'base64'));
const unpack = (key: { id: number; publicKey: string; signature: string }): KyberPrekey => ({
  id: key.id,
  publicKey: bytes(key.publicKey),
  signature: bytes(key.signature),
});

/** The identity key by which the prekeys of {@link testPrekeys} are signed. */
const testIdentityKey = bytes(stored.identityKey);

/** Prekeys of a device: any number of EC one-time keys, up to three Kyber ones. */
export function testPrekeys(counts: { ec?: number; firstEc?: number; kyber?: number } = {}): PrekeyUpload {
  const { ec = 2, firstEc = 1, kyber = 3 } = counts;
  const [lastResort, ...oneTimeKyber] = stored.kyber.map(unpack);
  return {
    signed: unpack(stored.signed),
    lastResort: lastResort as KyberPrekey,
    oneTime: Array.from({ length: ec }, (_, i) => ({ id: firstEc + i, publicKey: makeEcPrekey() })),
    kyber: oneTimeKyber.slice(0, kyber),
  };
}

function makeEcPrekey(): Uint8Array<ArrayBuffer> {
  const spki = generateKeyPairSync('x25519').publicKey.export({ format: 'der', type: 'spki' });
  return Uint8Array.from([5, ...spki.subarray(-32)]);
}

const random = (size: number) => Uint8Array.from(randomBytes(size));

/** @see openTestInstallation */
export type TestInstallation = Awaited<ReturnType<typeof openTestInstallation>>;

/** Opens an installation without any tenant; `reopen` closes the store and opens everything anew on the same folder. */
export async function openTestInstallation(
  options: {
    wrapStore?: (store: Store) => Store;
    /** Default: there is always room. */
    admission?: Pick<Admission, 'enter'>;
    trafficFactor?: number;
    attachmentBytesMax?: number;
    /** Who may talk to whom; what is left out is as the feature `pools` says. */
    exchange?: Partial<Pick<ExchangeService, 'requireBetween'>>;
  } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'kuvert-features-'));
  const dataFolder = join(folder, 'data');
  const keysFolder = join(folder, 'keys');
  const blobsFolder = join(folder, 'blobs');
  mkdirSync(dataFolder);
  mkdirSync(keysFolder);
  await createKekFile(keysFolder);
  const clock = new TestClock();
  const errors: unknown[] = [];
  const limits: string[] = [];
  const metrics = createServerMetrics();
  const online = new Map<DeviceId, TestConnection>();
  const connections = {
    find: (_tenantId: TenantId, deviceId: DeviceId) => online.get(deviceId),
    closeDevice: (_tenantId: TenantId, deviceId: DeviceId, code: ErrorCode) =>
      online.get(deviceId)?.close(code),
  };

  async function build() {
    const opened = await openStore({
      folder: dataFolder,
      keys: await openFileKeyProvider(keysFolder),
      collections: COLLECTIONS,
      onFailure: (error) => {
        throw error;
      },
    });
    const store = options.wrapStore?.(opened) ?? opened;
    const features = await createFeatures(
      {
        store,
        clock,
        random,
        connections,
        blobs: openFileBlobs(blobsFolder),
        metrics,
        admission: options.admission ?? { enter: () => () => undefined },
        serverStatic: new Uint8Array(32).fill(7),
        trafficFactor: options.trafficFactor,
        attachmentBytesMax: options.attachmentBytesMax ?? 2 ** 40,
        streamHosts: ['localhost'],
        exchangeOf: (exchange) => ({ ...exchange, ...options.exchange }),
      },
      {
        onLimit: (limit) => limits.push(limit),
        onLocked: (tenantId, deviceId) => connections.closeDevice(tenantId, deviceId, 'person_locked'),
        onErased: async () => undefined,
        onIdentityErased: async () => undefined,
        onDeliveryError: (error) => errors.push(error),
        onAttachmentStored: () => undefined,
        onAuditError: (error) => errors.push(error),
        onAuditNumbered: () => undefined,
        onAuditStreamed: () => undefined,
      },
    );
    const { people, pools } = features;
    const peopleOfPools = { ...people, deviceRoutes: people.deviceRoutes(pools.service, pools.exchange) };
    return { ...features, store, people: peopleOfPools };
  }

  let features = await build();

  const installation = {
    clock,
    random,
    online,
    blobsFolder,
    /** What the mailbox reported of connections that it had to end. */
    errors,
    /** Limits that were reached. */
    limits,
    get store() {
      return features.store;
    },
    get tenants() {
      return features.tenants;
    },
    get people() {
      return features.people;
    },
    get devices() {
      return features.devices;
    },
    get prekeys() {
      return features.prekeys;
    },
    get administrators() {
      return features.administrators;
    },
    get audit() {
      return features.audit;
    },
    get groups() {
      return features.groups;
    },
    get attachments() {
      return features.attachments;
    },
    get mailbox() {
      return features.mailbox;
    },

    async reopen(): Promise<void> {
      for (const connection of online.values()) connection.close('shutting_down');
      await features.mailbox.service.idle();
      await features.audit.stop();
      await features.store.close();
      features = await build();
    },

    async close(): Promise<void> {
      await features.mailbox.service.idle();
      await features.audit.stop();
      await features.store.close();
      rmSync(folder, { recursive: true, force: true });
    },

    /** A person of a tenant, with a mail address made of the name. */
    async addPerson(tenantId: TenantId, name: string): Promise<PersonId> {
      const mail = `${name.toLowerCase()}@acme.test`;
      return features.people.service.add({ tenantId, name, mail });
    },

    async createToken(personId: PersonId): Promise<EnrolmentToken> {
      const { token } = await features.devices.operatorRoutes.tokenCreate({ personId });
      return decodeToken(token);
    },

    /** What a device sends to enrol for `personId` with this token, and what it keeps. */
    prepareEnrolment(token: EnrolmentToken, personId: PersonId, prekeys = testPrekeys()) {
      const deviceId = makeId('device', random(16));
      const accountKey = generateSigningKey();
      const receiptKey = generateSigningKey();
      const list = makeFirstDeviceList({
        accountPrivateKey: accountKey.privateKey,
        tenantId: token.tenantId,
        personId,
        device: {
          device: deviceId,
          identityKey: testIdentityKey,
          noiseStatic: random(32),
          receiptKey: receiptKey.publicKey,
          registrationId: 1,
          suites: [1],
        },
        nowMs: clock.nowMs(),
      });
      const proof = {
        tenantId: token.tenantId,
        tokenId: token.tokenId,
        secret: Uint8Array.from(token.secret),
      };
      return {
        proof,
        request: { ...proof, deviceId, accountKey: accountKey.publicKey, deviceList: list, prekeys },
        device: {
          tenantId: token.tenantId,
          personId,
          deviceId,
          accountKey,
          receiptKey,
          list,
          listHash: listHash(list),
        } satisfies TestDevice,
      };
    },

    /** Enrols a device for somebody. */
    async enrol(personId: PersonId, prekeys = testPrekeys()): Promise<TestDevice> {
      const token = await installation.createToken(personId);
      const { request, device } = installation.prepareEnrolment(token, personId, prekeys);
      await features.devices.enrolmentRoutes['enrolment.finish']({ address: '' }, request);
      return device;
    },

    /** A tenant with people who each have a device. */
    async populate<const N extends readonly string[]>(
      ...names: N
    ): Promise<{ tenantId: TenantId } & { [K in N[number]]: TestDevice }> {
      const tenantId = await features.tenants.service.create('Acme');
      const devices: Record<string, TestDevice> = {};
      for (const name of names)
        devices[name] = await installation.enrol(await installation.addPerson(tenantId, name));
      return { tenantId, ...devices } as { tenantId: TenantId } & { [K in N[number]]: TestDevice };
    },

    /** Who calls, as a handler sees it. */
    caller(device: TestDevice) {
      const connection = online.get(device.deviceId) ?? new TestConnection(device);
      return { ...device, scope: features.store.tenant(device.tenantId), connection };
    },

    /** Connects a device; a connection that it has is ended, as the channel does it. */
    connect(device: TestDevice): TestConnection {
      online.get(device.deviceId)?.close('connection_replaced');
      const connection = new TestConnection(device);
      online.set(device.deviceId, connection);
      connection.onClose(() => {
        if (online.get(device.deviceId) === connection) online.delete(device.deviceId);
      });
      void features.mailbox.mailboxRoutes.onReady(connection);
      return connection;
    },

    /** A submit of one leg for a person's only device. */
    makeSubmit(to: TestDevice, text: string, changes: Partial<Submit> = {}): Submit {
      return {
        requestNo: 1,
        submitId: makeSubmitId(clock.nowMs(), random(10)),
        to: to.personId,
        listHash: to.listHash,
        suite: SUITES.signalPairwise,
        class: CLASSES.message,
        urgency: 1,
        lifetime: 1,
        legs: [{ device: to.deviceId, bytes: Buffer.from(text) }],
        ...changes,
      };
    },

    /** Sends as `from`, on a connection of its own if it has none. */
    async send(from: TestDevice, submit: Submit) {
      return features.mailbox.mailboxRoutes.onSubmit(installation.caller(from).connection, submit);
    },
  };
  return installation;
}

/** Texts of what was delivered. */
export function textsOf(deliveries: readonly Delivery[]): string[] {
  return deliveries.map((delivery) => Buffer.from(delivery.leg).toString());
}

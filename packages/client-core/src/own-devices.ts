/**
 * One's own devices: which there are, approving a new one, taking one out. A signer makes the next version of the list from the highest
 * one that it has verified, so a server can neither add a device nor bring one back.
 */

import { serverKeyId } from '@kuvert/crypto/channel';
import {
  generateSigningKey,
  listHash,
  signDeviceList,
  signingKeyFromSeed,
  signSuccession,
} from '@kuvert/crypto/identity';
import { isIdentityKey, linkIdOf, linkNumbers } from '@kuvert/crypto/session';
import {
  type AccountRecord,
  type ContentId,
  DEVICES_MAX,
  type DeviceId,
  type DeviceList,
  decodeLinkCode,
  equalBytes,
  KuvertError,
  LINK_LIFETIME_MS,
  type LinkOffer,
  type ListedDevice,
  READER_VERSION,
  type Signed,
  SUITES,
} from '@kuvert/protocol';
import {
  accountPrivateKey,
  askForAccountKey,
  giveAccountKey,
  keepAccountKey,
  whyNotSigning,
} from './account-keys.ts';
import type { Context } from './context.ts';
import { nameDevice, nameOf } from './device-names.ts';
import type { Directory } from './directory.ts';
import { makeLinkAnswer } from './linking.ts';
import { catchUpList } from './list-catch-up.ts';
import { VALUES } from './own-device.ts';
import { queueForOwnDevices } from './own-lane.ts';
import type { Connection } from './ports.ts';
import type { KnownAccount } from './store.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** How often a list is made anew because another signer was faster. */
const TRIES_MAX = 5;
/** How long a device that takes itself out waits for the server to have taken its key for the others, and how often it looks. */
const HAND_OVER_MAX_MS = 20_000;
const HAND_OVER_LOOK_MS = 50;

/** A device of one's own, as it may be shown. */
export interface OwnDeviceEntry {
  readonly deviceId: DeviceId;
  /** `signer`: may add and revoke devices. */
  readonly role: ListedDevice['role'];
  /** What its person calls it. */
  readonly name: string | undefined;
  readonly addedAtMs: number;
  /** The device on which this is asked. */
  readonly isThis: boolean;
  /** False while the server delivers nothing to it: it was not started yet, or an administrator has revoked it. */
  readonly isActive: boolean;
}

/** What a signer sees of a device that asks to be linked. */
export interface LinkRequest {
  readonly offer: LinkOffer;
  /** To be compared with what the new device shows. */
  readonly numbers: string;
}

/** @see the top of this file */
export class OwnDevices {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #connection: () => Connection | undefined;
  readonly #onOutgoing: () => void;
  /** What this device has taken out of the list because an administrator had revoked it. */
  readonly #takenOut = new Set<DeviceId>();

  constructor(
    context: Context,
    directory: Directory,
    hooks: { readonly connection: () => Connection | undefined; readonly onOutgoing: () => void },
  ) {
    this.#context = context;
    this.#directory = directory;
    this.#connection = hooks.connection;
    this.#onOutgoing = hooks.onOutgoing;
  }

  /** All devices of one's own, as of the list last verified. */
  list(): OwnDeviceEntry[] {
    const { own } = this.#context;
    const account = this.#context.store.directory.getAccount(own.personId);
    const inactive = account?.inactive ?? [];
    return (account?.list.devices ?? []).map(({ device, role, addedAt }) => ({
      deviceId: device,
      role,
      name: nameOf(this.#context, device),
      addedAtMs: addedAt,
      isThis: device === own.deviceId,
      isActive: !inactive.includes(device),
    }));
  }

  /** A signer looks after listed devices that are not delivered to, and for an account key that it lacks. */
  get needsAttention(): boolean {
    const { store, own } = this.#context;
    const account = store.directory.getAccount(own.personId);
    if (account === undefined) return false;
    return this.isSigner
      ? account.inactive.some((device) => device !== own.deviceId)
      : whyNotSigning(this.#context) === 'account_key_awaited';
  }

  /** True when this device may change the list. */
  get isSigner(): boolean {
    return accountPrivateKey(this.#context) !== undefined;
  }

  /**
   * Reads what a new device shows.
   * @throws KuvertError `link_malformed`, `link_expired`, `link_used`, `link_other_server`, `not_a_signer`, `account_key_awaited`
   */
  readCode(text: string): LinkRequest {
    const { own, store, clock, serverOffset } = this.#context;
    const offer = decodeLinkCode(text);
    if (!isIdentityKey(offer.identityKey)) throw new KuvertError('link_malformed');
    if (!this.isSigner) throw new KuvertError(whyNotSigning(this.#context));
    if (store.directory.findOwner(offer.device) !== undefined) throw new KuvertError('link_used');
    const ageMs = clock.now() + serverOffset.ms - offer.madeAtMs;
    // A little ahead is what clocks do.
    if (ageMs > LINK_LIFETIME_MS || ageMs < -LINK_LIFETIME_MS) throw new KuvertError('link_expired');
    if (!equalBytes(offer.server, serverKeyId(own.serverStatic))) throw new KuvertError('link_other_server');
    return { offer, numbers: linkNumbers(offer) };
  }

  /**
   * Puts a new device into the list, once the person has compared the numbers. Needs a connection.
   * @throws KuvertError `device_limit`, `link_used`, `link_expired`, `server_unreachable`, `identity_not_trusted`, …
   */
  async approve({ offer }: LinkRequest, options: { readonly isSigner: boolean }): Promise<DeviceId> {
    const { own, clock, serverOffset } = this.#context;
    const nowMs = clock.now() + serverOffset.ms;
    if (nowMs - offer.madeAtMs > LINK_LIFETIME_MS) throw new KuvertError('link_expired');
    const entry: ListedDevice = {
      device: offer.device,
      identityKey: offer.identityKey,
      noiseStatic: offer.noiseStatic,
      receiptKey: offer.receiptKey,
      registrationId: offer.registrationId,
      suites: [SUITES.signalPairwise],
      role: options.isSigner ? 'signer' : 'linked',
      addedAt: nowMs,
    };
    await this.#publish(
      (devices) => {
        if (devices.length >= DEVICES_MAX) throw new KuvertError('device_limit');
        return [...devices, entry];
      },
      {
        link: (record, key) => ({
          linkId: linkIdOf(offer),
          answer: makeLinkAnswer(own, offer, {
            record,
            accountPrivateKey: options.isSigner ? key : undefined,
          }),
        }),
      },
    );
    return offer.device;
  }

  /**
   * Takes a device out of the list. One that may sign holds the account key, so with it goes the key: a new one takes its place. Needs a
   * connection.
   * @throws KuvertError `not_a_signer`, `account_key_awaited`, `device_unknown`, `last_signer`, `server_unreachable`, …
   */
  async revoke(deviceId: DeviceId): Promise<void> {
    // An administrator was faster, and this device has just drawn the conclusion.
    if (this.#takenOut.has(deviceId)) return;
    const renewsKey = this.list().some((entry) => entry.deviceId === deviceId && entry.role === 'signer');
    await this.#publish(
      (devices) => {
        const left = devices.filter(({ device }) => device !== deviceId);
        if (left.length === devices.length) throw new KuvertError('device_unknown');
        // One that an administrator has revoked, or that has never been there, can take nothing over.
        const inactive = this.#context.store.directory.getAccount(this.#context.own.personId)?.inactive;
        const signers = left.filter(({ device, role }) => role === 'signer' && !inactive?.includes(device));
        if (signers.length === 0) throw new KuvertError('last_signer');
        return left;
      },
      { renewsKey },
    );
  }

  /**
   * Puts a new account key in the place of the present one, which vouches for it: when somebody else may have got hold of it. Needs a
   * connection.
   * @throws KuvertError `not_a_signer`, `account_key_awaited`, `server_unreachable`, …
   */
  async renewKey(): Promise<void> {
    await this.#publish((devices) => [...devices], { renewsKey: true });
  }

  /** Names a device, for all devices of one's own. @throws KuvertError `device_unknown`, `bad_request` */
  name(deviceId: DeviceId, name: string): void {
    this.#mustBeListed(deviceId);
    nameDevice(this.#context, deviceId, name);
    this.#onOutgoing();
  }

  /** Asks the signers among one's own devices to revoke one; what a device does that may not itself. @throws KuvertError `device_unknown` */
  askToRevoke(deviceId: DeviceId): void {
    this.#mustBeListed(deviceId);
    queueForOwnDevices(this.#context, {
      content: { kind: 'revoke-request', minReader: READER_VERSION, device: deviceId },
    });
    this.#onOutgoing();
  }

  #mustBeListed(deviceId: DeviceId): void {
    if (!this.list().some((entry) => entry.deviceId === deviceId)) throw new KuvertError('device_unknown');
  }

  /**
   * Asks the server for the present list. What an administrator has revoked is taken out of it by a signer, and a signer that has missed a new
   * account key asks the others for it.
   * @throws KuvertError as {@link Directory.pin}, `server_unreachable`
   */
  async refresh(): Promise<KnownAccount> {
    const { account, revoked } = await this.#fetchOrCatchUp();
    const isToBeTakenOut = ({ device }: ListedDevice) =>
      revoked.includes(device) && device !== this.#context.own.deviceId;
    const gone = account.list.devices.filter(isToBeTakenOut);
    if (this.isSigner && gone.length > 0) {
      try {
        await this.#publish((devices) => devices.filter((entry) => !isToBeTakenOut(entry)), {
          renewsKey: gone.some(({ role }) => role === 'signer'),
        });
        for (const { device } of gone) this.#takenOut.add(device);
      } catch (error) {
        // The server keeps such a device out already; whatever hinders, the next refresh takes it out.
        if (!(error instanceof KuvertError) || error.code.startsWith('identity_')) throw error;
      }
    }
    if (askForAccountKey(this.#context)) this.#onOutgoing();
    return this.#context.store.directory.getAccount(account.personId) ?? account;
  }

  async #fetch(): Promise<{ account: KnownAccount; revoked: readonly DeviceId[] }> {
    const { personId } = this.#context.own;
    const { account, active, revoked } = await this.#connected().request('devices.list', { personId });
    return { account: this.#directory.pin(account, personId, active), revoked: revoked ?? [] };
  }

  /** As {@link OwnDevices.#fetch}; a server that was put back from a backup is led to where it was. */
  async #fetchOrCatchUp(): Promise<{ account: KnownAccount; revoked: readonly DeviceId[] }> {
    try {
      return await this.#fetch();
    } catch (error) {
      // An older list, perhaps under an earlier key.
      const isBehind =
        error instanceof KuvertError &&
        (error.code === 'identity_rolled_back' || error.code === 'identity_changed');
      const { values } = this.#context.store;
      // A server that only claims to know no better is not believed.
      if (!isBehind || !this.isSigner || values.get(VALUES.serverRestored) === undefined) throw error;
      const connection = this.#connected();
      const { personId } = this.#context.own;
      const { account } = await connection.request('devices.list', { personId });
      if (!(await catchUpList(this.#context, connection, account))) throw error;
      values.delete(VALUES.serverRestored);
      return this.#fetch();
    }
  }

  async #publish(
    change: (devices: readonly ListedDevice[]) => ListedDevice[],
    also: {
      readonly renewsKey?: boolean;
      readonly link?: (record: AccountRecord, accountPrivateKey: Bytes) => { linkId: Bytes; answer: Bytes };
    } = {},
  ): Promise<void> {
    const { own, clock, serverOffset } = this.#context;
    const { personId } = own;
    for (let tries = 1; ; tries++) {
      const connection = this.#connected();
      const { account, active } = await connection.request('devices.list', { personId });
      const { list, pin } = this.#directory.pin(account, personId, active);
      const key = accountPrivateKey(this.#context);
      if (key === undefined) throw new KuvertError(whyNotSigning(this.#context));
      const nowMs = clock.now() + serverOffset.ms;
      const devices = change(list.devices);
      // Another signer was faster with the same change.
      if (devices.length === list.devices.length && also.renewsKey !== true && also.link === undefined)
        return;
      const renewed = also.renewsKey === true ? this.#makeKey(key, nowMs) : undefined;
      const next: DeviceList = {
        ...list,
        version: list.version + 1,
        prevHash: Uint8Array.from(pin.hash),
        accountKey: renewed?.succession.accountKey ?? list.accountKey,
        issuedAt: nowMs,
        devices,
      };
      const deviceList = signDeviceList(renewed?.privateKey ?? key, next);
      const isLeaving = !devices.some(({ device }) => device === own.deviceId);
      // Afterwards it can tell nobody anything.
      if (isLeaving && renewed !== undefined) await this.#handOver(next, renewed.privateKey);
      try {
        await connection.request('devices.publish', {
          deviceList,
          ...(renewed && { succession: renewed.succession }),
          ...(also.link && { link: also.link({ ...account, deviceList }, key) }),
        });
      } catch (error) {
        const code = error instanceof KuvertError ? error.code : undefined;
        // The server ends the connection of whoever is out, perhaps before it answers.
        if (isLeaving && code === 'device_not_accepted') return;
        const isLate = code === 'devices_changed';
        if (!isLate || tries >= TRIES_MAX) throw error;
        continue;
      }
      if (isLeaving) return;
      const { account: after } = await this.#fetch();
      if (!equalBytes(after.pin.hash, listHash(deviceList)) && after.list.version <= next.version) {
        throw new KuvertError('identity_rolled_back');
      }
      if (renewed !== undefined) this.#tellKey(next, renewed.privateKey);
      return;
    }
  }

  /** A new account key, kept before anybody hears of it, and the present one's word for it. */
  #makeKey(
    present: Bytes,
    nowMs: number,
  ): { privateKey: Bytes; succession: { accountKey: Bytes; statement: Signed } } {
    const { tenantId, personId } = this.#context.own;
    const { publicKey: accountKey, privateKey } = generateSigningKey();
    keepAccountKey(this.#context, privateKey);
    const from = signingKeyFromSeed(present).publicKey;
    const statement = signSuccession(present, { tenantId, personId, from, to: accountKey, nowMs });
    return { privateKey, succession: { accountKey, statement } };
  }

  /** The other signers need the new key too. */
  #tellKey({ devices }: DeviceList, privateKey: Bytes): ContentId | undefined {
    const { own } = this.#context;
    const others = devices.filter(({ device, role }) => role === 'signer' && device !== own.deviceId);
    if (others.length === 0) return undefined;
    const contentId = giveAccountKey(this.#context, others, privateKey);
    this.#onOutgoing();
    return contentId;
  }

  /** Tells the other signers the new key and waits until the server has it for them. @throws KuvertError `server_unreachable` */
  async #handOver(next: DeviceList, privateKey: Bytes): Promise<void> {
    const { store, clock } = this.#context;
    const contentId = this.#tellKey(next, privateKey);
    if (contentId === undefined) return;
    for (let waitedMs = 0; waitedMs < HAND_OVER_MAX_MS; waitedMs += HAND_OVER_LOOK_MS) {
      this.#connected();
      if (store.outbox.findByContentId(contentId)?.acceptedAtMs !== undefined) return;
      await new Promise<void>((resolve) => clock.after(HAND_OVER_LOOK_MS, resolve));
    }
    throw new KuvertError('server_unreachable');
  }

  #connected(): Connection {
    const connection = this.#connection();
    if (connection === undefined) throw new KuvertError('server_unreachable');
    return connection;
  }
}

/**
 * One's own devices: which there are, approving a new one, taking one out. A signer makes the next version of the list from the highest
 * one that it has verified, so a server can neither add a device nor bring one back.
 */

import { serverKeyId } from '@kuvert/crypto/channel';
import { listHash, signDeviceList } from '@kuvert/crypto/identity';
import { isIdentityKey, linkIdOf, linkNumbers } from '@kuvert/crypto/session';
import {
  type AccountRecord,
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
  SUITES,
} from '@kuvert/protocol';
import type { Context } from './context.ts';
import { nameDevice, nameOf } from './device-names.ts';
import type { Directory } from './directory.ts';
import { makeLinkAnswer } from './linking.ts';
import { queueForOwnDevices } from './own-lane.ts';
import type { Connection } from './ports.ts';
import type { KnownAccount } from './store.ts';

/** How often a list is made anew because another signer was faster. */
const TRIES_MAX = 5;

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

  /** True when this device may change the list. */
  get isSigner(): boolean {
    return this.#context.own.accountPrivateKey !== undefined;
  }

  /**
   * Reads what a new device shows.
   * @throws KuvertError `link_malformed`, `link_expired`, `link_used`, `link_other_server`, `not_a_signer`
   */
  readCode(text: string): LinkRequest {
    const { own, store, clock, serverOffset } = this.#context;
    const offer = decodeLinkCode(text);
    if (!isIdentityKey(offer.identityKey)) throw new KuvertError('link_malformed');
    if (!this.isSigner) throw new KuvertError('not_a_signer');
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
      (record) => ({
        linkId: linkIdOf(offer),
        answer: makeLinkAnswer(own, offer, { record, isSigner: options.isSigner }),
      }),
    );
    return offer.device;
  }

  /**
   * Takes a device out of the list. Needs a connection.
   * @throws KuvertError `not_a_signer`, `device_unknown`, `last_signer`, `server_unreachable`, …
   */
  async revoke(deviceId: DeviceId): Promise<void> {
    await this.#publish((devices) => {
      const left = devices.filter(({ device }) => device !== deviceId);
      if (left.length === devices.length) throw new KuvertError('device_unknown');
      if (!left.some(({ role }) => role === 'signer')) throw new KuvertError('last_signer');
      return left;
    });
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

  /** Asks the server for the present list. @throws KuvertError as {@link Directory.pin}, `server_unreachable` */
  async refresh(): Promise<KnownAccount> {
    return this.#directory.refresh(this.#connected(), this.#context.own.personId);
  }

  async #publish(
    change: (devices: readonly ListedDevice[]) => ListedDevice[],
    link?: (record: AccountRecord) => { linkId: Uint8Array<ArrayBuffer>; answer: Uint8Array<ArrayBuffer> },
  ): Promise<void> {
    const { own, clock, serverOffset } = this.#context;
    const { accountPrivateKey, personId } = own;
    if (accountPrivateKey === undefined) throw new KuvertError('not_a_signer');
    for (let tries = 1; ; tries++) {
      const connection = this.#connected();
      const { account, active } = await connection.request('devices.list', { personId });
      const { list, pin } = this.#directory.pin(account, personId, active);
      const next: DeviceList = {
        ...list,
        version: list.version + 1,
        prevHash: Uint8Array.from(pin.hash),
        issuedAt: clock.now() + serverOffset.ms,
        devices: change(list.devices),
      };
      const deviceList = signDeviceList(accountPrivateKey, next);
      try {
        const record = { ...account, deviceList };
        await connection.request('devices.publish', { deviceList, ...(link && { link: link(record) }) });
      } catch (error) {
        const isLate = error instanceof KuvertError && error.code === 'devices_changed';
        if (!isLate || tries >= TRIES_MAX) throw error;
        continue;
      }
      const after = await this.refresh();
      if (!equalBytes(after.pin.hash, listHash(deviceList)) && after.list.version <= next.version) {
        throw new KuvertError('identity_rolled_back');
      }
      return;
    }
  }

  #connected(): Connection {
    const connection = this.#connection();
    if (connection === undefined) throw new KuvertError('server_unreachable');
    return connection;
  }
}

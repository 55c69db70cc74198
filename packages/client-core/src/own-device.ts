/** What a profile knows of itself: written once at enrolment, private keys included, inside the container. */
import { listHash } from '@kuvert/crypto/identity';
import type { ListHead } from '@kuvert/crypto/session';
import {
  type CborValue,
  type DeviceId,
  decodeCbor,
  type EnrolmentTokenId,
  encodeCbor,
  type PersonId,
  type Signed,
  type TenantId,
} from '@kuvert/protocol';
import type { Store, ValueStore } from './store.ts';
import type { Self } from './types.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** The device of a profile. Keys are raw bytes as their libraries take them. */
export interface OwnDevice {
  readonly serverUrl: string;
  /** The pin: the server's Noise static, 32 bytes. */
  readonly serverStatic: Bytes;
  /** The token that it was enrolled with, so that a repeated enrolment is recognised; absent on a linked device. */
  readonly tokenId?: EnrolmentTokenId;
  readonly tenantId: TenantId;
  readonly tenantName: string;
  readonly personId: PersonId;
  readonly name: string;
  readonly mail: string;
  readonly deviceId: DeviceId;
  /** The pinned tenant root, 33 bytes. */
  readonly root: Bytes;
  readonly authority: Signed;
  /** The list with which this device came to be; the present one is in the directory. */
  readonly deviceList: Signed;
  readonly listVersion: number;
  readonly accountKey: Bytes;
  /** The account key's private half, 32 bytes; absent on a device that may not sign (role `linked`). */
  readonly accountPrivateKey?: Bytes;
  readonly identityKey: Bytes;
  readonly identityPrivateKey: Bytes;
  readonly registrationId: number;
  readonly noisePublicKey: Bytes;
  readonly noisePrivateKey: Bytes;
  readonly receiptKey: Bytes;
  readonly receiptPrivateKey: Bytes;
  /** When the present signed prekey and last-resort key were made. */
  readonly enrolledAtMs: number;
}

/** Names under which the store keeps single values. */
export const VALUES = {
  own: 'own-device',
  pending: 'pending-enrolment',
  stateCounter: 'state-counter',
  signedPrekeyAt: 'signed-prekey-at',
  installationEpoch: 'installation-epoch',
  lastSent: 'last-sent',
  lastDrained: 'last-drained',
  firstUpload: 'first-upload',
  pendingLink: 'pending-link',
  serverTime: 'server-time',
  accountKeys: 'account-keys',
  unreachedChecked: 'unreached-checked',
  serverRestored: 'server-restored',
  historyMissed: 'history-missed',
  lastWelcome: 'last-welcome',
  timersToldAgain: 'timers-told-again',
} as const;

/** The enrolled device, or undefined before enrolment has ended. */
export function loadOwnDevice(values: ValueStore): OwnDevice | undefined {
  return loadRecord<OwnDevice>(values, VALUES.own);
}

/** Reads a record that {@link saveRecord} wrote. The container's own integrity check has vouched for the bytes. */
export function loadRecord<T>(values: ValueStore, name: string): T | undefined {
  const bytes = values.get(name);
  return bytes === undefined ? undefined : (decodeCbor(bytes) as T);
}

/** Keeps a record of plain values. */
export function saveRecord(values: ValueStore, name: string, record: object): void {
  values.put(name, encodeCbor(record as CborValue));
}

/** Version and hash of the own device list, as of the highest version seen. */
export function ownListHead({ own, store }: { own: OwnDevice; store: Pick<Store, 'directory'> }): ListHead {
  const pin = store.directory.getPin(own.personId);
  // A profile of an earlier release has never asked for its own list.
  if (pin === undefined) return { version: own.listVersion, hash: listHash(own.deviceList) };
  return { version: pin.version, hash: Uint8Array.from(pin.hash) };
}

/** What may be shown of it. */
export function selfOf(own: OwnDevice): Self {
  const { deviceId, personId, tenantId, tenantName, name, mail, serverUrl } = own;
  return { deviceId, personId, tenantId, tenantName, name, mail, serverUrl };
}

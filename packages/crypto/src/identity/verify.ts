/**
 * Verifying who somebody is, from the pinned tenant root down (wire.md §2): root → authority → account key →
 * device list. Everything that a server says about a person's keys goes through here before a client uses any
 * of it.
 */
import {
  AccountCertificate,
  type AccountRecord,
  AuthorityCertificate,
  type CborValue,
  type DeviceId,
  DeviceList,
  decodeCbor,
  encodeCbor,
  equalBytes,
  KuvertError,
  type ListedDevice,
  type PersonId,
  type Signed,
  type TenantId,
} from '@kuvert/protocol';
import { FIRST_PREV_HASH } from './issue.ts';
import { type AccountName, followKeyChanges, type KeyChangeKind } from './key-changes.ts';
import { listHash, openStatement } from './statement.ts';

/** What a client keeps of a person for good: the account key and the highest list version it has seen. */
export interface PinnedAccount {
  /** 33 bytes. */
  readonly accountKey: Uint8Array;
  readonly version: number;
  /** {@link listHash} of that version, 32 bytes. */
  readonly hash: Uint8Array;
}

/**
 * A person whose keys were verified. `pin` is what to keep, in the same transaction that first uses the keys.
 */
export interface VerifiedAccount {
  readonly tenantId: TenantId;
  readonly personId: PersonId;
  readonly accountKey: Uint8Array<ArrayBuffer>;
  readonly list: DeviceList;
  readonly listHash: Uint8Array<ArrayBuffer>;
  readonly pin: PinnedAccount;
  /** How another account key came in the place of the pinned one; undefined when it is the same, or none was pinned. */
  readonly keyChange: KeyChangeKind | undefined;
}

/**
 * Verifies a person's record against the pinned root and, when given, against what is pinned of the person.
 *
 * A list that is exactly one version ahead must name the pinned hash as its predecessor. A larger jump is
 * accepted on the account key's signature alone: a device that was away for two changes must get on, the
 * versions between cannot be asked for yet, and whoever could forge the jump holds the account key and could
 * sign a proper successor as well. The key log (wire.md §2) closes this; until then the version only ever
 * grows.
 *
 * @throws KuvertError `identity_not_trusted` when a signature, tenant, person or key does not fit;
 *   `identity_rolled_back` for an older list, another list of the same version, or a successor of another list;
 *   `identity_changed` for another account key than the pinned one that nobody vouches for
 */
export function verifyAccount(
  record: AccountRecord,
  expected: {
    readonly tenantId: TenantId;
    /** The tenant root's public key, 33 bytes. */
    readonly root: Uint8Array;
    readonly personId?: PersonId;
    readonly pinned?: PinnedAccount;
  },
): VerifiedAccount {
  const { tenantId, root, pinned } = expected;
  const personId = expected.personId ?? record.person;
  trust(record.person === personId);
  const authority = openStatement('authorityCertificate', AuthorityCertificate, record.authority, root);
  trust(authority.tenant === tenantId);
  const account = openStatement(
    'accountCertificate',
    AccountCertificate,
    record.account,
    authority.authorityKey,
  );
  trust(account.tenant === tenantId && account.person === personId);
  const list = openStatement('deviceList', DeviceList, record.deviceList, account.accountKey);
  trust(list.tenant === tenantId && list.person === personId);
  trust(equalBytes(list.accountKey, account.accountKey));
  trust(list.version > 1 || equalBytes(list.prevHash, FIRST_PREV_HASH));
  trust(hasDistinctDevices(list));
  const hash = listHash(record.deviceList);
  const keyChange =
    pinned &&
    changeSince(record, pinned, {
      tenantId,
      personId,
      authorityKey: authority.authorityKey,
      to: account.accountKey,
    });
  if (pinned !== undefined) checkAgainstPin(list, hash, pinned, keyChange !== undefined);
  return {
    tenantId,
    personId,
    accountKey: account.accountKey,
    list,
    listHash: hash,
    pin: { accountKey: account.accountKey, version: list.version, hash },
    keyChange,
  };
}

/** How the key came in the place of the pinned one; undefined for the pinned one. @throws KuvertError `identity_changed` */
function changeSince(
  record: AccountRecord,
  pinned: PinnedAccount,
  account: AccountName & { readonly authorityKey: Uint8Array; readonly to: Uint8Array },
): KeyChangeKind | undefined {
  if (equalBytes(account.to, pinned.accountKey)) return undefined;
  const kind = followKeyChanges(record.changes ?? [], { ...account, from: pinned.accountKey });
  if (kind === undefined) throw new KuvertError('identity_changed');
  return kind;
}

/**
 * Checks, on the server, the list that a client sends at its first enrolment: signed by the account key, for
 * this person and tenant, version 1 or the next one after a reset, exactly one device, which is the enrolling one and a signer.
 * @throws KuvertError `device_list_invalid`
 */
export function verifyEnrolmentList(
  signed: Signed,
  expected: {
    readonly tenantId: TenantId;
    readonly personId: PersonId;
    readonly deviceId: DeviceId;
    /** 33 bytes. */
    readonly accountKey: Uint8Array;
    /** After a reset: the list that this one follows. */
    readonly follows?: { readonly version: number; readonly hash: Uint8Array } | undefined;
  },
): DeviceList {
  let list: DeviceList;
  try {
    list = openStatement('deviceList', DeviceList, signed, expected.accountKey);
  } catch (cause) {
    throw new KuvertError('device_list_invalid', { cause });
  }
  const [device, ...others] = list.devices;
  const fits =
    list.tenant === expected.tenantId &&
    list.person === expected.personId &&
    list.version === (expected.follows?.version ?? 0) + 1 &&
    equalBytes(list.prevHash, expected.follows?.hash ?? FIRST_PREV_HASH) &&
    equalBytes(list.accountKey, expected.accountKey) &&
    others.length === 0 &&
    device?.device === expected.deviceId &&
    device.role === 'signer';
  if (!fits) throw new KuvertError('device_list_invalid');
  return list;
}

/** What a new version of a device list changes. */
export interface ListChange {
  readonly list: DeviceList;
  readonly added: readonly ListedDevice[];
  readonly removed: readonly DeviceId[];
}

/**
 * Checks the next version of a device list against the one before it: signed by the same account key, one version on, and what it says of
 * devices that stay is what it said before, but for their role. At least one device stays a signer, or nobody could sign another version.
 * @throws KuvertError `device_list_invalid`
 */
export function verifyNextList(
  signed: Signed,
  previous: { readonly list: DeviceList; readonly hash: Uint8Array },
  /** The key that signs from now on, in a succession. */
  nextKey?: Uint8Array,
): ListChange {
  const before = previous.list;
  const accountKey = nextKey ?? before.accountKey;
  let list: DeviceList;
  try {
    list = openStatement('deviceList', DeviceList, signed, accountKey);
  } catch (cause) {
    throw new KuvertError('device_list_invalid', { cause });
  }
  const known = new Map(before.devices.map((entry) => [entry.device, entry]));
  const keeps = list.devices.filter((entry) => known.has(entry.device));
  const fits =
    list.tenant === before.tenant &&
    list.person === before.person &&
    list.version === before.version + 1 &&
    equalBytes(list.prevHash, previous.hash) &&
    equalBytes(list.accountKey, accountKey) &&
    hasDistinctDevices(list) &&
    list.devices.some((entry) => entry.role === 'signer') &&
    keeps.every((entry) => isSameDevice(entry, known.get(entry.device)));
  if (!fits) throw new KuvertError('device_list_invalid');
  const kept = new Set(keeps.map((entry) => entry.device));
  return {
    list,
    added: list.devices.filter((entry) => !known.has(entry.device)),
    removed: before.devices.map((entry) => entry.device).filter((device) => !kept.has(device)),
  };
}

/**
 * A device that a person has taken out, for somebody who never saw it in a list. The verified list vouches by its `prevHash` for the one before
 * it, and so on back to the last one that holds the device, under whichever account key each was signed.
 * @param former from that one up to the one before the verified list
 * @throws KuvertError `identity_not_trusted`
 */
export function verifyFormerDevice(
  present: DeviceList,
  former: readonly Signed[],
  deviceId: DeviceId,
): { entry: ListedDevice; removedAtMs: number } {
  let after = present;
  for (const signed of former.toReversed()) {
    let list: DeviceList;
    try {
      list = DeviceList.parse(decodeCbor(signed.bytes));
    } catch (cause) {
      throw new KuvertError('identity_not_trusted', { cause });
    }
    trust(equalBytes(after.prevHash, listHash(signed)) && after.version === list.version + 1);
    trust(list.tenant === present.tenant && list.person === present.person && hasDistinctDevices(list));
    const entry = list.devices.find(({ device }) => device === deviceId);
    if (entry !== undefined) return { entry, removedAtMs: after.issuedAt };
    after = list;
  }
  throw new KuvertError('identity_not_trusted');
}

function isSameDevice(entry: ListedDevice, before: ListedDevice | undefined): boolean {
  const { role: _, ...facts } = entry;
  return before !== undefined && equalBytes(encoded(facts), encoded({ ...before, role: undefined }));
}

function encoded(facts: object): Uint8Array {
  return encodeCbor(facts as CborValue);
}

function checkAgainstPin(
  list: DeviceList,
  hash: Uint8Array,
  pinned: PinnedAccount,
  isOtherKey: boolean,
): void {
  // A new key signs a new version, so no version is ever signed by two.
  if (isOtherKey && list.version <= pinned.version) throw new KuvertError('identity_rolled_back');
  const isOlder = list.version < pinned.version;
  const isOtherOfSameVersion = list.version === pinned.version && !equalBytes(hash, pinned.hash);
  const isOtherBranch = list.version === pinned.version + 1 && !equalBytes(list.prevHash, pinned.hash);
  if (isOlder || isOtherOfSameVersion || isOtherBranch) throw new KuvertError('identity_rolled_back');
}

/** One device id or one identity key under two entries would let one device answer for another. */
function hasDistinctDevices(list: DeviceList): boolean {
  const ids = new Set(list.devices.map((device) => device.device));
  const keys = new Set(list.devices.map((device) => Buffer.from(device.identityKey).toString('hex')));
  return ids.size === list.devices.length && keys.size === list.devices.length;
}

function trust(condition: boolean): asserts condition {
  if (!condition) throw new KuvertError('identity_not_trusted');
}

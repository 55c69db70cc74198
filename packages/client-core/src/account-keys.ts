/**
 * The private halves of the account key that this device holds. There may be several for a moment: a new one is kept before it is
 * published, and a signer is given a new one by another signer before or after it learns of the list that the key has signed. The one that
 * counts is that of the key which is pinned.
 */
import { signingKeyFromSeed } from '@kuvert/crypto/identity';
import { openAccountKey, SessionError, sealAccountKey } from '@kuvert/crypto/session';
import {
  type ContentId,
  type DeviceId,
  equalBytes,
  type ListedDevice,
  READER_VERSION,
} from '@kuvert/protocol';
import type { Context } from './context.ts';
import { loadRecord, saveRecord, VALUES } from './own-device.ts';
import { queueForOwnDevices } from './own-lane.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const PRIVATE_KEY_BYTES = 32;
/** Keys that are kept beside the present one. */
const KEPT_MAX = 4;

/** The private half of the present account key; undefined on a device that may not sign. */
export function accountPrivateKey(context: Pick<Context, 'store' | 'own'>): Bytes | undefined {
  const { store, own } = context;
  return privateHalfOf(context, store.directory.getPin(own.personId)?.accountKey ?? own.accountKey);
}

/** The private half of an account key of one's own, also of an earlier one, as far as it is kept. */
export function privateHalfOf(
  context: Pick<Context, 'store' | 'own'>,
  publicKey: Uint8Array,
): Bytes | undefined {
  const { own } = context;
  const first = own.accountPrivateKey === undefined ? [] : [own.accountPrivateKey];
  return [...kept(context), ...first].find((key) => equalBytes(signingKeyFromSeed(key).publicKey, publicKey));
}

/** Takes the copy for this device out of what another signer of one's own has sent. */
export function takeAccountKey(
  context: Pick<Context, 'store' | 'own'>,
  copies: readonly { readonly device: DeviceId; readonly sealed: Bytes }[],
): void {
  const { deviceId, identityPrivateKey } = context.own;
  const copy = copies.find(({ device }) => device === deviceId);
  if (copy === undefined) return;
  try {
    const key = openAccountKey(identityPrivateKey, deviceId, copy.sealed);
    if (key.length === PRIVATE_KEY_BYTES) keepAccountKey(context, key);
  } catch (error) {
    // Not sealed to this device after all: then it stays one that may not sign.
    if (!(error instanceof SessionError)) throw error;
  }
}

/** Seals the private half to devices of one's own that may sign. */
export function giveAccountKey(
  context: Context,
  to: readonly Pick<ListedDevice, 'device' | 'identityKey'>[],
  privateKey: Bytes,
): ContentId {
  const copies = to.map(({ device, identityKey }) => ({
    device,
    sealed: sealAccountKey(identityKey, device, privateKey),
  }));
  return queueForOwnDevices(context, { content: { kind: 'account-key', minReader: READER_VERSION, copies } });
}

/** True when the list says that this device may sign. */
function isListedSigner({ store, own }: Pick<Context, 'store' | 'own'>, device: DeviceId): boolean {
  const list = store.directory.getAccount(own.personId)?.list;
  return list?.devices.some((entry) => entry.device === device && entry.role === 'signer') === true;
}

/** Why this device cannot change the list now. */
export function whyNotSigning(
  context: Pick<Context, 'store' | 'own'>,
): 'not_a_signer' | 'account_key_awaited' {
  return isListedSigner(context, context.own.deviceId) ? 'account_key_awaited' : 'not_a_signer';
}

/**
 * A device that may sign and has not got the present key asks the others for it: it was away for too long when the key was renewed, was not
 * started yet, or was put back from a copy. True when it asks.
 */
export function askForAccountKey(context: Context): boolean {
  const { store, own } = context;
  const isMissing = accountPrivateKey(context) === undefined && isListedSigner(context, own.deviceId);
  if (!isMissing) return false;
  store.transaction(() => {
    store.outbox.takeUnsealed(own.personId, 'account-key-request');
    queueForOwnDevices(context, { content: { kind: 'account-key-request', minReader: READER_VERSION } });
  });
  return true;
}

/** Another device of one's own asks for the present key; only one that the list calls a signer is given it. */
export function answerAccountKeyRequest(context: Context, device: DeviceId): void {
  const { store, own } = context;
  const privateKey = accountPrivateKey(context);
  const entry = store.directory.getAccount(own.personId)?.list.devices.find((one) => one.device === device);
  if (privateKey === undefined || entry?.role !== 'signer') return;
  giveAccountKey(context, [entry], privateKey);
}

/** Keeps a private half that may count now or soon. */
export function keepAccountKey(context: Pick<Context, 'store' | 'own'>, privateKey: Bytes): void {
  const present = accountPrivateKey(context);
  const others = kept(context).filter((key) => !equalBytes(key, privateKey) && key !== present);
  // The one that counts is never pushed out by those that may.
  const keys = [...others.slice(-KEPT_MAX), ...(present === undefined ? [] : [present]), privateKey];
  saveRecord(context.store.values, VALUES.accountKeys, { keys });
}

function kept({ store }: Pick<Context, 'store'>): Bytes[] {
  return loadRecord<{ keys: Bytes[] }>(store.values, VALUES.accountKeys)?.keys ?? [];
}

/**
 * The private halves of the account key that this device holds. There may be several for a moment: a new one is kept before it is
 * published, and a signer is given a new one by another signer before or after it learns of the list that the key has signed. The one that
 * counts is that of the key which is pinned.
 */
import { signingKeyFromSeed } from '@kuvert/crypto/identity';
import { openAccountKey, SessionError } from '@kuvert/crypto/session';
import { type DeviceId, equalBytes } from '@kuvert/protocol';
import type { Context } from './context.ts';
import { loadRecord, saveRecord, VALUES } from './own-device.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const PRIVATE_KEY_BYTES = 32;
/** Keys that are kept beside the present one. */
const KEPT_MAX = 4;

/** The private half of the present account key; undefined on a device that may not sign. */
export function accountPrivateKey(context: Pick<Context, 'store' | 'own'>): Bytes | undefined {
  const { store, own } = context;
  const present = store.directory.getPin(own.personId)?.accountKey ?? own.accountKey;
  const first = own.accountPrivateKey === undefined ? [] : [own.accountPrivateKey];
  return [...kept(context), ...first].find((key) => equalBytes(signingKeyFromSeed(key).publicKey, present));
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

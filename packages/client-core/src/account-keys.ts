/**
 * The private halves of the account key that this device holds. There may be several for a moment: a new one is kept before it is
 * published, and a signer is given a new one by another signer before or after it learns of the list that the key has signed. The one that
 * counts is that of the key which is pinned.
 */
import { signingKeyFromSeed } from '@kuvert/crypto/identity';
import { equalBytes } from '@kuvert/protocol';
import type { Context } from './context.ts';
import { loadRecord, saveRecord, VALUES } from './own-device.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Keys that are kept; older ones are of no use any more. */
const KEPT_MAX = 4;

/** The private half of the present account key; undefined on a device that may not sign. */
export function accountPrivateKey(context: Pick<Context, 'store' | 'own'>): Bytes | undefined {
  const { store, own } = context;
  const present = store.directory.getAccount(own.personId)?.pin.accountKey ?? own.accountKey;
  const first = own.accountPrivateKey === undefined ? [] : [own.accountPrivateKey];
  return [...kept(context), ...first].find((key) => equalBytes(signingKeyFromSeed(key).publicKey, present));
}

/** Keeps a private half that may count now or soon. */
export function keepAccountKey(context: Pick<Context, 'store'>, privateKey: Bytes): void {
  const others = kept(context).filter((key) => !equalBytes(key, privateKey));
  const keys = [...others, privateKey].slice(-KEPT_MAX);
  saveRecord(context.store.values, VALUES.accountKeys, { keys });
}

function kept({ store }: Pick<Context, 'store'>): Bytes[] {
  return loadRecord<{ keys: Bytes[] }>(store.values, VALUES.accountKeys)?.keys ?? [];
}

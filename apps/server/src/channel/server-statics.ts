/**
 * The server's own Noise keys, which devices have pinned (wire.md §3). Made at the first start and kept sealed in the operator's
 * part of the store. Two may be valid while one replaces the other; the newest is the one that new devices pin.
 */
import { generateStaticKeyPair, type StaticKeyPair } from '@kuvert/crypto/channel';
import { bytesSchema, timeMs } from '@kuvert/protocol';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { collection, type Store, StoreError } from '../store/index.ts';

/** One row per key pair, oldest first. */
export const serverStatics = collection('server-statics', {
  scope: 'operator',
  document: z.object({
    serial: z.int().min(1),
    publicKey: bytesSchema(32),
    privateKey: bytesSchema(32),
    madeAt: timeMs,
  }),
  key: ['serial'],
  sealed: ['privateKey'],
});

/** The valid key pairs, newest first; makes the first one when there is none. */
export async function loadServerStatics(
  store: Pick<Store, 'operator'>,
  clock: Clock,
): Promise<readonly [StaticKeyPair, ...StaticKeyPair[]]> {
  const operator = store.operator();
  const read = async () => (await operator.list(serverStatics, { order: 'desc', limit: 2 })).rows;
  let [newest, ...others] = await read();
  if (newest === undefined) {
    const made = { serial: 1, madeAt: clock.nowMs(), ...generateStaticKeyPair() };
    await operator
      .write((tx) =>
        tx.insert(
          serverStatics,
          made as typeof made & { publicKey: Uint8Array<ArrayBuffer>; privateKey: Uint8Array<ArrayBuffer> },
        ),
      )
      .catch((error: unknown) => {
        if (!(error instanceof StoreError)) throw error;
      });
    [newest, ...others] = await read();
  }
  if (newest === undefined) throw new Error('the server key that was just made is not there');
  return [newest, ...others];
}

/** The key that signs checkpoints, promises and exports of all audit logs of an installation. Whoever has its public half, from before, can tell a log that somebody made anew. */
import { createHash } from 'node:crypto';
import { generateSigningKey, type SigningKey } from '@kuvert/crypto/identity';
import { bytesSchema, timeMs } from '@kuvert/protocol';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { collection, type Store, StoreError } from '../../store/index.ts';

/** One row per key, oldest first; the newest signs. */
export const logKeys = collection('log-keys', {
  scope: 'operator',
  document: z.object({
    serial: z.int().min(1),
    /** Algorithm byte first. */
    publicKey: bytesSchema(33),
    privateKey: bytesSchema(32),
    madeAt: timeMs,
  }),
  key: ['serial'],
  sealed: ['privateKey'],
});

/** The key that signs, and the name of this installation's operator in the names of logs. */
export interface LogKey {
  readonly key: SigningKey;
  readonly installation: string;
}

/** The key of the logs; makes it when there is none. */
export async function loadLogKey(
  store: Pick<Store, 'operator'>,
  clock: Pick<Clock, 'nowMs'>,
): Promise<LogKey> {
  const operator = store.operator();
  const read = async () => (await operator.list(logKeys, { limit: 100 })).rows;
  let rows = await read();
  if (rows.length === 0) {
    await operator
      .write((tx) => tx.insert(logKeys, { serial: 1, madeAt: clock.nowMs(), ...generateSigningKey() }))
      // Another server on the same database may have been faster.
      .catch((error: unknown) => {
        if (!(error instanceof StoreError)) throw error;
      });
    rows = await read();
  }
  const [first, newest] = [rows[0], rows.at(-1)];
  if (first === undefined || newest === undefined)
    throw new Error('the log key that was just made is not there');
  return {
    key: newest,
    installation: createHash('sha256').update(first.publicKey).digest('hex').slice(0, 16),
  };
}

/**
 * `keyring.json` in the data folder: the data key of the control file, wrapped by the key provider. The first file that a
 * server reads, so it says what the folder is and which format it has before anything else is opened.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataKey, makeDataKey } from '@kuvert/crypto/sealing';
import { KuvertError } from '@kuvert/protocol';
import { writeFileAtomic } from '@kuvert/safe-folder';
import { z } from 'zod';
import type { KeyProvider } from '../keys/key-provider.ts';
import { OWN_SUBJECT, unwrapDataKey, wrapDataKey } from './data-keys.ts';

/** Format of the data folder as a whole. */
const DATA_FORMAT_VERSION = 1;
const CONTROL = { space: 'control', subject: OWN_SUBJECT };
const base64 = z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64')));
const Keyring = z.object({ wrappingKey: z.string(), keyId: base64, wrapped: base64 });

function keyringPath(folder: string): string {
  return join(folder, 'keyring.json');
}

async function readKeyring(folder: string): Promise<z.output<typeof Keyring> | undefined> {
  let text: string;
  try {
    text = await readFile(keyringPath(folder), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new KuvertError('data_damaged', { cause });
  }
  const { format } = z.object({ format: z.int() }).catch({ format: 0 }).parse(parsed);
  if (format > DATA_FORMAT_VERSION) throw new KuvertError('data_too_new');
  const keyring = Keyring.safeParse(parsed);
  if (format !== DATA_FORMAT_VERSION || !keyring.success) throw new KuvertError('data_damaged');
  return keyring.data;
}

async function writeKeyring(folder: string, provider: KeyProvider, dataKey: DataKey): Promise<void> {
  const { keyId, wrappingKey, wrapped } = await wrapDataKey(provider, CONTROL, dataKey);
  const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const content = {
    format: DATA_FORMAT_VERSION,
    wrappingKey,
    keyId: encode(keyId),
    wrapped: encode(wrapped),
  };
  await writeFileAtomic(keyringPath(folder), `${JSON.stringify(content, undefined, 2)}\n`);
}

/**
 * The data key of the control file; made when the folder has none.
 *
 * @param options.mayCreate false when the folder holds a control file already: then a missing keyring is damage.
 * @throws KuvertError `keys_wrong`, `data_too_new`, `data_damaged`
 */
export async function openKeyring(
  folder: string,
  provider: KeyProvider,
  options: { readonly mayCreate: boolean },
): Promise<DataKey> {
  const keyring = await readKeyring(folder);
  if (keyring !== undefined) return unwrapDataKey(provider, CONTROL, { subject: OWN_SUBJECT, ...keyring });
  if (!options.mayCreate) throw new KuvertError('data_damaged');
  const dataKey = makeDataKey();
  await writeKeyring(folder, provider, dataKey);
  return dataKey;
}

/** Wraps the control key under the current version, if it is not. @returns true when it had to be. */
export async function rewrapKeyring(folder: string, provider: KeyProvider): Promise<boolean> {
  const keyring = await readKeyring(folder);
  if (keyring === undefined) throw new KuvertError('data_damaged');
  if (keyring.wrappingKey === provider.currentKeyId()) return false;
  await writeKeyring(
    folder,
    provider,
    await unwrapDataKey(provider, CONTROL, { subject: OWN_SUBJECT, ...keyring }),
  );
  return true;
}

/**
 * The keyring: the data key of the control space, wrapped by the key provider; `keyring.json` in the data folder, or a document of the
 * database that several servers share. The first thing that a server reads, so it says which format the data has before anything else is
 * opened.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataKey, makeDataKey } from '@kuvert/crypto/sealing';
import { KuvertError } from '@kuvert/protocol';
import { writeFileAtomic } from '@kuvert/safe-folder';
import { z } from 'zod';
import type { KeyProvider } from '../keys/key-provider.ts';
import { OWN_SUBJECT, unwrapDataKey, wrapDataKey } from './data-keys.ts';
import type { KeyringPlace } from './engine.ts';

/** Format of the data as a whole. */
const DATA_FORMAT_VERSION = 1;
const CONTROL = { space: 'control', subject: OWN_SUBJECT };
const base64 = z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64')));
const Keyring = z.object({ wrappingKey: z.string(), keyId: base64, wrapped: base64 });

/** `keyring.json` in the data folder, for an engine that keeps its files there. */
export function folderKeyring(folder: string): KeyringPlace {
  const path = join(folder, 'keyring.json');
  const read = async (): Promise<string | undefined> => {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  };
  return {
    hasData: async () => existsSync(join(folder, 'control.db')),
    read,
    async create(text) {
      // The folder is locked, so nobody else makes one.
      await writeFileAtomic(path, text);
      return text;
    },
    replace: (text) => writeFileAtomic(path, text),
  };
}

function parseKeyring(text: string): z.output<typeof Keyring> {
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

async function keyringText(provider: KeyProvider, dataKey: DataKey): Promise<string> {
  const { keyId, wrappingKey, wrapped } = await wrapDataKey(provider, CONTROL, dataKey);
  const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const content = {
    format: DATA_FORMAT_VERSION,
    wrappingKey,
    keyId: encode(keyId),
    wrapped: encode(wrapped),
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

/**
 * The data key of the control space; made when there is none and no data either.
 *
 * @throws KuvertError `keys_wrong`, `data_too_new`, `data_damaged`
 */
export async function openKeyring(place: KeyringPlace, provider: KeyProvider): Promise<DataKey> {
  let text = await place.read();
  if (text === undefined) {
    if (await place.hasData()) throw new KuvertError('data_damaged');
    text = await place.create(await keyringText(provider, makeDataKey()));
  }
  return unwrapDataKey(provider, CONTROL, { subject: OWN_SUBJECT, ...parseKeyring(text) });
}

/** Wraps the control key under the current version, if it is not. @returns true when it had to be. */
export async function rewrapKeyring(place: KeyringPlace, provider: KeyProvider): Promise<boolean> {
  const text = await place.read();
  if (text === undefined) throw new KuvertError('data_damaged');
  const keyring = parseKeyring(text);
  if (keyring.wrappingKey === provider.currentKeyId()) return false;
  const dataKey = await unwrapDataKey(provider, CONTROL, { subject: OWN_SUBJECT, ...keyring });
  await place.replace(await keyringText(provider, dataKey));
  return true;
}

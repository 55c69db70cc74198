/**
 * The wrapping key in a file: `kek.json` in the keys folder (mode 0600, folder 0700), several versions of 32 random bytes.
 * The folder never lies with the data (wire.md §5), so that neither a copy of the data nor a backup of it opens anything.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_BYTES, unwrapKey, wrapKey } from '@kuvert/crypto/sealing';
import { KuvertError } from '@kuvert/protocol';
import { writeFileAtomic } from '@kuvert/safe-folder';
import { z } from 'zod';
import type { KeyProvider, WrappedKey } from './key-provider.ts';

const KekFile = z.object({
  format: z.literal(1),
  /** Oldest first; the last one is current. */
  versions: z.array(z.object({ id: z.string().min(1).max(64), key: z.hex().length(KEY_BYTES * 2) })).min(1),
});
type Versions = z.output<typeof KekFile>['versions'];

function newVersion(): Versions[number] {
  return { id: `kek-${randomBytes(6).toString('hex')}`, key: randomBytes(KEY_BYTES).toString('hex') };
}

async function writeKekFile(path: string, versions: Versions): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify({ format: 1, versions }, undefined, 2)}\n`);
}

/** Makes the file with a first version. The caller has made sure that there is no data yet. */
export async function createKekFile(keysFolder: string): Promise<void> {
  await writeKekFile(join(keysFolder, 'kek.json'), [newVersion()]);
}

/** Opens the file. @throws KuvertError `keys_missing` when it is not there, `keys_wrong` when it is not such a file */
export async function openFileKeyProvider(keysFolder: string): Promise<KeyProvider> {
  const path = join(keysFolder, 'kek.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new KuvertError('keys_missing', { cause });
  }
  try {
    return new FileKeyProvider(path, KekFile.parse(JSON.parse(text)).versions);
  } catch {
    // No cause: the error of a parser quotes what it read, and that is key material.
    throw new KuvertError('keys_wrong');
  }
}

class FileKeyProvider implements KeyProvider {
  readonly #path: string;
  #versions: Versions;

  constructor(path: string, versions: Versions) {
    this.#path = path;
    this.#versions = versions;
  }

  currentKeyId(): string {
    return this.#current().id;
  }

  keyIds(): readonly string[] {
    return this.#versions.map((version) => version.id);
  }

  async wrap(key: Uint8Array, context: Uint8Array): Promise<WrappedKey> {
    const current = this.#current();
    return { keyId: current.id, wrapped: wrapKey(Buffer.from(current.key, 'hex'), context, key) };
  }

  async unwrap({ keyId, wrapped }: WrappedKey, context: Uint8Array): Promise<Uint8Array> {
    const version = this.#versions.find(({ id }) => id === keyId);
    if (version === undefined) throw new KuvertError('keys_wrong');
    try {
      return unwrapKey(Buffer.from(version.key, 'hex'), context, wrapped);
    } catch (cause) {
      throw new KuvertError('keys_wrong', { cause });
    }
  }

  async addVersion(): Promise<string> {
    const added = newVersion();
    const versions = [...this.#versions, added];
    // On disk before anything is wrapped under it: a key that exists only in memory would take the data with it.
    await writeKekFile(this.#path, versions);
    this.#versions = versions;
    return added.id;
  }

  async retire(keyId: string): Promise<void> {
    if (keyId === this.currentKeyId()) throw new Error('the current version cannot be retired');
    const versions = this.#versions.filter(({ id }) => id !== keyId);
    await writeKekFile(this.#path, versions);
    this.#versions = versions;
  }

  #current(): Versions[number] {
    const current = this.#versions[this.#versions.length - 1];
    if (current === undefined) throw new KuvertError('keys_wrong');
    return current;
  }
}

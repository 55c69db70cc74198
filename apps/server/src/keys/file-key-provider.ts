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
import { lockKeysFolder } from './keys-lock.ts';

const FILE = 'kek.json';

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
  await writeKekFile(join(keysFolder, FILE), [newVersion()]);
}

/** Opens the file. @throws KuvertError `keys_missing` when it is not there, `keys_wrong` when it is not such a file */
export async function openFileKeyProvider(keysFolder: string): Promise<KeyProvider> {
  return new FileKeyProvider(keysFolder, await readKekFile(join(keysFolder, FILE)));
}

async function readKekFile(path: string): Promise<Versions> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new KuvertError('keys_missing', { cause });
  }
  try {
    return KekFile.parse(JSON.parse(text)).versions;
  } catch {
    // No cause: the error of a parser quotes what it read, and that is key material.
    throw new KuvertError('keys_wrong');
  }
}

class FileKeyProvider implements KeyProvider {
  readonly #folder: string;
  #versions: Versions;
  /** Versions that another server has retired: what was read under them a moment ago can still be opened. */
  readonly #retired = new Map<string, Versions[number]>();

  constructor(folder: string, versions: Versions) {
    this.#folder = folder;
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
    // A version that we have not heard of may be one that another server has made.
    if (this.#find(keyId) === undefined) await this.refresh();
    const version = this.#find(keyId) ?? this.#retired.get(keyId);
    if (version === undefined) throw new KuvertError('keys_wrong');
    try {
      return unwrapKey(Buffer.from(version.key, 'hex'), context, wrapped);
    } catch (cause) {
      throw new KuvertError('keys_wrong', { cause });
    }
  }

  async refresh(): Promise<void> {
    const versions = await readKekFile(join(this.#folder, FILE));
    for (const version of this.#versions) {
      if (!versions.some(({ id }) => id === version.id)) this.#retired.set(version.id, version);
    }
    this.#versions = versions;
  }

  async addVersion(): Promise<string> {
    const added = newVersion();
    // On disk before anything is wrapped under it: a key that exists only in memory would take the data with it.
    await this.#change((versions) => [...versions, added]);
    return added.id;
  }

  async retire(keyId: string): Promise<void> {
    if (keyId === this.currentKeyId()) throw new Error('the current version cannot be retired');
    await this.#change((versions) => versions.filter(({ id }) => id !== keyId));
    this.#retired.delete(keyId);
  }

  /** Under the folder's lock and on what the file says now: another server's change must not get lost. */
  async #change(change: (versions: Versions) => Versions): Promise<void> {
    const folder = await lockKeysFolder(this.#folder, { create: false });
    try {
      await this.refresh();
      const versions = change(this.#versions);
      await writeKekFile(join(this.#folder, FILE), versions);
      this.#versions = versions;
    } finally {
      folder.release();
    }
  }

  #find(keyId: string): Versions[number] | undefined {
    return this.#versions.find(({ id }) => id === keyId);
  }

  #current(): Versions[number] {
    const current = this.#versions[this.#versions.length - 1];
    if (current === undefined) throw new KuvertError('keys_wrong');
    return current;
  }
}

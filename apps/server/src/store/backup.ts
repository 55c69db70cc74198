/**
 * A backup is a folder: one encrypted file per tenant and one for the control space, the keyring, and a list of them with their hashes. It is
 * the same for both engines, so what was backed up from one can be restored to the other. It opens only with the keys folder.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KuvertError } from '@kuvert/protocol';
import { syncFolder, writeFileAtomic } from '@kuvert/safe-folder';
import { z } from 'zod';
import { type CopyEnd, type CopyOptions, copyStore } from './copying.ts';
import { dataKeys } from './data-keys.ts';
import { vacuumInto } from './engine-sqlite/vacuum.ts';
import { openSpaceStore } from './open-store.ts';

const MANIFEST = 'backup.json';
const Manifest = z.object({
  format: z.literal(1),
  madeAt: z.iso.datetime(),
  epoch: z.int().min(1),
  files: z.array(
    z.object({
      name: z.string().regex(/^(keyring\.json|control\.db|tenants\/tn_[a-z0-9]+\.db)$/),
      bytes: z.int().min(1),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

/** What a backup holds. */
export interface BackupFacts {
  readonly madeAt: string;
  readonly epoch: number;
  /** Tenants with a file of their own. */
  readonly tenants: number;
  readonly bytes: number;
}

type Options = Pick<CopyOptions, 'keys' | 'collections' | 'onProgress'> & {
  readonly from: CopyEnd;
  /** An empty folder. */
  readonly to: string;
  readonly now: Date;
};

/** Makes a backup of a store that nobody writes to. @throws KuvertError `store_not_empty`, `disk_full` */
export async function makeBackup(options: Options): Promise<BackupFacts> {
  const { from, to, keys, collections, onProgress } = options;
  await mkdir(join(to, 'tenants'), { recursive: true, mode: 0o700 });
  if ((await listFiles(to)).length > 0) throw new KuvertError('store_not_empty');
  const epoch =
    from.openEngine === undefined
      ? await vacuumFiles(options)
      : await copyIntoFiles({ from, to, keys, collections, ...(onProgress ? { onProgress } : {}) });
  await rm(join(to, 'reserve'), { force: true });
  const files: z.output<typeof Manifest>['files'] = [];
  for (const name of await listFiles(to)) {
    files.push({ name, bytes: (await stat(join(to, name))).size, sha256: await hashOf(join(to, name)) });
  }
  const manifest = { format: 1 as const, madeAt: options.now.toISOString(), epoch, files };
  // Written last: a backup without it is none.
  await writeFileAtomic(join(to, MANIFEST), `${JSON.stringify(Manifest.parse(manifest), undefined, 2)}\n`);
  return factsOf(manifest);
}

async function copyIntoFiles(options: CopyOptionsInto): Promise<number> {
  const { from, to, keys, collections, onProgress } = options;
  let epoch = 1;
  await copyStore({
    keys,
    collections,
    from,
    to: { folder: to },
    ...(onProgress ? { onProgress } : {}),
    beforeOpening: async (target) => {
      epoch = (await target.readInstallation()).epoch;
    },
  });
  return epoch;
}

type CopyOptionsInto = Pick<CopyOptions, 'keys' | 'collections' | 'onProgress' | 'from'> & {
  readonly to: string;
};

/** Files are copied by SQLite itself, compacted and under the same keys. */
async function vacuumFiles({
  from,
  to,
  keys,
  collections,
  onProgress = () => undefined,
}: Options): Promise<number> {
  const store = await openSpaceStore({
    ...from,
    keys,
    collections,
    onFailure: () => undefined,
    mustExist: true,
  });
  const { epoch } = store.installation;
  const spaces: { name: string; file: string; key: Uint8Array }[] = [
    { name: 'control', file: 'control.db', key: store.controlFileKey() },
  ];
  try {
    for (const tenant of await store.operator().listTenantSpaces()) {
      const known = await store.keyOfTenantSpace(tenant);
      if (known === undefined) continue;
      // A file is opened with the first question, and what a crash has left in its log comes in then.
      const { engine, numbers } = store.spaceOf(tenant);
      await engine.get(tenant, numbers.of(dataKeys), new Uint8Array(1));
      spaces.push({ name: tenant, file: `tenants/${tenant}.db`, key: known.key });
    }
  } finally {
    await store.close();
  }
  for (const [done, { name, file, key }] of spaces.entries()) {
    await vacuumInto({ file: join(from.folder, file), to: join(to, file), key });
    onProgress({ step: 'copied', space: name, collection: file, rows: 0, done, total: spaces.length });
  }
  await copyFile(join(from.folder, 'keyring.json'), join(to, 'keyring.json'));
  await syncFolder(join(to, 'tenants'));
  return epoch;
}

/** Looks at every byte of a backup. @throws KuvertError `backup_damaged` */
export async function checkBackup(folder: string): Promise<BackupFacts> {
  let manifest: z.output<typeof Manifest>;
  try {
    manifest = Manifest.parse(JSON.parse(await readFile(join(folder, MANIFEST), 'utf8')));
    const names = manifest.files.map(({ name }) => name);
    if ((await listFiles(folder)).some((name) => !names.includes(name))) throw new Error('a file more');
    for (const { name, sha256 } of manifest.files) {
      if ((await hashOf(join(folder, name))) !== sha256) throw new Error('a file differs');
    }
  } catch (cause) {
    throw new KuvertError('backup_damaged', { cause });
  }
  return factsOf(manifest);
}

/** Puts a backup's files where they may be opened, which changes them; the backup itself is left as it is. */
export async function stageBackup(folder: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await mkdir(join(to, 'tenants'), { recursive: true, mode: 0o700 });
  for (const name of await listFiles(folder)) await copyFile(join(folder, name), join(to, name));
}

function factsOf({ madeAt, epoch, files }: z.output<typeof Manifest>): BackupFacts {
  return {
    madeAt,
    epoch,
    tenants: files.filter(({ name }) => name.startsWith('tenants/')).length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Files of a backup by name, without its list. */
async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((name) => name !== MANIFEST && name !== 'reserve')
    .sort();
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

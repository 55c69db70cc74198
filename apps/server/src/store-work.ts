/**
 * Work on the store as a whole, with no server on it: compare, copy, back up, restore, finalise. Each opens what it needs the way a server would, so
 * that locks, keys and checks are the same.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KuvertError } from '@kuvert/protocol';
import { systemClock, systemRandom } from './clock.ts';
import { readConfig, readConfigFor, type ServerConfig } from './config.ts';
import { buildContext, engineOf } from './context.ts';
import { COLLECTIONS } from './features/index.ts';
import { mergeLedgers, openLedger } from './ledger/ledger.ts';
import { createLog } from './log.ts';
import { openFolders } from './open-folders.ts';
import { startErrorFrom } from './start-error.ts';
import { type BackupFacts, checkBackup, makeBackup, stageBackup } from './store/backup.ts';
import { type CopiedCollection, type CopyEnd, type CopyProgress, copyStore } from './store/copying.ts';
import type { LayoutDifference } from './store/engine.ts';
import { checkFiles } from './store/engine-sqlite/check-files.ts';
import { changeInstallation, DATA_LEVEL } from './store/installation.ts';
import { numbersOf, openSpaceStore } from './store/open-store.ts';

/** Where a backup's files are opened during a restore. */
const STAGING = 'restoring';

type Progress = (progress: CopyProgress) => void;

/** What is stored otherwise than declared. @throws StartError */
export async function checkStore(config = readConfig()): Promise<readonly LayoutDifference[]> {
  const { layouts } = numbersOf(COLLECTIONS);
  if (config.database !== undefined) {
    const { database } = config;
    const { checkMongo } = await import('./store/engine-mongodb/engine.ts');
    return told(config, () => checkMongo(database, layouts));
  }
  return withFolders(config, async ({ folders, end }) => {
    const store = await openSpaceStore({ ...end, ...base(folders.provider), mustExist: true });
    const spaces = await spaceKeysOf(store).finally(() => store.close());
    return checkFiles({ folder: end.folder, layouts, spaces });
  });
}

async function spaceKeysOf(store: Awaited<ReturnType<typeof openSpaceStore>>) {
  const spaces: { name: string; key: Uint8Array }[] = [{ name: 'control', key: store.controlFileKey() }];
  for (const name of await store.operator().listTenantSpaces()) {
    const known = await store.keyOfTenantSpace(name);
    if (known !== undefined) spaces.push({ name, key: known.key });
  }
  return spaces;
}

/** Moves everything from one place to another; places are data folders or database addresses. @throws StartError */
export async function copyBetween(
  places: { readonly from: string; readonly to: string },
  onProgress: Progress,
): Promise<readonly CopiedCollection[]> {
  const from = readConfigFor(places.from);
  const to = readConfigFor(places.to);
  const lock = await lockOf(to, from);
  try {
    return await withFolders(from, ({ folders, end }) =>
      told(to, () => copyStore({ ...base(folders.provider), from: end, to: lock.end, onProgress })),
    );
  } finally {
    lock.release();
  }
}

/** The target's folder is locked like the source's; where both are databases there is one folder for both. */
async function lockOf(to: ServerConfig, from: ServerConfig): Promise<{ end: CopyEnd; release: () => void }> {
  const engine = engineOf(to, 'maintenance');
  if (to.dataFolder === from.dataFolder) {
    return { end: { folder: to.dataFolder, ...engine }, release: () => undefined };
  }
  const { data } = await openFolders(to);
  return { end: { folder: data.path, ...engine }, release: () => data.release() };
}

/** Makes a backup in an empty folder. @throws StartError */
export async function backUp(to: string, onProgress: Progress, config = readConfig()): Promise<BackupFacts> {
  return withFolders(config, ({ folders, end }) =>
    makeBackup({ ...base(folders.provider), from: end, to, onProgress, now: new Date() }),
  );
}

/**
 * Puts a backup in place of nothing, then does again what happened since and must not un-happen. May be stopped and begun again.
 * @param ledgers folders of further ledgers, of servers that had their own
 * @throws StartError `backup_damaged`, `store_not_empty`
 */
export async function restore(
  what: { readonly from: string; readonly ledgers: readonly string[] },
  onProgress: Progress,
  config = readConfig(),
): Promise<BackupFacts & { readonly epoch: number; readonly replayed: number }> {
  const facts = await told(config, () => checkBackup(what.from));
  const ledger = await told(config, () =>
    openLedger(config.ledgerFolder ?? join(config.keysFolder, 'ledger')),
  );
  await told(config, () => mergeLedgers(ledger, what.ledgers));
  const found = await withFolders(config, async ({ folders, end }) => {
    const staging = join(end.folder, STAGING);
    const waiting = await unfinished(end, folders.provider);
    if (waiting !== undefined) return waiting;
    const known = ledger.entries.flatMap((entry) => (entry.kind === 'restore' ? entry.epoch : []));
    const epoch = Math.max(facts.epoch, ...known) + 1;
    // Noted first, so that no two restores ever have the same number.
    await ledger.append({ kind: 'restore', epoch });
    await stageBackup(what.from, staging);
    await copyStore({
      ...base(folders.provider),
      from: { folder: staging },
      to: end,
      onProgress,
      beforeOpening: (target) => changeInstallation(target.operator(), { epoch, restore: 'replay' }),
    });
    await rm(staging, { recursive: true, force: true });
    return epoch;
  });
  const log = createLog({ level: 'error' });
  const context = await buildContext(config, {
    clock: systemClock,
    random: systemRandom,
    log,
    onFailure: () => undefined,
    isRestoring: true,
  });
  try {
    await context.replay();
    await changeInstallation(context.store.operator(), { restore: 'none' });
  } finally {
    await context.close();
  }
  const replayed = ledger.entries.filter(({ kind }) => kind !== 'restore').length;
  return { ...facts, epoch: found, replayed };
}

/** The epoch of a restore that came as far as the ledger. @throws KuvertError `store_not_empty` for data that is in use */
async function unfinished(end: CopyEnd, keys: Parameters<typeof base>[0]): Promise<number | undefined> {
  try {
    const store = await openSpaceStore({ ...end, ...base(keys), mustExist: true, mayBeUnfinished: true });
    const { installation } = store;
    await store.close();
    if (installation.restore === 'none') throw new KuvertError('store_not_empty');
    return installation.epoch;
  } catch (error) {
    if (error instanceof KuvertError && error.code === 'store_empty') return undefined;
    throw error;
  }
}

/** From now on this release writes its own form of data. @throws StartError */
export async function finalise(config = readConfig()): Promise<{ readonly level: number }> {
  return withFolders(config, async ({ folders, end }) => {
    const store = await openSpaceStore({ ...end, ...base(folders.provider), mustExist: true });
    try {
      await changeInstallation(store.operator(), { level: DATA_LEVEL });
      return { level: DATA_LEVEL };
    } finally {
      await store.close();
    }
  });
}

function base(keys: Awaited<ReturnType<typeof openFolders>>['provider']) {
  return { keys, collections: COLLECTIONS, onFailure: () => undefined };
}

async function withFolders<T>(
  config: ServerConfig,
  work: (opened: { folders: Awaited<ReturnType<typeof openFolders>>; end: CopyEnd }) => Promise<T>,
): Promise<T> {
  const folders = await openFolders(config);
  try {
    const end = { folder: folders.data.path, ...engineOf(config, 'maintenance') };
    return await told(config, () => work({ folders, end }));
  } finally {
    folders.data.release();
  }
}

async function told<T>(config: ServerConfig, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { details } = (error ?? {}) as { details?: Record<string, unknown> };
    const where = config.database === undefined ? config.dataFolder : 'KUVERT_STORE';
    throw startErrorFrom(error, typeof details?.about === 'string' ? details.about : where);
  }
}

/**
 * Blobs as files: `<folder>/<tenant>/<attachment>` once complete, `<attachment>.part` before. Bytes are flushed before they count; completing is a
 * rename and a flush of the folder. The hash is carried along while a file grows, and made from the file after a restart.
 */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isId, KuvertError, type TenantId } from '@kuvert/protocol';
import { syncFolder } from '@kuvert/safe-folder';
import type { BlobPlace, BlobState, Blobs, ListedBlob } from './blobs.ts';

const READ_BYTES = 256 * 1_024;
/** So much is written before the disk is told to begin. */
const SYNC_BYTES = 4 * 1_048_576;
/** Uploads whose hash is carried along; others are read again when they are finished. */
const HASHES_MAX = 1_000;
/** How long somebody waits for an upload that is under way. */
const SETTLE_MS = 5_000;
const PART = '.part';

/** A hash that has taken so many bytes of a file. */
interface RunningHash {
  readonly hash: Hash;
  bytes: number;
}

/** @see the top of this file. @param folder made when the first file comes */
export function openFileBlobs(folder: string): Blobs {
  const appending = new Map<string, { stop(): void; readonly done: Promise<unknown> }>();
  const hashes = new Map<string, RunningHash>();
  /** Tenants whose folder is durable. */
  const placedTenants = new Set<TenantId>();
  const pathOf = ({ tenantId, attachment }: BlobPlace): string => {
    // Ids have one form and no dots or slashes; checked here too, because a path is made of them.
    if (!isId('tenant', tenantId) || !isId('attachment', attachment)) throw new KuvertError('not_found');
    return join(folder, tenantId, attachment);
  };

  async function find(place: BlobPlace): Promise<BlobState | undefined> {
    const path = pathOf(place);
    // In this order nothing is missed that is completed meanwhile.
    const part = await sizeOf(path + PART);
    if (part !== undefined) return { sizeBytes: part, isComplete: false };
    const whole = await sizeOf(path);
    return whole === undefined ? undefined : { sizeBytes: whole, isComplete: true };
  }

  /** @returns `placed`: its name is durable */
  async function openPart(
    path: string,
    tenantId: TenantId,
    isNew: boolean,
  ): Promise<{ file: FileHandle; placed: Promise<void> }> {
    if (!isNew) return { file: await open(path, 'r+'), placed: Promise.resolve() };
    const file = await open(path, 'wx+', 0o600).catch(async (error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
      await mkdir(join(folder, tenantId), { recursive: true, mode: 0o700 });
      return open(path, 'wx+', 0o600);
    });
    // While the first bytes come.
    const placed = place(tenantId);
    placed.catch(() => undefined);
    return { file, placed };
  }

  /** Makes the names of a tenant's files durable. */
  async function place(tenantId: TenantId): Promise<void> {
    const isPlaced = placedTenants.has(tenantId);
    await Promise.all([syncFolder(join(folder, tenantId)), ...(isPlaced ? [] : [syncFolder(folder)])]);
    placedTenants.add(tenantId);
  }

  async function write(
    blob: BlobPlace,
    from: number,
    bytes: AsyncIterable<Uint8Array>,
    { untilBytes, signal }: { untilBytes: number; signal: AbortSignal },
  ): Promise<number> {
    const { tenantId } = blob;
    const path = pathOf(blob);
    const present = await find(blob);
    const offset = present?.sizeBytes ?? 0;
    if (present?.isComplete || offset !== from) {
      throw new KuvertError('attachment_offset', { details: { offset } });
    }
    const { file, placed } = await openPart(path + PART, tenantId, present === undefined);
    let at = from;
    // The disk begins with what is there while more comes, so that little is left for the end.
    let syncing: Promise<void> = Promise.resolve();
    let unsynced = 0;
    try {
      const running = hashes.get(path) ?? { hash: createHash('sha256'), bytes: 0 };
      const carries = running.bytes === from;
      if (!carries) hashes.delete(path);
      const source = bytes[Symbol.asyncIterator]();
      const stopped = new Promise<IteratorResult<Uint8Array>>((resolve) => {
        signal.addEventListener('abort', () => resolve({ done: true, value: undefined }), { once: true });
      });
      try {
        for (;;) {
          const next = await Promise.race([source.next(), stopped]).catch(() => undefined);
          // A connection that ends in the middle leaves what it has brought.
          if (next === undefined || next.done) break;
          if (at + next.value.length > untilBytes) throw new KuvertError('too_large');
          const written = writeAll(file, next.value, at);
          if (carries) running.hash.update(next.value);
          await written;
          at += next.value.length;
          unsynced += next.value.length;
          if (unsynced < SYNC_BYTES) continue;
          unsynced = 0;
          await syncing;
          syncing = file.datasync();
          syncing.catch(() => undefined);
        }
      } finally {
        void source.return?.();
      }
      running.bytes = at;
      if (carries) remember(path, running);
      await syncing;
    } catch (error) {
      hashes.delete(path);
      await syncing.catch(() => undefined);
      throw diskFailure(error);
    } finally {
      await Promise.all([file.datasync(), placed])
        // Whether it is durable is not known: nobody is to rely on what is carried along.
        .catch((error: unknown) => {
          hashes.delete(path);
          throw diskFailure(error);
        })
        .finally(() => file.close());
    }
    return at;
  }

  function remember(path: string, running: RunningHash): void {
    hashes.delete(path);
    hashes.set(path, running);
    for (const oldest of hashes.keys()) {
      if (hashes.size <= HASHES_MAX) break;
      hashes.delete(oldest);
    }
  }

  return {
    find,

    async append(place, from, bytes, untilBytes) {
      const path = pathOf(place);
      for (let before = appending.get(path); before !== undefined; before = appending.get(path)) {
        before.stop();
        await before.done;
      }
      const stop = new AbortController();
      const writing = write(place, from, bytes, { untilBytes, signal: stop.signal });
      const done = writing.catch(() => undefined).finally(() => appending.delete(path));
      appending.set(path, { stop: () => stop.abort(), done });
      return writing;
    },

    async settled(place) {
      const writing = appending.get(pathOf(place));
      if (writing === undefined) return;
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, SETTLE_MS);
      await Promise.race([writing.done, late.promise]);
      clearTimeout(timer);
    },

    async hash(place) {
      const path = pathOf(place);
      const state = await find(place);
      if (state === undefined) throw new KuvertError('not_found');
      const running = hashes.get(path);
      if (running?.bytes === state.sizeBytes) return Uint8Array.from(running.hash.copy().digest());
      const hash = createHash('sha256');
      for await (const bytes of piecesOf(state.isComplete ? path : path + PART, 0)) hash.update(bytes);
      return Uint8Array.from(hash.digest());
    },

    async complete(blob) {
      const path = pathOf(blob);
      // What came through this process was synced before it was answered for; another server may be about to.
      const isOurs = hashes.get(path)?.bytes === (await sizeOf(path + PART)) && !appending.has(path);
      if (!isOurs) await syncFile(path + PART);
      try {
        await rename(path + PART, path);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw diskFailure(error);
        if ((await sizeOf(path)) === undefined) throw new KuvertError('not_found');
      }
      hashes.delete(path);
      await place(blob.tenantId);
    },

    async read(place, from) {
      const path = pathOf(place);
      const size = await sizeOf(path);
      if (size === undefined) throw new KuvertError('not_found');
      return { sizeBytes: size, bytes: piecesOf(path, from) };
    },

    async remove(place) {
      const path = pathOf(place);
      const writing = appending.get(path);
      writing?.stop();
      await writing?.done;
      hashes.delete(path);
      await rm(path + PART, { force: true });
      await rm(path, { force: true });
    },

    async *list(tenantId) {
      if (!isId('tenant', tenantId)) return;
      const entries = await opendir(join(folder, tenantId)).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT') return undefined;
        throw error;
      });
      for await (const { name } of entries ?? []) {
        const attachment = name.endsWith(PART) ? name.slice(0, -PART.length) : name;
        if (!isId('attachment', attachment)) continue;
        const facts = await stat(join(folder, tenantId, name)).catch(() => undefined);
        if (facts === undefined) continue;
        const listed: ListedBlob = {
          attachment,
          sizeBytes: facts.size,
          isComplete: name === attachment,
          changedAtMs: facts.mtimeMs,
        };
        yield listed;
      }
    },
  };
}

/**
 * The bytes of a file from an offset on. It is opened by whoever takes the first of them and closed when the iteration ends, however it does: an
 * iteration that never begins has nothing to close.
 */
async function* piecesOf(path: string, from: number): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    for (let at = from; ; ) {
      // A buffer for each piece: whoever takes it may keep it until it has left.
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(READ_BYTES), 0, READ_BYTES, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, from: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, from + done);
    done += bytesWritten;
  }
}

/** Makes the bytes of a file durable, if it is there. */
async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw diskFailure(error);
  });
  try {
    await file?.datasync();
  } catch (error) {
    throw diskFailure(error);
  } finally {
    await file?.close();
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function diskFailure(error: unknown): unknown {
  const code = codeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT' ? new KuvertError('disk_full', { cause: error }) : error;
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}

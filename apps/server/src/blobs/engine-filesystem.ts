/**
 * Blobs as files: `<folder>/<tenant>/<attachment>` once complete, `<attachment>.part` before. Bytes are flushed before they count; completing is a
 * rename and a flush of the folder. The hash is carried along while a file grows, and made from the file after a restart.
 */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, mkdir, open, opendir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { dropOldest, isId, KuvertError, type TenantId } from '@kuvert/protocol';
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
/** Files leave so much of a disk free, because the messages of everybody may lie on it too: a tenth, but no more than this. */
const RESERVE = { share: 0.1, bytesMax: 256 * 1_048_576 } as const;

/** A hash that has taken so many bytes of a file. */
interface RunningHash {
  readonly hash: Hash;
  bytes: number;
}

/** Bytes that are being added to a file. */
interface Appending {
  stop(): void;
  /** All that will come has been written, or nothing will be. */
  readonly written: Promise<unknown>;
  /** The size that is durable. */
  readonly durable: Promise<number>;
  /** What is there once all was written; it is being made durable. */
  state: BlobState | undefined;
  /** Its name becomes durable, because it is being completed. */
  placing?: Promise<void>;
}

/** @see the top of this file. @param folder made when the first file comes */
export function openFileBlobs(folder: string): Blobs {
  const appending = new Map<string, Appending>();
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
    const known = appending.get(path)?.state;
    if (known !== undefined) return known;
    // In this order nothing is missed that is completed meanwhile.
    const part = await sizeOf(path + PART);
    if (part !== undefined) return { sizeBytes: part, isComplete: false };
    const whole = await sizeOf(path);
    return whole === undefined ? undefined : { sizeBytes: whole, isComplete: true };
  }

  /** @throws KuvertError `attachment_offset` when the file does not end at `from` */
  async function openPart(blob: BlobPlace, from: number): Promise<FileHandle> {
    const path = pathOf(blob);
    if (from === 0) {
      // Most files are new: that is tried before it is known.
      const looking = sizeOf(path);
      looking.catch(() => undefined);
      const made = await makePart(path + PART, blob.tenantId);
      if (made !== undefined) {
        const isFirst = await looking.then(
          (whole) => whole === undefined,
          () => false,
        );
        if (isFirst) return made;
        await made.close();
        await rm(path + PART, { force: true });
      }
    }
    const present = await find(blob);
    const offset = present?.sizeBytes ?? 0;
    if (present === undefined || present.isComplete || offset !== from) {
      throw new KuvertError('attachment_offset', { details: { offset } });
    }
    return open(path + PART, 'r+');
  }

  /** @returns undefined when it is there already */
  async function makePart(path: string, tenantId: TenantId): Promise<FileHandle | undefined> {
    for (let isAgain = false; ; isAgain = true) {
      try {
        return await open(path, 'wx+', 0o600);
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return undefined;
        if (codeOf(error) !== 'ENOENT' || isAgain) throw error;
        await mkdir(join(folder, tenantId), { recursive: true, mode: 0o700 });
      }
    }
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
    {
      untilBytes,
      signal,
      onWritten,
    }: { untilBytes: number; signal: AbortSignal; onWritten: (sizeBytes: number) => void },
  ): Promise<number> {
    const path = pathOf(blob);
    // What will not fit is refused before it takes the room of others.
    await requireRoom(folder, untilBytes - from);
    const file = await openPart(blob, from);
    const isCarried = from > 0 && hashes.get(path)?.bytes === from;
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
          await requireRoom(folder, 0);
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
      onWritten(at);
    } catch (error) {
      hashes.delete(path);
      await syncing.catch(() => undefined);
      throw diskFailure(error);
    } finally {
      await file
        .datasync()
        .then(() => appending.get(path)?.placing ?? (isCarried ? undefined : place(blob.tenantId)))
        // Whether it is durable is not known: nobody is to rely on what is carried along.
        .catch((error: unknown) => {
          hashes.delete(path);
          throw diskFailure(error);
        })
        .finally(() => {
          file.close().catch(() => undefined);
        });
    }
    return at;
  }

  function remember(path: string, running: RunningHash): void {
    hashes.delete(path);
    hashes.set(path, running);
    dropOldest(hashes, HASHES_MAX);
  }

  return {
    find,

    async append(place, from, bytes, untilBytes) {
      const path = pathOf(place);
      for (let before = appending.get(path); before !== undefined; before = appending.get(path)) {
        before.stop();
        await before.durable.catch(() => undefined);
      }
      const stop = new AbortController();
      const written = Promise.withResolvers<void>();
      const onWritten = (sizeBytes: number) => {
        entry.state = { sizeBytes, isComplete: false };
        written.resolve();
      };
      const durable = write(place, from, bytes, { untilBytes, signal: stop.signal, onWritten }).finally(
        () => {
          appending.delete(path);
          written.resolve();
        },
      );
      const entry: Appending = {
        stop: () => stop.abort(),
        written: written.promise,
        durable,
        state: undefined,
      };
      appending.set(path, entry);
      return durable;
    },

    async settled(place) {
      const present = appending.get(pathOf(place));
      if (present === undefined || present.state !== undefined) return;
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, SETTLE_MS);
      await Promise.race([present.written, late.promise]);
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
      const entry = appending.get(path);
      const sizeBytes = entry?.state?.sizeBytes ?? (entry ? undefined : await sizeOf(path + PART));
      // What came through this process was synced before it was answered for, or is about to be; another server may be about to.
      const isOurs = sizeBytes !== undefined && hashes.get(path)?.bytes === sizeBytes;
      if (!isOurs) for (const name of [path + PART, path]) await syncFile(name);
      try {
        await rename(path + PART, path);
        if (entry?.state !== undefined) entry.state = { ...entry.state, isComplete: true };
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw diskFailure(error);
        if ((await sizeOf(path)) === undefined) throw new KuvertError('not_found');
      }
      hashes.delete(path);
      // The name and the bytes become durable side by side: who waits for this hears of it when both are.
      const placing = place(blob.tenantId);
      if (entry !== undefined) entry.placing = placing;
      await Promise.all([placing, isOurs ? entry?.durable : undefined]);
    },

    async read(place, from) {
      const path = pathOf(place);
      const size = await sizeOf(path);
      if (size === undefined) throw new KuvertError('not_found');
      return { sizeBytes: size, bytes: piecesOf(path, from) };
    },

    async remove(place) {
      const path = pathOf(place);
      const present = appending.get(path);
      present?.stop();
      await present?.durable.catch(() => undefined);
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

/** @throws KuvertError `disk_full` when so many bytes more would leave less than the reserve */
async function requireRoom(folder: string, bytes: number): Promise<void> {
  // A folder that is not there yet, or a disk that does not tell, shows itself when something is written.
  const disk = await statfs(folder).catch(() => undefined);
  if (disk === undefined || disk.blocks === 0) return;
  const reserve = Math.min(disk.blocks * disk.bsize * RESERVE.share, RESERVE.bytesMax);
  if (disk.bavail * disk.bsize - bytes < reserve) throw new KuvertError('disk_full');
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

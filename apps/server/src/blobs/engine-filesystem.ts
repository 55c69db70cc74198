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
const BATCH_BYTES = 512 * 1_024;
/** Uploads whose hash is carried along; others are read again when they are finished. */
const HASHES_MAX = 1_000;
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
  const pathOf = ({ tenantId, attachment }: BlobPlace): string => {
    // Ids have one form and no dots or slashes; checked here too, because a path is made of them.
    if (!isId('tenant', tenantId) || !isId('attachment', attachment)) throw new KuvertError('not_found');
    return join(folder, tenantId, attachment);
  };

  async function find(place: BlobPlace): Promise<BlobState | undefined> {
    const path = pathOf(place);
    const whole = await sizeOf(path);
    if (whole !== undefined) return { sizeBytes: whole, isComplete: true };
    const part = await sizeOf(path + PART);
    return part === undefined ? undefined : { sizeBytes: part, isComplete: false };
  }

  async function openPart(path: string, tenantId: TenantId): Promise<FileHandle> {
    try {
      return await open(path, 'r+');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    await mkdir(join(folder, tenantId), { recursive: true, mode: 0o700 });
    const file = await open(path, 'wx+', 0o600);
    await syncFolder(join(folder, tenantId));
    await syncFolder(folder);
    return file;
  }

  async function write(
    place: BlobPlace,
    from: number,
    bytes: AsyncIterable<Uint8Array>,
    { untilBytes, signal }: { untilBytes: number; signal: AbortSignal },
  ): Promise<number> {
    const path = pathOf(place);
    const present = await find(place);
    const offset = present?.sizeBytes ?? 0;
    if (present?.isComplete || offset !== from) {
      throw new KuvertError('attachment_offset', { details: { offset } });
    }
    const file = await openPart(path + PART, place.tenantId);
    let at = from;
    try {
      const running = hashes.get(path) ?? { hash: createHash('sha256'), bytes: 0 };
      const carries = running.bytes === from;
      if (!carries) hashes.delete(path);
      const source = bytes[Symbol.asyncIterator]();
      const stopped = new Promise<IteratorResult<Uint8Array>>((resolve) => {
        signal.addEventListener('abort', () => resolve({ done: true, value: undefined }), { once: true });
      });
      const writer = new BehindWriter(file, from);
      try {
        for (;;) {
          const next = await Promise.race([source.next(), stopped]).catch(() => undefined);
          // A connection that ends in the middle leaves what it has brought.
          if (next === undefined || next.done) break;
          if (at + next.value.length > untilBytes) throw new KuvertError('too_large');
          await writer.add(next.value);
          at += next.value.length;
          if (carries) running.hash.update(next.value);
        }
        void source.return?.();
      } finally {
        await writer.flush();
      }
      running.bytes = at;
      if (carries) remember(path, running);
    } catch (error) {
      hashes.delete(path);
      throw diskFailure(error);
    } finally {
      await file.datasync().finally(() => file.close());
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

    async complete(place) {
      const path = pathOf(place);
      try {
        await rename(path + PART, path);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw diskFailure(error);
        if ((await sizeOf(path)) === undefined) throw new KuvertError('not_found');
      }
      hashes.delete(path);
      await syncFolder(join(folder, place.tenantId));
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

/**
 * Writes what comes in small pieces together, one batch while the next one comes: a connection brings 16 KiB at a time, and a trip to the disk for
 * each takes longer than all else that is done with them.
 */
class BehindWriter {
  readonly #file: FileHandle;
  #at: number;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, at: number) {
    this.#file = file;
    this.#at = at;
  }

  /** Takes bytes, which must not change any more. @throws what an earlier batch met */
  async add(bytes: Uint8Array): Promise<void> {
    this.#batch.push(bytes);
    this.#batchBytes += bytes.length;
    if (this.#batchBytes >= BATCH_BYTES) await this.#begin();
  }

  /** Resolves when everything has been written. */
  async flush(): Promise<void> {
    await this.#begin();
    await this.#writing;
  }

  async #begin(): Promise<void> {
    await this.#writing;
    const [batch, at] = [this.#batch, this.#at];
    this.#at += this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    if (batch.length === 0) return;
    this.#writing = this.#write(batch, at);
    // Whoever comes next hears of it.
    this.#writing.catch(() => undefined);
  }

  async #write(batch: readonly Uint8Array[], at: number): Promise<void> {
    let left = batch;
    for (let to = at; left.length > 0; ) {
      const { bytesWritten } = await this.#file.writev(left, to);
      to += bytesWritten;
      left = behind(left, bytesWritten);
    }
  }
}

/** What is left of these after so many bytes. */
function behind(batch: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skip = bytes;
  return batch.flatMap((part) => {
    const skipped = Math.min(skip, part.length);
    skip -= skipped;
    return skipped === part.length ? [] : part.subarray(skipped);
  });
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

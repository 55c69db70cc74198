/** Files into sealed files and back, segment by segment: nothing larger than a segment is ever in memory. */
import { createHash } from 'node:crypto';
import {
  ATTACHMENT_HEADER_BYTES,
  ATTACHMENT_KEY_BYTES,
  AttachmentError,
  attachmentCipher,
  attachmentHeader,
  attachmentLayout,
  paddedBytes,
  type SegmentPlace,
  type StreamingLayout,
} from '@kuvert/crypto/attachments';
import {
  ATTACHMENT_LIMITS,
  type AttachmentId,
  type AttachmentPointer,
  equalBytes,
  KuvertError,
} from '@kuvert/protocol';
import type { Random } from '../ports.ts';
import { BatchLanes } from './batch-lanes.ts';
import { batchBytesOf, batchesOf } from './file-sealer.ts';
import type { GrowingFile } from './growing-file.ts';
import type { AttachmentPorts, FileSource, FileTarget, FileWriting, SealedFiles } from './ports.ts';

type Hashes = Pick<AttachmentPointer, 'key' | 'sizeBytes' | 'sha256' | 'sealedBytes' | 'sealedSha256'>;
/** Told now and then how far something has come. */
export type OnBytes = (doneBytes: number, totalBytes: number) => void;

/** What a file of this size takes when it is sealed. @throws KuvertError `attachment_too_large` */
export function sealedBytesOf(sizeBytes: number): number {
  if (sizeBytes > ATTACHMENT_LIMITS.fileBytesMax) throw new KuvertError('attachment_too_large');
  return attachmentLayout(paddedBytes(sizeBytes)).sealedBytes;
}

/**
 * Seals a file of a size that {@link sealedBytesOf} takes, under a key of its own.
 * @param opening a new file; the first bytes are sealed while it is made
 * @param growing takes what is sealed as it is
 * @throws KuvertError `file_changed` when it has not the size that it was said to have
 */
export async function sealFile(
  source: FileSource,
  opening: Promise<FileWriting>,
  {
    openSealer,
    random,
    growing,
    onBytes,
  }: Pick<AttachmentPorts, 'openSealer'> & {
    readonly random: Random;
    readonly growing: GrowingFile;
    readonly onBytes?: OnBytes;
  },
): Promise<Hashes> {
  const { sizeBytes } = source;
  const key = random(ATTACHMENT_KEY_BYTES);
  const sealer = openSealer({ key, header: attachmentHeader(random), sizeBytes });
  const { sealedBytes } = attachmentLayout(paddedBytes(sizeBytes));
  const input = new Pieces(source.read());
  // Memory takes turns: one is filled from the file while another is sealed, and those before are written and sent.
  const lanes = new BatchLanes(batchBytesOf(sizeBytes), (isStillWanted) => {
    void growing.wantBack(isStillWanted);
  });
  let sealed: Promise<unknown> = Promise.resolve();
  let written: Promise<unknown> = Promise.resolve();
  const due: ReturnType<GrowingFile['lend']>[] = [];
  // What was sealed while the disk wrote is written together.
  const writeDue = async () => {
    const writing = await opening;
    const loans = due.splice(0);
    await writing.write(...loans.map(({ bytes }) => bytes));
    for (const loan of loans) growing.written(loan);
  };
  let doneBytes = 0;
  try {
    for (const batch of batchesOf(sizeBytes)) {
      const memory = await lanes.take();
      const given = await fillFrom(input, memory.plain, batch.fileBytes).catch((error: unknown) => {
        lanes.giveBack(memory);
        throw error;
      });
      memory.plain.fill(0, given);
      doneBytes += batch.fileBytes;
      onBytes?.(doneBytes, sizeBytes);
      const sealing = sealer.seal(batch, memory);
      const lent = Promise.all([sealing, sealed]).then(([{ sealed: bytes, plain }]) => {
        const onBack = () => lanes.giveBack({ plain, sealed: bytes });
        due.push(growing.lend(bytes.subarray(0, batch.sealedBytes), onBack));
      });
      sealed = lent;
      written = Promise.all([lent, written]).then(writeDue);
      written.catch((error: unknown) => lanes.fail(error));
    }
    // Whoever writes to it while it is read would have half of each sent.
    if ((await input.fill(new Uint8Array(1))) > 0) throw new KuvertError('file_changed');
    const hashes = await sealer.finish();
    growing.completed(hashes.sealedSha256);
    await written;
    return { key, sizeBytes, sealedBytes, ...hashes };
  } finally {
    // Nobody closes the file under a write.
    await written.catch(() => undefined);
    sealer.wipe();
    lanes.close();
    await input.close();
  }
}

/** @throws KuvertError `file_changed` */
async function fillFrom(input: Pieces, plain: Uint8Array, count: number): Promise<number> {
  if ((await input.fill(plain.subarray(0, count))) < count) throw new KuvertError('file_changed');
  return count;
}

/**
 * Takes a sealed file as it comes, from where an earlier try has ended. Each segment is opened before it is written: nothing that was changed
 * on the way reaches the disk.
 * @throws KuvertError `attachment_damaged`, and whatever `from` throws
 */
export async function takeSealed(
  pointer: AttachmentPointer,
  writing: FileWriting,
  from: (offset: number) => Promise<AsyncIterable<Uint8Array>>,
  onBytes?: OnBytes,
): Promise<void> {
  const layout = layoutOf(pointer);
  let next = layout.segmentsIn(writing.sizeBytes);
  const begin = next === 0 ? 0 : layout.segment(next - 1).sealedEnd;
  await writing.truncate(begin);
  onBytes?.(begin, pointer.sealedBytes);
  if (next === layout.segmentCount) return;
  const input = new Pieces(await from(begin));
  try {
    const header = new Uint8Array(ATTACHMENT_HEADER_BYTES);
    if (next > 0) header.set(await writing.read(0, header.length));
    else if ((await input.fill(header)) < header.length) throw damaged();
    const cipher = attachmentCipher(pointer.key, header);
    const buffer = segmentBuffer(layout);
    for (; next < layout.segmentCount; next++) {
      const place = layout.segment(next);
      const sealed = buffer.subarray(0, place.sealedEnd - place.sealedStart);
      if ((await input.fill(sealed)) < sealed.length) throw new KuvertError('server_unreachable');
      checkPadding(cipher.open(place, sealed), place, pointer.sizeBytes);
      await writing.write(...(next === 0 ? [header, sealed] : [sealed]));
      writing.flushSoon();
      onBytes?.(place.sealedEnd, pointer.sealedBytes);
    }
    cipher.wipe();
  } catch (error) {
    throw error instanceof AttachmentError ? damaged(error) : error;
  } finally {
    await input.close();
  }
}

/**
 * Opens a sealed file of this profile for a person.
 * @throws KuvertError `attachment_damaged`: also when the file is another one than the message has promised
 */
export async function openFile(
  pointer: AttachmentPointer,
  attachment: AttachmentId,
  { files, target }: { readonly files: SealedFiles; readonly target: Pick<FileTarget, 'write'> },
): Promise<void> {
  const layout = layoutOf(pointer);
  const input = new Pieces(files.read(attachment, { from: 0, to: pointer.sealedBytes }));
  const hash = createHash('sha256');
  try {
    const header = new Uint8Array(ATTACHMENT_HEADER_BYTES);
    if ((await input.fill(header)) < header.length) throw damaged();
    const cipher = attachmentCipher(pointer.key, header);
    const buffer = segmentBuffer(layout);
    for (let index = 0; index < layout.segmentCount; index++) {
      const place = layout.segment(index);
      const sealed = buffer.subarray(0, place.sealedEnd - place.sealedStart);
      if ((await input.fill(sealed)) < sealed.length) throw damaged();
      const plain = cipher.open(place, sealed).subarray(0, Math.max(0, pointer.sizeBytes - place.plainStart));
      hash.update(plain);
      if (plain.length > 0) await target.write(plain);
    }
    cipher.wipe();
    if (!equalBytes(Uint8Array.from(hash.digest()), pointer.sha256)) throw damaged();
  } catch (error) {
    throw error instanceof AttachmentError ? damaged(error) : error;
  } finally {
    await input.close();
  }
}

/** @throws KuvertError `attachment_damaged` for a pointer that does not fit together */
function layoutOf({ sizeBytes, sealedBytes }: AttachmentPointer) {
  const layout = attachmentLayout(paddedBytes(sizeBytes));
  if (layout.sealedBytes !== sealedBytes) throw damaged();
  return layout;
}

/** Room for the largest sealed segment. */
function segmentBuffer(layout: StreamingLayout): Uint8Array {
  const { sealedStart, sealedEnd } = layout.segment(Math.min(1, layout.segmentCount - 1));
  const first = layout.segment(0);
  return new Uint8Array(Math.max(first.sealedEnd - first.sealedStart, sealedEnd - sealedStart));
}

/** What is behind the file is nothing but zeros: no room for anything that nobody sees. */
function checkPadding(plain: Uint8Array, { plainStart }: SegmentPlace, sizeBytes: number): void {
  const padding = plain.subarray(Math.min(plain.length, Math.max(0, sizeBytes - plainStart)));
  if (padding.some((byte) => byte !== 0)) throw damaged();
}

function damaged(cause?: unknown): KuvertError {
  return new KuvertError('attachment_damaged', { cause });
}

/** Bytes that come in pieces of any size, given in pieces of the size that is asked for. */
class Pieces {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }
  /** @returns how many bytes there were; less than asked for only at the end */
  async fill(into: Uint8Array): Promise<number> {
    let at = 0;
    while (at < into.length) {
      if (this.#rest.length === 0) {
        const next = await this.#source.next();
        if (next.done) break;
        this.#rest = next.value;
      }
      const part = this.#rest.subarray(0, into.length - at);
      into.set(part, at);
      at += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return at;
  }
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}

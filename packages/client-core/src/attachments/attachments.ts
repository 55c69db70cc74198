/**
 * Files in conversations: sealing and sending them, fetching and saving them. A file is sealed into the profile first, and its message written
 * down with it, so that both survive a killed process and need the original no more; the message goes out when the server has the file. A power cut
 * they survive from when `send` resolves: then the file is durable here, or at the server already, where this disk need not hurry.
 */
import {
  type AttachmentId,
  type AttachmentPointer,
  type ContentId,
  type ConversationId,
  equalBytes,
  KuvertError,
} from '@kuvert/protocol';
import { type Context, newId } from '../context.ts';
import { contentOf, type Draft } from '../conversations/composing.ts';
import { queueShown } from '../conversations/outgoing.ts';
import { shownOf } from '../conversations/shown.ts';
import type { EntryRow } from '../conversations/store.ts';
import type { EntryId } from '../conversations/types.ts';
import type { Connection } from '../ports.ts';
import { harmlessName } from './names.ts';
import { OutlivedFiles } from './outlived.ts';
import type { AttachmentPorts, FileSource, FileTarget, FileWriting } from './ports.ts';
import { openFile, sealedBytesOf, sealFile, takeSealed } from './sealing.ts';
import type { UploadRow } from './store.ts';
import { type UploadHooks, Uploads } from './uploads.ts';

/** Sealed files beyond this are not kept here once they are sent or saved. */
const KEPT_BYTES_MAX = 16 * 1_048_576;
const LISTED = 1_000;
/** A file that the server does not have so soon after it was sealed is made durable here. */
const KEEP_AFTER_MS = 500;

type FileDraft = Extract<Draft, { file: unknown }>;
/** What is said of a file that is sent: its kind, what is written to it, how it looks. */
export type FileMessage = FileDraft extends infer D
  ? D extends unknown
    ? Omit<D, 'file'> & { readonly mediaType: string }
    : never
  : never;

/** @see the top of this file */
export class Attachments {
  readonly #context: Context;
  readonly #ports: AttachmentPorts | undefined;
  readonly #connection: () => Connection | undefined;
  readonly #sealing = new Set<AttachmentId>();
  readonly #fetching = new Map<AttachmentId, Promise<void>>();
  /** Brings files to the server. */
  readonly uploads: Uploads;
  /** Files that the server need not keep for as long as others. */
  readonly outlived: OutlivedFiles;

  constructor(
    context: Context,
    ports: AttachmentPorts | undefined,
    hooks: {
      readonly connection: () => Connection | undefined;
      readonly onOutgoing: () => void;
      readonly ahead: UploadHooks['ahead'];
    },
  ) {
    this.#context = context;
    this.#ports = ports;
    this.#connection = hooks.connection;
    this.uploads = new Uploads(context, ports, {
      onReleased: hooks.onOutgoing,
      ahead: hooks.ahead,
      onBytes: ({ attachment }, doneBytes, totalBytes) =>
        context.progress.tell({ work: 'uploading', attachment, done: doneBytes, total: totalBytes }),
    });
    this.outlived = new OutlivedFiles(context, {
      isConnected: () => hooks.connection() !== undefined,
      onRemoval: () => this.uploads.look(),
    });
  }

  /**
   * Seals a file and writes its message down: from when this resolves on both survive everything but the loss of the disk.
   * @throws KuvertError `attachment_too_large`, `file_changed`, `disk_full`, `content_invalid`
   */
  async send(
    conversationId: ConversationId,
    source: FileSource,
    { mediaType, ...message }: FileMessage,
  ): Promise<ContentId> {
    const { random, store, progress } = this.#context;
    const { files, openSealer } = this.#platform();
    const sealedBytes = sealedBytesOf(source.sizeBytes);
    const next = this.uploads.takeNext(sealedBytes);
    const attachment = next?.attachment ?? newId(this.#context, 'attachment');
    this.#sealing.add(attachment);
    // The server is asked for its place meanwhile, or gets the first bytes.
    const growing = this.uploads.whileSealing(attachment, sealedBytes, next);
    let writing: FileWriting | undefined;
    const opening = files.create(attachment).then((file) => {
      writing = file;
      return file;
    });
    opening.catch(() => undefined);
    try {
      const sealed = await sealFile(source, opening, {
        openSealer,
        random,
        growing,
        onBytes: (done, total) => {
          // What a slow line leaves here for long is to be durable soon after it is whole.
          if (!growing.isNearlySent) writing?.flushSoon();
          progress.tell({ work: 'sealing', attachment, done, total });
        },
      });
      const pointer: AttachmentPointer = { ...sealed, attachment, name: shortName(source.name), mediaType };
      const content = contentOf({ ...message, file: pointer } as FileDraft);
      const { sealedSha256 } = sealed;
      const isDurable = !growing.isNearlySent;
      await (await opening).finish({ isDurable });
      // With a file that is not durable yet nothing is promised: both are before this resolves.
      // A line that takes the rest at once is not to wait for the database.
      if (!isDurable) await growing.sentSoon();
      const write = isDurable ? store.transaction : store.lightTransaction;
      const contentId = write(() => {
        const queued = queueShown(this.#context, conversationId, content);
        store.outbox.hold(queued);
        store.uploads.add({ attachment, contentId: queued, sealedBytes, sealedSha256 });
        return queued;
      });
      this.uploads.look();
      if (!isDurable) await this.#keep({ attachment, contentId });
      return contentId;
    } catch (error) {
      growing.giveUp();
      await opening.then((file) => file.close()).catch(() => undefined);
      await files.remove(attachment).catch(() => undefined);
      throw error;
    } finally {
      this.#sealing.delete(attachment);
    }
  }

  /**
   * Fetches the file of a message into the profile, unless it is there; goes on where it was interrupted.
   * @throws KuvertError `message_unknown`, `no_file`, `server_unreachable`, `attachment_gone`, `attachment_damaged`
   */
  async fetch(entryId: EntryId): Promise<void> {
    const pointer = this.#pointerAt(entryId);
    const { attachment } = pointer;
    const present = this.#fetching.get(attachment);
    if (present !== undefined) return present;
    const fetching = this.#fetch(pointer).finally(() => this.#fetching.delete(attachment));
    this.#fetching.set(attachment, fetching);
    return fetching;
  }

  /**
   * Saves the file of a message for a person, fetching it first where necessary. Nothing is under the name before all of it has been checked.
   * @returns where it is. @throws KuvertError as {@link Attachments.fetch}, `disk_full`
   */
  async save(entryId: EntryId, target: FileTarget): Promise<string> {
    const { files } = this.#platform();
    const pointer = this.#pointerAt(entryId);
    try {
      await this.fetch(entryId);
      await openFile(pointer, pointer.attachment, { files, target });
      const path = await target.finish(harmlessName(pointer.name));
      await this.#dropLarge(pointer);
      return path;
    } catch (error) {
      await target.discard();
      // What this disk has changed is fetched again.
      const isOurs = this.#context.store.uploads.get(pointer.attachment)?.state === 'upload';
      if (error instanceof KuvertError && error.code === 'attachment_damaged' && !isOurs) {
        await files.remove(pointer.attachment);
      }
      throw error;
    }
  }

  /** True when the file of a message is in the profile. */
  async isHere(entryId: EntryId): Promise<boolean> {
    const pointer = this.#pointerAt(entryId);
    return (await this.#ports?.files.size(pointer.attachment)) === pointer.sealedBytes;
  }

  /** A message is no more: neither is its file here, and on the server when it was taken back, or has disappeared everywhere. Has to run in a transaction. */
  entryGone(row: EntryRow, as: 'deleted' | 'removed'): void {
    const content = shownOf(row);
    if (content === undefined || !('file' in content)) return;
    const { attachment } = content.file;
    const { store, own } = this.#context;
    const isOwnUpload = row.senderDevice === own.deviceId && store.uploads.get(attachment) !== undefined;
    if (isOwnUpload && as === 'deleted') store.uploads.setState(attachment, 'remove');
    else if (isOwnUpload && row.timerMs !== undefined) store.uploads.setOutlived(attachment, row.timerMs);
    queueMicrotask(() => {
      this.#ports?.files.remove(attachment).catch((cause: unknown) => this.#context.failed(cause));
      this.outlived.look();
      this.uploads.look();
    });
  }

  /** Removes sealed files that nothing needs any more: leftovers of a killed process, and large ones that have been sent. */
  async tidy(): Promise<void> {
    const { store } = this.#context;
    if (this.#ports === undefined) return;
    await this.#ports.files.removeNew((attachment) => this.#sealing.has(attachment));
    for (const { attachment, sealedBytes } of store.uploads.takeDone(LISTED)) {
      if (sealedBytes > KEPT_BYTES_MAX) await this.#ports.files.remove(attachment);
    }
  }

  async #fetch(pointer: AttachmentPointer): Promise<void> {
    const { files, transfer } = this.#platform();
    const { attachment, sealedBytes, sealedSha256 } = pointer;
    if ((await files.size(attachment)) === sealedBytes) return;
    const connection = this.#connection();
    if (connection === undefined) throw new KuvertError('server_unreachable');
    const opened = await connection.request('attachments.open', { attachment });
    if (opened.sizeBytes !== sealedBytes || !equalBytes(opened.sha256, sealedSha256)) {
      throw new KuvertError('attachment_damaged');
    }
    const writing = await files.write(attachment);
    try {
      await takeSealed(
        pointer,
        writing,
        (from) => transfer.fetch({ capability: opened.capability, from }),
        (done, total) => this.#context.progress.tell({ work: 'downloading', attachment, done, total }),
      );
      await writing.finish();
    } catch (error) {
      await writing.close();
      // A full disk needs the room for everything else, messages first: the file is fetched again when there is some.
      if (error instanceof KuvertError && error.code === 'disk_full') await files.remove(attachment);
      throw error;
    } finally {
      await writing.close();
    }
  }

  /** Waits until a file is durable: at the server or, where that takes longer, here. @throws KuvertError `disk_full`; then its message is no more */
  async #keep(upload: Pick<UploadRow, 'attachment' | 'contentId'>): Promise<void> {
    const { clock } = this.#context;
    const isStored = await new Promise<boolean>((resolve) => {
      const cancel = clock.after(KEEP_AFTER_MS, () => resolve(false));
      void this.uploads.whenStored(upload.attachment).then((is) => {
        cancel();
        resolve(is);
      });
    });
    if (isStored) return;
    const { attachment } = upload;
    await this.#platform()
      .files.keep(attachment)
      .catch((error: unknown) => {
        if (this.#takeBack(upload)) throw error;
      });
    // The same row once more, and this time the disk has it.
    const { store } = this.#context;
    store.transaction(() => {
      if (store.uploads.get(attachment)?.state === 'upload') store.uploads.setState(attachment, 'upload');
    });
  }

  /** Nobody is to wait for a message whose file could not be kept. @returns false when the server has it by now */
  #takeBack({ attachment, contentId }: Pick<UploadRow, 'attachment' | 'contentId'>): boolean {
    const { store, changes } = this.#context;
    return store.transaction(() => {
      if (store.uploads.get(attachment)?.state !== 'upload' || !store.outbox.withdraw(contentId))
        return false;
      store.uploads.delete(attachment);
      for (const { entryId, conversationId } of store.entries.find(contentId, this.#context.own.deviceId)) {
        store.entries.forget(entryId, 'removed');
        changes.entriesOf(conversationId);
      }
      return true;
    });
  }

  async #dropLarge({ attachment, sealedBytes }: AttachmentPointer): Promise<void> {
    const upload = this.#context.store.uploads.get(attachment);
    const isNeeded = upload !== undefined && upload.state === 'upload';
    if (sealedBytes > KEPT_BYTES_MAX && !isNeeded) await this.#ports?.files.remove(attachment);
  }

  #pointerAt(entryId: EntryId): AttachmentPointer {
    const row = this.#context.store.entries.get(entryId);
    if (row === undefined || row.direction === 'system') throw new KuvertError('message_unknown');
    const content = shownOf(row);
    if (content === undefined || !('file' in content)) throw new KuvertError('no_file');
    return content.file;
  }

  #platform(): AttachmentPorts {
    if (this.#ports === undefined) throw new KuvertError('unexpected');
    return this.#ports;
  }
}

/** As much of a name as fits into a message, its end kept: it says what the file is. */
function shortName(name: string): string {
  return harmlessName(name);
}

/** What attachments need of the world: places for sealed files, and a way to move bytes to and from the server. */
import type { AttachmentId } from '@kuvert/protocol';
import type { Batch, BatchMemory, FileHashes, SealingOrder } from './file-sealer.ts';

/** A file that is being written; nobody sees it under its name before it is whole. */
export interface FileWriting {
  /** Bytes that are there already, of an earlier try. */
  readonly sizeBytes: number;
  /** The first bytes of an earlier try. */
  read(from: number, count: number): Promise<Uint8Array>;
  /** Forgets what is behind; later writes go on from there. */
  truncate(sizeBytes: number): Promise<void>;
  /** Adds these one after the other. */
  write(...parts: readonly Uint8Array[]): Promise<void>;
  /** The disk is to begin with what was written; nobody waits for it. */
  flushSoon(): void;
  /** Makes it whole and gives it its name. It is durable with `isDurable`, or once {@link SealedFiles.keep} has said so. */
  finish(how?: { readonly isDurable: boolean }): Promise<void>;
  /** Ends the writing; what is there stays for a later try. */
  close(): Promise<void>;
}

/** Sealed files of the profile. What is written here was sealed by this device or has been checked. */
export interface SealedFiles {
  /** Size of a whole file. */
  size(attachment: AttachmentId): Promise<number | undefined>;
  /** What is there of a file, also while it is being sealed. Each piece is good until the next is asked for. */
  read(attachment: AttachmentId, range: { from: number; to: number }): AsyncIterable<Uint8Array>;
  /** Begins a file that is sealed here. It is whole once finished, and until then of no use to a later process. */
  create(attachment: AttachmentId): Promise<FileWriting>;
  /** Begins a file that is fetched, or goes on with one that was begun. */
  write(attachment: AttachmentId): Promise<FileWriting>;
  /** Makes a whole file durable, and its name. */
  keep(attachment: AttachmentId): Promise<void>;
  /** Removes it, begun or whole, if it is there. */
  remove(attachment: AttachmentId): Promise<void>;
  /** Removes what was begun with `create` and never finished, but not what is still needed. */
  removeNew(isNeeded: (attachment: AttachmentId) => boolean): Promise<void>;
}

/** Moves bytes. Every call rejects with a KuvertError: what the server answered, or `server_unreachable`. */
export interface BlobTransfer {
  /**
   * Sends `bytes`, which are `count`, as what comes from `offset` on; each part need only be good until the next is asked for.
   * @returns how much the server has then
   */
  send(piece: {
    readonly capability: string;
    readonly offset: number;
    readonly count: number;
    readonly bytes: AsyncIterable<Uint8Array>;
    /** Called when all of them are on their way. */
    readonly onSent?: () => void;
  }): Promise<number>;
  /**
   * Sends a whole file of `count` bytes in one request, its hash behind them; resolves when the server has stored it. Each part need only be good until the
   * next is asked for.
   * @param file.next what the next such file will be called
   * @returns the capability for that one
   */
  store(file: {
    readonly capability: string;
    readonly next: AttachmentId;
    readonly count: number;
    readonly bytes: AsyncIterable<Uint8Array>;
    /** Undefined when the file is given up. */
    readonly sha256: Promise<Uint8Array | undefined>;
    /** Called when all of it is on its way. */
    readonly onSent: () => void;
  }): Promise<string | undefined>;
  /** The bytes from `from` to the end. */
  fetch(range: { readonly capability: string; readonly from: number }): Promise<AsyncIterable<Uint8Array>>;
  /** Ends what is under way. */
  close(): void;
}

/** Seals one file, batch by batch in their order. */
export interface Sealer {
  /** @returns the memory that was given, or what has taken its place: the given one is not to be used any more */
  seal(batch: Batch, memory: BatchMemory): Promise<BatchMemory>;
  /** After the last batch. */
  finish(): Promise<FileHashes>;
  /** Overwrites the key. To be called once, at the end. */
  wipe(): void;
}

/** A file that somebody wants to send. */
export interface FileSource {
  readonly name: string;
  readonly sizeBytes: number;
  /** Each piece need only be good until the next is asked for. */
  read(): AsyncIterable<Uint8Array>;
}

/** Where a file is saved for a person. */
export interface FileTarget {
  write(bytes: Uint8Array): Promise<void>;
  /** Gives it a name that is free, or one like it. @returns where it is */
  finish(name: string): Promise<string>;
  /** Leaves nothing behind. */
  discard(): Promise<void>;
}

/** What a platform gives to attachments. */
export interface AttachmentPorts {
  /** Who computes while a file is sealed. */
  readonly openSealer: (order: SealingOrder) => Sealer;
  readonly files: SealedFiles;
  readonly transfer: BlobTransfer;
}

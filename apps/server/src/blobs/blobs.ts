/**
 * The port to where large sealed files lie. A file is named by tenant and id, grows at its end while it is incomplete, and never changes
 * once it is complete. Whatever engine: what {@link Blobs.append} has answered for is durable, a complete file appears whole or not at all,
 * and one tenant's files cannot be reached by naming another's.
 */
import type { AttachmentId, TenantId } from '@kuvert/protocol';

/** Which file. */
export interface BlobPlace {
  readonly tenantId: TenantId;
  readonly attachment: AttachmentId;
}

/** How far a file has come. */
export interface BlobState {
  readonly sizeBytes: number;
  readonly isComplete: boolean;
}

/** A file as {@link Blobs.list} finds it. */
export interface ListedBlob extends BlobState {
  readonly attachment: AttachmentId;
  /** When bytes were last added or the file was completed, Unix milliseconds of the storage's clock. */
  readonly changedAtMs: number;
}

/** @see the top of this file */
export interface Blobs {
  /** Undefined where there is nothing. */
  find(place: BlobPlace): Promise<BlobState | undefined>;
  /**
   * Adds bytes at the end of an incomplete file, which begins with the first of them. A call takes the place of one that is under way for the same file: a
   * client that comes again has given up the connection before.
   *
   * @param from where the first byte belongs: has to be where the file ends
   * @param bytes each part need only be good until the next is asked for
   * @param untilBytes the file may become this large
   * @returns the size that is durable now, also when `bytes` ended with an error
   * @throws KuvertError `attachment_offset` with {offset} for another `from`, `too_large`, `disk_full` (also for what would leave too little room for everything else)
   */
  append(
    place: BlobPlace,
    from: number,
    bytes: AsyncIterable<Uint8Array>,
    untilBytes: number,
  ): Promise<number>;
  /**
   * Resolves when no call of {@link Blobs.append} for this file takes bytes at this server any more, or after some seconds. What it has taken is found
   * and hashed then, and durable when that call, or {@link Blobs.complete}, says so.
   */
  settled(place: BlobPlace): Promise<void>;
  /** SHA-256 of the file, complete or not. @throws KuvertError `not_found` */
  hash(place: BlobPlace): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Nothing is added any more; the file is durable, whoever has added to it. May be repeated. A crash before it has answered may leave a file that says it is
   * complete and is too short, for the caller to remove. @throws KuvertError `not_found`
   */
  complete(place: BlobPlace): Promise<void>;
  /** The bytes of a complete file from an offset on. Ending the iteration early frees everything. @throws KuvertError `not_found` */
  read(
    place: BlobPlace,
    from: number,
  ): Promise<{ readonly bytes: AsyncIterable<Uint8Array>; readonly sizeBytes: number }>;
  /** Removes the file, if there is one, complete or not. */
  remove(place: BlobPlace): Promise<void>;
  /** Every file of a tenant, in no order. */
  list(tenantId: TenantId): AsyncIterable<ListedBlob>;
}

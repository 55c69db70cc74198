/**
 * Brings sealed files to the server while there is a connection, a few at a time, and lets the messages go out whose files are there. Wherever it
 * is stopped, it goes on from what the server has made durable.
 */
import { type AttachmentId, KuvertError } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { tellOutgoing } from '../conversations/outgoing.ts';
import type { Connection } from '../ports.ts';
import type { AttachmentPorts } from './ports.ts';
import type { OnBytes } from './sealing.ts';
import type { UploadRow } from './store.ts';

const AT_ONCE = 3;
const PIECE_BYTES = { first: 1_048_576, min: 65_536, max: 16 * 1_048_576 } as const;
/** A piece is made larger when it took less, and smaller when it took more. */
const PIECE_MS = { quick: 1_000, slow: 4_000 } as const;
const RETRY_MS = { min: 1_000, max: 60_000 } as const;
/** Changed on the way to the server; more often than this is no accident. */
const DAMAGES_MAX = 3;
/** What waits for longer is confirmed again, so that the server keeps it for as long as its message. */
const STALE_MS = 86_400_000;
/** Pauses beyond this are not waited for by whoever wants to be done. */
const SHORT_PAUSE_MS = 5_000;

/** @see the top of this file */
export class Uploads {
  readonly #context: Context;
  readonly #ports: AttachmentPorts | undefined;
  readonly #hooks: {
    readonly onReleased: () => void;
    readonly onBytes: (row: UploadRow, ...bytes: Parameters<OnBytes>) => void;
  };
  readonly #underWay = new Set<AttachmentId>();
  readonly #paused = new Map<AttachmentId, { readonly cancel: () => void; readonly isShort: boolean }>();
  readonly #failures = new Map<AttachmentId, number>();
  #connection: Connection | undefined;

  constructor(
    context: Context,
    ports: AttachmentPorts | undefined,
    hooks: {
      /** A message may go out. */
      readonly onReleased: () => void;
      readonly onBytes: (row: UploadRow, ...bytes: Parameters<OnBytes>) => void;
    },
  ) {
    this.#context = context;
    this.#ports = ports;
    this.#hooks = hooks;
  }

  connected(connection: Connection): void {
    this.#connection = connection;
    const { store, serverOffset } = this.#context;
    store.transaction(() => {
      for (const row of store.uploads.listStale(serverOffset.now() - STALE_MS, 1_000)) {
        store.uploads.setState(row.attachment, 'upload');
        store.outbox.hold(row.contentId);
      }
    });
    this.look();
  }
  disconnected(): void {
    this.#connection = undefined;
    for (const { cancel } of this.#paused.values()) cancel();
    this.#paused.clear();
    this.#failures.clear();
  }
  /** True when nothing is under way and nothing can be done soon. */
  isIdle(): boolean {
    return this.#underWay.size === 0 && ![...this.#paused.values()].some(({ isShort }) => isShort);
  }

  /** There may be something to do. */
  look(): void {
    const connection = this.#connection;
    if (connection === undefined || this.#ports === undefined) return;
    const { store } = this.#context;
    for (const row of [...store.uploads.list('remove', 100), ...store.uploads.list('upload', 100)]) {
      if (this.#underWay.size >= AT_ONCE) return;
      if (this.#underWay.has(row.attachment) || this.#paused.has(row.attachment)) continue;
      this.#underWay.add(row.attachment);
      const work =
        row.state === 'remove' ? this.#remove(connection, row) : this.#upload(connection, this.#ports, row);
      work
        .catch((error: unknown) => this.#failed(connection, row, error))
        .finally(() => {
          this.#underWay.delete(row.attachment);
          this.look();
          this.#context.changed();
        });
    }
  }

  async #upload(connection: Connection, { files, transfer }: AttachmentPorts, row: UploadRow): Promise<void> {
    const { attachment, sealedBytes, sealedSha256 } = row;
    if ((await files.size(attachment)) !== sealedBytes) throw new KuvertError('attachment_damaged');
    let pieceBytes: number = PIECE_BYTES.first;
    const begun = await connection.request('attachments.create', { attachment, sizeBytes: sealedBytes });
    let { offset } = begun;
    while (!begun.isStored && offset < sealedBytes && this.#connection === connection) {
      this.#hooks.onBytes(row, offset, sealedBytes);
      const count = Math.min(pieceBytes, sealedBytes - offset);
      const from = offset;
      const bytes = counted(files.read(attachment, { from, to: from + count }), (done) =>
        this.#hooks.onBytes(row, from + done, sealedBytes),
      );
      const startedAt = performance.now();
      const reached = await transfer.send({ capability: begun.capability, offset, count, bytes });
      const tookMs = performance.now() - startedAt;
      // A server that goes back and forth is not followed for ever.
      if (reached > offset) this.#failures.delete(attachment);
      else throw new KuvertError('server_unreachable');
      offset = reached;
      if (tookMs < PIECE_MS.quick) pieceBytes = Math.min(pieceBytes * 2, PIECE_BYTES.max);
      if (tookMs > PIECE_MS.slow) pieceBytes = Math.max(pieceBytes / 2, PIECE_BYTES.min);
    }
    if (this.#connection !== connection) return;
    await connection.request('attachments.finish', { attachment, sha256: sealedSha256 });
    this.#hooks.onBytes(row, sealedBytes, sealedBytes);
    await this.#context.operations.run(() => this.#stored(row));
  }

  #stored({ attachment, contentId }: UploadRow): void {
    const { store, serverOffset } = this.#context;
    store.transaction(() => {
      // Its message may have been taken back meanwhile.
      if (store.uploads.get(attachment)?.state !== 'upload') return;
      store.uploads.setState(attachment, 'stored', Math.floor(serverOffset.now()));
      store.outbox.release(contentId);
    });
    this.#hooks.onReleased();
  }

  async #remove(connection: Connection, { attachment }: UploadRow): Promise<void> {
    await connection.request('attachments.remove', { attachment });
    this.#context.store.uploads.delete(attachment);
  }

  #failed(connection: Connection, row: UploadRow, error: unknown): void {
    const { store, clock } = this.#context;
    if (!(error instanceof KuvertError)) {
      this.#context.failed(error);
      return;
    }
    if (this.#connection !== connection) return;
    const count = (this.#failures.get(row.attachment) ?? 0) + 1;
    this.#failures.set(row.attachment, count);
    const message = store.outbox.findByContentId(row.contentId);
    const isDamaged = error.code === 'attachment_damaged' && count < DAMAGES_MAX;
    const { retry } = error;
    if (retry.kind === 'never' && !isDamaged && row.state === 'upload') {
      if (message !== undefined) {
        store.outbox.setParked(message.seq, error.code);
        const { contentId: messageId } = row;
        store.notices.add({ kind: 'not_accepted', atMs: clock.now(), messageId, code: error.code });
      }
      store.uploads.setState(row.attachment, 'stored');
    } else if (retry.kind === 'after' && retry.ms > SHORT_PAUSE_MS && message !== undefined) {
      store.outbox.setProblem(message.seq, error.code);
    }
    const to = message?.toPerson ?? message?.toMail;
    if (to !== undefined) tellOutgoing(this.#context, to);
    const backOff = Math.min(RETRY_MS.min * 2 ** (count - 1), RETRY_MS.max);
    const pauseMs = retry.kind === 'after' ? Math.max(retry.ms, backOff) : backOff;
    const cancel = clock.after(pauseMs, () => {
      this.#paused.delete(row.attachment);
      this.look();
    });
    this.#paused.set(row.attachment, { cancel, isShort: pauseMs <= SHORT_PAUSE_MS });
  }
}

/** The same bytes; tells how many were taken before each further part is. */
async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  onTaken: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  let taken = 0;
  for await (const part of bytes) {
    onTaken(taken);
    yield part;
    taken += part.length;
  }
}

/**
 * Brings sealed files to the server while there is a connection, a few at a time, and lets the messages go out whose files are there. Wherever it
 * is stopped, it goes on from what the server has made durable.
 */
import { ATTACHMENT_LIMITS, type AttachmentId, type ErrorCode, KuvertError } from '@kuvert/protocol';
import { type Context, newId } from '../context.ts';
import { tellOutgoing } from '../conversations/outgoing.ts';
import type { MessagesAhead } from '../messages-ahead.ts';
import type { Connection } from '../ports.ts';
import { GrowingFile } from './growing-file.ts';
import { PieceSize } from './piece-size.ts';
import type { AttachmentPorts } from './ports.ts';
import type { OnBytes } from './sealing.ts';
import type { UploadRow } from './store.ts';

const AT_ONCE = 3;
/** Files that are sent while they are sealed; others wait until they are. */
const SEALING_MAX = 2;
const RETRY_MS = { min: 1_000, max: 60_000 } as const;
/** Changed on the way to the server; more often than this is no accident. */
const DAMAGES_MAX = 3;
/** What waits for longer is confirmed again, so that the server keeps it for as long as its message. */
const STALE_MS = 86_400_000;
/** Pauses beyond this are not waited for by whoever wants to be done. */
const SHORT_PAUSE_MS = 5_000;

/** A capability that was asked for ahead is used for so long: some time less than it is good for. */
const NEXT_MS = 5 * 3_600_000;

/** The place of a small file that is still to come. */
export interface NextFile {
  readonly attachment: AttachmentId;
  readonly capability: string;
  readonly untilMs: number;
}

/** What uploads tell, and whom they ask. */
export interface UploadHooks {
  /** A message may go out. */
  readonly onReleased: () => void;
  readonly onBytes: (file: Pick<UploadRow, 'attachment'>, ...bytes: Parameters<OnBytes>) => void;
  /** Seals messages whose files are nearly there. */
  readonly ahead: Pick<MessagesAhead, 'prepare' | 'isReady' | 'commit' | 'forget'>;
}

/** Why and until when nothing is tried with a file. */
interface Pause {
  readonly cancel: () => void;
  readonly isShort: boolean;
  readonly code: ErrorCode;
}

/** What has become of a file. */
type Reached = 'nothing' | 'arrived' | 'stored';

/** @see the top of this file */
export class Uploads {
  readonly #context: Context;
  readonly #ports: AttachmentPorts | undefined;
  readonly #hooks: UploadHooks;
  readonly #underWay = new Set<AttachmentId>();
  readonly #paused = new Map<AttachmentId, Pause>();
  readonly #failures = new Map<AttachmentId, number>();
  /** Apart from other failures: each time, all bytes arrive before it is seen. */
  readonly #damages = new Map<AttachmentId, number>();
  readonly #sealing = new Map<
    AttachmentId,
    { readonly connection: Connection; readonly reached: Promise<Reached> }
  >();
  readonly #awaited = new Map<AttachmentId, (isStored: boolean) => void>();
  readonly #pieceSize = new PieceSize();
  #connection: Connection | undefined;
  #next: NextFile | undefined;

  constructor(context: Context, ports: AttachmentPorts | undefined, hooks: UploadHooks) {
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
    this.#next = undefined;
    for (const resolve of this.#awaited.values()) resolve(false);
    this.#awaited.clear();
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

  /** A place for a file that can go in one request now, where the server has given one ahead. It is given once. */
  takeNext(sealedBytes: number): NextFile | undefined {
    const next = this.#next;
    const isSmall =
      sealedBytes <= ATTACHMENT_LIMITS.wholeBytesMax && this.#pieceSize.of(sealedBytes) === sealedBytes;
    if (next === undefined || !isSmall || this.#sealing.size >= SEALING_MAX) return undefined;
    this.#next = undefined;
    return this.#context.clock.now() < next.untilMs ? next : undefined;
  }

  /**
   * A file is being sealed: what is there of it is sent already. Only when its message was written down does it become an upload that outlives this
   * process, so what a killed one has left here is forgotten, and given up by the server after two days.
   */
  whileSealing(attachment: AttachmentId, sealedBytes: number, next?: NextFile): GrowingFile {
    const file = new GrowingFile(this.#context.clock);
    const connection = this.#connection;
    if (connection === undefined || this.#ports === undefined || this.#sealing.size >= SEALING_MAX)
      return file;
    const upload = { attachment, sealedBytes, file };
    const reached = (
      next === undefined
        ? this.#bring(connection, this.#ports, upload)
        : this.#bringWhole(connection, this.#ports, { ...upload, next })
    )
      .catch((): Reached => 'nothing')
      .finally(() => file.noSender());
    this.#sealing.set(attachment, { connection, reached });
    // Also when all of it has arrived: no message will ever name it.
    file.whenGivenUp(() => {
      void reached.then(() => {
        this.#sealing.delete(attachment);
        connection.request('attachments.remove', { attachment }).catch(() => undefined);
      });
    });
    return file;
  }

  /** Resolves with true when the server has confirmed a file whose message was written down, with false when that has to wait for a connection. */
  whenStored(attachment: AttachmentId): Promise<boolean> {
    if (this.#context.store.uploads.get(attachment)?.state !== 'upload') return Promise.resolve(true);
    if (this.#connection === undefined) return Promise.resolve(false);
    return new Promise((resolve) => this.#awaited.set(attachment, resolve));
  }

  async #upload(connection: Connection, ports: AttachmentPorts, row: UploadRow): Promise<void> {
    const { attachment, sealedBytes, sealedSha256 } = row;
    const begun = this.#sealing.get(attachment);
    // What is left of it is the server's work: meanwhile, its message can be sealed.
    if (begun !== undefined) await this.#hooks.ahead.prepare(row.contentId).catch(() => undefined);
    let reached = begun?.connection === connection ? await begun.reached : 'nothing';
    this.#sealing.delete(attachment);
    if (reached === 'nothing') reached = await this.#bring(connection, ports, { attachment, sealedBytes });
    if (reached === 'nothing') return;
    if (reached === 'arrived')
      await connection.request('attachments.finish', { attachment, sha256: sealedSha256 });
    this.#hooks.onBytes(row, sealedBytes, sealedBytes);
    await this.#context.operations.run(() => this.#stored(row));
  }

  /** Brings a small file in one request, or the way of all others where that fails. @returns as {@link Uploads.#bring} */
  async #bringWhole(
    connection: Connection,
    ports: AttachmentPorts,
    upload: Pick<UploadRow, 'attachment' | 'sealedBytes'> & {
      readonly file: GrowingFile;
      readonly next: NextFile;
    },
  ): Promise<Reached> {
    const { attachment, sealedBytes, file } = upload;
    const { files, transfer } = ports;
    file.sentFrom(0);
    const after = newId(this.#context, 'attachment');
    const read = (range: { from: number; to: number }) => files.read(attachment, range);
    try {
      const startedAt = performance.now();
      const capability = await transfer.store({
        capability: upload.next.capability,
        next: after,
        count: sealedBytes,
        bytes: counted(asItGrows(file, { from: 0, to: sealedBytes }, read), this.#teller(upload)),
        sha256: file.sealedSha256,
        onSent: () => file.allSent(),
      });
      this.#pieceSize.arrived(sealedBytes, performance.now() - startedAt);
      this.#setNext(connection, after, capability);
      return this.#connection === connection ? 'stored' : 'nothing';
    } catch (error) {
      if (this.#connection !== connection || file.isGivenUp) return 'nothing';
      if (error instanceof KuvertError && error.code === 'server_unreachable')
        this.#pieceSize.failed(sealedBytes);
      return this.#bring(connection, ports, upload);
    }
  }

  /** Tells how far an upload has come. While its file is sealed a person is told of that. */
  #teller({
    attachment,
    sealedBytes,
    file,
  }: Pick<UploadRow, 'attachment' | 'sealedBytes'> & { readonly file?: GrowingFile | undefined }) {
    return (doneBytes: number): void => {
      if (file === undefined || file.bytes === sealedBytes)
        this.#hooks.onBytes({ attachment }, doneBytes, sealedBytes);
    };
  }
  #setNext(connection: Connection, attachment: AttachmentId, capability: string | undefined): void {
    if (capability === undefined || this.#connection !== connection) return;
    this.#next = { attachment, capability, untilMs: this.#context.clock.now() + NEXT_MS };
  }

  /** @returns `nothing` when the connection ended, or the file was given up, before all of it was there; `stored`: the server has confirmed it */
  async #bring(
    connection: Connection,
    { files, transfer }: AttachmentPorts,
    {
      attachment,
      sealedBytes,
      file,
    }: Pick<UploadRow, 'attachment' | 'sealedBytes'> & { readonly file?: GrowingFile },
  ): Promise<Reached> {
    const next = newId(this.#context, 'attachment');
    const begun = await connection.request('attachments.create', {
      attachment,
      sizeBytes: sealedBytes,
      ...(this.#next === undefined && { next }),
    });
    this.#setNext(connection, next, begun.next);
    if (begun.isStored) return 'arrived';
    // What the server has is not asked of this disk.
    const isHere = file !== undefined || begun.offset === sealedBytes;
    if (!isHere && (await files.size(attachment)) !== sealedBytes)
      throw new KuvertError('attachment_damaged');
    const tell = this.#teller({ attachment, sealedBytes, file });
    let finished: Promise<boolean> | undefined;
    file?.sentFrom(begun.offset);
    for (let { offset } = begun; offset < sealedBytes; ) {
      // A request begins when there is something to send, and waits for more while it is sealed.
      await file?.reaches(offset + 1);
      if (this.#connection !== connection || file?.isGivenUp) return 'nothing';
      tell(offset);
      const count = this.#pieceSize.of(sealedBytes - offset);
      const from = offset;
      const read = (range: { from: number; to: number }) => files.read(attachment, range);
      const range = { from, to: from + count };
      const parts = file === undefined ? read(range) : asItGrows(file, range, read);
      const bytes = counted(parts, (done) => tell(from + done));
      const startedAt = performance.now();
      const sending = transfer.send({
        capability: begun.capability,
        offset,
        count,
        bytes,
        ...(file &&
          from + count === sealedBytes && {
            onSent: () => {
              file.allSent();
              finished = this.#finishEarly(connection, attachment, file);
            },
          }),
      });
      const reached = await sending.catch((error: unknown) => {
        const isLine = error instanceof KuvertError && error.code === 'server_unreachable';
        if (isLine && !file?.isGivenUp) this.#pieceSize.failed(count);
        throw error;
      });
      // A server that goes back and forth is not followed for ever.
      if (reached <= offset) throw new KuvertError('server_unreachable');
      if (reached === offset + count) this.#pieceSize.arrived(count, performance.now() - startedAt);
      this.#failures.delete(attachment);
      offset = reached;
    }
    if (this.#connection !== connection) return 'nothing';
    return (await finished) === true ? 'stored' : 'arrived';
  }

  /** Asked while the last bytes are on their way, so that the server goes on at once. @returns false when it is to be asked again behind them */
  async #finishEarly(connection: Connection, attachment: AttachmentId, file: GrowingFile): Promise<boolean> {
    const sha256 = await file.sealedSha256;
    if (sha256 === undefined) return false;
    return connection.request('attachments.finish', { attachment, sha256 }).then(
      () => true,
      () => false,
    );
  }

  #stored({ attachment, contentId }: UploadRow): void {
    const { store, serverOffset } = this.#context;
    queueMicrotask(() => {
      this.#awaited.get(attachment)?.(true);
      this.#awaited.delete(attachment);
    });
    // Whoever waits for it is told that the message is durable; its row was written without waiting for the disk.
    const isSealed = this.#hooks.ahead.isReady(contentId);
    store.transaction(() => {
      // Its message may have been taken back meanwhile.
      if (store.uploads.get(attachment)?.state !== 'upload') return;
      store.uploads.setState(attachment, 'stored', Math.floor(serverOffset.now()));
      store.outbox.release(contentId);
      if (isSealed) this.#hooks.ahead.commit(contentId);
    });
    this.#hooks.ahead.forget(contentId);
    this.#hooks.onReleased();
  }

  async #remove(connection: Connection, { attachment }: UploadRow): Promise<void> {
    await this.#sealing.get(attachment)?.reached;
    this.#sealing.delete(attachment);
    await connection.request('attachments.remove', { attachment });
    this.#context.store.uploads.delete(attachment);
    this.#roomWasMade();
  }

  /** What the server had no room for is not left waiting for the end of its pause. */
  #roomWasMade(): void {
    for (const [attachment, { code, cancel }] of this.#paused) {
      if (code !== 'attachment_quota') continue;
      cancel();
      this.#paused.delete(attachment);
    }
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
    const { retry } = error;
    const isDamaged = error.code === 'attachment_damaged';
    const damages = (this.#damages.get(row.attachment) ?? 0) + (isDamaged ? 1 : 0);
    this.#damages.set(row.attachment, damages);
    const isHopeless = isDamaged ? damages >= DAMAGES_MAX : retry.kind === 'never';
    if (isHopeless && row.state === 'upload') {
      if (message !== undefined) {
        store.outbox.setParked(message.seq, error.code);
        const { contentId: messageId } = row;
        store.notices.add({ kind: 'not_accepted', atMs: clock.now(), messageId, code: error.code });
      }
      store.uploads.setState(row.attachment, 'stored');
      this.#damages.delete(row.attachment);
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
    this.#paused.set(row.attachment, {
      cancel,
      isShort: pauseMs <= SHORT_PAUSE_MS,
      code: error.code,
    });
  }
}

/** A part of a file that is being sealed, from memory as far as it is there. @throws KuvertError `file_changed` when it is given up before */
async function* asItGrows(
  file: GrowingFile,
  { from, to }: { readonly from: number; readonly to: number },
  read: (range: { from: number; to: number }) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for (let at = from; at < to; ) {
    await file.reaches(at + 1);
    if (file.isGivenUp) throw new KuvertError('file_changed');
    const loan = file.take(at);
    if (loan === undefined) {
      const until = Math.min(file.writtenBytes, to);
      for await (const piece of read({ from: at, to: until })) {
        yield piece;
        at += piece.length;
        file.passed(at);
        // What comes next may be in memory again.
      }
      continue;
    }
    const end = Math.min(loan.from + loan.bytes.length, to);
    try {
      yield loan.bytes.subarray(at - loan.from, end - loan.from);
      at = end;
    } finally {
      file.passed(at, loan);
    }
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

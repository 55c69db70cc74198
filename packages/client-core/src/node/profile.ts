import {
  type ContentId,
  type ConversationId,
  encodeCbor,
  type Hello,
  KuvertError,
  type Person,
  type PersonId,
} from '@kuvert/protocol';
import type { Attachments } from '../attachments/attachments.ts';
import type { BlobTransfer } from '../attachments/ports.ts';
import type { Conversations } from '../conversations/conversations.ts';
import type { HistoryLine } from '../conversations/types.ts';
import type { Groups } from '../groups/groups.ts';
import type { HistoryTransfer } from '../history-transfer/history-transfer.ts';
import type { ReplayEvidence } from '../inbox-store.ts';
import { Messenger } from '../messenger.ts';
import { loadOwnDevice, type OwnDevice } from '../own-device.ts';
import type { OwnDevices } from '../own-devices.ts';
import type { Clock, Connection, ConnectionEvents } from '../ports.ts';
import type { Progress } from '../progress.ts';
import type { Activity } from '../ticks/activity.ts';
import { NO_POLICY, type PolicyPort } from '../ticks/policy.ts';
import type { EffectiveSetting, SettingChange } from '../ticks/settings.ts';
import type { Safety } from '../trust/safety.ts';
import type { HistoryEntry, IncomingMessage, Notice, Self, SendResult } from '../types.ts';

import { createBlobTransfer } from './blob-transfer.ts';
import { openConnection } from './connection.ts';
import { openSealer } from './file-sealing.ts';
import { type OpenFolder, openProfileFolder } from './profile-folder.ts';
import { systemClock, systemRandom } from './system.ts';

/** This release, as the server is told. */
const CLIENT_VERSION = '0.1.0';
const INBOX_LIMIT = 1_000;
const HISTORY_LIMIT = 100;
const RECONNECT_MIN_MS = 500;
const RECONNECT_MAX_MS = 30_000;

/** What {@link openProfile} needs. */
export interface OpenProfileOptions {
  readonly profileDir: string;
  /** What opens the container: the passphrase's bytes. */
  readonly secret: Uint8Array;
  /** Milliseconds of the wall clock; tests bring their own. */
  readonly now?: () => number;
  /** What the organisation has decided; nothing, unless told. */
  readonly policy?: PolicyPort;
  /** Is told what is known of bytes that were taken for a replay; for tests, which have to find out why. */
  readonly onReplay?: (evidence: ReplayEvidence) => void;
}

/**
 * An open profile: one device, one person. Everything that reads works offline. Calls may overlap; they are put in order
 * inside.
 */
export interface Profile {
  /** Who this is. */
  whoami(): Self;
  /**
   * Writes a text down for sending: from when this resolves on it survives everything but the loss of the disk, online or
   * not. While connected, an address that nobody has is refused before anything is written.
   * @throws KuvertError `text_too_long`, `bad_request` (no mail address), `recipient_unknown`
   */
  send(message: { to: string; text: string }): Promise<SendResult>;
  /** Writes several down in one commit, all or none, in order. @throws KuvertError as {@link Profile.send} */
  sendAll(messages: readonly { to: string; text: string }[]): Promise<SendResult[]>;
  /**
   * Connects unless connected. Delivery and the outbox run from then on by themselves.
   * @throws KuvertError `server_unreachable`, `device_not_accepted`, `version_unsupported`, `client_too_old`, `server_key_unknown`
   */
  connect(): Promise<void>;
  /** True while there is a connection. */
  readonly isConnected: boolean;
  /** Calls `listener` when the connection has ended, with the reason. @returns stops it */
  onClosed(listener: (reason: KuvertError) => void): () => void;
  /**
   * Connects where necessary, sends what waits, takes everything out of the mailbox, sends acknowledgements. Resolves when
   * nothing more can be done now; `waiting` counts own messages that are still queued.
   * @throws KuvertError as {@link Profile.connect}; `server_unreachable` also when `timeoutMs` pass
   */
  flush(options: { timeoutMs: number }): Promise<{ waiting: number }>;
  /** Messages that were stored and not yet marked, oldest first, at most `limit` (1,000). */
  inbox(options?: { limit?: number }): IncomingMessage[];
  /** Tells the senders that these messages were read, as far as the person lets them see it; with the next batch of receipts. */
  markRead(messages: readonly Pick<IncomingMessage, 'messageId' | 'senderDevice'>[]): void;
  /** Who writes and who is there; nothing of it is kept. */
  readonly activity: Activity;
  /** Safety numbers, and what the person has made of them. */
  readonly safety: Safety;
  /** How settings hold, everywhere or in the conversation with a person (by mail). @throws KuvertError `recipient_unknown` */
  settings(options?: { with?: string }): EffectiveSetting[];
  /**
   * Sets something, or forgets what was set when no value is given.
   * @throws KuvertError `bad_request` for a name or value that there is not, `recipient_unknown`, `set_by_policy`
   */
  changeSetting(change: SettingChange): EffectiveSetting;
  /** Marks messages as printed; {@link Profile.inbox} gives them no more. */
  markPrinted(messages: readonly Pick<IncomingMessage, 'messageId' | 'senderDevice'>[]): void;
  /**
   * Stays connected (and reconnects with growing pauses) until `signal` fires; gives each message, after it was stored and
   * acknowledged, first those that {@link Profile.inbox} holds. A message is marked as printed and read when `onMessage` has returned (resolved).
   * @throws KuvertError that no reconnect can cure: `device_not_accepted`, `client_too_old`, `connection_replaced`, …
   */
  follow(onMessage: (message: IncomingMessage) => void | Promise<void>, signal: AbortSignal): Promise<void>;
  /** @throws KuvertError `message_unknown` */
  status(messageId: ContentId): Omit<SendResult, 'messageId'>;
  /** People of the tenant, by name. Online from the server, else those who are known here. */
  people(): Promise<Person[]>;
  /** Somebody whom this device knows of; nobody is asked. */
  person(personId: PersonId): Person | undefined;
  /** The last `limit` (100) lines with one person (by mail) or with all, oldest first. */
  history(options?: { with?: string; limit?: number }): HistoryEntry[];
  /** The last `limit` messages, with the notices between them if they are wanted, of one conversation or of all, oldest first. */
  historyLines(options: {
    conversationId?: ConversationId;
    withNotices: boolean;
    limit: number;
  }): HistoryLine[];
  /** What the person should know and has not marked as seen, oldest first. */
  notices(): Notice[];
  markNoticesSeen(noticeIds: readonly number[]): void;
  /**
   * The conversation with an address, also before anything was written. While connected, an address that nobody has is refused.
   * @throws KuvertError `recipient_unknown`, `recipient_self`
   */
  conversationAt(mail: string): Promise<ConversationId>;
  /** Calls `listener` with how far files are, and what is done for many people of a group. @returns stops it */
  onProgress(listener: (progress: Progress) => void): () => void;
  /** Files in conversations: sending, fetching, saving. */
  readonly attachments: Attachments;
  /** History from and to other devices of one's own: a new device asks for it by itself. */
  readonly historyTransfer: HistoryTransfer;
  /** Conversations as a screen shows them, read from the container at once. */
  readonly conversations: Conversations;
  /** One's own devices: which there are, linking a new one, revoking one. */
  readonly devices: OwnDevices;
  /** Groups: making, changing, leaving them, and writing to them. */
  readonly groups: Groups;
  /** Closes connection, store and lock. */
  close(): Promise<void>;
}

/**
 * Opens an enrolled profile and locks it against other processes.
 * @throws KuvertError `profile_missing`, `profile_in_use`, `container_wrong_passphrase`, `container_damaged`, `container_too_new`
 */
export async function openProfile(options: OpenProfileOptions): Promise<Profile> {
  const { profileDir, secret } = options;
  const folder = await openProfileFolder({ profileDir, secret, create: false });
  try {
    const own = loadOwnDevice(folder.store.values);
    if (own === undefined) throw new KuvertError('profile_missing');
    return new NodeProfile(folder, own, options);
  } catch (error) {
    folder.close();
    throw error;
  }
}

class NodeProfile implements Profile {
  readonly #folder: OpenFolder;
  readonly #own: OwnDevice;
  readonly #clock: Clock;
  readonly #messenger: Messenger;
  readonly #transfer: BlobTransfer;
  #connecting: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    folder: OpenFolder,
    own: OwnDevice,
    { now, policy = NO_POLICY, onReplay }: Omit<OpenProfileOptions, 'profileDir' | 'secret'>,
  ) {
    const clock = systemClock(now);
    this.#folder = folder;
    this.#own = own;
    this.#clock = clock;
    this.#transfer = createBlobTransfer(own.serverUrl);
    const files = { files: folder.sealedFiles, transfer: this.#transfer, openSealer };
    const { store } = folder;
    const asked = { policy, ...(onReplay && { onReplay }) };
    this.#messenger = new Messenger({ files, own, store, clock, random: systemRandom, ...asked });
  }

  conversationAt(mail: string): Promise<ConversationId> {
    return this.#messenger.conversationAt(mail);
  }
  onProgress(listener: (progress: Progress) => void): () => void {
    return this.#messenger.onProgress(listener);
  }
  get attachments(): Attachments {
    return this.#messenger.attachments;
  }
  get historyTransfer(): HistoryTransfer {
    return this.#messenger.historyTransfer;
  }
  get conversations(): Conversations {
    return this.#messenger.conversations;
  }
  get groups(): Groups {
    return this.#messenger.groups;
  }
  get devices(): OwnDevices {
    return this.#messenger.devices;
  }
  whoami(): Self {
    return this.#messenger.whoami();
  }
  async send(message: { to: string; text: string }): Promise<SendResult> {
    const [result] = await this.sendAll([message]);
    if (result === undefined) throw new KuvertError('unexpected');
    return result;
  }
  sendAll(messages: readonly { to: string; text: string }[]): Promise<SendResult[]> {
    return this.#messenger.send(messages);
  }

  connect(): Promise<void> {
    this.#connecting ??= this.#messenger
      .connect((stateCounter, events) => this.#open(stateCounter, events))
      .finally(() => {
        this.#connecting = undefined;
      });
    return this.#connecting;
  }

  get isConnected(): boolean {
    return this.#messenger.isConnected;
  }
  onClosed(listener: (reason: KuvertError) => void): () => void {
    return this.#messenger.onClosed(listener);
  }

  #open(stateCounter: number, events: ConnectionEvents): Promise<Connection> {
    const { tenantId, deviceId, serverUrl, serverStatic, noisePublicKey, noisePrivateKey } = this.#own;
    const hello: Hello = {
      tenant: tenantId,
      device: deviceId,
      clientVersion: CLIENT_VERSION,
      stateCounter,
      policyVersion: 0,
    };
    return openConnection({
      serverUrl,
      serverStatic,
      as: { keyPair: { publicKey: noisePublicKey, privateKey: noisePrivateKey }, hello: encodeCbor(hello) },
      events,
      clock: this.#clock,
    });
  }

  async flush({ timeoutMs }: { timeoutMs: number }): Promise<{ waiting: number }> {
    let timer: NodeJS.Timeout | undefined;
    const timedOut = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new KuvertError('server_unreachable', { details: { timeout: true } }));
      }, timeoutMs);
    });
    try {
      return await Promise.race([this.connect().then(() => this.#messenger.settled()), timedOut]);
    } finally {
      clearTimeout(timer);
    }
  }

  inbox(options: { limit?: number } = {}): IncomingMessage[] {
    return this.#messenger.inbox(options.limit ?? INBOX_LIMIT);
  }
  markPrinted(messages: readonly Pick<IncomingMessage, 'messageId' | 'senderDevice'>[]): void {
    this.#messenger.markPrinted(messages);
  }

  markRead(messages: readonly Pick<IncomingMessage, 'messageId' | 'senderDevice'>[]): void {
    this.#messenger.markRead(messages);
  }
  get activity(): Activity {
    return this.#messenger.activity;
  }
  get safety(): Safety {
    return this.#messenger.safety;
  }
  settings(options: { with?: string } = {}): EffectiveSetting[] {
    return this.#messenger.settings(options);
  }
  changeSetting(change: SettingChange): EffectiveSetting {
    return this.#messenger.changeSetting(change);
  }

  async follow(
    onMessage: (message: IncomingMessage) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const wake = new Wake();
    const stopStored = this.#messenger.onStored(() => wake.now());
    let lost: KuvertError | undefined;
    const stopClosed = this.#messenger.onClosed((reason) => {
      lost = reason;
      wake.now();
    });
    const onAbort = () => wake.now();
    signal.addEventListener('abort', onAbort);
    let pauseMs = RECONNECT_MIN_MS;
    try {
      while (!signal.aborted && !this.#isClosed) {
        for (const message of this.inbox()) {
          if (signal.aborted) return;
          await onMessage(message);
          this.markPrinted([message]);
          this.markRead([message]);
        }
        if (!this.#messenger.isConnected && !signal.aborted) {
          if (lost !== undefined && lost.retry.kind === 'never') throw lost;
          try {
            lost = undefined;
            await this.connect();
            pauseMs = RECONNECT_MIN_MS;
          } catch (error) {
            if (!(error instanceof KuvertError) || error.retry.kind === 'never') throw error;
            await wake.within(pauseMs);
            pauseMs = Math.min(pauseMs * 2, RECONNECT_MAX_MS);
          }
        } else if (this.inbox({ limit: 1 }).length === 0) await wake.within(undefined);
      }
    } finally {
      stopStored();
      stopClosed();
      signal.removeEventListener('abort', onAbort);
    }
  }

  status(messageId: ContentId): Omit<SendResult, 'messageId'> {
    return this.#messenger.status(messageId);
  }
  person(personId: PersonId): Person | undefined {
    return this.#messenger.person(personId);
  }
  people(): Promise<Person[]> {
    return this.#messenger.people();
  }
  history(options: { with?: string; limit?: number } = {}): HistoryEntry[] {
    const { with: mail, limit = HISTORY_LIMIT } = options;
    return this.#messenger.history({ ...(mail !== undefined && { with: mail }), limit });
  }
  historyLines(options: {
    conversationId?: ConversationId;
    withNotices: boolean;
    limit: number;
  }): HistoryLine[] {
    return this.#messenger.historyLines(options);
  }
  notices(): Notice[] {
    return this.#messenger.notices();
  }
  markNoticesSeen(noticeIds: readonly number[]): void {
    this.#messenger.markNoticesSeen(noticeIds);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#messenger.close();
    this.#transfer.close();
    this.#folder.close();
  }
}

/** Waits for whichever comes first; a call that comes while nobody waits is not lost. */
class Wake {
  #isDue = false;
  #resolve: (() => void) | undefined;

  now(): void {
    this.#isDue = true;
    this.#resolve?.();
  }
  async within(timeoutMs: number | undefined): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    if (!this.#isDue) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
        if (timeoutMs !== undefined) timer = setTimeout(resolve, timeoutMs);
      });
    }
    clearTimeout(timer);
    this.#resolve = undefined;
    this.#isDue = false;
  }
}

import type { ContentId, Person } from '@kuvert/protocol';
import type { HistoryEntry, IncomingMessage, MessageState, Notice, Self, SendResult } from '../types.ts';

/** What {@link openProfile} needs. */
export interface OpenProfileOptions {
  readonly profileDir: string;
  /** What opens the container: the passphrase's bytes. */
  readonly secret: Uint8Array;
  /** Milliseconds of the wall clock; tests bring their own. */
  readonly now?: () => number;
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
  /**
   * Connects where necessary, sends what waits, takes everything out of the mailbox, sends acknowledgements. Resolves when
   * nothing more can be done now; `waiting` counts own messages that are still queued.
   * @throws KuvertError as {@link Profile.connect}; `server_unreachable` also when `timeoutMs` pass
   */
  flush(options: { timeoutMs: number }): Promise<{ waiting: number }>;
  /** Messages that were stored and not yet marked, oldest first, at most `limit` (1,000). */
  inbox(options?: { limit?: number }): IncomingMessage[];
  /** Marks messages as printed; {@link Profile.inbox} gives them no more. */
  markPrinted(messages: readonly Pick<IncomingMessage, 'messageId' | 'senderDevice'>[]): void;
  /**
   * Stays connected (and reconnects with growing pauses) until `signal` fires; gives each message, after it was stored and
   * acknowledged, first those that {@link Profile.inbox} holds. A message is marked as printed when `onMessage` has returned (resolved).
   * @throws KuvertError that no reconnect can cure: `device_not_accepted`, `client_too_old`, `connection_replaced`, …
   */
  follow(onMessage: (message: IncomingMessage) => void | Promise<void>, signal: AbortSignal): Promise<void>;
  /** @throws KuvertError `message_unknown` */
  status(messageId: ContentId): { state: MessageState; problem?: SendResult['problem'] };
  /** People of the tenant, by name. Online from the server, else those who are known here. */
  people(): Promise<Person[]>;
  /** The last `limit` (100) lines with one person (by mail) or with all, oldest first. */
  history(options?: { with?: string; limit?: number }): HistoryEntry[];
  /** What the person should know and has not marked as seen, oldest first. */
  notices(): Notice[];
  markNoticesSeen(noticeIds: readonly number[]): void;
  /** Closes connection, store and lock. */
  close(): Promise<void>;
}

/**
 * Opens an enrolled profile and locks it against other processes.
 * @throws KuvertError `profile_missing`, `profile_in_use`, `container_wrong_passphrase`, `container_damaged`, `container_too_new`
 */
export async function openProfile(_options: OpenProfileOptions): Promise<Profile> {
  throw new Error('profiles are being written');
}

/**
 * The messenger of one device: what people do with it (what it does by itself with a connection stands in `online.ts`). It owns no
 * file, socket or clock; {@link Messenger.connect} is given a way to connect.
 */
import {
  type ContentId,
  type ConversationId,
  KuvertError,
  type Person,
  type PersonId,
} from '@kuvert/protocol';
import type { Attachments } from './attachments/attachments.ts';
import type { Context } from './context.ts';
import type { Conversations } from './conversations/conversations.ts';
import { queueText } from './conversations/outgoing.ts';
import { readMessages } from './conversations/reading.ts';
import type { HistoryLine } from './conversations/types.ts';
import type { Groups } from './groups/groups.ts';
import { historyLinesOf, historyOf, incomingOf } from './history.ts';
import type { HistoryTransfer } from './history-transfer/history-transfer.ts';
import { statusOf } from './message-status.ts';
import { createParts, type MessengerOptions, type MessengerParts } from './messenger-parts.ts';
import { Online } from './online.ts';
import { selfOf } from './own-device.ts';
import type { OwnDevices } from './own-devices.ts';
import type { Connect } from './ports.ts';
import type { Progress } from './progress.ts';
import { checkTextToSend, type TextToSend } from './text-to-send.ts';
import type { Activity } from './ticks/activity.ts';
import { changeSetting, type EffectiveSetting, listSettings, type SettingChange } from './ticks/settings.ts';
import type { Safety } from './trust/safety.ts';
import type { HistoryEntry, IncomingMessage, Notice, Self, SendResult } from './types.ts';

const NOTICES_SHOWN = 1_000;

/** @see the top of this file */
export class Messenger {
  readonly #context: Context;
  readonly #parts: MessengerParts;
  readonly #online: Online;
  readonly #storedListeners = new Set<() => void>();
  readonly #closedListeners = new Set<(reason: KuvertError) => void>();
  /** One's own devices. */
  readonly devices: OwnDevices;
  /** Conversations as a screen shows them. */
  readonly conversations: Conversations;
  /** History from and to other devices of one's own. */
  readonly historyTransfer: HistoryTransfer;
  /** Files in conversations. */
  readonly attachments: Attachments;
  /** Who writes and who is there. */
  readonly activity: Activity;
  /** Safety numbers, and what the person has made of them. */
  readonly safety: Safety;
  /** Groups and their members. */
  readonly groups: Groups;

  constructor(options: MessengerOptions) {
    const parts = createParts(options, {
      connection: () => this.#online.connection,
      onStored: () => {
        for (const listener of [...this.#storedListeners]) listener();
      },
      changed: () => this.#online.look(),
      failed: (cause) => this.#online.fail(cause),
    });
    this.#parts = parts;
    this.#context = parts.context;
    this.#online = new Online(parts, (reason) => {
      for (const listener of [...this.#closedListeners]) listener(reason);
    });
    this.devices = parts.devices;
    this.conversations = parts.conversations;
    this.historyTransfer = parts.historyTransfer;
    this.attachments = parts.attachments;
    this.activity = parts.activity;
    this.safety = parts.safety;
    this.groups = parts.groups;
    parts.disappearing.look();
  }

  /** Who this is. */
  whoami(): Self {
    return selfOf(this.#context.own);
  }

  /** Calls `listener` with how far longer work is. @returns stops it */
  onProgress(listener: (progress: Progress) => void): () => void {
    return this.#context.progress.onProgress(listener);
  }

  /** True while there is a connection. */
  get isConnected(): boolean {
    return this.#online.connection !== undefined;
  }

  /**
   * Writes texts down for sending, all or none, in order. While connected, an address that nobody has is refused first.
   * @throws KuvertError `text_too_long`, `text_not_utf8`, `bad_request`, `recipient_unknown`
   */
  async send(texts: readonly TextToSend[]): Promise<SendResult[]> {
    const checked = texts.map((text) => checkTextToSend(this.#context.own, text));
    const { store } = this.#context;
    for (const mail of new Set(checked.map(({ to }) => to))) await this.#lookUp(mail);
    const messageIds = store.transaction(() => checked.map((text) => queueText(this.#context, text)));
    this.#parts.sender.kick();
    return messageIds.map((messageId) => ({ messageId, state: 'queued' as const }));
  }

  /**
   * The conversation with an address, also before anything was written. While connected, an address that nobody has is refused.
   * @throws KuvertError `recipient_unknown`, `recipient_self`
   */
  async conversationAt(mail: string): Promise<ConversationId> {
    if (mail === this.#context.own.mail) throw new KuvertError('recipient_self');
    await this.#lookUp(mail);
    return this.conversations.withMail(mail);
  }

  /** @throws KuvertError `message_unknown` */
  status(messageId: ContentId): Omit<SendResult, 'messageId'> {
    return statusOf(this.#context, this.conversations, messageId);
  }

  /** Somebody whom this device knows of. */
  person(personId: PersonId): Person | undefined {
    const { own, store } = this.#context;
    if (personId === own.personId) return { personId, mail: own.mail, name: own.name };
    return store.directory.getPerson(personId);
  }

  /** Messages that were not marked as printed, oldest first. */
  inbox(limit: number): IncomingMessage[] {
    const { store } = this.#context;
    return store.messages.listUnprinted(limit).map((message) => incomingOf(this.#context, message));
  }
  markPrinted(messages: readonly Pick<IncomingMessage, 'messageId' | 'senderDevice'>[]): void {
    const { store } = this.#context;
    store.transaction(() => {
      for (const { senderDevice, messageId } of messages) store.messages.markPrinted(senderDevice, messageId);
    });
  }
  /** Tells the senders that these messages were read, as far as the person lets them see it. */
  markRead(messages: readonly Pick<IncomingMessage, 'messageId' | 'senderDevice'>[]): void {
    this.#context.store.transaction(() => readMessages(this.#context, messages));
    this.#parts.sender.kick();
  }
  /** @param options.with mail address of the other person */
  history(options: { with?: string; limit: number }): HistoryEntry[] {
    return historyOf(this.#context, options);
  }
  /** The same with the notices between messages if they are wanted, of one conversation or of all. */
  historyLines(options: {
    conversationId?: ConversationId;
    withNotices: boolean;
    limit: number;
  }): HistoryLine[] {
    return historyLinesOf(this.#context, options);
  }
  /** How settings hold, everywhere or in the conversation with a person (by mail). @throws KuvertError `recipient_unknown` */
  settings(options: { with?: string } = {}): EffectiveSetting[] {
    return listSettings(this.#context, options.with);
  }
  /**
   * Sets something, or forgets what was set when no value is given.
   * @throws KuvertError `bad_request` for a name or value that there is not, `recipient_unknown`, `set_by_policy`
   */
  changeSetting(change: SettingChange): EffectiveSetting {
    try {
      return changeSetting(this.#context, change);
    } finally {
      this.#parts.sender.kick();
    }
  }
  notices(): Notice[] {
    return this.#context.store.notices.listUnseen(NOTICES_SHOWN);
  }
  markNoticesSeen(noticeIds: readonly number[]): void {
    this.#context.store.notices.markSeen(noticeIds);
  }

  /** People of the tenant by name: from the server while connected, else those known here. */
  async people(): Promise<Person[]> {
    const { directory } = this.#context.store;
    const { connection } = this.#online;
    if (connection === undefined) return directory.listPeople();
    const people: Person[] = [];
    let after: string | undefined;
    do {
      const page = await connection.request('people.list', after === undefined ? {} : { after });
      people.push(...page.people);
      after = page.next;
    } while (after !== undefined && people.length < 100_000);
    this.#context.store.transaction(() => {
      for (const person of people) directory.putPerson(person);
    });
    return people.sort((a, b) => a.name.localeCompare(b.name) || a.mail.localeCompare(b.mail));
  }

  /**
   * Connects unless connected; resolves when the server has welcomed the device.
   * @throws KuvertError from `connect`, `device_not_accepted`, `client_too_old`
   */
  async connect(connect: Connect): Promise<void> {
    await this.#online.connect(connect);
  }

  /** Ends the connection; what is under way is taken up again by the next. */
  disconnect(): void {
    this.#online.connection?.close();
  }

  /**
   * Resolves when nothing more can be done now: mailbox emptied, acknowledged, and everything sent that can be.
   * Rejects with the reason when the connection ends before.
   */
  async settled(): Promise<{ waiting: number }> {
    await this.#online.settled();
    return { waiting: this.#context.store.outbox.countWaitingMessages() };
  }

  /** Calls `listener` when messages were stored. @returns stops it */
  onStored(listener: () => void): () => void {
    this.#storedListeners.add(listener);
    return () => this.#storedListeners.delete(listener);
  }
  /** Calls `listener` when the connection has ended. @returns stops it */
  onClosed(listener: (reason: KuvertError) => void): () => void {
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  /** Waits until nothing is being written; the store may be closed then. */
  async close(): Promise<void> {
    this.disconnect();
    this.#parts.disappearing.stop();
    await this.#context.operations.run(() => undefined);
  }

  /** Refuses an address that nobody has, as far as that can be known now. */
  async #lookUp(mail: string): Promise<void> {
    const { connection } = this.#online;
    if (connection === undefined) return;
    try {
      await this.#parts.directory.findByMail(connection, mail);
    } catch (error) {
      if (!(error instanceof KuvertError) || error.code === 'recipient_unknown') throw error;
    }
  }
}

/**
 * The messenger of one device: what people do with it, and what it does by itself while there is a connection. It owns no
 * file, socket or clock; {@link Messenger.connect} is given a way to connect.
 */
import { deviceSetHash } from '@kuvert/crypto/identity';
import {
  CLASSES,
  type ContentId,
  type ConversationId,
  type DeviceId,
  type EventData,
  equalBytes,
  KuvertError,
  mailAddress,
  type Person,
  type PersonId,
  TEXT_LIMITS,
  utf8,
} from '@kuvert/protocol';
import { afterRestore } from './after-restore.ts';
import { Attachments } from './attachments/attachments.ts';
import type { AttachmentPorts } from './attachments/ports.ts';
import { reportGaps } from './chains/gaps.ts';
import { queueHeartbeats } from './chains/own-chain.ts';
import type { Context } from './context.ts';
import { ChangeBoard } from './conversations/changes.ts';
import { Conversations } from './conversations/conversations.ts';
import { Disappearing } from './conversations/disappearing.ts';
import { queueText } from './conversations/outgoing.ts';
import { ownStateBatch } from './conversations/own-state.ts';
import { readMessages } from './conversations/reading.ts';
import { withStandingNotices } from './conversations/standing-notices.ts';
import type { DelayedBatch } from './delayed-batch.ts';
import { activeDevices, Directory } from './directory.ts';
import { GroupChanges } from './groups/changing.ts';
import { Groups } from './groups/groups.ts';
import { GroupLogs } from './groups/log-sync.ts';
import { GroupSending } from './groups/sending.ts';
import { historyOf, incomingOf, stateOf } from './history.ts';
import { HistoryTransfer } from './history-transfer/history-transfer.ts';
import { OperationQueue } from './operation-queue.ts';
import { loadRecord, type OwnDevice, saveRecord, selfOf, VALUES } from './own-device.ts';
import { OwnDevices } from './own-devices.ts';
import type { Clock, Connect, Connection, ConnectionEvents, Random } from './ports.ts';
import { PrekeyUpkeep } from './prekey-upkeep.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import { ServerTime } from './server-time.ts';
import type { OutboxRow, Store } from './store.ts';
import { Activity } from './ticks/activity.ts';
import { NO_POLICY, type PolicyPort } from './ticks/policy.ts';
import { receiptBatch } from './ticks/receipts.ts';
import { changeSetting, type EffectiveSetting, listSettings, type SettingChange } from './ticks/settings.ts';
import { Safety } from './trust/safety.ts';
import type { HistoryEntry, IncomingMessage, MessageState, Notice, Self, SendResult } from './types.ts';

/** How long what was sent is kept for devices that ask for it again, at least (wire.md §4). */
const OUTBOX_KEPT_MS = 48 * 3_600_000;
const UPKEEP_EVERY_MS = 3_600_000;
/** People looked after at once, of whom no device has got what was sent. */
const UNREACHED_LOOKED_AT = 20;
const NAMES_AT_ONCE = 1_000;
const NOTICES_SHOWN = 1_000;
const WELCOME_TIMEOUT_MS = 10_000;

/** A text and whom it is for. */
export interface TextToSend {
  readonly to: string;
  readonly text: string;
}

/** @see the top of this file */
export class Messenger {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #prekeys: PrekeyUpkeep;
  /** One's own devices. */
  readonly devices: OwnDevices;
  /** Conversations as a screen shows them. */
  readonly conversations: Conversations;
  /** History from and to other devices of one's own. */
  readonly historyTransfer: HistoryTransfer;
  /** Files in conversations. */
  readonly attachments: Attachments;
  readonly #receipts: DelayedBatch;
  /** Who writes and who is there. */
  readonly activity: Activity;
  readonly #ownState: DelayedBatch;
  readonly #disappearing: Disappearing;
  /** Safety numbers, and what the person has made of them. */
  readonly safety: Safety;
  /** Groups and their members. */
  readonly groups: Groups;
  readonly #groupLogs: GroupLogs;
  readonly #groupSending: GroupSending;
  #fetches = 0;
  readonly #storedListeners = new Set<() => void>();
  readonly #closedListeners = new Set<(reason: KuvertError) => void>();
  readonly #settled = new Set<{ resolve: () => void; reject: (reason: unknown) => void }>();
  #connection: Connection | undefined;
  #cancelUpkeep: (() => void) | undefined;
  #listRefreshes = 0;
  readonly #namesAsked = new Set<PersonId>();

  constructor(options: {
    own: OwnDevice;
    store: Store;
    clock: Clock;
    random: Random;
    policy?: PolicyPort;
    /** Left out where no files are sent or fetched. */
    files?: AttachmentPorts;
  }) {
    const changes = new ChangeBoard();
    this.#context = {
      policy: NO_POLICY,
      ...options,
      store: withStandingNotices(options.store, options.own, changes),
      changes,
      operations: new OperationQueue(),
      serverOffset: new ServerTime(options.clock, options.store.values),
      receiptsDue: () => this.#receipts.due(),
      ownStateDue: () => this.#ownState.due(),
      historyDue: () => this.historyTransfer.work(),
      senderKeyWanted: (groupId, personId) =>
        void this.#context.operations
          .run(() => this.#groupSending.handOutAgain(groupId, personId))
          .then(
            () => this.#sender.kick(),
            (cause: unknown) => this.#fail(cause),
          ),
      historyMissed: () => queueMicrotask(() => this.historyTransfer.askForMissed()),
      timersStarted: () => queueMicrotask(() => this.#disappearing.look()),
      entryGone: (row, as) => this.attachments.entryGone(row, as),
      changed: () => this.#checkSettled(),
      failed: (cause) => this.#fail(cause),
    };
    this.#directory = new Directory(this.#context);
    const logs = new GroupLogs(this.#context, this.#directory);
    const groupParts = {
      directory: this.#directory,
      logs,
      changes: new GroupChanges(this.#context, this.#directory, logs),
    };
    this.#groupLogs = logs;
    this.#groupSending = new GroupSending(this.#context, groupParts);
    this.groups = new Groups(this.#context, groupParts, {
      connection: () => this.#connection,
      onOutgoing: () => this.#sender.kick(),
    });
    this.#sender = new Sender(this.#context, this.#directory, this.#groupSending);
    this.activity = new Activity(this.#context);
    this.#receiver = new Receiver(this.#context, this.#directory, {
      onStored: () => {
        this.#learnNames();
        for (const listener of [...this.#storedListeners]) listener();
      },
      onOutgoing: () => this.#sender.kick(),
      onHeard: (...heard) => this.activity.heard(...heard),
      logs,
    });
    this.#prekeys = new PrekeyUpkeep(this.#context);
    this.conversations = new Conversations(this.#context, () => this.#sender.kick());
    this.#ownState = ownStateBatch(this.#context, () => this.#sender.kick());
    this.historyTransfer = new HistoryTransfer(this.#context, () => this.#sender.kick());
    this.attachments = new Attachments(this.#context, options.files, {
      connection: () => this.#connection,
      onOutgoing: () => this.#sender.kick(),
    });
    this.#disappearing = new Disappearing(this.#context);
    this.#disappearing.look();
    this.safety = new Safety(this.#context, this.#directory, {
      connection: () => this.#connection,
      released: (personId) => this.#sender.release(personId),
    });
    this.#receipts = receiptBatch(this.#context, () => this.#sender.kick());
    this.devices = new OwnDevices(this.#context, this.#directory, {
      connection: () => this.#connection,
      onOutgoing: () => this.#sender.kick(),
    });
  }

  /** Who this is. */
  whoami(): Self {
    return selfOf(this.#context.own);
  }

  /** True while there is a connection. */
  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /**
   * Writes texts down for sending, all or none, in order. While connected, an address that nobody has is refused first.
   * @throws KuvertError `text_too_long`, `text_not_utf8`, `bad_request`, `recipient_unknown`
   */
  async send(texts: readonly TextToSend[]): Promise<SendResult[]> {
    const checked = texts.map((text) => this.#check(text));
    const { store } = this.#context;
    for (const mail of new Set(checked.map(({ to }) => to))) await this.#lookUp(mail);
    const messageIds = store.transaction(() => checked.map((text) => queueText(this.#context, text)));
    this.#sender.kick();
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
    const row = this.#context.store.outbox.findByContentId(messageId);
    if (row === undefined) return this.#statusElsewhere(messageId);
    if (row.class !== CLASSES.message) throw new KuvertError('message_unknown');
    const state: MessageState = stateOf(this.#context, row);
    const dormant = this.#leftOut(row);
    return { state, ...(row.problem && { problem: row.problem }), ...(dormant.length > 0 && { dormant }) };
  }

  /** Not those that are out of the list: nothing is meant for them. */
  #leftOut({ seq, toPerson }: OutboxRow): DeviceId[] {
    const { outbox, directory } = this.#context.store;
    const listed = toPerson && directory.getAccount(toPerson)?.list.devices;
    return outbox.listLeftOut(seq).filter((id) => listed?.some(({ device }) => device === id));
  }

  /** Somebody whom this device knows of. */
  person(personId: PersonId): Person | undefined {
    const { own, store } = this.#context;
    if (personId === own.personId) return { personId, mail: own.mail, name: own.name };
    return store.directory.getPerson(personId);
  }

  /** Of a message that another device of one's own has sent. */
  #statusElsewhere(messageId: ContentId): Omit<SendResult, 'messageId'> {
    const sent = this.conversations.find(messageId).find(({ direction }) => direction === 'out');
    if (sent?.state === undefined) throw new KuvertError('message_unknown');
    return { state: sent.state };
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
    this.#sender.kick();
  }
  /** @param options.with mail address of the other person */
  history(options: { with?: string; limit: number }): HistoryEntry[] {
    return historyOf(this.#context, options);
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
      this.#sender.kick();
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
    const connection = this.#connection;
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
    if (this.#connection !== undefined) return;
    const { store, clock, serverOffset } = this.#context;
    store.outbox.expire(serverOffset.now() - OUTBOX_KEPT_MS);
    const early: (() => void)[] = [];
    let connection: Connection | undefined;
    const welcome = Promise.withResolvers<void>();
    welcome.promise.catch(() => undefined);
    // What arrives before the connection is known here waits for it.
    const soon = (action: () => void) => (connection === undefined ? early.push(action) : action());
    const events: ConnectionEvents = {
      onDelivery: (delivery) => soon(() => this.#receiver.push(delivery)),
      onEvent: (name, data) =>
        soon(() => {
          if (connection !== undefined) this.#onEvent(connection, name, data);
          if (name === 'welcome') welcome.resolve();
        }),
      onClose: (reason) =>
        soon(() => {
          this.#onClose(connection, reason);
          welcome.reject(reason);
        }),
    };
    const visit = store.values.increment(VALUES.stateCounter);
    const opened = await connect(visit, events);
    connection = opened;
    this.#connection = opened;
    this.#receiver.connected(opened, visit);
    this.#receipts.connected();
    this.activity.connected(opened);
    for (const action of early) action();
    // A device that the server does not accept learns it only now: the handshake has told the server who calls.
    const cancelTimer = clock.after(WELCOME_TIMEOUT_MS, () => opened.close());
    await welcome.promise.finally(cancelTimer);
    if (this.#connection === opened) this.#upkeep();
  }

  /** Ends the connection; what is under way is taken up again by the next. */
  disconnect(): void {
    this.#connection?.close();
  }

  /**
   * Resolves when nothing more can be done now: mailbox emptied, acknowledged, and everything sent that can be.
   * Rejects with the reason when the connection ends before.
   */
  settled(): Promise<{ waiting: number }> {
    const { store } = this.#context;
    return new Promise<void>((resolve, reject) => {
      if (this.#connection === undefined) {
        reject(new KuvertError('server_unreachable'));
        return;
      }
      this.#settled.add({ resolve, reject });
      this.#checkSettled();
    }).then(() => ({ waiting: store.outbox.countWaitingMessages() }));
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
    this.#disappearing.stop();
    await this.#context.operations.run(() => undefined);
  }

  #check({ to, text }: TextToSend): TextToSend {
    const mail = mailAddress.safeParse(to);
    if (!mail.success) throw new KuvertError('bad_request', { details: { field: 'to' } });
    if (mail.data === this.#context.own.mail) throw new KuvertError('recipient_self');
    if (!text.isWellFormed()) throw new KuvertError('text_not_utf8');
    if (text.length > TEXT_LIMITS.codePointsMax) {
      let codePoints = 0;
      for (const _ of text) codePoints++;
      if (codePoints > TEXT_LIMITS.codePointsMax || utf8(text).length > TEXT_LIMITS.bytesMax) {
        throw new KuvertError('text_too_long');
      }
    }
    return { to: mail.data, text };
  }

  /** Refuses an address that nobody has, as far as that can be known now. */
  async #lookUp(mail: string): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    try {
      await this.#directory.findByMail(connection, mail);
    } catch (error) {
      if (!(error instanceof KuvertError) || error.code === 'recipient_unknown') throw error;
    }
  }

  #onEvent(connection: Connection, name: string, data: unknown): void {
    if (name === 'drained') this.#receiver.push('drained');
    if (name === 'expired') this.#receiver.push(data as EventData<'expired'>);
    if (name === 'dormant') this.#receiver.push({ ...(data as EventData<'dormant'>), isDormant: true });
    if (name === 'prekeysLow') this.#prekeys.told(connection, data as EventData<'prekeysLow'>);
    if (name === 'welcome') {
      const { prekeys, serverTime, installationEpoch, isRestored, deviceSet } = data as EventData<'welcome'>;
      const { store, own } = this.#context;
      if (isRestored === true) afterRestore(this.#context);
      this.#compareEpoch(installationEpoch);
      this.#takeTime(serverTime);
      this.#prekeys.told(connection, prekeys);
      const known = store.directory.getAccount(own.personId);
      const set = known && deviceSetHash(known.pin.hash, activeDevices(known));
      const hasNews = deviceSet && (set === undefined || !equalBytes(set, deviceSet));
      if (hasNews || this.devices.needsAttention) this.#refreshOwnList();
    }
    // Nothing goes out before it is known whether this profile was put back from a copy.
    if (name === 'welcome') {
      this.#sender.connected(connection);
      this.#ownState.connected();
      this.#ownState.send();
      this.historyTransfer.connected();
      this.attachments.uploads.connected(connection);
      this.attachments.tidy().catch((cause: unknown) => this.#fail(cause));
    }
    if (name === 'welcome') {
      this.#namesAsked.clear();
      this.#learnNames();
      this.#fetch((live) => this.#groupLogs.fetchAll(live));
    }
    if (name === 'groupChanged') {
      const { group } = data as EventData<'groupChanged'>;
      this.#groupSending.outdated(group);
      this.#fetch((live) => this.#groupLogs.fetch(live, group));
    }
    if (name === 'devicesChanged') this.#refreshOwnList();
  }

  #takeTime(serverTime: number): void {
    try {
      this.#context.serverOffset.ms = serverTime - this.#context.clock.now();
      this.#disappearing.look();
    } catch (cause) {
      this.#fail(cause);
    }
  }

  #compareEpoch(epoch: number): void {
    const { store } = this.#context;
    const known = loadRecord<{ epoch: number }>(store.values, VALUES.installationEpoch)?.epoch;
    if (known === epoch) return;
    if (known !== undefined) {
      this.#receiver.serverRestored();
      saveRecord(store.values, VALUES.serverRestored, { epoch });
    }
    saveRecord(store.values, VALUES.installationEpoch, { epoch });
  }

  /** Somebody has changed the devices of this person, or says so. */
  #refreshOwnList(): void {
    this.#listRefreshes++;
    this.devices
      .refresh()
      // What one's own devices wait to be told goes on now.
      .then(() => this.#sender.release(this.#context.own.personId))
      // What does not verify has left a notice; a lost connection asks again with the next welcome.
      .catch((cause: unknown) => {
        if (!(cause instanceof KuvertError)) this.#fail(cause);
      })
      .finally(() => {
        this.#listRefreshes--;
        if (this.#connection !== undefined) this.historyTransfer.lookAgain();
        this.#sender.kick();
        this.#checkSettled();
      });
  }

  /** What does not verify has left a notice; a lost connection asks again with the next welcome. */
  #fetch(fetch: (connection: Connection) => Promise<unknown>): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#fetches++;
    fetch(connection)
      .catch((cause: unknown) => {
        if (!(cause instanceof KuvertError)) this.#fail(cause);
      })
      .finally(() => {
        this.#fetches--;
        this.#sender.kick();
        this.#checkSettled();
      });
  }

  /** People to whom another device of one's own was the first to write: who they are is asked once on a connection. */
  #learnNames(): void {
    const { store, changes } = this.#context;
    const nameless = store.conversations
      .listNameless(NAMES_AT_ONCE)
      .filter(({ personId }) => !this.#namesAsked.has(personId));
    if (nameless.length === 0) return;
    for (const { personId } of nameless) this.#namesAsked.add(personId);
    this.#fetch(async (connection) => {
      for (const { personId, conversationId } of nameless) {
        await this.#directory.learnPerson(connection, personId);
        changes.settingsOf(conversationId);
      }
    });
  }

  #onClose(connection: Connection | undefined, reason: KuvertError): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#cancelUpkeep?.();
    this.#sender.disconnected();
    this.#groupSending.disconnected();
    this.#receiver.disconnected();
    this.#receipts.disconnected();
    this.activity.disconnected();
    this.#ownState.disconnected();
    this.historyTransfer.disconnected();
    this.attachments.uploads.disconnected();
    for (const waiting of this.#settled) waiting.reject(reason);
    this.#settled.clear();
    for (const listener of [...this.#closedListeners]) listener(reason);
  }

  /** The store does not take what must be written: the connection ends, and everything is as it was committed last. */
  #fail(cause: unknown): void {
    const reason = cause instanceof KuvertError ? cause : new KuvertError('unexpected', { cause });
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#onClose(connection, reason);
    connection.close();
  }

  #upkeep(): void {
    if (queueHeartbeats(this.#context)) this.#sender.kick();
    this.#lookForUnreached();
    reportGaps(this.#context);
    this.#cancelUpkeep = this.#context.clock.after(UPKEEP_EVERY_MS, () => {
      if (this.#connection === undefined) return;
      const connection = this.#connection;
      connection.request('prekeys.count', {}).then(
        ({ counts }) => this.#prekeys.told(connection, counts),
        () => undefined,
      );
      this.#upkeep();
    });
  }

  /** Somebody of whom no device has got what the server accepted long ago may have other devices by now. */
  #lookForUnreached(): void {
    const { store, clock } = this.#context;
    const connection = this.#connection;
    const nowMs = clock.now();
    const checked = loadRecord<{ atMs: number }>(store.values, VALUES.unreachedChecked)?.atMs ?? 0;
    if (connection === undefined || Math.abs(nowMs - checked) < UPKEEP_EVERY_MS) return;
    saveRecord(store.values, VALUES.unreachedChecked, { atMs: nowMs });
    const people = store.outbox.listUnreachedPeople(nowMs - UPKEEP_EVERY_MS, UNREACHED_LOOKED_AT);
    if (people.length === 0) return;
    this.#listRefreshes++;
    const lookAll = async () => {
      for (const personId of people) {
        await this.#directory.refresh(connection, personId).catch((cause: unknown) => {
          // What does not verify has left a notice; whoever left the organisation has no devices.
          if (!(cause instanceof KuvertError)) throw cause;
        });
      }
    };
    lookAll()
      .catch((cause: unknown) => this.#fail(cause))
      .finally(() => {
        this.#listRefreshes--;
        this.#sender.kick();
        this.#checkSettled();
      });
  }

  #checkSettled(): void {
    if (this.#settled.size === 0 || this.#connection === undefined) return;
    this.#receiver.hurry();
    this.#ownState.hurry();
    if (this.#receiver.isIdle()) this.#receipts.send();
    if (this.#listRefreshes > 0 || this.#fetches > 0) return;
    if (
      !this.#receipts.isIdle() ||
      !this.activity.isIdle() ||
      !this.#ownState.isIdle() ||
      !this.historyTransfer.isIdle() ||
      !this.attachments.uploads.isIdle() ||
      !this.#receiver.isIdle() ||
      !this.#sender.isIdle() ||
      !this.#prekeys.isIdle()
    )
      return;
    for (const waiting of this.#settled) waiting.resolve();
    this.#settled.clear();
  }
}

/**
 * Takes deliveries out of the mailbox. In batches: outer seals off → unknown senders verified → decrypted and checked → ratchet
 * steps, message rows, chains and acknowledgements due committed in one transaction → acknowledged to the server. Whatever is not
 * committed is not acknowledged and comes again.
 */
import {
  CLASSES,
  type Delivery,
  type DeviceId,
  type EventData,
  ID_BYTES,
  KuvertError,
  LIFETIME_MS,
  SUITES,
} from '@kuvert/protocol';
import { accountPrivateKey, answerAccountKeyRequest, takeAccountKey } from './account-keys.ts';
import { queueDueAcks, takeAck } from './acks.ts';
import { type ChainSender, takeIntoChain, takeStart, takeToldHead } from './chains/follow.ts';
import { keepTombstone, reportGaps } from './chains/gaps.ts';
import { Sightings } from './chains/sightings.ts';
import { type Context, stageSessions } from './context.ts';
import { isMessageContent, keepArrived } from './conversations/arrived.ts';
import { takeOwnState } from './conversations/own-state.ts';
import { takeName } from './device-names.ts';
import type { Directory } from './directory.ts';
import { takeDormancy } from './dormancy.ts';
import type { GroupLogs } from './groups/log-sync.ts';
import { prepareGroups } from './groups/opening.ts';
import { keepSenderKey, readSenderKey, type TakenSenderKey, takeGroupKeys } from './groups/receiving.ts';
import { takePart } from './history-transfer/receive.ts';
import { giveHistory } from './history-transfer/send.ts';
import { type Outcome, openDelivery, type Sender, type Unsealed, unseal } from './incoming.ts';
import type { Connection } from './ports.ts';
import { requestAgain, requestOverdue, sendAgain } from './repairs.ts';
import type { StagedSessions } from './staged-sessions.ts';
import type { Activity } from './ticks/activity.ts';
import { noteReceipt, queueDueReceipts, takeReceipt } from './ticks/receipts.ts';
import { NamedLists } from './trust/named-lists.ts';
import { takeChoices } from './trust/own-choices.ts';

/** Deliveries that are committed together. */
const BATCH_DELIVERIES = 64;
/** Longest wait of an acknowledgement while messages come in one by one. */
const ACK_DELAY_MAX_MS = 1_000;
/** In large groups it is longer, so that its writer is not told by a thousand devices in one second. */
const ACK_SPREAD = { perMemberMs: 10, maxMs: 10_000 } as const;
/** No envelope expires sooner after it was accepted. */
const LIFETIME_SHORTEST_MS = Math.min(...Object.values(LIFETIME_MS));
const NOTICES_LOOKED_AT = 1_000;
/** What was set aside and is tried again on one connection. */
const RETRIED_MAX = 64;
/** A gap in live delivery may still close: it is reported after this. */
const GAP_DELAY_MS = 30_000;

type Tombstone = EventData<'expired'> & { readonly isDormant?: true };
type Inbound = Delivery | Tombstone | 'drained';
type Arrived = Extract<Outcome, { type: 'content' }>;
type Refused = Extract<Outcome, { type: 'refused' }>;

/** @see the top of this file */
export class Receiver {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #onStored: () => void;
  readonly #onOutgoing: () => void;
  readonly #onHeard: Activity['heard'];
  #inbound: Inbound[] = [];
  #connection: Connection | undefined;
  #isRunning = false;
  #isDrained = false;
  #cancelAcks: (() => void) | undefined;
  /** The longest wait of acknowledgements that have become due, and of those that a timer runs for. */
  #ackWaitMs = { due: Infinity, running: Infinity };
  #cancelGaps: (() => void) | undefined;
  #isSendingAcks = false;
  readonly #lists: NamedLists;
  readonly #sightings: Sightings;
  readonly #logs: GroupLogs;
  /** A sender key or group key has come: what was set aside for want of one is tried again. */
  #hasNewKeys = false;
  readonly #keysRead = new Map<object, TakenSenderKey>();

  /**
   * @param hooks.onStored new messages are there to be shown
   * @param hooks.onOutgoing something was put into the outbox
   * @param hooks.onHeard something verified has come from somebody
   */
  constructor(
    context: Context,
    directory: Directory,
    hooks: { onStored: () => void; onOutgoing: () => void; onHeard: Activity['heard']; logs: GroupLogs },
  ) {
    this.#logs = hooks.logs;
    this.#context = context;
    this.#directory = directory;
    this.#lists = new NamedLists(context);
    this.#onStored = hooks.onStored;
    this.#onOutgoing = hooks.onOutgoing;
    this.#onHeard = hooks.onHeard;
    this.#sightings = new Sightings(context);
  }

  /** @param visit a number that grows with each connection */
  connected(connection: Connection, visit: number): void {
    this.#sightings.connected(visit);
    this.#connection = connection;
    this.#run();
  }
  disconnected(): void {
    this.#connection = undefined;
    this.#inbound = [];
    this.#isDrained = false;
    this.#cancelAcks?.();
    this.#cancelGaps?.();
    this.#cancelAcks = undefined;
    this.#cancelGaps = undefined;
  }
  /** @see Sightings.serverRestored */
  serverRestored(): void {
    this.#sightings.serverRestored();
  }
  /** A delivery, or the word that the mailbox is empty or that something expired or was given up, in the order of arrival. */
  push(item: Inbound): void {
    this.#inbound.push(item);
    this.#run();
  }

  /** True when the mailbox was emptied, everything is stored and no acknowledgement is due. */
  isIdle(): boolean {
    const isQuiet = this.#isDrained && !this.#isRunning && this.#inbound.length === 0;
    return isQuiet && this.#cancelAcks === undefined && !this.#isSendingAcks;
  }
  /** Somebody waits for idleness: acknowledgements that are due go now. */
  hurry(): void {
    if (this.#cancelAcks === undefined) return;
    this.#cancelAcks();
    this.#cancelAcks = undefined;
    this.#sendAcks();
  }

  #run(): void {
    const connection = this.#connection;
    if (this.#isRunning || connection === undefined || this.#inbound.length === 0) return;
    this.#isRunning = true;
    this.#work(connection)
      .catch((cause: unknown) => this.#context.failed(cause))
      .finally(() => {
        this.#isRunning = false;
        this.#run();
        this.#context.changed();
      });
  }

  async #work(connection: Connection): Promise<void> {
    while (this.#connection === connection && this.#inbound.length > 0) {
      const [first] = this.#inbound;
      if (first === 'drained') {
        this.#inbound.shift();
        this.#isDrained = true;
        this.#sightings.drained();
        await this.#retryUntrusted(connection);
        reportGaps(this.#context);
        this.#cancelAcks?.();
        this.#cancelAcks = undefined;
        await this.#context.operations.run(() => {
          queueDueAcks(this.#context);
          queueDueReceipts(this.#context);
          requestOverdue(this.#context);
        });
        this.#onOutgoing();
        continue;
      }
      if (first !== undefined && !isDelivery(first)) {
        this.#inbound.shift();
        this.#takeTombstone(connection, first);
        continue;
      }
      const end = this.#inbound.findIndex((item) => !isDelivery(item));
      const count = Math.min(BATCH_DELIVERIES, end === -1 ? this.#inbound.length : end);
      await this.#takeBatch(connection, this.#inbound.splice(0, count) as Delivery[]);
    }
  }

  /**
   * The server says that messages have expired. Believed only when their time can have run out (wire.md §4): a server that calls
   * withheld messages expired is told apart by that.
   */
  #takeTombstone(connection: Connection, told: Tombstone): void {
    const { store, clock, serverOffset } = this.#context;
    const { deliverySeq, count, toMs } = told;
    if (told.isDormant === true) {
      takeDormancy(this.#context, told);
      connection.ack(deliverySeq);
      return;
    }
    const isPossible = serverOffset.now() >= toMs + LIFETIME_SHORTEST_MS;
    const kind = isPossible ? 'messages_expired' : 'refused';
    store.transaction(() => {
      const unseen = store.notices.listUnseen(NOTICES_LOOKED_AT);
      const same = unseen.find((notice) => notice.kind === kind && notice.personId === undefined);
      const before = isPossible ? (same?.count ?? 0) : 0;
      store.notices.add({ kind, atMs: clock.now(), ...(isPossible && { count: before + count }) });
      if (isPossible) {
        keepTombstone(this.#context, told);
        this.#context.historyMissed();
      }
    });
    connection.ack(deliverySeq);
  }

  async #takeBatch(connection: Connection, deliveries: readonly Delivery[]): Promise<void> {
    const outer = stageSessions(this.#context);
    await prepareGroups(this.#context, this.#logs, connection, deliveries);
    if (this.#connection !== connection) return;
    const items = deliveries.map((delivery) => unseal(this.#context, outer, delivery));
    // Nobody is asked who sent what is not kept.
    await this.#learnSenders(
      connection,
      items.filter(({ delivery }) => delivery.class !== CLASSES.ephemeral),
    );
    if (this.#connection !== connection) return;
    const stored = await this.#context.operations.run(async () => {
      const sightings = this.#sightings.look(items);
      const fresh = items.filter((_item, at) => sightings[at] === 'first');
      const { outcomes, staged } = await this.#open(fresh);
      return this.#context.store.transaction(() => {
        this.#context.store.sessions.apply(staged.writes());
        this.#sightings.keep(items);
        for (const [at, item] of items.entries()) if (sightings[at] === 'replayed') this.#applyReplay(item);
        return this.#applyAll(outcomes, staged);
      });
    });
    connection.ack(deliveries[deliveries.length - 1]?.deliverySeq ?? 0);
    if (stored) this.#onStored();
    this.#onOutgoing();
    // Whoever has other devices now may be sent again what none of them has got.
    if (await this.#lists.fetchNewer(connection, this.#directory)) this.#onOutgoing();
    if (this.#isDrained) this.#settleLater();
  }

  async #open(items: readonly Unsealed[]): Promise<{ outcomes: Outcome[]; staged: StagedSessions }> {
    const staged = stageSessions(this.#context);
    const outcomes: Outcome[] = [];
    for (const item of items) {
      const sender = this.#senderOf(item);
      const outcome = await openDelivery(this.#context, staged, item, sender);
      outcomes.push(outcome);
      if (outcome.type === 'content') await this.#readKey(staged, outcome);
    }
    return { outcomes, staged };
  }

  /** A sender key counts from the next delivery on, so it is read where it stands. */
  async #readKey(staged: StagedSessions, { content, sender }: Arrived): Promise<void> {
    if (content.kind !== 'sender-key') return;
    const from = { device: sender.entry.device, personId: sender.personId };
    const taken = await readSenderKey(this.#context, staged, from, content);
    if (taken === undefined) return;
    this.#keysRead.set(content, taken);
    staged.absorbSenderKeys(taken.writes);
  }

  /** What was set aside because its sender could not be verified is tried again: the server may tell the truth by now. */
  async #retryUntrusted(connection: Connection): Promise<void> {
    const { store, operations } = this.#context;
    const rows = ['untrusted', ...(this.#hasNewKeys ? ['no-key', 'undecryptable'] : [])].flatMap((reason) =>
      store.repairs
        .listQuarantined(reason, RETRIED_MAX)
        .filter(({ leg }) => reason === 'untrusted' || leg.length === ID_BYTES),
    );
    this.#hasNewKeys = false;
    if (rows.length === 0) return;
    const outer = stageSessions(this.#context);
    const items = rows.map(({ leg, body, acceptedAtMs, expiresAtMs, class: submitClass }) => {
      const times = { acceptedAtMs, expiresAtMs };
      const suite = leg.length === ID_BYTES ? SUITES.groupSenderKey : SUITES.signalPairwise;
      const delivery = { ...times, deliverySeq: 0, suite, class: submitClass, leg, ...(body && { body }) };
      return unseal(this.#context, outer, delivery);
    });
    await this.#learnSenders(connection, items);
    if (this.#connection !== connection) return;
    const hasNews = await operations.run(async () => {
      const { outcomes, staged } = await this.#open(items);
      const good = outcomes.filter((outcome) => outcome.type === 'content');
      return store.transaction(() => {
        store.sessions.apply(staged.writes());
        for (const { item, sender } of good) {
          store.repairs.release(item.hash);
          store.notices.withdraw({ kind: 'refused', deviceId: sender.entry.device });
        }
        return this.#applyAll(good, staged);
      });
    });
    if (hasNews) this.#onStored();
  }

  /** A sender that cannot be verified leaves a notice; what it sent is refused below. */
  async #learnSenders(connection: Connection, items: readonly Unsealed[]): Promise<void> {
    // The first of each device counts: what came before a device was taken out.
    const firsts = new Map(
      items.toReversed().map(({ opened, delivery }) => [opened?.senderDevice, delivery.acceptedAtMs]),
    );
    for (const [device, acceptedAtMs] of firsts) {
      if (device === undefined) continue;
      try {
        await this.#directory.learnSender(connection, device, acceptedAtMs);
      } catch (error) {
        if (!(error instanceof KuvertError)) throw error;
        if (this.#connection !== connection) return;
        // A server that is busy is no reason to refuse a message: it comes again on the next connection.
        if (error.retry.kind !== 'never') throw error;
      }
    }
  }

  #senderOf({ opened, delivery }: Pick<Unsealed, 'opened' | 'delivery'>): Sender | undefined {
    return opened && this.#directory.sender(opened.senderDevice, delivery.acceptedAtMs);
  }

  /** The same, and then the steps that sender keys have taken, of those too that came in the same batch. */
  #applyAll(outcomes: readonly Outcome[], staged: StagedSessions): boolean {
    const hasNews = this.#apply(outcomes);
    this.#context.store.groups.updateSenderKeys(staged.senderKeyWrites());
    return hasNews;
  }

  /** Writes down what a batch has brought. True when there is something new to show. */
  #apply(outcomes: readonly Outcome[]): boolean {
    let hasNews = false;
    const unopened = new Map<string, { sender: ChainSender; hashes: Uint8Array<ArrayBuffer>[] }>();
    for (const outcome of outcomes) {
      if (outcome.type === 'content') hasNews = this.#applyContent(outcome) || hasNews;
      else if (outcome.type === 'refused') {
        this.#applyRefusal(outcome);
        if (outcome.refusal !== 'undecryptable' || outcome.sender === undefined) continue;
        const sender: ChainSender = {
          device: outcome.sender.entry.device,
          personId: outcome.sender.personId,
        };
        const entry = unopened.get(sender.device) ?? { sender, hashes: [] };
        entry.hashes.push(outcome.item.hash);
        unopened.set(sender.device, entry);
      }
    }
    for (const { sender, hashes } of unopened.values()) requestAgain(this.#context, sender, hashes);
    return hasNews;
  }

  #applyContent(arrived: Arrived): boolean {
    const { content, item, commitment, header } = arrived;
    const sender: ChainSender = {
      device: arrived.sender.entry.device,
      personId: arrived.sender.personId,
      ...(header.group && { conversation: header.conversation }),
    };
    this.#lists.compare(header, sender);
    this.#onHeard(sender, content, item.delivery.acceptedAtMs);
    if (isMessageContent(content)) {
      // A kind that only newer releases know, sent as control, is not for people.
      if (item.delivery.class !== CLASSES.message || header.chain === undefined) return false;
      const { store } = this.#context;
      store.messages.markAckDue(sender.personId);
      this.#ackWaitMs.due = Math.min(this.#ackWaitMs.due, ackWaitMs(this.#context, header));
      const isKnown = store.messages.has(sender.device, header.contentId);
      const { lifetimeMs, sentAtMs: writtenAtMs } = header;
      const { acceptedAtMs } = item.delivery;
      const facts = { entry: header.chain, commitment, lifetimeMs, writtenAtMs, acceptedAtMs };
      const fits = takeIntoChain(this.#context, sender, facts);
      // What a history has brought before it came is no news, but its number is.
      if (isKnown) return false;
      if (!fits) {
        this.#applyRefusal({ type: 'refused', refusal: 'inconsistent', item, sender: arrived.sender });
        return false;
      }
      noteReceipt(this.#context, 'delivered', [{ senderPerson: sender.personId, chain: header.chain }]);
      return keepArrived(this.#context, sender, { header, content, acceptedAtMs });
    }
    switch (content.kind) {
      case 'own-choices':
        takeChoices(this.#context, content);
        return false;
      case 'own-state':
        takeOwnState(this.#context, content);
        return false;
      case 'history-request':
        giveHistory(this.#context, sender.device, content);
        return false;
      case 'history':
        return takePart(this.#context, sender.device, content);
      case 'ack':
        if (!takeAck(this.#context, sender, content)) this.#noticeInconsistent(sender);
        return false;
      case 'heartbeat':
        if (content.startFor?.includes(this.#context.own.deviceId)) takeStart(this.#context, sender, content);
        else if (content.startFor === undefined && !takeToldHead(this.#context, sender, content)) {
          this.#noticeInconsistent(sender);
        }
        return false;
      case 'receipt':
        takeReceipt(this.#context, sender, content);
        return false;
      // What is ephemeral was told above and leaves nothing behind.
      case 'typing':
      case 'presence':
        return false;
      case 'device-name':
        if (this.#isOwn(sender)) takeName(this.#context, content);
        return false;
      case 'account-key':
        if (this.#isOwn(sender)) takeAccountKey(this.#context, content.copies);
        return false;
      case 'account-key-request':
        if (this.#isOwn(sender)) answerAccountKeyRequest(this.#context, sender.device);
        return false;
      case 'revoke-request':
        if (this.#isOwn(sender)) this.#noticeRevokeRequest(content.device);
        return false;
      case 'sender-key': {
        const taken = this.#keysRead.get(content);
        this.#keysRead.delete(content);
        if (taken === undefined) return false;
        keepSenderKey(this.#context, this.#logs, sender, content, taken);
        this.#hasNewKeys = true;
        return false;
      }
      case 'group-keys':
        takeGroupKeys(this.#logs, content);
        this.#hasNewKeys = true;
        return false;
      case 'retry-request':
        sendAgain(this.#context, sender.device, content.legs);
        return false;
    }
  }

  #applyRefusal({ refusal, item, sender }: Refused): void {
    const { store, clock } = this.#context;
    const { delivery, hash, opened } = item;
    if (delivery.class === CLASSES.ephemeral) return;
    const atMs = clock.now();
    const senderDevice = opened?.senderDevice;
    const isMessage = delivery.class === CLASSES.message;
    store.repairs.quarantine({
      legHash: hash,
      leg: Uint8Array.from(delivery.leg),
      body: delivery.body && Uint8Array.from(delivery.body),
      class: delivery.class,
      acceptedAtMs: delivery.acceptedAtMs,
      expiresAtMs: delivery.expiresAtMs,
      senderDevice,
      reason: refusal,
      atMs,
      isOpen: isMessage && refusal === 'undecryptable',
    });
    // What could not be opened is asked for again; people are told only when it does not come (`gaps.ts`).
    if (refusal === 'undecryptable' || refusal === 'no-key' || (!isMessage && refusal !== 'untrusted'))
      return;
    store.notices.add({
      kind: 'refused',
      atMs,
      ...(sender && { personId: sender.personId }),
      ...(senderDevice && { deviceId: senderDevice }),
      ...(refusal === 'untrusted' && { code: 'identity_not_trusted' as const }),
      ...(refusal === 'too-new' && { code: 'client_too_old' as const }),
    });
  }

  #applyReplay({ delivery, opened }: Unsealed): void {
    const sender = this.#senderOf({ delivery, opened });
    if (sender === undefined || delivery.class !== CLASSES.message) return;
    this.#sightings.tellReplay({ device: sender.entry.device, personId: sender.personId });
  }

  #noticeInconsistent(sender: ChainSender): void {
    const { store, clock } = this.#context;
    const { device: deviceId, personId } = sender;
    store.notices.add({ kind: 'refused', atMs: clock.now(), personId, deviceId });
  }

  /** What one's own devices tell each other is nobody else's to say. */
  #isOwn(sender: ChainSender): boolean {
    if (sender.personId === this.#context.own.personId) return true;
    this.#noticeInconsistent(sender);
    return false;
  }

  #noticeRevokeRequest(deviceId: DeviceId): void {
    const { store, own, clock } = this.#context;
    if (accountPrivateKey(this.#context) === undefined) return;
    store.notices.add({ kind: 'revoke_asked', atMs: clock.now(), personId: own.personId, deviceId });
  }

  /** While messages come in one by one, acknowledgements wait a moment for company. */
  #settleLater(): void {
    const { clock, random, store } = this.#context;
    const { due, running } = this.#ackWaitMs;
    this.#ackWaitMs.due = Infinity;
    // Nobody who wrote to this person alone waits for a group.
    if (this.#cancelAcks !== undefined && due < running) {
      this.#cancelAcks();
      this.#cancelAcks = undefined;
    }
    if (store.messages.listAcksDue().length > 0 && this.#cancelAcks === undefined) {
      const [high = 0, low = 0] = random(2);
      const waitMs = due === Infinity ? ACK_DELAY_MAX_MS : due;
      this.#ackWaitMs.running = waitMs;
      this.#cancelAcks = clock.after(Math.floor(((high * 256 + low) / 65_536) * waitMs), () => {
        this.#cancelAcks = undefined;
        this.#sendAcks();
      });
    }
    this.#cancelGaps ??= clock.after(GAP_DELAY_MS, () => {
      this.#cancelGaps = undefined;
      reportGaps(this.#context);
    });
  }

  #sendAcks(): void {
    this.#isSendingAcks = true;
    this.#context.operations
      .run(() => queueDueAcks(this.#context))
      .then(() => this.#onOutgoing())
      .catch((cause: unknown) => this.#context.failed(cause))
      .finally(() => {
        this.#isSendingAcks = false;
        this.#context.changed();
      });
  }
}

/** How long the acknowledgement of a message may wait. */
function ackWaitMs({ store }: Context, header: Arrived['header']): number {
  if (header.group === undefined) return ACK_DELAY_MAX_MS;
  const members = store.groups.findByConversation(header.conversation)?.state.members.length ?? 0;
  return Math.max(ACK_DELAY_MAX_MS, Math.min(members * ACK_SPREAD.perMemberMs, ACK_SPREAD.maxMs));
}

function isDelivery(item: Inbound): item is Delivery {
  return item !== 'drained' && 'leg' in item;
}

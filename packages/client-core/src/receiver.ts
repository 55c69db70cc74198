/**
 * Takes deliveries out of the mailbox. In batches: outer seals off → unknown senders verified → decrypted and checked → ratchet
 * steps, message rows, chains and acknowledgements due committed in one transaction → acknowledged to the server. Whatever is not
 * committed is not acknowledged and comes again.
 */
import { CLASSES, type Delivery, type EventData, ID_BYTES, KuvertError, SUITES } from '@kuvert/protocol';
import { AckTimer } from './ack-timer.ts';
import { queueDueAcks } from './acks.ts';
import { reportGaps } from './chains/gaps.ts';
import { type Sighting, Sightings } from './chains/sightings.ts';
import { type Context, stageSessions } from './context.ts';
import type { Directory } from './directory.ts';
import { takeDormancy } from './dormancy.ts';
import { takeExpired } from './expired.ts';
import type { GroupLogs } from './groups/log-sync.ts';
import { prepareGroups } from './groups/opening.ts';
import { type Outcome, openDelivery, type Sender, type Unsealed, unseal } from './incoming.ts';
import { Intake } from './intake.ts';
import type { Connection } from './ports.ts';
import { requestOverdue } from './repairs.ts';
import type { StagedSessions } from './staged-sessions.ts';
import type { Activity } from './ticks/activity.ts';
import { queueDueReceipts } from './ticks/receipts.ts';
import { NamedLists } from './trust/named-lists.ts';

/** Deliveries that are committed together. */
const BATCH_DELIVERIES = 64;
/** What was set aside and is tried again on one connection. */
const RETRIED_MAX = 64;
/** A gap in live delivery may still close: it is reported after this. */
const GAP_DELAY_MS = 30_000;

type Tombstone = EventData<'expired'> & { readonly isDormant?: true };
type Inbound = Delivery | Tombstone | 'drained';

/** @see the top of this file */
export class Receiver {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #onStored: () => void;
  readonly #onOutgoing: () => void;
  #inbound: Inbound[] = [];
  #connection: Connection | undefined;
  #visit = 0;
  #isRunning = false;
  #isDrained = false;
  #cancelGaps: (() => void) | undefined;
  readonly #acks: AckTimer;
  readonly #intake: Intake;
  readonly #lists: NamedLists;
  readonly #sightings: Sightings;
  readonly #logs: GroupLogs;

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
    this.#sightings = new Sightings(context);
    this.#acks = new AckTimer(context, hooks.onOutgoing);
    const { logs, onHeard } = hooks;
    this.#intake = new Intake(context, { logs, lists: this.#lists, acks: this.#acks, onHeard });
  }

  /** @param visit a number that grows with each connection */
  connected(connection: Connection, visit: number): void {
    this.#sightings.connected();
    this.#connection = connection;
    this.#visit = visit;
    this.#run();
  }
  disconnected(): void {
    this.#connection = undefined;
    this.#inbound = [];
    this.#isDrained = false;
    this.#acks.stop();
    this.#cancelGaps?.();
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
    return isQuiet && this.#acks.isIdle();
  }
  /** Somebody waits for idleness: acknowledgements that are due go now. */
  hurry(): void {
    this.#acks.hurry();
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
        this.#sightings.drained(this.#visit);
        await this.#retryUntrusted(connection);
        reportGaps(this.#context);
        this.#acks.stop();
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

  /** The server says that something expired, or that it was given up. */
  #takeTombstone(connection: Connection, told: Tombstone): void {
    if (told.isDormant === true) takeDormancy(this.#context, told);
    else takeExpired(this.#context, told);
    connection.ack(told.deliverySeq);
  }

  async #takeBatch(connection: Connection, deliveries: readonly Delivery[]): Promise<void> {
    // What is still worked at when its connection ends comes again on the next one, and is to be known as from before it.
    const visit = this.#visit;
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
      const sightings = this.#sightings.look(items, visit);
      const fresh = items.filter((_item, at) => sightings[at]?.how === 'first');
      const { outcomes, staged } = await this.#open(fresh);
      return this.#context.store.transaction(() => {
        this.#context.store.sessions.apply(staged.writes());
        this.#sightings.keep(items, visit);
        for (const [at, item] of items.entries()) this.#tellIfReplayed(item, sightings[at], visit);
        return this.#intake.take(outcomes, staged);
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
      if (outcome.type === 'content') await this.#intake.readKey(staged, outcome);
    }
    return { outcomes, staged };
  }

  /** What was set aside because its sender could not be verified is tried again: the server may tell the truth by now. */
  async #retryUntrusted(connection: Connection): Promise<void> {
    const { store, operations } = this.#context;
    const rows = ['untrusted', ...(this.#intake.takeHasNewKeys() ? ['no-key', 'undecryptable'] : [])].flatMap(
      (reason) =>
        store.repairs
          .listQuarantined(reason, RETRIED_MAX)
          .filter(({ leg }) => reason === 'untrusted' || leg.length === ID_BYTES),
    );
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
        return this.#intake.take(good, staged);
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

  #tellIfReplayed(item: Unsealed, sighting: Sighting | undefined, visit: number): void {
    if (sighting?.how !== 'replayed' || sighting.before === undefined) return;
    const sender = this.#senderOf(item);
    if (sender === undefined || item.delivery.class !== CLASSES.message) return;
    const from = { device: sender.entry.device, personId: sender.personId };
    this.#sightings.tellReplay(from, item, { visit, before: sighting.before });
  }

  /** While messages come in one by one: what is due waits for company, and what is missing may still come. */
  #settleLater(): void {
    this.#acks.start();
    this.#cancelGaps ??= this.#context.clock.after(GAP_DELAY_MS, () => {
      this.#cancelGaps = undefined;
      reportGaps(this.#context);
    });
  }
}

function isDelivery(item: Inbound): item is Delivery {
  return item !== 'drained' && 'leg' in item;
}

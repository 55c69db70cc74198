/**
 * The connection of a messenger: what happens when it is made, with each event of the server, and when it ends, and when everything
 * that could be done over it is done.
 */
import { deviceSetHash } from '@kuvert/crypto/identity';
import { type EventData, equalBytes, KuvertError } from '@kuvert/protocol';
import { afterRestore, type LastWelcome } from './after-restore.ts';
import { activeDevices } from './directory.ts';
import type { MessengerParts } from './messenger-parts.ts';
import { loadRecord, saveRecord, VALUES } from './own-device.ts';
import type { Connect, Connection, ConnectionEvents } from './ports.ts';
import { Rest } from './rest.ts';

/** How long what was sent is kept for devices that ask for it again, at least (wire.md §4). */
const OUTBOX_KEPT_MS = 48 * 3_600_000;
const WELCOME_TIMEOUT_MS = 10_000;

/** @see the top of this file */
export class Online {
  readonly #parts: MessengerParts;
  readonly #onClosed: (reason: KuvertError) => void;
  readonly #rest: Rest;
  #connection: Connection | undefined;

  /** @param onClosed the connection has ended */
  constructor(parts: MessengerParts, onClosed: (reason: KuvertError) => void) {
    this.#parts = parts;
    this.#onClosed = onClosed;
    this.#rest = new Rest(() => this.#isAtRest());
  }

  /** The present connection. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** @see Messenger.connect */
  async connect(connect: Connect): Promise<void> {
    if (this.#connection !== undefined) return;
    const { receiver, receipts, activity, upkeep } = this.#parts;
    const { store, clock, serverOffset } = this.#parts.context;
    store.outbox.expire(serverOffset.now() - OUTBOX_KEPT_MS);
    const early: (() => void)[] = [];
    let connection: Connection | undefined;
    const welcome = Promise.withResolvers<void>();
    welcome.promise.catch(() => undefined);
    // What arrives before the connection is known here waits for it.
    const soon = (action: () => void) => (connection === undefined ? early.push(action) : action());
    const events: ConnectionEvents = {
      onDelivery: (delivery) => soon(() => receiver.push(delivery)),
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
    receiver.connected(opened, visit);
    receipts.connected();
    activity.connected(opened);
    for (const action of early) action();
    // A device that the server does not accept learns it only now: the handshake has told the server who calls.
    const cancelTimer = clock.after(WELCOME_TIMEOUT_MS, () => opened.close());
    await welcome.promise.finally(cancelTimer);
    if (this.#connection === opened) upkeep.start(opened);
  }

  /** @see Messenger.settled */
  async settled(): Promise<void> {
    if (this.#connection === undefined) throw new KuvertError('server_unreachable');
    await this.#rest.wait();
  }

  /** The store does not take what must be written: the connection ends, and everything is as it was committed last. */
  fail(cause: unknown): void {
    const reason = cause instanceof KuvertError ? cause : new KuvertError('unexpected', { cause });
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#onClose(connection, reason);
    connection.close();
  }

  /** Something may have come to rest. */
  look(): void {
    this.#rest.look();
  }

  #isAtRest(): boolean {
    const { receiver, ownState, receipts, errands, activity, historyTransfer, attachments, sender, prekeys } =
      this.#parts;
    if (this.#connection === undefined) return false;
    receiver.hurry();
    ownState.hurry();
    if (receiver.isIdle()) receipts.send();
    return [
      errands,
      receipts,
      activity,
      ownState,
      historyTransfer,
      attachments.uploads,
      receiver,
      sender,
      prekeys,
    ].every((part) => part.isIdle());
  }

  #onEvent(connection: Connection, name: string, data: unknown): void {
    const { receiver, prekeys, groupSending, groupLogs, errands } = this.#parts;
    switch (name) {
      case 'welcome':
        this.#onWelcome(connection, data as EventData<'welcome'>);
        break;
      case 'drained':
        receiver.push('drained');
        break;
      case 'expired':
        receiver.push(data as EventData<'expired'>);
        break;
      case 'dormant':
        receiver.push({ ...(data as EventData<'dormant'>), isDormant: true });
        break;
      case 'prekeysLow':
        prekeys.told(connection, data as EventData<'prekeysLow'>);
        break;
      case 'devicesChanged':
        this.#refreshOwnList();
        break;
      case 'groupChanged': {
        const { group } = data as EventData<'groupChanged'>;
        groupSending.outdated(group);
        errands.run((live) => groupLogs.fetch(live, group));
        break;
      }
    }
  }

  #onWelcome(connection: Connection, welcome: EventData<'welcome'>): void {
    const { context, prekeys, devices, sender, ownState, historyTransfer, attachments } = this.#parts;
    const { store, own } = context;
    if (welcome.isRestored === true) afterRestore(context);
    saveRecord(store.values, VALUES.lastWelcome, { atMs: welcome.serverTime } satisfies LastWelcome);
    this.#compareEpoch(welcome.installationEpoch);
    this.#takeTime(welcome.serverTime);
    prekeys.told(connection, welcome.prekeys);
    const known = store.directory.getAccount(own.personId);
    const set = known && deviceSetHash(known.pin.hash, activeDevices(known));
    const hasNews = welcome.deviceSet && (set === undefined || !equalBytes(set, welcome.deviceSet));
    if (hasNews || devices.needsAttention) this.#refreshOwnList();
    // Nothing goes out before it is known whether this profile was put back from a copy.
    sender.connected(connection);
    ownState.connected();
    ownState.send();
    historyTransfer.connected();
    attachments.outlived.look();
    attachments.uploads.connected(connection);
    attachments.tidy().catch((cause: unknown) => this.fail(cause));
    this.#parts.nameless.connected();
    this.#parts.errands.run((live) => this.#parts.groupLogs.fetchAll(live));
  }

  #takeTime(serverTime: number): void {
    try {
      this.#parts.context.serverOffset.ms = serverTime - this.#parts.context.clock.now();
      this.#parts.disappearing.look();
    } catch (cause) {
      this.fail(cause);
    }
  }

  #compareEpoch(epoch: number): void {
    const { store } = this.#parts.context;
    const known = loadRecord<{ epoch: number }>(store.values, VALUES.installationEpoch)?.epoch;
    if (known === epoch) return;
    if (known !== undefined) {
      this.#parts.receiver.serverRestored();
      saveRecord(store.values, VALUES.serverRestored, { epoch });
    }
    saveRecord(store.values, VALUES.installationEpoch, { epoch });
  }

  /** Somebody has changed the devices of this person, or says so. */
  #refreshOwnList(): void {
    const { devices, sender, historyTransfer, errands, context } = this.#parts;
    errands.run(
      async () => {
        await devices.refresh();
        // What one's own devices wait to be told goes on now.
        sender.release(context.own.personId);
      },
      () => {
        if (this.#connection !== undefined) historyTransfer.lookAgain();
      },
    );
  }

  #onClose(connection: Connection | undefined, reason: KuvertError): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#parts.upkeep.stop();
    this.#parts.sender.disconnected();
    this.#parts.groupSending.disconnected();
    this.#parts.receiver.disconnected();
    this.#parts.receipts.disconnected();
    this.#parts.activity.disconnected();
    this.#parts.ownState.disconnected();
    this.#parts.historyTransfer.disconnected();
    this.#parts.attachments.uploads.disconnected();
    this.#parts.attachments.outlived.stop();
    this.#rest.ended(reason);
    this.#onClosed(reason);
  }
}

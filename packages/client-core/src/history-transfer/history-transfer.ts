/**
 * History between devices of one person (A4, N9): a new device asks for it by itself; one that has missed something, because the server had
 * to give messages up or because it was put back from a copy, asks again.
 */
import { type DeviceId, KuvertError } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import { saveRecord, VALUES } from '../own-device.ts';
import { hasOtherDevices } from '../own-lane.ts';
import {
  askForHistory,
  chooseSource,
  type HistoryProgress,
  historyProgress,
  isSourceGone,
} from './receive.ts';
import { queueParts } from './send.ts';

/** A request of which nothing has been heard for so long is made again by itself. */
const ASK_AGAIN_MS = 24 * 3_600_000;

/** @see the top of this file */
export class HistoryTransfer {
  readonly #context: Context;
  readonly #onOutgoing: () => void;
  #isConnected = false;
  /** A request was made on this connection: what had been given up before it cannot have been an answer to it. */
  #hasAsked = false;
  #isWorking = false;
  #again = false;

  constructor(context: Context, onOutgoing: () => void) {
    this.#context = context;
    this.#onOutgoing = onOutgoing;
  }

  connected(): void {
    this.#isConnected = true;
    this.#hasAsked = false;
    this.lookAgain();
    this.work();
  }
  disconnected(): void {
    this.#isConnected = false;
  }
  isIdle(): boolean {
    return !this.#isWorking;
  }

  /** @see HistoryProgress */
  progress(): HistoryProgress | undefined {
    return historyProgress(this.#context);
  }
  /**
   * Asks a device of one's own for the history.
   * @param from which one; the one that was there longest unless told
   * @throws KuvertError `device_unknown` when there is no such device, or no other at all
   */
  ask(from?: DeviceId): void {
    const { store, own } = this.#context;
    const account = store.directory.getAccount(own.personId);
    const isKnown =
      from !== own.deviceId && account?.list.devices.some(({ device }) => device === from) === true;
    const source = from === undefined ? chooseSource(this.#context) : isKnown ? from : undefined;
    if (source === undefined) throw new KuvertError('device_unknown');
    store.transaction(() => askForHistory(this.#context, source));
    this.#hasAsked = true;
    this.#onOutgoing();
  }
  /** Something was missed here that another device of one's own may have; it may have been the answer to an earlier request. */
  askForMissed(): void {
    const { values } = this.#context.store;
    if (!hasOtherDevices(this.#context) || chooseSource(this.#context) === undefined) {
      // A copy that was put back may know of no other device although there is one.
      saveRecord(values, VALUES.historyMissed, {});
      return;
    }
    values.delete(VALUES.historyMissed);
    if (!this.#hasAsked || !this.#isUnderWay()) this.ask();
  }

  /** A device that is new asks; a request that nobody answers, or whose device is gone, is made again. To be called when that may be so. */
  lookAgain(): void {
    const { own, store } = this.#context;
    if (store.values.get(VALUES.historyMissed) !== undefined) this.askForMissed();
    const incoming = store.transfers.getIncoming();
    const isWanted = incoming === undefined ? own.tokenId === undefined : incoming.partsTotal === undefined;
    if (!isWanted || this.#isUnderWay() || chooseSource(this.#context) === undefined) return;
    this.ask();
  }

  #isUnderWay(): boolean {
    const { store, clock } = this.#context;
    const incoming = store.transfers.getIncoming();
    if (incoming === undefined || incoming.partsTotal !== undefined) return false;
    const heardAtMs = incoming.heardAtMs ?? incoming.askedAtMs;
    return clock.now() - heardAtMs < ASK_AGAIN_MS && !isSourceGone(this.#context, incoming.from);
  }

  /** There may be parts to be queued. */
  work(): void {
    this.#again = true;
    if (this.#isWorking || !this.#isConnected) return;
    this.#isWorking = true;
    this.#context.operations
      .run(() => {
        this.#again = false;
        return queueParts(this.#context);
      })
      .then((isQueued) => isQueued && this.#onOutgoing())
      .catch((cause: unknown) => this.#context.failed(cause))
      .finally(() => {
        this.#isWorking = false;
        if (this.#again) this.work();
        this.#context.changed();
      });
  }
}

/**
 * Takes in what was opened and checked: each kind of content goes to the part that it is for, what was refused is set aside. Everything
 * here runs in the transaction of its batch, except {@link Intake.readKey}.
 */
import { CLASSES, type DeviceId } from '@kuvert/protocol';
import { accountPrivateKey, answerAccountKeyRequest, takeAccountKey } from './account-keys.ts';
import type { AckTimer } from './ack-timer.ts';
import { takeAck } from './acks.ts';
import { type ChainSender, takeIntoChain, takeStart, takeToldHead } from './chains/follow.ts';
import type { Context } from './context.ts';
import { isMessageContent, keepArrived, type MessageContent } from './conversations/arrived.ts';
import { takeOwnState } from './conversations/own-state.ts';
import { takeName } from './device-names.ts';
import type { GroupLogs } from './groups/log-sync.ts';
import { keepSenderKey, readSenderKey, type TakenSenderKey, takeGroupKeys } from './groups/receiving.ts';
import { type AcknowledgedChains, GroupSettling } from './groups/ticks.ts';
import { takePart } from './history-transfer/receive.ts';
import { giveHistory } from './history-transfer/send.ts';
import type { Arrived, Outcome } from './incoming.ts';
import { keepRefused, noticeInconsistent } from './refusals.ts';
import { requestAgain, sendAgain } from './repairs.ts';
import type { StagedSessions } from './staged-sessions.ts';
import type { Activity } from './ticks/activity.ts';
import { noteReceipt, noteReceiptAgain, takeReceipt } from './ticks/receipts.ts';
import type { NamedLists } from './trust/named-lists.ts';
import { takeChoices } from './trust/own-choices.ts';

/** What an intake hands on to. */
export interface IntakeParts {
  readonly logs: GroupLogs;
  readonly lists: NamedLists;
  readonly acks: AckTimer;
  /** Something verified has come from somebody. */
  readonly onHeard: Activity['heard'];
}

/** @see the top of this file */
export class Intake {
  readonly #context: Context;
  readonly #parts: IntakeParts;
  readonly #settling: GroupSettling;
  readonly #keysRead = new Map<object, TakenSenderKey>();
  #hasNewKeys = false;

  constructor(context: Context, parts: IntakeParts) {
    this.#context = context;
    this.#parts = parts;
    this.#settling = new GroupSettling(context);
  }

  /** True once after sender keys or group keys have come: what was set aside for want of one can be tried again. */
  takeHasNewKeys(): boolean {
    const hasNewKeys = this.#hasNewKeys;
    this.#hasNewKeys = false;
    return hasNewKeys;
  }

  /** A sender key counts from the next delivery on, so it is read where it stands. */
  async readKey(staged: StagedSessions, { content, sender }: Arrived): Promise<void> {
    if (content.kind !== 'sender-key') return;
    const from = { device: sender.entry.device, personId: sender.personId };
    const taken = await readSenderKey(this.#context, staged, from, content);
    if (taken === undefined) return;
    this.#keysRead.set(content, taken);
    staged.absorbSenderKeys(taken.writes);
  }

  /**
   * Writes down what a batch has brought, and then the steps that sender keys have taken, of those too that came in the same batch.
   * @returns true when there is something new to show
   */
  take(outcomes: readonly Outcome[], staged: StagedSessions): boolean {
    let hasNews = false;
    const inGroups: AcknowledgedChains = new Map();
    const unopened = new Map<string, { sender: ChainSender; hashes: Uint8Array<ArrayBuffer>[] }>();
    for (const outcome of outcomes) {
      if (outcome.type === 'content') hasNews = this.#takeContent(outcome, inGroups) || hasNews;
      else if (outcome.type === 'refused') {
        keepRefused(this.#context, outcome);
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
    this.#settling.settle(inGroups);
    this.#context.store.groups.updateSenderKeys(staged.senderKeyWrites());
    return hasNews;
  }

  #takeContent(arrived: Arrived, inGroups: AcknowledgedChains): boolean {
    const { content, item, header } = arrived;
    const sender: ChainSender = {
      device: arrived.sender.entry.device,
      personId: arrived.sender.personId,
      ...(header.group && { conversation: header.conversation }),
    };
    this.#parts.lists.compare(header, sender);
    this.#parts.onHeard(sender, content, item.delivery.acceptedAtMs);
    if (isMessageContent(content)) return this.#takeMessage(arrived, sender, content);
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
        if (!takeAck(this.#context, sender, { ack: content, inGroups }))
          noticeInconsistent(this.#context, sender);
        return false;
      case 'heartbeat':
        if (content.startFor?.includes(this.#context.own.deviceId)) takeStart(this.#context, sender, content);
        else if (content.startFor === undefined && !takeToldHead(this.#context, sender, content)) {
          noticeInconsistent(this.#context, sender);
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
        keepSenderKey(this.#context, this.#parts.logs, sender, content, taken);
        this.#hasNewKeys = true;
        return false;
      }
      case 'group-keys':
        takeGroupKeys(this.#parts.logs, content);
        this.#hasNewKeys = true;
        return false;
      case 'retry-request':
        sendAgain(this.#context, sender.device, content.legs);
        return false;
    }
  }

  /** A message for people. True when it is new to them. */
  #takeMessage(arrived: Arrived, sender: ChainSender, content: MessageContent): boolean {
    const { item, commitment, header } = arrived;
    // A kind that only newer releases know, sent as control, is not for people.
    if (item.delivery.class !== CLASSES.message || header.chain === undefined) return false;
    const { store } = this.#context;
    store.messages.markAckDue(sender.personId);
    this.#parts.acks.due(header);
    const isKnown = store.messages.has(sender.device, header.contentId);
    const { lifetimeMs, sentAtMs: writtenAtMs } = header;
    const { acceptedAtMs } = item.delivery;
    const facts = { entry: header.chain, commitment, lifetimeMs, writtenAtMs, acceptedAtMs };
    const fits = takeIntoChain(this.#context, sender, facts);
    // What a history has brought before it came is no news, but its number is.
    if (isKnown) {
      if (fits) noteReceiptAgain(this.#context, sender, { contentId: header.contentId, chain: header.chain });
      return false;
    }
    if (!fits) {
      keepRefused(this.#context, { type: 'refused', refusal: 'inconsistent', item, sender: arrived.sender });
      return false;
    }
    noteReceipt(this.#context, 'delivered', [{ senderPerson: sender.personId, chain: header.chain }]);
    return keepArrived(this.#context, sender, { header, content, acceptedAtMs });
  }

  /** What one's own devices tell each other is nobody else's to say. */
  #isOwn(sender: ChainSender): boolean {
    if (sender.personId === this.#context.own.personId) return true;
    noticeInconsistent(this.#context, sender);
    return false;
  }

  #noticeRevokeRequest(deviceId: DeviceId): void {
    const { store, own, clock } = this.#context;
    if (accountPrivateKey(this.#context) === undefined) return;
    store.notices.add({ kind: 'revoke_asked', atMs: clock.now(), personId: own.personId, deviceId });
  }
}

/**
 * Messages to a group: encrypted once under this device's sender key, sealed once under the group key, whatever the size of the group. Before,
 * the sender key must have gone to every device of a member, through the lanes of the people; so a group's lane waits until those rows were
 * accepted. The key is made anew when somebody or a device has gone that has it, after 7 days and after 1,000 messages.
 */
import { memberOf } from '@kuvert/crypto/groups';
import {
  distributeSenderKey,
  distributionName,
  encryptForGroup,
  type FrameHeader,
  nextChainEntry,
  sealBlob,
  startChain,
} from '@kuvert/crypto/session';
import {
  CLASSES,
  type DeviceId,
  encodeContent,
  type GroupId,
  type KnownContent,
  KuvertError,
  LIFETIME_MS,
  type PersonId,
  READER_VERSION,
} from '@kuvert/protocol';
import { frameInChain } from '../chains/frame-in-chain.ts';
import { type Context, newId, newSubmitId, stageSessions } from '../context.ts';
import { activeDevices, type Directory } from '../directory.ts';
import { legHash } from '../leg-hash.ts';
import { ownListHead } from '../own-device.ts';
import type { Connection } from '../ports.ts';
import type { KnownAccount, OutboxRow, OwnChain, SealedRow } from '../store.ts';
import type { GroupChanges } from './changing.ts';
import type { GroupLogs } from './log-sync.ts';
import { type MemberDevices, refreshMembers, targetDevices } from './members.ts';
import { requireMember } from './standing.ts';
import type { GroupRow, OwnSenderKey } from './store.ts';

type SenderKeyChain = Extract<KnownContent, { kind: 'sender-key' }>['chain'];

/** A sender key is used so long and for so many messages. */
export const SENDER_KEY_MAX = { ageMs: 7 * 86_400_000, messages: 1_000 } as const;
const BATCH_ROWS = 32;
const TRIES_MAX = 3;

/** What a group's rows are sealed for. */
export interface GroupTargets {
  readonly row: GroupRow;
  readonly members: MemberDevices;
}

/** Prepares and seals the lanes of groups. */
export class GroupSending {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #logs: GroupLogs;
  readonly #changes: GroupChanges;
  /** What was found on this connection, by group; thrown away when the server says that it has changed. */
  #hasQueued = false;
  readonly #targets = new Map<GroupId, GroupTargets>();
  /** Keys on their way to members: the rows that the server has not accepted yet, and how many there were. */
  readonly #handingOut = new Map<GroupId, { readonly seqs: Set<number>; readonly total: number }>();
  /** The devices that have the own key, where these were found to be all that a message is for. */
  readonly #complete = new WeakMap<GroupTargets, readonly DeviceId[]>();

  constructor(context: Context, parts: { directory: Directory; logs: GroupLogs; changes: GroupChanges }) {
    this.#context = context;
    this.#directory = parts.directory;
    this.#logs = parts.logs;
    this.#changes = parts.changes;
  }

  /** True once after rows for members were queued. */
  hasQueued(): boolean {
    const has = this.#hasQueued;
    this.#hasQueued = false;
    return has;
  }
  disconnected(): void {
    this.#targets.clear();
    this.#handingOut.clear();
  }
  /** The server has another state of a group than this device. */
  outdated(groupId: GroupId): void {
    this.#targets.delete(groupId);
  }

  /**
   * Finds out for whom a message is, and hands the sender key to whoever does not have it.
   * @returns undefined while the key is on its way to somebody
   * @throws KuvertError `group_not_member`, `group_dissolved`, `group_not_trusted`, as `Directory.refresh`
   */
  async prepare(connection: Connection, groupId: GroupId): Promise<GroupTargets | undefined> {
    const targets = this.#targets.get(groupId) ?? (await this.#find(connection, groupId));
    this.#targets.set(groupId, targets);
    const { store, operations } = this.#context;
    return operations.run(async () => {
      const key = await this.#ownKey(targets);
      const pending = key.pending.filter((seq) => isOnItsWay(store.outbox.get(seq)));
      if (pending.length < key.pending.length) store.groups.putOwnKey(groupId, { ...key, pending });
      if (pending.length > 0 && !this.#handingOut.has(groupId)) {
        this.#handingOut.set(groupId, { seqs: new Set(pending), total: pending.length });
      }
      return pending.length > 0 ? undefined : targets;
    });
  }

  /** The server has accepted a key for a member. */
  handedOut(seq: number): void {
    for (const [groupId, { seqs, total }] of this.#handingOut) {
      if (!seqs.delete(seq)) continue;
      if (seqs.size === 0) this.#handingOut.delete(groupId);
      const done = total - seqs.size;
      this.#context.progress.tell({ work: 'handing-out-keys', groupId, done, total });
    }
  }

  async #find(connection: Connection, groupId: GroupId): Promise<GroupTargets> {
    const { own, store } = this.#context;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      let row = await this.#logs.fetch(connection, groupId);
      if (row === undefined) throw new KuvertError('group_not_member');
      requireMember(row.state, own.personId);
      const members = await refreshMembers(this.#context, this.#directory, connection, row);
      if (members === undefined) continue;
      if (this.#isKeyDue(row, members)) {
        row = await this.#changes.change(connection, groupId, (state) =>
          state.isKeyDue || state.key.number === row?.state.key.number ? { action: 'rekey' } : undefined,
        );
        continue;
      }
      // Somebody else has made the key, and it is not here: whoever writes next brings it.
      if (store.groups.getKey(groupId, row.state.key.number) === undefined) {
        await this.#changes.change(connection, groupId, (state) =>
          store.groups.getKey(groupId, state.key.number) === undefined ? { action: 'rekey' } : undefined,
        );
        continue;
      }
      return { row, members };
    }
    throw new KuvertError('group_changed');
  }

  /** True when a device has gone that knows the group key. Remembers who knows a new one. */
  #isKeyDue({ groupId, state }: GroupRow, members: MemberDevices): boolean {
    const { groups } = this.#context.store;
    const present = members.accounts.flatMap((account) => activeDevices(account));
    const isPresent = new Set(present);
    const known = groups.getKeyDevices(groupId);
    if (state.isKeyDue) return true;
    if (known?.number !== state.key.number) {
      groups.putKeyDevices(groupId, state.key.number, present);
      return false;
    }
    if (known.devices.some((device) => !isPresent.has(device))) return true;
    if (known.devices.length < present.length) groups.putKeyDevices(groupId, state.key.number, present);
    return false;
  }

  /** The sender key as it must be for these devices; what has to be handed out is put into the outbox. */
  async #ownKey(found: GroupTargets): Promise<OwnSenderKey> {
    const { row, members } = found;
    const { store, clock, random } = this.#context;
    let key = store.groups.getOwnKey(row.groupId);
    const isSpent =
      key === undefined ||
      key.count >= SENDER_KEY_MAX.messages ||
      clock.now() - key.createdAtMs >= SENDER_KEY_MAX.ageMs;
    // So that what a message costs does not depend on how many it is for.
    if (key !== undefined && !isSpent && this.#complete.get(found) === key.devices) return key;
    const targets = targetDevices(this.#context, members);
    const wanted = new Set(targets);
    const isOver = isSpent || key?.devices.some((device) => !wanted.has(device)) === true;
    if (key === undefined || isOver) {
      const distribution = distributionName(random(16));
      const before = key?.devices.filter((device) => wanted.has(device)) ?? [];
      key = { distribution, createdAtMs: clock.now(), count: 0, devices: [], before, pending: [] };
    }
    const has = new Set(key.devices);
    const needy = targets.filter((device) => !has.has(device));
    if (needy.length === 0 && !isOver) {
      this.#complete.set(found, key.devices);
      return key;
    }
    return this.#distribute(row, members, { key, needy });
  }

  async #distribute(
    row: GroupRow,
    members: MemberDevices,
    { key, needy }: { key: OwnSenderKey; needy: readonly DeviceId[] },
  ): Promise<OwnSenderKey> {
    const { store, own, clock } = this.#context;
    const staged = stageSessions(this.#context);
    const { message, writes } = await distributeSenderKey(staged, own.deviceId, key.distribution);
    const needs = new Set(needy);
    const people = members.accounts.filter((account) =>
      activeDevices(account).some((device) => needs.has(device)),
    );
    return store.transaction(() => {
      store.groups.putSenderKeys(row.groupId, writes, clock.now());
      store.groups.pruneSenderKeys(row.groupId, own.deviceId, 1);
      const chain = this.#chainFor(row.groupId, key);
      const seqs = people.map((account) => this.#queueKey(row, account, { message, chain: chain(account) }));
      this.#hasQueued = seqs.length > 0;
      const next = {
        ...key,
        devices: targetDevices(this.#context, members),
        pending: [...key.pending, ...seqs],
      };
      store.groups.putOwnKey(row.groupId, next);
      return next;
    });
  }

  /** Where the own chain to a group begins for somebody who is given a key. */
  #chainFor(groupId: GroupId, key: OwnSenderKey): (account: KnownAccount) => SenderKeyChain {
    const { head } = ownChainOf(this.#context, groupId);
    const before = new Set([this.#context.own.deviceId, ...(key.before ?? [])]);
    return (account) => {
      // Whom it was for before, for them it goes on: what they have not got is missing, whatever key comes.
      const goesOn = activeDevices(account).every((device) => before.has(device));
      return { chain: head.id, seq: goesOn ? 0 : head.seq, link: head.link };
    };
  }

  #queueKey(
    { groupId, state }: GroupRow,
    { personId }: KnownAccount,
    { message: distribution, chain }: { message: Uint8Array<ArrayBuffer>; chain: SenderKeyChain },
  ): number {
    const { store, clock } = this.#context;
    const groupKey = store.groups.getKey(groupId, state.key.number);
    if (groupKey === undefined) throw new KuvertError('group_changed');
    return store.outbox.add({
      contentId: newId(this.#context, 'content'),
      kind: 'sender-key',
      class: CLASSES.control,
      toMail: undefined,
      toPerson: personId,
      content: encodeContent({
        kind: 'sender-key',
        minReader: READER_VERSION,
        group: groupId,
        epoch: state.epoch,
        key: groupKey,
        distribution,
        chain,
      }),
      sentAtMs: clock.now(),
    });
  }

  /** Hands the present sender key to somebody once more: a device of theirs could not open what was under it. Runs in a transaction. */
  async handOutAgain(groupId: GroupId, person: PersonId): Promise<void> {
    const { store, own } = this.#context;
    const row = store.groups.get(groupId);
    const key = store.groups.getOwnKey(groupId);
    const account = store.directory.getAccount(person);
    if (row === undefined || key === undefined || account === undefined) return;
    if (memberOf(row.state, person) === undefined) return;
    const staged = stageSessions(this.#context);
    const { message } = await distributeSenderKey(staged, own.deviceId, key.distribution);
    this.#queueKey(row, account, { message, chain: this.#chainFor(groupId, key)(account) });
  }

  /** Seals the next rows of a group. Runs in the operation queue. @returns how many */
  async seal({ row: group, members }: GroupTargets): Promise<number> {
    const { store, own, random } = this.#context;
    const { groupId, state } = group;
    const rows = store.outbox.listToSeal(groupId, BATCH_ROWS);
    const ownKey = store.groups.getOwnKey(groupId);
    const groupKey = store.groups.getKey(groupId, state.key.number);
    if (ownKey === undefined || groupKey === undefined) return 0;
    const room = SENDER_KEY_MAX.messages - ownKey.count;
    const staged = stageSessions(this.#context);
    let chain = ownChainOf(this.#context, groupId);
    const sealed: SealedRow[] = [];
    for (const row of rows.slice(0, Math.max(1, room))) {
      const next = frameInChain(this.#context, row, chain, (numbered) =>
        this.#headerOf(row, group, numbered),
      );
      chain = next.chain;
      const { frame, link } = next;
      const step = await encryptForGroup(staged, own.deviceId, ownKey.distribution, frame);
      staged.absorbSenderKeys(step.writes);
      const name = { tenant: own.tenantId, group: groupId, class: row.class };
      const content = { senderDevice: own.deviceId, epoch: state.epoch, ciphertext: step.ciphertext };
      const body = sealBlob(name, groupKey, random(12), content);
      const legs = [{ device: groupId, bytes: new Uint8Array(), hash: legHash(body) }];
      const submitId = newSubmitId(this.#context);
      sealed.push({ seq: row.seq, frame, chain: link, submitId, listHash: members.hash, body, legs });
    }
    store.transaction(() => {
      store.groups.updateSenderKeys(staged.senderKeyWrites());
      for (const one of sealed) {
        store.outbox.putSealed(one);
        store.groups.countOwnMessage(groupId);
      }
      if (chain.head.seq > 0) store.chains.putOwn(chain);
    });
    return sealed.length;
  }

  #headerOf(row: OutboxRow, { conversationId, state }: GroupRow, chain: OwnChain | undefined): FrameHeader {
    const { own } = this.#context;
    return {
      v: 1,
      tenant: own.tenantId,
      conversation: conversationId,
      senderPerson: own.personId,
      senderDevice: own.deviceId,
      contentId: row.contentId,
      kind: row.kind,
      sentAtMs: row.sentAtMs,
      lifetimeMs: LIFETIME_MS[1],
      lists: { own: ownListHead(this.#context) },
      group: { epoch: state.epoch, hash: state.head },
      ...(chain && { chain: nextChainEntry(chain.head) }),
    };
  }
}

/** The own chain to a group, begun where there is none. */
function ownChainOf(context: Context, groupId: GroupId): OwnChain {
  const { store, own } = context;
  const conversation = store.groups.get(groupId)?.conversationId;
  if (conversation === undefined) throw new KuvertError('not_found');
  const known = store.chains.getOwn(conversation);
  if (known !== undefined) return known;
  const head = startChain({ id: newId(context, 'chain'), conversation, senderDevice: own.deviceId });
  const told = { toldSeq: 0, toldAtMs: 0, toldTimes: 0 };
  const chain: OwnChain = {
    conversation,
    personId: groupId,
    head,
    accepted: head,
    acceptedAtMs: 0,
    ...told,
    devices: [],
  };
  // Its id is told before its first message.
  store.chains.putOwn(chain);
  return chain;
}

/** Who cannot be reached for a reason that lasts holds nobody else up. */
function isOnItsWay(row: OutboxRow | undefined): boolean {
  return row !== undefined && row.acceptedAtMs === undefined && !row.parked && row.problem === undefined;
}

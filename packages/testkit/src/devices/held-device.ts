/**
 * A device of somebody as a test holds it in its hands: a real profile behind a proxy of its own, whose every intention, outcome and screen
 * goes into the ledger. It can be away, be put back from a copy, and be lost.
 */
import { cpSync, rmSync } from 'node:fs';
import { type Entry, loadOwnDevice, type MessageEntry, type OwnDevice } from '@kuvert/client-core';
import { openProfile, openProfileFolder, type Profile } from '@kuvert/client-core/node';
import { type ContentId, type DeviceId, KuvertError } from '@kuvert/protocol';
import { pause } from '../faults/partition.ts';
import { TcpProxy } from '../faults/tcp-proxy.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { allEntries, standingOf } from './standing.ts';

const FLUSH_MS = 20_000;
const TRIES_MAX = 20;
/** What is said of missing messages, which is asked for when nothing is left to come. */
const MISSING = 'messages_missing';

/** Whose a device is. */
export interface Owner {
  readonly tenantId: string;
  readonly personId: string;
  readonly mail: string;
}

/** What a device is made with. */
export interface HeldDeviceOptions {
  readonly owner: Owner;
  readonly ledger: Ledger;
  readonly proxy: TcpProxy;
  readonly profileDir: string;
  readonly secret: Uint8Array;
  readonly now: () => number;
}

/** @see the top of this file */
export class HeldDevice {
  readonly owner: Owner;
  readonly #options: HeldDeviceOptions;
  readonly #ledger: Ledger;
  /** Own messages that were not yet known to be delivered. */
  readonly #open = new Map<ContentId, 'queued' | 'accepted'>();
  readonly #told = new Set<number>();
  #profile: Profile | undefined;
  #deviceId: DeviceId | undefined;
  #hasHistory = false;
  #intents = 0;
  #copies = 0;
  /** The server has met the device since the last copy was made or put back. */
  #wasServed = false;
  isAway = false;
  /** Of one that is dormant, until it connects again: writes down what the server has given up for it. */
  beforeWaking: (() => void) | undefined;
  /** Never to be seen again: revoked, or in a drawer. */
  isGone = false;

  constructor(options: HeldDeviceOptions) {
    this.#options = options;
    this.owner = options.owner;
    this.#ledger = options.ledger;
  }

  /** A proxy in front of the server at this port. */
  static async proxyTo(port: number): Promise<TcpProxy> {
    const proxy = new TcpProxy();
    await proxy.start();
    proxy.forwardTo(port);
    return proxy;
  }

  get deviceId(): DeviceId {
    if (this.#deviceId === undefined) throw new Error('it is no device yet');
    return this.#deviceId;
  }
  get profile(): Profile {
    if (this.#profile === undefined) throw new Error('the profile is closed');
    return this.#profile;
  }
  get canAct(): boolean {
    return !this.isAway && !this.isGone;
  }
  get hasCopy(): boolean {
    return this.#copies > 0;
  }

  /** What the device knows of itself, private keys included. The profile must be closed. */
  async readOwn(): Promise<OwnDevice> {
    const { profileDir, secret } = this.#options;
    const folder = await openProfileFolder({ profileDir, secret, create: false });
    try {
      const own = loadOwnDevice(folder.store.values);
      if (own === undefined) throw new Error('the profile has no device');
      return own;
    } finally {
      folder.close();
    }
  }

  async open(): Promise<void> {
    const { profileDir, secret, now } = this.#options;
    this.#profile = await openProfile({ profileDir, secret, now });
    this.#deviceId = this.#profile.whoami().deviceId;
    this.#profile.conversations.onChanged(() => this.#show());
  }

  async close(): Promise<void> {
    const profile = this.#profile;
    if (profile === undefined) return;
    this.note();
    this.#profile = undefined;
    await profile.close();
  }

  /** Loses the network, now. */
  async goAway(): Promise<void> {
    this.isAway = true;
    this.#options.proxy.isReachable = false;
    this.hangUp();
    await this.untilDisconnected();
  }
  comeBack(): void {
    this.isAway = false;
    this.#options.proxy.isReachable = true;
  }
  /** Ends the connection; the next {@link HeldDevice.flush} makes another one. */
  hangUp(): void {
    for (const connection of this.#options.proxy.connections) connection.reset();
  }
  async untilDisconnected(): Promise<void> {
    while (this.#profile?.isConnected === true) await pause(1);
    this.note();
  }

  /** Sends and takes what there is. @returns own messages that wait */
  async flush(): Promise<number> {
    this.beforeWaking?.();
    this.beforeWaking = undefined;
    if (this.hasCopy && !this.#wasServed) this.#ledger.record({ kind: 'served', device: this.deviceId });
    this.#wasServed = true;
    for (let tries = 1; ; tries++) {
      try {
        const { waiting } = await this.profile.flush({ timeoutMs: FLUSH_MS });
        this.note();
        return waiting;
      } catch (error) {
        // A connection that was cut, or that the server has ended after a day.
        const isPassing = error instanceof KuvertError && error.retry.kind !== 'never';
        if (!isPassing || tries >= TRIES_MAX) throw error;
        await pause(10);
      }
    }
  }

  /** Writes texts to somebody, in one go. */
  async say(to: Owner, texts: readonly string[]): Promise<void> {
    const from = this.deviceId;
    const intents = texts.map((text) => {
      this.#intents += 1;
      const intent = `${from} ${this.#intents}`;
      this.#ledger.record({ kind: 'intended', intent, from, to: to.personId, text });
      return intent;
    });
    const results = await this.profile.sendAll(texts.map((text) => ({ to: to.mail, text })));
    for (const [index, { messageId }] of results.entries()) {
      this.#ledger.record({ kind: 'queued', intent: intents[index] ?? '', from, messageId });
      this.#open.set(messageId, 'queued');
    }
  }

  /** Texts on the screen, in all conversations, in order. */
  texts(): MessageEntry[] {
    const { profile } = this;
    const isText = (entry: Entry): entry is MessageEntry =>
      entry.direction !== 'system' && entry.kind === 'text';
    return profile.conversations.list().flatMap((summary) => allEntries(profile, summary).filter(isText));
  }

  /** Reads a conversation up to a message, or that message alone. */
  read(message: MessageEntry, how: 'alone' | 'up-to'): void {
    const place = this.texts().filter(({ conversationId }) => conversationId === message.conversationId);
    const upTo = place.slice(0, place.findIndex(({ entryId }) => entryId === message.entryId) + 1);
    const unread = (how === 'alone' ? [message] : upTo).filter(({ isUnread }) => isUnread);
    for (const { senderDevice: from, messageId } of unread)
      this.#ledger.record({ kind: 'read', device: this.deviceId, from, messageId });
    if (how === 'alone') this.profile.markRead(unread);
    else this.profile.conversations.markRead(message.entryId);
  }

  delete(
    { entryId, senderDevice: from, messageId }: MessageEntry,
    scope: 'here' | 'own-devices' | 'everywhere',
  ) {
    this.#ledger.record({ kind: 'deleted', device: this.deviceId, scope, from, messageId });
    this.profile.conversations.deleteEntries([entryId], scope);
  }

  /** Copies the whole profile, as a backup of the machine would. */
  async copy(): Promise<void> {
    const { profileDir } = this.#options;
    await this.close();
    this.#copies += 1;
    cpSync(profileDir, `${profileDir}-copy`, { recursive: true, force: true });
    this.#wasServed = false;
    this.#ledger.record({ kind: 'copied', device: this.deviceId, copy: this.#copyName });
    await this.open();
  }

  /** Puts the last copy back. */
  async restore(): Promise<void> {
    const { profileDir } = this.#options;
    await this.close();
    rmSync(profileDir, { recursive: true });
    cpSync(`${profileDir}-copy`, profileDir, { recursive: true });
    this.#ledger.record({ kind: 'restored', device: this.deviceId, copy: this.#copyName });
    this.#wasServed = false;
    // Numbers of notices are given anew.
    this.#told.clear();
    await this.open();
  }

  /** It is a device from now on, of which the ledger knows. */
  enrolled(): void {
    const { tenantId: tenant, personId: person } = this.owner;
    this.#ledger.record({ kind: 'enrolled', tenant, person, device: this.deviceId });
  }

  /** Writes down what the client now says: what has arrived, how far own messages have come, what its person is told. */
  note(): void {
    if (this.#profile === undefined) return;
    this.#show();
    this.#noteStates();
    const device = this.deviceId;
    for (const { noticeId, kind, deviceId } of this.profile.notices()) {
      if (kind === MISSING || this.#told.has(noticeId) || ALARMS_MAY_PASS.has(kind)) continue;
      this.#told.add(noticeId);
      this.#ledger.record({ kind: 'told', device, notice: kind, ...(deviceId && { about: deviceId }) });
    }
    const isComplete = this.profile.historyTransfer.progress()?.isComplete === true;
    if (!isComplete || this.#hasHistory) return;
    this.#hasHistory = true;
    this.#ledger.record({ kind: 'history', device });
  }

  /** Writes down what is on the screen, and what its person is left with, when nothing more is to come. */
  async noteScreen(): Promise<void> {
    const device = this.deviceId;
    this.note();
    for (const { kind, deviceId, count = 0 } of this.profile.notices()) {
      if (kind === MISSING && deviceId !== undefined)
        this.#ledger.record({ kind: 'noticed', device, from: deviceId, count });
      else if (ALARMS_MAY_PASS.has(kind)) this.#ledger.record({ kind: 'told', device, notice: kind });
    }
    this.#ledger.record({ kind: 'standing', device, conversations: await standingOf(this.profile) });
  }

  get #copyName(): string {
    return `${this.deviceId} ${this.#copies}`;
  }

  #show(): void {
    const profile = this.#profile;
    if (profile === undefined) return;
    const messages = profile.inbox();
    const device = this.deviceId;
    for (const { messageId, senderDevice: from, text } of messages)
      this.#ledger.record({ kind: 'displayed', device, from, messageId, text });
    profile.markPrinted(messages);
  }

  #noteStates(): void {
    const from = this.deviceId;
    for (const [messageId, known] of this.#open) {
      const state = this.#stateOf(messageId);
      if (state === undefined) this.#open.delete(messageId);
      if (state === undefined || state === 'queued') continue;
      if (known === 'queued') {
        this.#ledger.record({ kind: 'accepted', from, messageId });
        this.#open.set(messageId, 'accepted');
      }
      if (state === 'accepted') continue;
      this.#ledger.record({ kind: 'delivered', from, messageId });
      this.#open.delete(messageId);
    }
  }

  /** Undefined for what is gone with a state that a copy has replaced, or was taken back before it left. */
  #stateOf(messageId: ContentId) {
    try {
      return this.profile.status(messageId).state;
    } catch (error) {
      if (error instanceof KuvertError && error.code === 'message_unknown') return undefined;
      throw error;
    }
  }
}

/** Notices that are taken back when what they are about has healed; who looks a moment later sees nothing of them. */
const ALARMS_MAY_PASS: ReadonlySet<string> = new Set([
  'undecryptable',
  'refused',
  'identity_problem',
  'list_mismatch',
]);

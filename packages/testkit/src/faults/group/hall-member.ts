/**
 * A member of a large group with a real profile, who shows what arrives and writes down everything that they intend, are told and show. As with
 * people who have a process of their own (`../person-process.ts`), to show a message is to write it down, and a profile that was killed in
 * between may give the last one once more.
 */
import type { IncomingMessage } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { type ContentId, type GroupId, KuvertError } from '@kuvert/protocol';
import type { Notebook, readNotebook } from '../notebook.ts';
import { pause } from '../partition.ts';
import type { Dice } from '../plan.ts';
import type { HallStanding } from './hall-talk.ts';

/** Own messages that may wait before a talker waits too. */
const WAITING_MAX = 3;
const FLUSH_MS = 120_000;
const PAUSE_MS = { min: 100, more: 900 } as const;
const SURPRISES_MAX = 10;

/** @see the top of this file */
export class Member {
  readonly profile: Profile;
  readonly device: string;
  readonly isTalker: boolean;
  readonly #surprises: string[] = [];
  readonly #notebook: Notebook;
  /** Messages of one's own by how far they have come. */
  readonly #waiting = new Set<string>();
  readonly #undelivered = new Set<string>();
  #shown = 0;
  /** What was shown and perhaps not noted by the profile. */
  #unmarked: string | undefined;

  constructor(parts: { profile: Profile; notebook: Notebook; isTalker: boolean }) {
    this.profile = parts.profile;
    this.device = parts.profile.whoami().deviceId;
    this.isTalker = parts.isTalker;
    this.#notebook = parts.notebook;
  }

  /** Takes up what was written down in an earlier life. */
  recall(lines: ReturnType<typeof readNotebook>): void {
    for (const line of lines) {
      if (!('event' in line)) continue;
      const { event } = line;
      if (event.kind === 'displayed' && event.device === this.device) {
        this.#unmarked = keyOf(event);
        this.#shown += 1;
      }
      if (!('from' in event) || !('messageId' in event) || event.from !== this.device) continue;
      if (event.kind === 'queued') this.#waiting.add(event.messageId);
      if (event.kind === 'accepted') {
        this.#waiting.delete(event.messageId);
        this.#undelivered.add(event.messageId);
      }
      if (event.kind === 'delivered') this.#undelivered.delete(event.messageId);
    }
  }

  /** Shows what arrives until the signal fires. */
  async read(leaving: AbortSignal): Promise<void> {
    while (!leaving.aborted) {
      try {
        await this.profile.follow((message) => this.#show(message), leaving);
      } catch (error) {
        if (leaving.aborted) return;
        const isKnown = error instanceof KuvertError && error.code === 'connection_replaced';
        if (!isKnown) this.#surprised('reading', error);
        await pause(50);
      }
    }
  }

  /** Writes to the group, with pauses, while `mayTalk`. */
  async talk(to: {
    readonly title: string;
    readonly life: string;
    readonly messages: number;
    readonly dice: Dice;
    readonly mayTalk: () => boolean;
  }): Promise<void> {
    for (let count = 0; count < to.messages && to.mayTalk(); ) {
      await pause(PAUSE_MS.min + to.dice.below(PAUSE_MS.more));
      if (this.#waiting.size >= WAITING_MAX || !to.mayTalk()) continue;
      const group = this.#group(to.title);
      if (group === undefined) continue;
      const intent = `${to.life}.${this.device.slice(3, 11)}.${count++}`;
      const text = `${intent} ${'§ word '.repeat(to.dice.below(20))}`;
      this.#notebook.record({ kind: 'intended', intent, from: this.device, to: group, text });
      try {
        const messageId = this.profile.groups.send(group, text);
        this.#waiting.add(messageId);
        this.#notebook.record({ kind: 'queued', intent, from: this.device, messageId });
      } catch (error) {
        this.#surprised('sending', error);
      }
    }
  }

  /** Writes down how far own messages have come. */
  look(): void {
    for (const messageId of [...this.#waiting, ...this.#undelivered]) {
      const { state } = this.profile.status(messageId as ContentId);
      if (state === 'queued') continue;
      if (this.#waiting.delete(messageId)) {
        this.#undelivered.add(messageId);
        this.#notebook.record({ kind: 'accepted', from: this.device, messageId });
      }
      if ((state === 'delivered' || state === 'read') && this.#undelivered.delete(messageId)) {
        this.#notebook.record({ kind: 'delivered', from: this.device, messageId });
      }
    }
  }

  /** Sends and fetches what there is. */
  async flush(): Promise<HallStanding> {
    let error: string | undefined;
    let left = 0;
    try {
      left = (await this.profile.flush({ timeoutMs: FLUSH_MS })).waiting;
    } catch (cause) {
      error = describe(cause);
    }
    this.look();
    return {
      type: 'standing',
      device: this.device,
      error,
      shown: this.#shown,
      waiting: Math.max(left, this.#waiting.size),
      unread: this.profile.inbox().length,
      undelivered: this.#undelivered.size,
      notices: this.profile.notices().map(({ kind, deviceId, code, count }) => ({
        kind,
        ...(deviceId !== undefined && { deviceId }),
        ...(code !== undefined && { code }),
        ...(count !== undefined && { count }),
      })),
      surprises: this.#surprises,
    };
  }

  #group(title: string): GroupId | undefined {
    return this.profile.groups.list().find((group) => group.title === title)?.groupId;
  }

  #show({ senderDevice: from, messageId, text }: IncomingMessage): void {
    const key = keyOf({ from, messageId });
    if (this.#unmarked !== key) {
      this.#notebook.record({ kind: 'displayed', device: this.device, from, messageId, text });
      this.#shown += 1;
    }
    this.#unmarked = key;
  }

  #surprised(doing: string, error: unknown): void {
    if (this.#surprises.length < SURPRISES_MAX) this.#surprises.push(`${doing}: ${describe(error)}`);
  }
}

function keyOf({ from, messageId }: { readonly from: string; readonly messageId: string }): string {
  return `${from} ${messageId}`;
}

function describe(error: unknown): string {
  if (!(error instanceof KuvertError)) return String((error as Error | undefined)?.stack ?? error);
  return error.cause === undefined ? error.code : `${error.code} because of ${String(error.cause)}`;
}

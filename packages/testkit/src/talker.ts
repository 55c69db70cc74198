/** A person at an open profile who says and reads things and keeps the ledger honestly: intention before the act, outcome after it. */
import type { IncomingMessage } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { type ContentId, KuvertError } from '@kuvert/protocol';
import type { Ledger } from './ledger/ledger.ts';
import type { TestPerson } from './people.ts';

const FLUSH_MS = 20_000;

/** Somebody who talks. */
export class Talker {
  readonly person: TestPerson;
  readonly #profile: Profile;
  readonly #ledger: Ledger;
  /** Own messages that were not yet known to be delivered. */
  readonly #open = new Map<ContentId, 'queued' | 'accepted'>();
  readonly #stop = new AbortController();
  #listening: Promise<void> | undefined;
  #intents = 0;

  constructor(person: TestPerson, profile: Profile, ledger: Ledger) {
    this.person = person;
    this.#profile = profile;
    this.#ledger = ledger;
    const { tenantId: tenant, personId, deviceId: device } = person;
    ledger.record({ kind: 'enrolled', tenant, person: personId, device });
  }

  /** Writes texts to somebody, in one go. */
  async say(to: TestPerson, texts: readonly string[]): Promise<void> {
    const from = this.person.deviceId;
    const intents = texts.map((text) => {
      this.#intents += 1;
      const intent = `${from} ${this.#intents}`;
      this.#ledger.record({ kind: 'intended', intent, from, to: to.personId, text });
      return intent;
    });
    const results = await this.#profile.sendAll(texts.map((text) => ({ to: to.mail, text })));
    for (const [index, { messageId }] of results.entries()) {
      this.#ledger.record({ kind: 'queued', intent: intents[index] ?? '', from, messageId });
      this.#open.set(messageId, 'queued');
    }
  }

  /** Reads what comes, through lost connections, until {@link settle}. */
  listen(): void {
    this.#listening = this.#profile.follow((message) => this.#show(message), this.#stop.signal);
    this.#listening.catch(() => undefined);
  }

  /** Sends and takes everything that is left, stops listening and writes down what became of what was said. */
  async settle(): Promise<void> {
    this.#stop.abort();
    await this.#listening;
    for (;;) {
      const { waiting } = await this.#flush();
      const messages = this.#profile.inbox();
      for (const message of messages) this.#show(message);
      this.#profile.markPrinted(messages);
      if (waiting === 0) break;
    }
    this.noteStates();
    for (const { kind, deviceId, count } of this.#profile.notices()) {
      if (kind !== 'messages_missing' || deviceId === undefined) continue;
      this.#ledger.record({
        kind: 'noticed',
        device: this.person.deviceId,
        from: deviceId,
        count: count ?? 0,
      });
    }
  }

  /** Writes down what the client now says of its messages. */
  noteStates(): void {
    const from = this.person.deviceId;
    for (const [messageId, known] of this.#open) {
      const { state } = this.#profile.status(messageId);
      if (state !== 'queued' && known === 'queued') {
        this.#ledger.record({ kind: 'accepted', from, messageId });
        this.#open.set(messageId, 'accepted');
      }
      if (state !== 'delivered' && state !== 'read') continue;
      this.#ledger.record({ kind: 'delivered', from, messageId });
      this.#open.delete(messageId);
    }
  }

  #show({ messageId, senderDevice, text }: IncomingMessage): void {
    const { deviceId: device } = this.person;
    this.#ledger.record({ kind: 'displayed', device, from: senderDevice, messageId, text });
  }

  /** A server that has just come back may still be out of reach for a moment. */
  async #flush(): Promise<{ waiting: number }> {
    try {
      return await this.#profile.flush({ timeoutMs: FLUSH_MS });
    } catch (error) {
      if (error instanceof KuvertError && error.retry.kind !== 'never') return { waiting: 1 };
      throw error;
    }
  }
}

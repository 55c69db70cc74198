/**
 * Who writes and who is there (A3): what is ephemeral. It is sealed like everything else, handed by the server to whoever is connected and
 * kept by nobody: not in the outbox, not in a mailbox, not in the container. Each sign ends by itself at its reader when it is not given
 * again. Whoever does not show such a thing is not shown it.
 */
import {
  type Content,
  encodeContent,
  isShown,
  type KnownContent,
  KuvertError,
  type PersonId,
  READER_VERSION,
} from '@kuvert/protocol';
import type { ChainSender } from '../chains/follow.ts';
import type { Context } from '../context.ts';
import type { Connection } from '../ports.ts';
import { sealEphemeral } from './ephemeral-sealing.ts';
import { GroupTyping } from './group-typing.ts';
import { mayShow } from './settings.ts';

/** A sign of writing holds this long, and is given again sooner. */
const TYPING_MS = 8_000;
const TYPING_AGAIN_MS = 4_000;
/** The same for being there. */
const PRESENCE_MS = 5 * 60_000;
const PRESENCE_AGAIN_MS = 4 * 60_000;
/** An answer to somebody who asks is given no more often. */
const ANSWER_PAUSE_MS = 20_000;
/** What took longer than this on its way says nothing of now. */
const STALE_MS = 10_000;
/**
 * Signs to somebody of whom nothing is heard meanwhile. Most likely they are away, and each sign that is dropped is a key that their
 * devices have to keep for a message that never comes.
 */
const UNANSWERED_MAX = 3;
/** People whose signs are remembered. */
const PEOPLE_MAX = 1_000;

/** What is shown of a person. */
export interface PersonActivity {
  readonly isTyping: boolean;
  /** Undefined: nothing is known, because they or their organisation do not show it or have not been heard of. */
  readonly presence: 'online' | 'away' | undefined;
}

interface Person {
  /** Per device, since somebody may write on one while another lies there. */
  readonly typing: Map<string, () => void>;
  readonly present: Map<string, () => void>;
  isAway: boolean;
  unanswered: number;
  typedAtMs: number | undefined;
  answeredAtMs: number | undefined;
}

/** @see the top of this file */
export class Activity {
  readonly #context: Context;
  readonly #people = new Map<PersonId, Person>();
  readonly #listeners = new Set<(personId: PersonId) => void>();
  #connection: Connection | undefined;
  #isPresent = false;
  #cancelRefresh: (() => void) | undefined;
  #underWay = 0;
  /** Who writes in groups. */
  readonly inGroups: GroupTyping;

  constructor(context: Context) {
    this.#context = context;
    this.inGroups = new GroupTyping(
      context,
      { holdsMs: TYPING_MS, againMs: TYPING_AGAIN_MS },
      {
        send: (personId, content) => this.#send(personId, content),
        onChanged: (personId) => this.#tell(personId),
      },
    );
  }

  connected(connection: Connection): void {
    this.#connection = connection;
  }
  disconnected(): void {
    this.#connection = undefined;
    this.#cancelRefresh?.();
    this.#cancelRefresh = undefined;
    this.inGroups.clear();
    for (const [personId, person] of this.#people) {
      const wasShown = person.typing.size > 0 || person.present.size > 0 || person.isAway;
      for (const cancel of [...person.typing.values(), ...person.present.values()]) cancel();
      person.typing.clear();
      person.present.clear();
      person.isAway = false;
      if (wasShown) this.#tell(personId);
    }
  }
  isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** What is shown of a person now. */
  of(personId: PersonId): PersonActivity {
    const person = this.#people.get(personId);
    const isTyping =
      person !== undefined && person.typing.size > 0 && mayShow(this.#context, 'typing', personId);
    const presence = person?.present.size ? 'online' : person?.isAway ? 'away' : undefined;
    return { isTyping, presence: mayShow(this.#context, 'presence', personId) ? presence : undefined };
  }
  /** Calls `listener` with whom something has changed of. @returns stops it */
  onChanged(listener: (personId: PersonId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The person writes to somebody (call it with each key), or has stopped, sent or thrown away. */
  typing(personId: PersonId, isTyping: boolean): void {
    if (!mayShow(this.#context, 'typing', personId)) return;
    const person = this.#person(personId);
    const nowMs = this.#context.clock.now();
    const { typedAtMs } = person;
    if (isTyping && typedAtMs !== undefined && nowMs - typedAtMs < TYPING_AGAIN_MS && nowMs >= typedAtMs)
      return;
    if (!isTyping && typedAtMs === undefined) return;
    person.typedAtMs = isTyping ? nowMs : undefined;
    this.#send(personId, {
      kind: 'typing',
      minReader: READER_VERSION,
      state: isTyping ? 'writing' : 'stopped',
    });
  }

  /** The person is at this device, or has left it. Those in view are told, and told again while it lasts. */
  setPresent(isPresent: boolean): void {
    const wasPresent = this.#isPresent;
    this.#isPresent = isPresent;
    this.#cancelRefresh?.();
    this.#cancelRefresh = undefined;
    if (isPresent || wasPresent) {
      for (const personId of this.#people.keys())
        this.#sayPresence(personId, { asks: isPresent && !wasPresent });
    }
    if (isPresent) this.#refreshLater();
  }
  /** Somebody has come into view: they are told, and asked. */
  lookAt(personId: PersonId): void {
    this.#person(personId);
    if (this.#isPresent) this.#sayPresence(personId, { asks: true });
  }

  /** Something verified has come from a person, so they are there. A message ends the sign of writing. */
  heard(sender: ChainSender, content: Content, acceptedAtMs: number): void {
    const { clock, serverOffset } = this.#context;
    const known = this.#people.get(sender.personId);
    if (known !== undefined) known.unanswered = 0;
    if (isShown(content)) {
      this.#setTyping(sender, false);
      this.inGroups.wrote(sender);
    }
    if (clock.now() + serverOffset.ms - acceptedAtMs > STALE_MS) return;
    if (content.kind === 'typing' && mayShow(this.#context, 'typing', sender.personId)) {
      const isTyping = content.state === 'writing';
      if (content.group === undefined) this.#setTyping(sender, isTyping);
      else this.inGroups.heard(sender, content.group, isTyping);
    }
    if (content.kind !== 'presence' || !mayShow(this.#context, 'presence', sender.personId)) return;
    this.#setPresence(sender, content.state === 'present');
    if (content.asks && this.#isPresent) this.#answer(sender.personId);
  }

  #answer(personId: PersonId): void {
    const person = this.#person(personId);
    const nowMs = this.#context.clock.now();
    if (person.answeredAtMs !== undefined && nowMs - person.answeredAtMs < ANSWER_PAUSE_MS) return;
    person.answeredAtMs = nowMs;
    this.#sayPresence(personId, { asks: false });
  }

  #sayPresence(personId: PersonId, { asks }: { asks: boolean }): void {
    if (!mayShow(this.#context, 'presence', personId)) return;
    const state = this.#isPresent ? 'present' : 'away';
    this.#send(personId, { kind: 'presence', minReader: READER_VERSION, state, asks });
  }

  #refreshLater(): void {
    this.#cancelRefresh = this.#context.clock.after(PRESENCE_AGAIN_MS, () => {
      for (const personId of this.#people.keys()) this.#sayPresence(personId, { asks: false });
      this.#refreshLater();
    });
  }

  #setTyping({ device, personId }: ChainSender, isTyping: boolean): void {
    this.#hold(personId, (person) => person.typing, device, isTyping ? TYPING_MS : undefined);
  }
  #setPresence({ device, personId }: ChainSender, isPresent: boolean): void {
    const person = this.#person(personId);
    person.isAway = !isPresent;
    this.#hold(personId, ({ present }) => present, device, isPresent ? PRESENCE_MS : undefined);
    if (!isPresent) this.#tell(personId);
  }

  /** Keeps a sign for a while, or ends it. */
  #hold(
    personId: PersonId,
    signsOf: (person: Person) => Map<string, () => void>,
    device: string,
    forMs: number | undefined,
  ): void {
    if (forMs === undefined && !this.#people.has(personId)) return;
    const signs = signsOf(this.#person(personId));
    const hadAny = signs.size > 0;
    signs.get(device)?.();
    signs.delete(device);
    if (forMs !== undefined) {
      const end = () => {
        signs.delete(device);
        if (signs.size === 0) this.#tell(personId);
      };
      signs.set(device, this.#context.clock.after(forMs, end));
    }
    if (hadAny !== signs.size > 0) this.#tell(personId);
  }

  #send(personId: PersonId, content: KnownContent): void {
    const connection = this.#connection;
    const person = this.#person(personId);
    if (connection === undefined || person.unanswered >= UNANSWERED_MAX) return;
    person.unanswered += 1;
    this.#underWay += 1;
    sealEphemeral(this.#context, personId, encodeContent(content), content.kind)
      .then((submit) => submit && connection.submit(submit))
      // Whoever is away, has other devices by now or has been told enough gets nothing; nobody waits for it.
      .catch((cause: unknown) => {
        if (!(cause instanceof KuvertError) || cause.code === 'disk_full') this.#context.failed(cause);
      })
      .finally(() => {
        this.#underWay -= 1;
        this.#context.changed();
      });
  }

  #person(personId: PersonId): Person {
    const known = this.#people.get(personId);
    if (known !== undefined) return known;
    const [oldest] = this.#people.keys();
    if (this.#people.size >= PEOPLE_MAX && oldest !== undefined) this.#people.delete(oldest);
    const person: Person = {
      typing: new Map(),
      present: new Map(),
      isAway: false,
      unanswered: 0,
      typedAtMs: undefined,
      answeredAtMs: undefined,
    };
    this.#people.set(personId, person);
    return person;
  }

  #tell(personId: PersonId): void {
    for (const listener of [...this.#listeners]) listener(personId);
  }
}

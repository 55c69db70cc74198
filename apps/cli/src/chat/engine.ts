/**
 * Runs the chat: events go through `update` one after another, and what they lead to is done outside. Screen and plain mode
 * differ only in what they do after a step.
 */
import { Binding, type BindingOptions, type MessengerEffect } from './binding.ts';
import type { ChatEvent, Effect } from './model.ts';
import type { ChatState } from './state.ts';
import { leaveConversation } from './update/conversation.ts';
import { update } from './update/update.ts';

/** Effects that are the host's: its screen, its sound, its end. */
export type HostEffect = Exclude<Effect, MessengerEffect>;

/** Who shows the chat. */
export interface ChatHost {
  /** After each event. */
  onStep(step: { before: ChatState; after: ChatState; event: ChatEvent }): void;
  onEffect(effect: HostEffect): void;
}

/** How often time passes in the state: for what disappears, is kept or counts down. */
const TICK_MS = 1_000;

/** @see the top of this file */
export class ChatEngine {
  readonly #binding: Binding;
  readonly #host: ChatHost;
  readonly #now: () => number;
  readonly #events: ChatEvent[] = [];
  #state: ChatState;
  #isRunning = false;
  #isEnded = false;
  #ticking: NodeJS.Timeout | undefined;
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: { state: ChatState; host: ChatHost } & Omit<BindingOptions, 'tell' | 'language'>) {
    const { state, host, profile, now = Date.now } = options;
    this.#state = state;
    this.#host = host;
    this.#now = now;
    this.#binding = new Binding({
      profile,
      now,
      language: state.language,
      tell: (event) => this.send(event),
    });
  }

  get state(): ChatState {
    return this.#state;
  }

  start(): void {
    this.#ticking = setInterval(() => this.send({ kind: 'tick', nowMs: this.#now() }), TICK_MS);
    this.#binding.start();
  }

  /** Takes an event; those that it leads to come after it. */
  send(event: ChatEvent): void {
    if (this.#isEnded) return;
    this.#events.push(event);
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#take(next);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Resolves when everything that was asked for has been answered. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    this.#binding.tellChanges();
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Keeps what was begun, and lets go of the connection. */
  async end(): Promise<void> {
    clearInterval(this.#ticking);
    const { effects } = leaveConversation(this.#state);
    for (const effect of effects) if (isMessengerEffect(effect)) await this.#binding.run(effect);
    this.#isEnded = true;
    await this.#binding.end();
  }

  #run(effect: MessengerEffect): void {
    const done = this.#binding.run(effect).finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  #take(event: ChatEvent): void {
    const before = this.#state;
    const { state, effects } = update(before, event);
    this.#state = state;
    for (const effect of effects) {
      if (isMessengerEffect(effect)) this.#run(effect);
      else this.#host.onEffect(effect);
    }
    this.#host.onStep({ before, after: state, event });
  }
}

const HOST_EFFECTS: ReadonlySet<string> = new Set<HostEffect['do']>(['redraw', 'suspend', 'quit', 'bell']);

function isMessengerEffect(effect: Effect): effect is MessengerEffect {
  return !HOST_EFFECTS.has(effect.do);
}

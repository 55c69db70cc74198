/**
 * Who writes in which group. A sign goes to each member by themselves, as in a conversation with them, and so do their settings hold: that costs
 * as many envelopes as there are members, so in larger groups nobody is shown writing.
 */
import { memberOf } from '@kuvert/crypto/groups';
import { type GroupId, type KnownContent, type PersonId, READER_VERSION } from '@kuvert/protocol';
import type { ChainSender } from '../chains/follow.ts';
import type { Context } from '../context.ts';
import { mayShow } from './settings.ts';

/** Groups in which members are shown writing have at most so many. */
const TYPING_MEMBERS_MAX = 32;
/** Groups whose signs are remembered. */
const GROUPS_MAX = 1_000;

/** How long a sign holds, and how often it is given again. */
interface Times {
  readonly holdsMs: number;
  readonly againMs: number;
}

interface Hooks {
  readonly send: (to: PersonId, content: KnownContent) => void;
  readonly onChanged: (who: PersonId) => void;
}

/** @see the top of this file */
export class GroupTyping {
  readonly #context: Context;
  readonly #times: Times;
  readonly #hooks: Hooks;
  /** What this device has said last. */
  readonly #toldAtMs = new Map<GroupId, number>();
  /** Who writes, by device; each entry ends its sign. */
  readonly #signs = new Map<GroupId, Map<string, { readonly who: PersonId; readonly cancel: () => void }>>();

  constructor(context: Context, times: Times, hooks: Hooks) {
    this.#context = context;
    this.#times = times;
    this.#hooks = hooks;
  }

  /** The person writes in a group (call it with each key), or has stopped. */
  typing(groupId: GroupId, isTyping: boolean): void {
    const { store, own, clock } = this.#context;
    const state = store.groups.get(groupId)?.state;
    const mine = memberOf(state, own.personId);
    if (state === undefined || mine === undefined || state.isDissolved) return;
    if (state.members.length > TYPING_MEMBERS_MAX) return;
    const toldAtMs = this.#toldAtMs.get(groupId);
    const nowMs = clock.now();
    const isTold = toldAtMs !== undefined && nowMs >= toldAtMs && nowMs - toldAtMs < this.#times.againMs;
    if (isTyping ? isTold : toldAtMs === undefined) return;
    this.#toldAtMs.delete(groupId);
    if (isTyping) this.#toldAtMs.set(groupId, nowMs);
    const [oldest] = this.#toldAtMs.keys();
    if (this.#toldAtMs.size > GROUPS_MAX && oldest !== undefined) this.#toldAtMs.delete(oldest);
    for (const { person } of state.members) {
      if (person === own.personId || !mayShow(this.#context, 'typing', person)) continue;
      this.#hooks.send(person, {
        kind: 'typing',
        minReader: READER_VERSION,
        state: isTyping ? 'writing' : 'stopped',
        group: groupId,
      });
    }
  }

  /** A verified sign has come. Of somebody who is no member it is none. */
  heard({ device, personId }: ChainSender, groupId: GroupId, isTyping: boolean): void {
    const state = this.#context.store.groups.get(groupId)?.state;
    if (memberOf(state, personId) === undefined || personId === this.#context.own.personId) return;
    const signs = this.#signs.get(groupId) ?? new Map();
    signs.get(device)?.cancel();
    signs.delete(device);
    if (isTyping) {
      const end = () => this.#end(groupId, device, personId);
      signs.set(device, { who: personId, cancel: this.#context.clock.after(this.#times.holdsMs, end) });
      this.#signs.set(groupId, signs);
    } else if (signs.size === 0) this.#signs.delete(groupId);
    this.#hooks.onChanged(personId);
  }

  /** A message of a device ends its signs. */
  wrote({ device, personId }: ChainSender): void {
    for (const [groupId, signs] of [...this.#signs]) {
      signs.get(device)?.cancel();
      if (signs.has(device)) this.#end(groupId, device, personId);
    }
  }

  /** Who is shown writing in a group. */
  writers(groupId: GroupId): PersonId[] {
    const signs = this.#signs.get(groupId);
    const people = new Set([...(signs?.values() ?? [])].map(({ who }) => who));
    return [...people].filter((person) => mayShow(this.#context, 'typing', person));
  }

  /** Nothing is known any more. */
  clear(): void {
    const people = [...this.#signs.values()].flatMap((signs) => [...signs.values()]);
    this.#signs.clear();
    this.#toldAtMs.clear();
    for (const { who, cancel } of people) {
      cancel();
      this.#hooks.onChanged(who);
    }
  }

  #end(groupId: GroupId, device: string, who: PersonId): void {
    const signs = this.#signs.get(groupId);
    signs?.delete(device);
    if (signs?.size === 0) this.#signs.delete(groupId);
    this.#hooks.onChanged(who);
  }
}

/** The chat without a terminal and without a messenger, for tests: events in, what is asked for and what is seen out. */
import type { Language } from '../config.ts';
import type { ChatEvent, ConversationItem, Effect, EntryItem } from './model.ts';
import type { Size } from './render/line.ts';
import { drawScreen } from './render/screen.ts';
import { beginningState, type ChatState } from './state.ts';
import { update } from './update/update.ts';

/** A Saturday noon, local time. */
export const NOON = new Date(2026, 10, 21, 12, 0).getTime();
const MINUTE_MS = 60_000;

/** A conversation with nothing special about it. */
export function conversation(name: string, facts: Partial<ConversationItem> = {}): ConversationItem {
  return {
    id: `co_${name.toLowerCase()}`,
    name,
    mail: `${name.toLowerCase()}@acme.test`,
    unread: 0,
    lastAtMs: NOON,
    last: undefined,
    isPinned: false,
    mutedUntilMs: undefined,
    draft: '',
    timerMs: undefined,
    hasProblem: false,
    verification: 'unverified',
    isTyping: false,
    presence: undefined,
    ...facts,
  };
}

/** Numbered messages, a minute apart, the last one at noon. */
export function messages(count: number, facts: Partial<EntryItem> = {}): EntryItem[] {
  return Array.from({ length: count }, (_, index) => ({
    key: String(index + 1),
    direction: 'in',
    kind: 'text',
    atMs: NOON - (count - 1 - index) * MINUTE_MS,
    text: `message ${index + 1}`,
    isUnread: false,
    ...facts,
  }));
}

/** @see the top of this file */
export class Stage {
  state: ChatState;
  readonly effects: Effect[] = [];

  constructor(options: { size?: Size; language?: Language; isPlain?: boolean } = {}) {
    const { size = { columns: 80, rows: 24 }, language = 'en', isPlain = false } = options;
    const self = { name: 'Anna', mail: 'anna@acme.test', tenantName: 'Acme' };
    this.state = beginningState({ language, theme: 'dark', size, nowMs: NOON, self, isPlain });
  }

  /** @returns what the event asks for */
  send(event: ChatEvent): readonly Effect[] {
    const { state, effects } = update(this.state, event);
    this.state = state;
    this.effects.push(...effects);
    return effects;
  }

  /** Presses keys by name; a longer word that is no key is typed. */
  press(...names: string[]): readonly Effect[] {
    return names.flatMap((name) => this.send({ kind: 'key', name }));
  }
  type(text: string): readonly Effect[] {
    return [...text].flatMap((character) => this.send({ kind: 'key', name: 'text', text: character }));
  }

  /** Shows conversations and opens the first, with these entries. */
  open(
    items: readonly ConversationItem[],
    entries: readonly EntryItem[],
    more: { hasOlder?: boolean } = {},
  ): void {
    this.send({ kind: 'connection', connection: { kind: 'online' } });
    this.send({ kind: 'conversations', items });
    this.press('enter');
    const { hasOlder = false } = more;
    const id = items[0]?.id ?? '';
    this.send({ kind: 'entries', id, place: { at: 'unread' }, entries, hasOlder, hasNewer: false });
  }

  /** The screen as text. */
  lines(): string[] {
    return drawScreen(this.state).lines.map((line) => line.map(({ text }) => text).join(''));
  }
  screen(): string {
    return this.lines().join('\n');
  }
}

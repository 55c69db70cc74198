/** Commands about one message: the chosen one, the one that is named by `#NUMBER`, or the newest that fits. */
import type { ComposeKind, Effect, EntryItem, MessageAction } from '../model.ts';
import type { ChatState } from '../state.ts';
import { withOpen } from './command-actions.ts';
import { refuse, type Step, step } from './step.ts';

/** A command that does this to a message, with what stands behind it. */
export function actOn(action: MessageAction): (state: ChatState, rest: string) => Step | undefined {
  return (state, rest) =>
    withOpen(state, () => {
      const { open, texts, isPlain } = state;
      if (open === undefined) return undefined;
      const [, number, text = ''] = /^(?:#(\d{1,4})(?:\s+|$))?([\s\S]*)$/.exec(rest) ?? [];
      if (text === '' && NEED_TEXT.includes(action)) return undefined;
      const messages = open.entries.filter(
        ({ direction, kind, can }) =>
          direction !== 'system' && kind === 'text' && fits(action, direction) && canBe(action, can),
      );
      const chosen = isPlain ? undefined : messages.find(({ key }) => key === open.chosen);
      const entry = number === undefined ? (chosen ?? messages.at(-1)) : messages.at(-Number(number));
      if (entry === undefined) return refuse(state, texts.needsMessage());
      const effect: Effect = { do: 'act', id: open.id, key: entry.key, action, text };
      return step(state, effect);
    });
}

/** A command that sends something beside texts, with what stands behind it. */
export function composing(kind: ComposeKind): (state: ChatState, rest: string) => Step | undefined {
  return (state, rest) =>
    withOpen(state, ({ open }) =>
      open === undefined || rest === ''
        ? undefined
        : step(state, { do: 'compose', id: open.id, kind, text: rest }),
    );
}

/** A poll; beginning with `*` more than one answer may be chosen. */
export function poll(state: ChatState, rest: string): Step | undefined {
  const isMultiple = rest.startsWith('*');
  const parts = rest.split(/\s+\|\s+/);
  if (parts.length < 3) return undefined;
  return composing(isMultiple ? 'pollMultiple' : 'poll')(state, isMultiple ? rest.slice(1).trim() : rest);
}

/** All texts that a message has had. */
export function showVersions(state: ChatState, rest: string): Step | undefined {
  const found = actOn('react')(state, rest);
  const effect = found?.effects[0];
  return effect?.do === 'act' ? step(state, { do: 'versions', key: effect.key }) : found;
}

const NEED_TEXT: readonly MessageAction[] = ['reply', 'edit', 'vote'];

/** Without a number, an edit is of something of one's own, an answer to something of the other side. */
function fits(action: MessageAction, direction: 'in' | 'out' | 'system'): boolean {
  return action !== 'edit' || direction === 'out';
}

/** A file is saved of a message that has one, and so on; what is not known of a message is tried. */
function canBe(action: MessageAction, can: EntryItem['can']): boolean {
  if (action !== 'save' && action !== 'vote' && action !== 'endPoll') return true;
  return can === undefined || can.includes(action);
}

/** Commands about one message: the chosen one, the one that is named by `#NUMBER`, or the newest that fits. */
import type { Effect, MessageAction } from '../model.ts';
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
        ({ direction, kind }) => direction !== 'system' && kind === 'text' && fits(action, direction),
      );
      const chosen = isPlain ? undefined : messages.find(({ key }) => key === open.chosen);
      const entry = number === undefined ? (chosen ?? messages.at(-1)) : messages.at(-Number(number));
      if (entry === undefined) return refuse(state, texts.needsMessage());
      const effect: Effect = { do: 'act', id: open.id, key: entry.key, action, text };
      return step(state, effect);
    });
}

/** Sends a file of this machine. */
export function sendFile(state: ChatState, rest: string): Step | undefined {
  return withOpen(state, ({ open }) =>
    open === undefined || rest === '' ? undefined : step(state, { do: 'sendFile', id: open.id, path: rest }),
  );
}

const NEED_TEXT: readonly MessageAction[] = ['reply', 'edit', 'vote'];

/** Without a number, an edit is of something of one's own, an answer to something of the other side. */
function fits(action: MessageAction, direction: 'in' | 'out' | 'system'): boolean {
  return action !== 'edit' || direction === 'out';
}

/** What the commands do. Without a step the command was written wrongly, and its usage is told. */
import type { ConversationItem, DeletionScope, Effect, EntryItem } from '../model.ts';
import { readDay, readDuration } from '../render/times.ts';
import { type ChatState, openItem } from '../state.ts';
import type { ThemeName } from '../terminal/theme.ts';
import { EMPTY_EDITOR } from '../text/editor.ts';
import { openConversation, scrollToEdge } from './conversation.ts';
import { refuse, type Step, show, step, tell } from './step.ts';
import { openMuteMenu, openTimerMenu } from './views.ts';

const isOff = (word: string): boolean => ['off', 'aus', 'no', 'nein', '0'].includes(word.toLowerCase());
export function withOpen(state: ChatState, run: (state: ChatState) => Step | undefined): Step | undefined {
  return state.open === undefined ? refuse(state, state.texts.needsConversation()) : run(state);
}

/** Runs with the list line of the open conversation. */
function withItem(state: ChatState, run: (item: ConversationItem) => Step | undefined): Step | undefined {
  const item = openItem(state);
  return item === undefined ? refuse(state, state.texts.needsConversation()) : run(item);
}

/** The same for what is about the keys of one person. */
export function withPerson(
  state: ChatState,
  run: (item: ConversationItem) => Step | undefined,
): Step | undefined {
  return withItem(state, (item) =>
    item.group === undefined ? run(item) : refuse(state, state.texts.noSafetyOfGroup()),
  );
}

/** Plain mode reads out what is there, also when it was loaded before. */
export function toEdge(state: ChatState, at: 'start' | 'end'): Step {
  const { open, isPlain } = state;
  return isPlain && open !== undefined
    ? step(state, { do: 'load', id: open.id, place: { at } })
    : scrollToEdge(state, at);
}

export function openNamed(state: ChatState, rest: string): Step | undefined {
  const { conversations = [], texts } = state;
  if (rest === '') return undefined;
  const byNumber = /^\d+$/.test(rest) ? conversations[Number(rest) - 1] : undefined;
  if (byNumber !== undefined) return openConversation(state, byNumber.id);
  const typed = rest.toLowerCase();
  const exact = conversations.filter(({ name, mail }) =>
    [name, mail].some((one) => one.toLowerCase() === typed),
  );
  const like = conversations.filter(({ name, mail }) => `${name} ${mail}`.toLowerCase().includes(typed));
  const found = exact.length > 0 ? exact : like;
  if (found.length > 1) return refuse(state, texts.severalNamed(found.map(({ name }) => name).join(', ')));
  const [one] = found;
  return one === undefined ? step(state, { do: 'begin', mail: rest }) : openConversation(state, one.id);
}

/** To the first unread message here; when all is read here, to the next conversation that has some. */
export function jumpToUnread(state: ChatState): Step {
  const { conversations = [], open, texts } = state;
  const here = openItem(state);
  const isBelow = open?.entries.some((entry) => entry.isUnread) === true || (here?.unread ?? 0) > 0;
  if (here !== undefined && isBelow) return openConversation(state, here.id);
  const next =
    conversations.find(({ unread, mutedUntilMs }) => unread > 0 && mutedUntilMs === undefined) ??
    conversations.find(({ unread }) => unread > 0);
  if (next !== undefined) return openConversation(state, next.id);
  if (open?.newFrom !== undefined)
    return openConversation(state, open.id, aroundNew(open.entries, open.newFrom));
  return refuse(state, texts.noUnread());
}

function aroundNew(entries: readonly EntryItem[], key: string) {
  const ms = entries.find((entry) => entry.key === key)?.atMs ?? 0;
  return { at: 'around', ms, key } as const;
}

export function jumpToDate(state: ChatState, rest: string): Step | undefined {
  return withOpen(state, () => {
    if (rest === '') return step(show(state, { kind: 'date', query: EMPTY_EDITOR, isWrong: false }));
    const ms = readDay(rest, state.nowMs);
    if (ms === undefined) return refuse(state, state.texts.dateWrong());
    return jumpTo(state, ms);
  });
}

/** Shows the open conversation from a time on. */
function jumpTo(state: ChatState, ms: number): Step {
  const { open } = state;
  if (open === undefined) return step(state);
  const next: ChatState = {
    ...state,
    view: { kind: 'none' },
    focus: 'input',
    open: { ...open, isLoading: true },
  };
  return step(next, { do: 'load', id: open.id, place: { at: 'around', ms } });
}

/** Pins the open conversation, or unpins it. */
export function togglePin(state: ChatState): Step | undefined {
  return withItem(state, ({ id, name, isPinned }) =>
    step(tell(state, state.texts.pinnedNow(name, !isPinned)), { do: 'setPinned', id, isPinned: !isPinned }),
  );
}

export function mute(state: ChatState, rest: string): Step | undefined {
  return withItem(state, ({ id, name }) => {
    if (rest === '') return openMuteMenu(state);
    const durationMs = readDuration(rest);
    if (durationMs === undefined && !isOff(rest)) return refuse(state, state.texts.notADuration());
    const untilMs = durationMs === undefined ? undefined : state.nowMs + durationMs;
    return step(tell(state, state.texts.mutedNow(name, untilMs !== undefined)), {
      do: 'setMuted',
      id,
      untilMs,
    });
  });
}

export function setTimer(state: ChatState, rest: string): Step | undefined {
  return withItem(state, ({ id }) => {
    if (rest === '') return openTimerMenu(state);
    const timerMs = readDuration(rest);
    if (timerMs === undefined && !isOff(rest)) return refuse(state, state.texts.notADuration());
    return step(tell(state, state.texts.timerNow(timerMs)), { do: 'setTimer', id, timerMs });
  });
}

const SCOPES: Readonly<Record<string, DeletionScope>> = {
  here: 'here',
  hier: 'here',
  mine: 'own-devices',
  meine: 'own-devices',
  everywhere: 'everywhere',
  überall: 'everywhere',
};

export function deleteMessage(state: ChatState, rest: string): Step | undefined {
  return withOpen(state, () => {
    const { open, texts } = state;
    const [word = '', number] = rest.split(/\s+/);
    const scope = SCOPES[word.toLowerCase()];
    if (scope === undefined || open === undefined) return undefined;
    const messages = open.entries.filter(({ direction }) => direction !== 'system');
    const entry =
      number === undefined
        ? ((state.isPlain ? undefined : messages.find(({ key }) => key === open.chosen)) ?? messages.at(-1))
        : messages.at(-Number(number));
    if (entry === undefined) return refuse(state, texts.needsMessage());
    const effect: Effect = { do: 'deleteEntry', id: open.id, key: entry.key, scope };
    const question = scope === 'everywhere' ? texts.askDeleteEverywhere() : texts.askDeleteHere();
    return step(show(state, { kind: 'confirm', question, effects: [effect] }));
  });
}

/** Shows the safety number with the other side. */
export function openSafety(state: ChatState): Step | undefined {
  return withPerson(state, ({ id }) =>
    step(show(state, { kind: 'safety', safety: undefined, scroll: 0 }), { do: 'safety', id }),
  );
}

export function verify(state: ChatState, rest: string): Step | undefined {
  return withPerson(state, ({ id, name }) => {
    if (isOff(rest)) return step(state, { do: 'setVerified', id, isVerified: false });
    if (rest !== '') return step(state, { do: 'setVerified', id, isVerified: true, shown: rest });
    const effects: Effect[] = [{ do: 'setVerified', id, isVerified: true }];
    return step(show(state, { kind: 'confirm', question: state.texts.askVerify(name), effects }));
  });
}

function deviceOf(state: ChatState, number: string | undefined) {
  const { view } = state;
  return view.kind === 'devices' ? view.devices?.[Number(number) - 1] : undefined;
}

export function labelDevice(state: ChatState, rest: string): Step | undefined {
  const [, number, label = ''] = /^(\d+)\s+(.+)$/.exec(rest) ?? [];
  const device = deviceOf(state, number);
  if (device === undefined) return undefined;
  return step(state, { do: 'labelDevice', deviceId: device.id, label });
}

export function revokeDevice(state: ChatState, rest: string): Step | undefined {
  const device = deviceOf(state, rest);
  if (device === undefined) return undefined;
  const effects: Effect[] = [{ do: 'revokeDevice', deviceId: device.id }];
  return step(show(state, { kind: 'confirm', question: state.texts.askRevoke(device.label), effects }));
}

const THEMES: Readonly<Record<string, ThemeName>> = {
  dark: 'dark',
  dunkel: 'dark',
  light: 'light',
  hell: 'light',
  none: 'none',
  keine: 'none',
};

export function setTheme(state: ChatState, rest: string): Step | undefined {
  const theme = THEMES[rest.toLowerCase()];
  if (theme === undefined) return undefined;
  return step({ ...state, theme }, { do: 'redraw' });
}

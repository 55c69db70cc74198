/** Commands: lines that begin with `/`. Each has its name in both languages, and the help is made from this table. */
import type { Language } from '../../config.ts';
import type { ConversationItem, DeletionScope, Effect, EntryItem } from '../model.ts';
import { readDay, readDuration } from '../render/times.ts';
import { type ChatState, openItem } from '../state.ts';
import type { ThemeName } from '../terminal/theme.ts';
import { EMPTY_EDITOR, withText } from '../text/editor.ts';
import { openConversation, readEarlier, scrollPage, scrollToEdge } from './conversation.ts';
import { refuse, type Step, show, step, tell } from './step.ts';
import { choose, openHelp, openLink, openMuteMenu, openPeople, openSearch, openTimerMenu } from './views.ts';

/** One command. */
export interface Command {
  /** Names in both languages; all of them are always understood. */
  readonly names: Readonly<Record<Language, string>>;
  /** What stands behind the name. */
  readonly usage: Readonly<Record<Language, string>>;
  readonly help: Readonly<Record<Language, string>>;
  run(state: ChatState, rest: string): Step;
}

function command(
  names: [en: string, de: string],
  usage: [en: string, de: string],
  help: [en: string, de: string],
  run: Command['run'],
): Command {
  const both = ([en, de]: [string, string]) => ({ en, de });
  return { names: both(names), usage: both(usage), help: both(help), run };
}

const NONE: [string, string] = ['', ''];

/** All commands, in the order in which the help shows them. */
export const COMMANDS: readonly Command[] = [
  command(['help', 'hilfe'], NONE, ['keys and commands', 'Tasten und Befehle'], (state) => openHelp(state)),
  command(
    ['write', 'schreiben'],
    ['NAME', 'NAME'],
    ['begin a conversation with somebody', 'eine Unterhaltung beginnen'],
    (state, rest) => (rest === '' ? openPeople(state) : step(state, { do: 'begin', mail: rest })),
  ),
  command(
    ['open', 'öffnen'],
    ['NAME or NUMBER', 'NAME oder NUMMER'],
    ['open a conversation', 'eine Unterhaltung öffnen'],
    openNamed,
  ),
  command(['list', 'liste'], NONE, ['go to the conversations', 'zu den Unterhaltungen'], (state) =>
    step({ ...state, focus: 'list', listAsked: state.listAsked + 1, view: { kind: 'none' } }),
  ),
  command(
    ['people', 'leute'],
    NONE,
    ['everybody you can write to', 'alle, denen Sie schreiben können'],
    openPeople,
  ),
  command(
    ['unread', 'ungelesen'],
    NONE,
    ['to the first unread message', 'zur ersten ungelesenen Nachricht'],
    jumpToUnread,
  ),
  command(
    ['search', 'suche'],
    ['WORDS', 'WÖRTER'],
    ['find words in all messages', 'Wörter in allen Nachrichten finden'],
    openSearch,
  ),
  command(
    ['date', 'datum'],
    ['2026-11-03', '3.11.2026'],
    ['jump to a day', 'zu einem Tag springen'],
    jumpToDate,
  ),
  command(['earlier', 'früher'], NONE, ['older messages', 'ältere Nachrichten'], (state) =>
    withOpen(state, (open) => (open.isPlain ? readEarlier(open) : scrollPage(open, -1))),
  ),
  command(['start', 'anfang'], NONE, ['to the first message', 'zur ersten Nachricht'], (state) =>
    withOpen(state, (open) => toEdge(open, 'start')),
  ),
  command(['end', 'ende'], NONE, ['to the newest message', 'zur neuesten Nachricht'], (state) =>
    withOpen(state, (open) => toEdge(open, 'end')),
  ),
  command(
    ['pin', 'anheften'],
    NONE,
    ['pin the conversation, or unpin it', 'die Unterhaltung anheften oder lösen'],
    togglePin,
  ),
  command(
    ['mute', 'stumm'],
    ['8h | off', '8h | aus'],
    ['mute the conversation', 'die Unterhaltung stumm schalten'],
    mute,
  ),
  command(
    ['timer', 'frist'],
    ['1d | off', '1t | aus'],
    ['messages disappear after they were read', 'Nachrichten verschwinden nach dem Lesen'],
    setTimer,
  ),
  command(
    ['delete', 'löschen'],
    ['here | mine | everywhere [NUMBER]', 'hier | meine | überall [NUMMER]'],
    [
      'delete the chosen message, or the one of that number, 1 is the newest',
      'die gewählte Nachricht löschen, oder die dieser Nummer, 1 ist die neueste',
    ],
    deleteMessage,
  ),
  command(
    ['safety', 'sicherheit'],
    NONE,
    ['compare safety numbers', 'Sicherheitsnummern vergleichen'],
    openSafety,
  ),
  command(
    ['accept', 'annehmen'],
    NONE,
    [
      'write to the new keys without comparing them',
      'den neuen Schlüsseln schreiben, ohne sie zu vergleichen',
    ],
    (state) => withItem(state, ({ id }) => step(state, { do: 'acceptKeys', id })),
  ),
  command(
    ['verify', 'geprüft'],
    ['[NUMBER | off]', '[NUMMER | aus]'],
    ['the safety number was compared', 'die Sicherheitsnummer wurde verglichen'],
    verify,
  ),
  command(['devices', 'geräte'], NONE, ['your devices', 'Ihre Geräte'], (state) =>
    step(show(state, { kind: 'devices', selected: 0, devices: undefined }), { do: 'devices' }),
  ),
  command(
    ['label', 'benennen'],
    ['NUMBER NAME', 'NUMMER NAME'],
    ['name a device of the list', 'ein Gerät der Liste benennen'],
    labelDevice,
  ),
  command(
    ['revoke', 'sperren'],
    ['NUMBER', 'NUMMER'],
    ['revoke a device of the list', 'ein Gerät der Liste sperren'],
    revokeDevice,
  ),
  command(
    ['link', 'verbinden'],
    ['[CODE]', '[CODE]'],
    ['let a new device in', 'ein neues Gerät zulassen'],
    openLink,
  ),
  command(
    ['settings', 'einstellungen'],
    NONE,
    ['receipts, typing, presence', 'Bestätigungen, Tippen, Anwesenheit'],
    (state) => step(show(state, { kind: 'settings', selected: 0, settings: undefined }), { do: 'settings' }),
  ),
  command(
    ['choose', 'wählen'],
    ['NUMBER', 'NUMMER'],
    ['take one of what was listed last', 'eines aus der letzten Liste nehmen'],
    (state, rest) => choose(state, Number(rest) - 1),
  ),
  command(
    ['theme', 'farben'],
    ['dark | light | none', 'dunkel | hell | keine'],
    ['colours', 'Farben'],
    setTheme,
  ),
  command(['connect', 'neu'], NONE, ['try to connect now', 'jetzt verbinden'], (state) =>
    step(state, { do: 'connectNow' }),
  ),
  command(['quit', 'beenden'], NONE, ['leave', 'das Programm verlassen'], (state) =>
    step(state, { do: 'quit' }),
  ),
];

/** Other words that people try. */
const ALIASES: Readonly<Record<string, string>> = {
  exit: 'quit',
  q: 'quit',
  new: 'write',
  to: 'write',
  neu: 'write',
  an: 'write',
  find: 'search',
  jump: 'date',
  number: 'safety',
  unpin: 'pin',
  unmute: 'mute off',
  offnen: 'open',
  gerate: 'devices',
  loschen: 'delete',
  wahlen: 'choose',
  fruher: 'earlier',
  gepruft: 'verify',
  '?': 'help',
};

function findCommand(name: string): Command | undefined {
  return COMMANDS.find(({ names }) => names.en === name || names.de === name);
}

/** Commands whose name begins like this, for the line below what is written. */
export function commandsLike(beginning: string, language: Language): readonly Command[] {
  const typed = beginning.toLowerCase();
  const own = COMMANDS.filter(({ names }) => names[language].startsWith(typed));
  return own.length > 0 ? own : COMMANDS.filter(({ names }) => names.en.startsWith(typed));
}

/** Runs a line that begins with `/`. */
export function runCommand(state: ChatState, line: string): Step {
  const [, name = '', rest = ''] = /^\/(\S*)\s*([\s\S]*)$/.exec(line) ?? [];
  const wanted = name.toLowerCase();
  const [alias, aliasRest = ''] = (ALIASES[wanted] ?? '').split(' ');
  const found =
    findCommand(wanted) ??
    (alias === '' || alias === undefined ? undefined : findCommand(alias)) ??
    only(wanted, state);
  if (found === undefined) return refuse(state, state.texts.unknownCommand(name));
  return found.run(state, (rest.trim() === '' ? aliasRest : rest).trim());
}

/** A beginning that only one command has. */
function only(beginning: string, { language }: ChatState): Command | undefined {
  const like = beginning.length < 2 ? [] : commandsLike(beginning, language);
  return like.length === 1 ? like[0] : undefined;
}

const isOff = (word: string): boolean => ['off', 'aus', 'no', 'nein', '0'].includes(word.toLowerCase());
const usageOf = (name: string, { language, texts }: ChatState): string => {
  const found = findCommand(name);
  return texts.usage(`/${found?.names[language] ?? name} ${found?.usage[language] ?? ''}`);
};

function withOpen(state: ChatState, run: (state: ChatState) => Step): Step {
  return state.open === undefined ? refuse(state, state.texts.needsConversation()) : run(state);
}

/** Runs with the list line of the open conversation. */
function withItem(state: ChatState, run: (item: ConversationItem) => Step): Step {
  const item = openItem(state);
  return item === undefined ? refuse(state, state.texts.needsConversation()) : run(item);
}

/** Plain mode reads out what is there, also when it was loaded before. */
function toEdge(state: ChatState, at: 'start' | 'end'): Step {
  const { open, isPlain } = state;
  return isPlain && open !== undefined
    ? step(state, { do: 'load', id: open.id, place: { at } })
    : scrollToEdge(state, at);
}

function openNamed(state: ChatState, rest: string): Step {
  const { conversations = [], texts } = state;
  if (rest === '') return refuse(state, usageOf('open', state));
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

function jumpToDate(state: ChatState, rest: string): Step {
  return withOpen(state, () => {
    if (rest === '') return step(show(state, { kind: 'date', query: EMPTY_EDITOR, isWrong: false }));
    const ms = readDay(rest, state.nowMs);
    if (ms === undefined) return refuse(state, state.texts.dateWrong());
    return jumpTo(state, ms);
  });
}

/** Shows the open conversation from a time on. */
export function jumpTo(state: ChatState, ms: number): Step {
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
export function togglePin(state: ChatState): Step {
  return withItem(state, ({ id, name, isPinned }) =>
    step(tell(state, state.texts.pinnedNow(name, !isPinned)), { do: 'setPinned', id, isPinned: !isPinned }),
  );
}

function mute(state: ChatState, rest: string): Step {
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

function setTimer(state: ChatState, rest: string): Step {
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

function deleteMessage(state: ChatState, rest: string): Step {
  return withOpen(state, () => {
    const { open, texts } = state;
    const [word = '', number] = rest.split(/\s+/);
    const scope = SCOPES[word.toLowerCase()];
    if (scope === undefined || open === undefined) return refuse(state, usageOf('delete', state));
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
export function openSafety(state: ChatState): Step {
  return withItem(state, ({ id }) =>
    step(show(state, { kind: 'safety', safety: undefined, scroll: 0 }), { do: 'safety', id }),
  );
}

function verify(state: ChatState, rest: string): Step {
  return withItem(state, ({ id, name }) => {
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

function labelDevice(state: ChatState, rest: string): Step {
  const [, number, label = ''] = /^(\d+)\s+(.+)$/.exec(rest) ?? [];
  const device = deviceOf(state, number);
  if (device === undefined) return refuse(state, usageOf('label', state));
  return step(state, { do: 'labelDevice', deviceId: device.id, label });
}

function revokeDevice(state: ChatState, rest: string): Step {
  const device = deviceOf(state, rest);
  if (device === undefined) return refuse(state, usageOf('revoke', state));
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

function setTheme(state: ChatState, rest: string): Step {
  const theme = THEMES[rest.toLowerCase()];
  if (theme === undefined) return refuse(state, usageOf('theme', state));
  return step({ ...state, theme }, { do: 'redraw' });
}

/** Completes the name of a command that is being written. */
export function completeCommand(state: ChatState): Step {
  const { editor, language } = state;
  const [, name] = /^\/(\S*)$/.exec(editor.text) ?? [];
  if (name === undefined) return step(state);
  const [first] = commandsLike(name, language);
  if (first === undefined) return step(state);
  const full =
    language === 'de' && first.names.de.startsWith(name.toLowerCase()) ? first.names.de : first.names.en;
  return step({ ...state, editor: withText(editor, `/${full} `) });
}

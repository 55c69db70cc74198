/** What keys do. The help is made from this table. */
import type { Language } from '../../config.ts';
import type { ChatState } from '../state.ts';
import { EDIT_KEYS } from '../text/edit-keys.ts';
import { EDITS, insert, moveVertically } from '../text/editor.ts';
import { jumpToUnread } from './command-actions.ts';
import { runCommand } from './commands.ts';
import { complete } from './completion.ts';
import { chooseMessage, layoutNow, openConversation, scrollPage, scrollToEdge } from './conversation.ts';
import { type Step, show, step, tell } from './step.ts';
import {
  closeView,
  editQuery,
  enterView,
  leaveView,
  moveChoice,
  openHelp,
  openMessageMenu,
  openMuteMenu,
  openPeople,
  openSearch,
  openTimerMenu,
  queryOf,
  sendWritten,
  viewLetter,
} from './views.ts';

/** Keys with one meaning. */
export interface KeyBinding {
  /** Names as in `terminal/keys.ts`; the help shows them as people write them. */
  readonly keys: readonly string[];
  readonly help: Readonly<Record<Language, string>>;
}

interface ActiveBinding extends KeyBinding {
  run(state: ChatState): Step;
}

function binding(keys: string[], help: [en: string, de: string], run: ActiveBinding['run']): ActiveBinding {
  return { keys, help: { en: help[0], de: help[1] }, run };
}

/** Keys that mean the same everywhere. */
const EVERYWHERE: readonly ActiveBinding[] = [
  binding(['f1'], ['help', 'Hilfe'], openHelp),
  binding(['f2', 'alt-n'], ['write to somebody', 'jemandem schreiben'], openPeople),
  binding(['f3', 'ctrl-s'], ['search', 'suchen'], (state) => openSearch(state)),
  binding(['f4', 'alt-g'], ['jump to a day', 'zu einem Tag springen'], (state) => runCommand(state, '/date')),
  binding(['f5', 'alt-a'], ['to the first unread message', 'zur ersten ungelesenen Nachricht'], jumpToUnread),
  binding(['f6', 'alt-s'], ['safety number', 'Sicherheitsnummer'], (state) => runCommand(state, '/safety')),
  binding(['f7'], ['your devices', 'Ihre Geräte'], (state) => runCommand(state, '/devices')),
  binding(['f8', 'alt-m'], ['mute the conversation', 'Unterhaltung stumm schalten'], openMuteMenu),
  binding(['f9', 'alt-p'], ['pin the conversation', 'Unterhaltung anheften'], (state) =>
    runCommand(state, '/pin'),
  ),
  binding(['alt-t'], ['messages that disappear', 'verschwindende Nachrichten'], openTimerMenu),
  binding(['alt-o'], ['settings', 'Einstellungen'], (state) => runCommand(state, '/settings')),
  binding(['alt-up', 'ctrl-up'], ['conversation above', 'Unterhaltung darüber'], (state) =>
    openNext(state, -1),
  ),
  binding(['alt-down', 'ctrl-down'], ['conversation below', 'Unterhaltung darunter'], (state) =>
    openNext(state, 1),
  ),
  binding(['tab'], ['next part of the screen', 'nächster Teil des Bildschirms'], (state) =>
    moveFocus(state, 1),
  ),
  binding(['shift-tab'], ['part before', 'Teil davor'], (state) => moveFocus(state, -1)),
  binding(['pageup', 'alt-v'], ['older messages', 'ältere Nachrichten'], (state) => scrollPage(state, -1)),
  binding(['pagedown', 'ctrl-v'], ['newer messages', 'neuere Nachrichten'], (state) => scrollPage(state, 1)),
  binding(['alt-<', 'ctrl-home', 'alt-home'], ['first message', 'erste Nachricht'], (state) =>
    scrollToEdge(state, 'start'),
  ),
  binding(['alt->', 'ctrl-end', 'alt-end'], ['newest message', 'neueste Nachricht'], (state) =>
    scrollToEdge(state, 'end'),
  ),
  binding(['ctrl-l'], ['draw the screen again', 'Bildschirm neu zeichnen'], (state) =>
    step(state, { do: 'redraw' }),
  ),
  binding(['ctrl-z'], ['put aside (fg brings it back)', 'beiseitelegen (fg holt es zurück)'], (state) =>
    step(state, { do: 'suspend' }),
  ),
  binding(['ctrl-q', 'f10'], ['leave', 'beenden'], (state) => step(state, { do: 'quit' })),
];

/** For the help only: what the line in which one writes knows. */
const WRITING: readonly KeyBinding[] = [
  { keys: ['enter'], help: { en: 'send', de: 'senden' } },
  { keys: ['alt-enter', 'ctrl-j'], help: { en: 'new line', de: 'neue Zeile' } },
  {
    keys: ['up', 'down'],
    help: { en: 'line above, then what you sent before', de: 'Zeile darüber, dann früher Gesendetes' },
  },
  {
    keys: ['ctrl-a', 'ctrl-e'],
    help: { en: 'beginning and end of the line', de: 'Anfang und Ende der Zeile' },
  },
  { keys: ['alt-b', 'alt-f'], help: { en: 'a word back, forth', de: 'ein Wort zurück, vor' } },
  {
    keys: ['ctrl-w', 'alt-d'],
    help: { en: 'cut the word before, behind', de: 'Wort davor, dahinter ausschneiden' },
  },
  {
    keys: ['ctrl-u', 'ctrl-k'],
    help: { en: 'cut to the beginning, to the end', de: 'bis zum Anfang, Ende ausschneiden' },
  },
  { keys: ['ctrl-y'], help: { en: 'put back what was cut', de: 'Ausgeschnittenes einfügen' } },
  { keys: ['escape'], help: { en: 'close, or back to the list', de: 'schließen, oder zurück zur Liste' } },
];

/** All keys, as the help shows them. */
export const KEY_BINDINGS: readonly KeyBinding[] = [...WRITING, ...EVERYWHERE];

/** How long after the last key other people are shown writing, and how often they are told. */
export const TYPING_TOLD_EVERY_MS = 4_000;

/** A key that was pressed. */
export function pressKey(before: ChatState, key: { name: string; text?: string }): Step {
  if (key.name === 'ctrl-c') return cancel(before);
  const state = before.isLeaving ? { ...before, isLeaving: false, told: undefined } : before;
  if (state.view.kind !== 'none') return keyInView(state, key);
  const everywhere = EVERYWHERE.find(({ keys }) => keys.includes(key.name));
  const completed = key.name === 'tab' ? complete(state) : undefined;
  if (completed !== undefined) return completed;
  if (everywhere !== undefined) return everywhere.run(state);
  const number = /^alt-([1-9])$/.exec(key.name)?.[1];
  if (number !== undefined) return openNumber(state, Number(number) - 1);
  const isHelp = key.text === '?' && (state.focus !== 'input' || state.editor.text === '');
  if (isHelp) return openHelp(state);
  if (state.focus === 'list') return keyInList(state, key);
  if (state.focus === 'messages') return keyInMessages(state, key);
  return keyInInput(state, key);
}

/** Text that was pasted, all of it at once: line ends in it send nothing. */
export function paste(state: ChatState, text: string): Step {
  if (queryOf(state.view) !== undefined)
    return editQuery(state, (query) => insert(query, text.trim().replaceAll('\n', ' ')));
  if (state.view.kind !== 'none') return step(state);
  return written(
    { ...state, focus: 'input' },
    { ...state, focus: 'input', editor: insert(state.editor, text) },
  );
}

function cancel(state: ChatState): Step {
  if (state.view.kind !== 'none') return closeView(state);
  if (state.editor.text !== '') {
    return written(state, {
      ...state,
      editor: { ...EDITS.killToStart({ ...state.editor, text: '', cursor: 0 }), killed: state.editor.text },
    });
  }
  if (state.isLeaving) return step(state, { do: 'quit' });
  return step({ ...tell(state, state.texts.leaveAgain()), isLeaving: true });
}

function keyInView(state: ChatState, key: { name: string; text?: string }): Step {
  const query = queryOf(state.view);
  const rows = Math.max(1, layoutNow(state).bodyRows - 4);
  switch (key.name) {
    case 'escape':
      return leaveView(state);
    case 'f10':
      return closeView(state);
    case 'ctrl-q':
      return step(state, { do: 'quit' });
    case 'enter':
    // What was typed before the terminal was ours has its line ends as line feeds.
    case 'ctrl-j':
      return state.view.kind === 'confirm' ? step(state) : enterView(state);
    case 'up':
    case 'ctrl-p':
    case 'shift-tab':
      return moveChoice(state, -1);
    case 'down':
    case 'ctrl-n':
    case 'tab':
      return moveChoice(state, 1);
    case 'pageup':
      return moveChoice(state, -rows);
    case 'pagedown':
      return moveChoice(state, rows);
    case 'ctrl-l':
      return step(state, { do: 'redraw' });
    case 'ctrl-z':
      return step(state, { do: 'suspend' });
  }
  if (query === undefined) {
    if (key.name === 'home') return moveChoice(state, -1_000_000);
    if (key.name === 'end') return moveChoice(state, 1_000_000);
    const special = key.text === undefined ? undefined : viewLetter(state, key.text);
    if (special !== undefined) return special;
    if (key.text === 'q') return closeView(state);
    return step(state);
  }
  const edit = EDIT_KEYS[key.name];
  if (edit !== undefined) return edit === 'newline' ? step(state) : editQuery(state, EDITS[edit]);
  return key.text === undefined ? step(state) : editQuery(state, (editor) => insert(editor, key.text ?? ''));
}

function keyInList(state: ChatState, key: { name: string; text?: string }): Step {
  const { conversations = [], listed } = state;
  const at = conversations.findIndex(({ id }) => id === listed);
  const move = (to: number): Step => {
    const item = conversations[Math.min(conversations.length - 1, Math.max(0, to))];
    return step(item === undefined ? state : { ...state, listed: item.id });
  };
  switch (key.name) {
    case 'up':
    case 'ctrl-p':
      return move(at - 1);
    case 'down':
    case 'ctrl-n':
      return move(at + 1);
    case 'home':
      return move(0);
    case 'end':
      return move(conversations.length - 1);
    case 'enter':
    case 'right':
      return listed === undefined ? step(state) : openListed(state, listed);
    case 'escape':
      return step(state.open === undefined ? state : { ...state, focus: 'input' });
  }
  // A command can be written from anywhere; other letters are a message only where one is open.
  if (key.text === '/' || (key.text !== undefined && state.open !== undefined)) {
    return keyInInput({ ...state, focus: 'input' }, key);
  }
  return step(state);
}

function openListed(state: ChatState, id: string): Step {
  return state.open?.id === id ? step({ ...state, focus: 'input' }) : openConversation(state, id);
}

function keyInMessages(state: ChatState, key: { name: string; text?: string }): Step {
  const { open } = state;
  switch (key.name) {
    case 'up':
    case 'ctrl-p':
      return chooseMessage(state, -1);
    case 'down':
    case 'ctrl-n':
      return chooseMessage(state, 1);
    case 'enter':
      return openMessageMenu(state);
    case 'home':
      return scrollToEdge(state, 'start');
    case 'end':
      return scrollToEdge(state, 'end');
    case 'escape':
      return step({ ...state, focus: 'input', open: open && { ...open, chosen: undefined } });
  }
  if (key.text !== undefined) {
    return keyInInput({ ...state, focus: 'input', open: open && { ...open, chosen: undefined } }, key);
  }
  return step(state);
}

function keyInInput(state: ChatState, key: { name: string; text?: string }): Step {
  const { editor } = state;
  const width = layoutNow(state).inputWidth;
  switch (key.name) {
    case 'enter':
      return submit(state);
    case 'up':
    case 'ctrl-p':
      return written(state, { ...state, editor: moveVertically(editor, -1, width) });
    case 'down':
    case 'ctrl-n':
      return written(state, { ...state, editor: moveVertically(editor, 1, width) });
    case 'escape':
      return step({ ...state, focus: 'list' });
  }
  if (key.name === 'ctrl-d' && editor.text === '') return step(state);
  const edit = EDIT_KEYS[key.name];
  if (edit !== undefined) return written(state, { ...state, editor: EDITS[edit](editor) });
  if (key.text === undefined) return step(state);
  return written(state, { ...state, editor: insert(editor, key.text) });
}

/** What was written, or the command that it is. */
export function submit(state: ChatState): Step {
  const { text } = state.editor;
  if (!text.startsWith('/') || text.startsWith('//')) return sendWritten(state);
  const { history, killed } = state.editor;
  const emptied: ChatState = {
    ...state,
    editor: {
      text: '',
      cursor: 0,
      killed,
      history: [...history, text],
      historyAt: history.length + 1,
      aside: '',
    },
  };
  return runCommand(emptied, text);
}

/** What follows from other text in the line: a draft to be kept, and others who see one writing. */
function written(before: ChatState, after: ChatState): Step {
  const { open, editor, nowMs } = after;
  if (open === undefined || editor.text === before.editor.text) return step(after);
  const isCommand = editor.text.startsWith('/') && !editor.text.startsWith('//');
  const next: ChatState = { ...after, draftSinceMs: after.draftSinceMs ?? nowMs };
  const isEmpty = editor.text === '' || isCommand;
  if (isEmpty && after.typingToldMs > 0) {
    return step({ ...next, typingToldMs: 0 }, { do: 'typing', id: open.id, isTyping: false });
  }
  if (!isEmpty && nowMs - after.typingToldMs >= TYPING_TOLD_EVERY_MS) {
    return step({ ...next, typingToldMs: nowMs }, { do: 'typing', id: open.id, isTyping: true });
  }
  return step(next);
}

function openNext(state: ChatState, by: -1 | 1): Step {
  const { conversations = [], open, listed } = state;
  const at = conversations.findIndex(({ id }) => id === (open?.id ?? listed));
  return openNumber(state, at < 0 ? 0 : Math.min(conversations.length - 1, Math.max(0, at + by)));
}

function openNumber(state: ChatState, index: number): Step {
  const item = state.conversations?.[index];
  return item === undefined || item.id === state.open?.id ? step(state) : openConversation(state, item.id);
}

const PARTS = ['list', 'messages', 'input'] as const;

function moveFocus(state: ChatState, by: -1 | 1): Step {
  if (state.open === undefined)
    return step(show({ ...state, focus: state.focus === 'list' ? 'input' : 'list' }, { kind: 'none' }));
  const focus = PARTS[(PARTS.indexOf(state.focus) + by + PARTS.length) % PARTS.length] ?? 'input';
  const open = focus === 'messages' ? state.open : { ...state.open, chosen: undefined };
  const next: ChatState = { ...state, focus, open };
  return focus === 'messages' && open.chosen === undefined ? chooseMessage(next, -1) : step(next);
}

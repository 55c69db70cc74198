/** What lies over the conversation: opening it, choosing in it, closing it. */
import type { Effect, PersonItem } from '../model.ts';
import { readDay } from '../render/times.ts';
import { type ChatState, type Choice, openItem, type View } from '../state.ts';
import { accept, type Editor, EMPTY_EDITOR, withText } from '../text/editor.ts';
import { commandName } from './command-names.ts';
import { openConversation, readVisible } from './conversation.ts';
import { andThen, refuse, type Step, show, step, tell } from './step.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** People shown at once; a longer list is narrowed down by typing. */
const PEOPLE_SHOWN_MAX = 500;

export function openHelp(state: ChatState): Step {
  return step(show(state, { kind: 'help', scroll: 0 }));
}

export function openPeople(state: ChatState): Step {
  const view: View = { kind: 'people', query: EMPTY_EDITOR, selected: 0, isLoading: true };
  return step(show(state, view), { do: 'people' });
}

/** @param words asked at once, if there are any */
export function openSearch(state: ChatState, words = ''): Step {
  const query = withText(EMPTY_EDITOR, words);
  const view: View = { kind: 'search', query, asked: undefined, hits: [], selected: 0 };
  return step(show(state, view), ...(words === '' ? [] : [{ do: 'search', query: words } as const]));
}

/** @param code read at once, if there is one */
export function openLink(state: ChatState, code = ''): Step {
  const view: View = { kind: 'link', query: withText(EMPTY_EDITOR, code), offer: undefined };
  return step(show(state, view), ...(code === '' ? [] : [{ do: 'readLink', code } as const]));
}

/** A choice of how long to be left alone by the open conversation. */
export function openMuteMenu(state: ChatState): Step {
  const { texts } = state;
  const item = openItem(state);
  if (item === undefined) return refuse(state, texts.needsConversation());
  const until = (ms: number | undefined): Choice => ({
    label: texts.muteFor(ms),
    effects: [
      { do: 'setMuted', id: item.id, untilMs: ms === undefined ? Number.MAX_SAFE_INTEGER : state.nowMs + ms },
    ],
  });
  const off: Choice = {
    label: texts.unmute(),
    effects: [{ do: 'setMuted', id: item.id, untilMs: undefined }],
  };
  const choices = [
    off,
    until(HOUR_MS),
    until(8 * HOUR_MS),
    until(DAY_MS),
    until(7 * DAY_MS),
    until(undefined),
  ];
  const selected = item.mutedUntilMs === undefined ? 2 : 0;
  return step(show(state, { kind: 'menu', title: texts.muteTitle(item.name), choices, selected }));
}

/** A choice of how long messages of the open conversation stay. */
export function openTimerMenu(state: ChatState): Step {
  const { texts } = state;
  const item = openItem(state);
  if (item === undefined) return refuse(state, texts.needsConversation());
  const usual = [30_000, 300_000, HOUR_MS, DAY_MS, 7 * DAY_MS, 28 * DAY_MS];
  const { timerMs: present } = item;
  // One that was set by its length is among them, so that Enter alone changes nothing.
  const isUsual = present === undefined || usual.includes(present);
  const lengths = isUsual ? usual : [...usual, present].sort((a, b) => a - b);
  const times = [undefined, ...lengths];
  const choices = times.map(
    (timerMs): Choice => ({
      label: timerMs === undefined ? texts.off() : texts.duration(timerMs),
      effects: [{ do: 'setTimer', id: item.id, timerMs }],
    }),
  );
  const selected = times.indexOf(present);
  return step(show(state, { kind: 'menu', title: texts.timerTitle(), choices, selected }));
}

/** What can be done with the chosen message. */
export function openMessageMenu(state: ChatState): Step {
  const { open, texts } = state;
  const entry = open?.entries.find(({ key }) => key === open.chosen);
  if (open === undefined || entry === undefined) return step(state);
  if (entry.direction === 'system') return step(state);
  const remove = (scope: 'here' | 'own-devices' | 'everywhere', label: string): Choice => ({
    label,
    question: scope === 'everywhere' ? texts.askDeleteEverywhere() : texts.askDeleteHere(),
    effects: [{ do: 'deleteEntry', id: open.id, key: entry.key, scope }],
  });
  const isOwn = entry.direction === 'out' && entry.kind !== 'deleted';
  const { can = [] } = entry;
  const command = (name: string, more = ''): string => `/${commandName(name, state.language)} ${more}`;
  const act = (action: 'save' | 'endPoll'): Effect => ({
    do: 'act',
    id: open.id,
    key: entry.key,
    action,
    text: '',
  });
  const choices: Choice[] = [
    ...(entry.kind === 'text'
      ? [
          { label: texts.menuReply(), effects: [], line: command('reply') },
          { label: texts.menuReact(), effects: [], line: command('react') },
        ]
      : []),
    ...(can.includes('vote') ? [{ label: texts.menuVote(), effects: [], line: command('vote') }] : []),
    ...(can.includes('endPoll') ? [{ label: texts.menuEndPoll(), effects: [act('endPoll')] }] : []),
    ...(can.includes('save')
      ? [
          { label: texts.menuSave(), effects: [act('save')] },
          { label: texts.menuSaveIn(), effects: [], line: command('save') },
        ]
      : []),
    ...(can.includes('edit')
      ? [{ label: texts.menuEdit(), effects: [], line: command('edit', entry.said ?? '') }]
      : []),
    ...(can.includes('versions')
      ? [{ label: texts.menuVersions(), effects: [{ do: 'versions', key: entry.key } as const] }]
      : []),
    remove('here', texts.deleteHere()),
    remove('own-devices', texts.deleteOwnDevices()),
    ...(isOwn ? [remove('everywhere', texts.deleteEverywhere())] : []),
  ];
  return step(show(state, { kind: 'menu', title: texts.menuTitle(), choices, selected: 0 }));
}

/** Back to the conversation, which is seen again. */
export function closeView(state: ChatState): Step {
  const closed = show(state, { kind: 'none' });
  return readVisible({ ...closed, focus: closed.open === undefined ? 'list' : closed.focus });
}

/** Goes one step back: what was opened from the devices leads there, so that what is typed next is not taken for a message. */
export function leaveView(state: ChatState): Step {
  if (state.view.kind !== 'link' && state.view.kind !== 'label') return closeView(state);
  return step(show(state, { kind: 'devices', selected: 0, devices: undefined }), { do: 'devices' });
}

/** The query of a view that has one. */
export function queryOf(view: View): Editor | undefined {
  return 'query' in view ? view.query : undefined;
}

/** People that fit what was typed: beginnings of names first. */
export function peopleLike(state: ChatState): readonly PersonItem[] {
  const { view, people = [] } = state;
  const typed = view.kind === 'people' ? view.query.text.trim().toLowerCase() : '';
  if (typed === '') return people.slice(0, PEOPLE_SHOWN_MAX);
  const begins = (person: PersonItem): boolean =>
    `${person.name} ${person.mail}`
      .toLowerCase()
      .split(/[\s@.]+/)
      .some((word) => word.startsWith(typed)) || person.name.toLowerCase().startsWith(typed);
  const like = people.filter(({ name, mail }) => `${name} ${mail}`.toLowerCase().includes(typed));
  return [...like.filter(begins), ...like.filter((person) => !begins(person))].slice(0, PEOPLE_SHOWN_MAX);
}

/** How many rows of a view can be chosen. */
function countChoices(state: ChatState): number {
  const { view } = state;
  switch (view.kind) {
    case 'people':
      return peopleLike(state).length;
    case 'search':
      return view.hits.length;
    case 'devices':
      return view.devices?.length ?? 0;
    case 'settings':
      return view.settings?.length ?? 0;
    case 'menu':
      return view.choices.length;
    default:
      return 0;
  }
}

/** Moves the choice; it stops at both ends. */
export function moveChoice(state: ChatState, by: number): Step {
  const { view } = state;
  if (view.kind === 'help' || view.kind === 'safety' || view.kind === 'sheet') {
    return step(show(state, { ...view, scroll: Math.max(0, view.scroll + by) }));
  }
  if (!('selected' in view)) return step(state);
  const last = Math.max(0, countChoices(state) - 1);
  return step(show(state, { ...view, selected: Math.min(last, Math.max(0, view.selected + by)) }));
}

/** Takes a row of a view by its number from 0, as Enter does with the chosen one. */
export function choose(state: ChatState, index: number): Step {
  const { view, texts } = state;
  if (!Number.isInteger(index) || index < 0 || index >= countChoices(state)) {
    return view.kind === 'people' ? beginTyped(state) : refuse(state, texts.needsMessage());
  }
  switch (view.kind) {
    case 'people': {
      const person = peopleLike(state)[index];
      return person === undefined ? step(state) : step(state, { do: 'begin', mail: person.mail });
    }
    case 'search': {
      const hit = view.hits[index];
      if (hit === undefined) return step(state);
      return openConversation(state, hit.conversationId, { at: 'around', ms: hit.atMs, key: hit.key });
    }
    case 'devices': {
      const device = view.devices?.[index];
      if (device === undefined) return step(state);
      const query = withText(EMPTY_EDITOR, device.hasName ? device.label : '');
      return step(show(state, { kind: 'label', device, query }));
    }
    case 'settings': {
      const setting = view.settings?.[index];
      if (setting === undefined) return step(state);
      if (setting.isFixed) return refuse(state, texts.setByOrganisation());
      const at = setting.values.findIndex(({ value }) => value === setting.value);
      const next = setting.values[(at + 1) % setting.values.length];
      return next === undefined
        ? step(state)
        : step(state, { do: 'setSetting', name: setting.name, value: next.value });
    }
    case 'menu': {
      const choice = view.choices[index];
      return choice === undefined ? step(state) : take(state, choice);
    }
    default:
      return step(state);
  }
}

function take(state: ChatState, { question, effects, line }: Choice): Step {
  if (line !== undefined) {
    // The message stays chosen, so that the command is about it.
    const closed = show(state, { kind: 'none' });
    return step({ ...closed, focus: 'input', editor: withText(closed.editor, line) });
  }
  if (question !== undefined) return step(show(state, { kind: 'confirm', question, effects }));
  return andThen(closeView(state), (closed) => step(closed, ...effects));
}

/** An address that nobody in the list has may be right all the same: the server knows. */
function beginTyped(state: ChatState): Step {
  const mail = queryOf(state.view)?.text.trim() ?? '';
  return mail === '' ? step(state) : step(state, { do: 'begin', mail });
}

/** What Enter does in a view. */
export function enterView(state: ChatState): Step {
  const { view, texts } = state;
  switch (view.kind) {
    case 'search': {
      const query = view.query.text.trim();
      if (query === '') return step(state);
      if (query !== view.asked) return step(state, { do: 'search', query });
      return view.hits.length === 0 ? step(state) : choose(state, view.selected);
    }
    case 'date': {
      const ms = readDay(view.query.text, state.nowMs);
      if (ms === undefined || state.open === undefined) return step(show(state, { ...view, isWrong: true }));
      const open = { ...state.open, isLoading: true };
      const next: ChatState = { ...state, view: { kind: 'none' }, focus: 'input', open };
      return step(next, { do: 'load', id: open.id, place: { at: 'around', ms } });
    }
    case 'label': {
      const label = view.query.text.trim();
      const devices: View = { kind: 'devices', selected: 0, devices: undefined };
      const effects: Effect[] =
        label === ''
          ? [{ do: 'devices' }]
          : [{ do: 'labelDevice', deviceId: view.device.id, label }, { do: 'devices' }];
      return step(show(state, devices), ...effects);
    }
    case 'link': {
      const code = view.query.text.trim();
      if (view.offer !== undefined) return compareLink(state, code);
      return code === '' ? step(state) : step(state, { do: 'readLink', code });
    }
    case 'people':
      return countChoices(state) === 0 ? beginTyped(state) : choose(state, view.selected);
    case 'help':
    case 'safety':
    case 'sheet':
      return closeView(state);
    default:
      return 'selected' in view ? choose(state, view.selected) : refuse(state, texts.needsMessage());
  }
}

/**
 * The numbers of the new device were typed: whoever does that has looked at it, so nobody stands in between. What it may do is
 * chosen then.
 */
export function compareLink(state: ChatState, typed: string): Step {
  const { view, texts } = state;
  if (view.kind !== 'link' || view.offer === undefined) return step(state);
  const { offer } = view;
  const digits = (text: string): string => text.replaceAll(/[\s-]/g, '');
  if (digits(typed) !== digits(offer.numbers)) return refuse(state, texts.linkMismatch());
  const choices = [false, true].map(
    (isSigner): Choice => ({
      label: isSigner ? texts.linkAsSigner() : texts.linkAsDevice(),
      effects: [{ do: 'approveLink', offer, isSigner }],
    }),
  );
  return step(show(state, { kind: 'menu', title: texts.linkTitle(), choices, selected: 0 }));
}

/** Another query: what was chosen before may not be there any more. */
export function editQuery(state: ChatState, edit: (editor: Editor) => Editor): Step {
  const { view } = state;
  if (!('query' in view)) return step(state);
  const query = edit(view.query);
  if (view.kind === 'date') return step(show(state, { ...view, query, isWrong: false }));
  if ('selected' in view) return step(show(state, { ...view, query, selected: 0 }));
  return step(show(state, { ...view, query }));
}

/** The answer to a question. */
export function answer(state: ChatState, isYes: boolean): Step {
  const { view } = state;
  const effects: readonly Effect[] = view.kind === 'confirm' && isYes ? view.effects : [];
  return andThen(closeView(state), (closed) => step(closed, ...effects));
}

/** Keys that mean something in one view only. @returns undefined when the key means nothing there */
export function viewLetter(state: ChatState, letter: string): Step | undefined {
  const { view, texts } = state;
  const isQuestion = view.kind === 'confirm';
  if (isQuestion && 'yYjJ'.includes(letter)) return answer(state, true);
  if (isQuestion && 'nN'.includes(letter)) return answer(state, false);
  if (view.kind === 'devices') {
    const device = view.devices?.[view.selected];
    if (letter === 'l') return openLink(state);
    if (letter === 'r' && device !== undefined) {
      const effects: Effect[] = [{ do: 'revokeDevice', deviceId: device.id }, { do: 'devices' }];
      return step(show(state, { kind: 'confirm', question: texts.askRevoke(device.label), effects }));
    }
  }
  if (view.kind === 'safety' && view.safety !== undefined && state.open !== undefined) {
    const { id } = state.open;
    if (letter === 'v') return step(state, { do: 'setVerified', id, isVerified: true });
    if (letter === 'a' && view.safety.isHeld) return step(state, { do: 'acceptKeys', id });
    if (letter === 'u') return step(state, { do: 'setVerified', id, isVerified: false });
  }
  if (view.kind === 'help' && letter === '?') {
    return andThen(closeView(state), (closed) => step({ ...closed, editor: withText(closed.editor, '?') }));
  }
  return undefined;
}

/** Sends what was written. */
export function sendWritten(state: ChatState): Step {
  const { open, editor, texts } = state;
  if (open === undefined) return refuse(state, texts.needsConversation());
  const text = editor.text.startsWith('//') ? editor.text.slice(1) : editor.text;
  if (text.trim() === '') return step(state);
  // Nothing would ever go out from here; what was written stays where it can be copied.
  if (state.connection.kind === 'refused') return refuse(state, state.connection.sentence);
  const next: ChatState = {
    ...state,
    editor: accept(editor),
    draftSinceMs: undefined,
    typingToldMs: 0,
    open: { ...open, bottom: undefined, newFrom: undefined, chosen: undefined },
  };
  const isOffline = state.connection.kind !== 'online' && state.isPlain;
  return step(
    isOffline ? tell(next, texts.waitsOffline()) : next,
    { do: 'send', id: open.id, text },
    ...(open.hasNewer ? [{ do: 'load', id: open.id, place: { at: 'end' } } as const] : []),
  );
}

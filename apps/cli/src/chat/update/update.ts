/** The heart of the chat: an event and the state before it give the state after it, and what is to be done outside. Pure. */
import type { ChatEvent, ConversationItem } from '../model.ts';
import type { ChatState } from '../state.ts';
import { EMPTY_EDITOR, insert, withText } from '../text/editor.ts';
import { openConversation, readVisible, takeEntries } from './conversation.ts';
import { paste, pressKey, submit, TYPING_TOLD_EVERY_MS } from './keys.ts';
import { andThen, refuse, type Step, show, step, tell } from './step.ts';
import { answer, compareLink } from './views.ts';

export type { Step } from './step.ts';

/** How long a draft may be unsaved while somebody writes. */
const DRAFT_KEPT_AFTER_MS = 1_500;
/** Whoever has touched no key for so long counts as away. */
const AWAY_AFTER_MS = 5 * 60_000;

/** @see the top of this file */
export function update(state: ChatState, event: ChatEvent): Step {
  switch (event.kind) {
    case 'key':
      // Whoever presses keys is there, whatever the terminal said of its focus.
      return andThen(pressKey({ ...state, hasFocus: true, lastKeyMs: state.nowMs }, event), showPresence);
    case 'paste':
      return paste(state, event.text);
    case 'line':
      return andThen(takeLine({ ...state, lastKeyMs: state.nowMs }, event.line), showPresence);
    case 'resize':
      return readVisible({ ...state, size: event.size });
    case 'focus':
      return andThen(
        readVisible({ ...state, hasFocus: event.hasFocus, lastKeyMs: state.nowMs }),
        showPresence,
      );
    case 'theme':
      return step({ ...state, theme: event.theme });
    case 'tick':
      return passTime(state, event.nowMs);
    case 'connection':
      return step({ ...state, connection: event.connection });
    case 'conversations':
      return takeConversations(state, event.items);
    case 'begun':
      return openConversation(state, event.id);
    case 'entries':
      return event.id === state.open?.id ? takeEntries(state, event) : step(state);
    case 'changed':
      return loadAgain(state, event.ids);
    case 'notSent':
      return giveBack(state, event);
    case 'transfer':
      return step(takeTransfer(state, event));
    case 'completed':
      if (state.editor.text !== event.line) return step(state);
      return step({ ...state, editor: withText(state.editor, event.to) });
    case 'ask':
      return step(show(state, { kind: 'confirm', question: event.question, effects: event.effects }));
    case 'told':
      return event.isError ? refuse(state, event.sentence) : step(tell(state, event.sentence));
    default:
      return step(takeAnswer(state, event));
  }
}

type Answer = Extract<
  ChatEvent,
  { kind: 'people' | 'found' | 'devices' | 'safety' | 'settings' | 'linkOffer' | 'sheet' }
>;

/** Answers to what a view asked for; one that comes after its view was closed changes nothing. */
function takeAnswer(state: ChatState, event: Answer): ChatState {
  const { view } = state;
  switch (event.kind) {
    case 'people': {
      const known = { ...state, people: event.people };
      return view.kind === 'people' ? show(known, { ...view, isLoading: false }) : known;
    }
    case 'found':
      if (view.kind !== 'search') return state;
      return show(state, { ...view, asked: event.query, hits: event.hits, selected: 0 });
    case 'devices':
      return view.kind === 'devices' ? show(state, { ...view, devices: event.devices }) : state;
    case 'safety':
      return view.kind === 'safety' ? show(state, { ...view, safety: event.safety }) : state;
    case 'settings':
      return view.kind === 'settings' ? show(state, { ...view, settings: event.settings }) : state;
    case 'sheet':
      // Whoever does something else by now is not interrupted.
      if (view.kind !== 'none' && view.kind !== 'sheet') return state;
      return show(state, {
        kind: 'sheet',
        title: event.title,
        lines: event.lines,
        picture: event.picture,
        scroll: 0,
      });
    case 'linkOffer':
      return view.kind === 'link' ? show(state, { ...view, query: EMPTY_EDITOR, offer: event.offer }) : state;
  }
}

function takeTransfer(state: ChatState, event: Extract<ChatEvent, { kind: 'transfer' }>): ChatState {
  const { file, direction, doneBytes, totalBytes } = event;
  const { [file]: _, ...others } = state.transfers;
  const isOver = doneBytes >= totalBytes;
  return {
    ...state,
    transfers: isOver ? others : { ...others, [file]: { direction, doneBytes, totalBytes } },
  };
}

const YES = ['y', 'yes', 'j', 'ja'];

/** A line of plain mode: an answer, a command, or a message. */
function takeLine(state: ChatState, line: string): Step {
  const { view } = state;
  if (view.kind === 'link' && view.offer !== undefined) return compareLink(state, line);
  if (view.kind === 'confirm') return answer(state, YES.includes(line.trim().toLowerCase()));
  if (line.trim() === '') return step(state);
  return submit({ ...state, editor: withText(state.editor, line) });
}

function takeConversations(state: ChatState, items: readonly ConversationItem[]): Step {
  const listed = items.some(({ id }) => id === state.listed) ? state.listed : items[0]?.id;
  const unreadBefore = new Map(state.conversations?.map(({ id, unread }) => [id, unread]));
  const isCalled =
    state.conversations !== undefined &&
    !state.hasFocus &&
    items.some(
      ({ id, unread, mutedUntilMs }) => mutedUntilMs === undefined && unread > (unreadBefore.get(id) ?? 0),
    );
  const next: ChatState = { ...state, conversations: items, listed };
  const draft = items.find(({ id }) => id === state.open?.id)?.draft;
  // A draft that was written on another device is taken over where nothing is written here.
  const isFree = state.open !== undefined && state.draftSinceMs === undefined && state.editor.text === '';
  const before = state.conversations?.find(({ id }) => id === state.open?.id)?.draft;
  const taken =
    isFree && draft !== undefined && draft !== '' && draft !== before
      ? { ...next, editor: insert(next.editor, draft) }
      : next;
  return step(taken, ...(isCalled ? [{ do: 'bell' } as const] : []));
}

/** What could not be sent stands in the line again, or in the draft of its conversation. */
function giveBack(
  state: ChatState,
  { id, text, sentence }: { id: string; text: string; sentence: string },
): Step {
  if (state.open?.id === id && state.editor.text === '') {
    return refuse({ ...state, editor: withText(state.editor, text), draftSinceMs: state.nowMs }, sentence);
  }
  const { state: told } = refuse(state, sentence);
  return step(told, { do: 'saveDraft', id, text });
}

function loadAgain(state: ChatState, ids: readonly string[] | 'all'): Step {
  const { open } = state;
  if (open === undefined || (ids !== 'all' && !ids.includes(open.id))) return step(state);
  const [first] = open.entries;
  if (first === undefined) return step(state, { do: 'load', id: open.id, place: { at: 'end' } });
  // Whoever follows the newest messages gets all that came; whoever reads further up, what is loaded.
  const isFollowing = open.bottom === undefined && !open.hasNewer;
  const place = {
    at: 'again',
    ms: first.atMs,
    count: open.entries.length + (isFollowing ? 500 : 0),
  } as const;
  return step(state, { do: 'load', id: open.id, place });
}

function passTime(before: ChatState, nowMs: number): Step {
  const isToldOver = before.told !== undefined && nowMs >= before.told.untilMs;
  const state: ChatState = { ...before, nowMs, ...(isToldOver ? { told: undefined, isLeaving: false } : {}) };
  return andThen(andThen(keepDraft(state), stopTyping), showPresence);
}

/** Whoever looks at the window and has touched a key not long ago is there. Others are told when that changes. */
function showPresence(state: ChatState): Step {
  const isPresent = state.hasFocus && state.nowMs - state.lastKeyMs < AWAY_AFTER_MS;
  if (isPresent === state.isPresent) return step(state);
  return step({ ...state, isPresent }, { do: 'present', isPresent });
}

function keepDraft(state: ChatState): Step {
  const { open, draftSinceMs, nowMs, editor } = state;
  if (open === undefined || draftSinceMs === undefined || nowMs - draftSinceMs < DRAFT_KEPT_AFTER_MS)
    return step(state);
  const isCommand = editor.text.startsWith('/') && !editor.text.startsWith('//');
  const text = isCommand ? '' : editor.text;
  return step({ ...state, draftSinceMs: undefined }, { do: 'saveDraft', id: open.id, text });
}

/** Whoever has not touched a key for a while is not writing any more. */
function stopTyping(state: ChatState): Step {
  const { open, typingToldMs, nowMs } = state;
  if (open === undefined || typingToldMs === 0 || nowMs - typingToldMs < 2 * TYPING_TOLD_EVERY_MS)
    return step(state);
  return step({ ...state, typingToldMs: 0 }, { do: 'typing', id: open.id, isTyping: false });
}

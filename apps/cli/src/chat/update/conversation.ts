/** Opening a conversation, scrolling in it, choosing messages, and what is read by that. */
import type { EntryItem, Place } from '../model.ts';
import { bottomIndex, conversationLines, visibleLines } from '../render/conversation.ts';
import { type Layout, layoutOf } from '../render/layout.ts';
import type { ChatState, OpenConversation } from '../state.ts';
import { EMPTY_EDITOR, withText } from '../text/editor.ts';
import { andThen, type Step, step, tell } from './step.ts';

/** More than this is not kept loaded; what is cut off is read again from the store when somebody scrolls there. */
const ENTRIES_MAX = 400;
/** How many messages plain mode reads out when nothing is unread, and with each step back. */
const READ_OUT = 10;
/** Rows from the edge of what is loaded at which more is read. */
const READ_AHEAD_ROWS = 40;

/** The layout of the screen as it is now. */
export function layoutNow(state: ChatState): Layout {
  const { size, editor, focus, open } = state;
  return layoutOf(size, { editor, isListShown: focus === 'list' || open === undefined });
}

/** Leaves the open conversation: what was begun is kept, and nobody is shown writing any more. */
export function leaveConversation(state: ChatState): Step {
  const { open, editor } = state;
  if (open === undefined) return step(state);
  const draft = editor.text.startsWith('/') ? '' : editor.text;
  return {
    state: { ...state, draftSinceMs: undefined, typingToldMs: 0 },
    effects: [
      ...(state.draftSinceMs === undefined ? [] : [{ do: 'saveDraft', id: open.id, text: draft } as const]),
      ...(state.typingToldMs === 0 ? [] : [{ do: 'typing', id: open.id, isTyping: false } as const]),
    ],
  };
}

/** Opens a conversation at its first unread message, or at another place. */
export function openConversation(state: ChatState, id: string, place: Place = { at: 'unread' }): Step {
  return andThen(leaveConversation(state), (left) => {
    const item = left.conversations?.find((one) => one.id === id);
    const isSame = left.open?.id === id;
    const { history, killed } = left.editor;
    const editor = isSame
      ? left.editor
      : withText({ ...EMPTY_EDITOR, history, historyAt: history.length, killed }, item?.draft ?? '');
    const open: OpenConversation = {
      id,
      entries: isSame ? (left.open?.entries ?? []) : [],
      hasOlder: false,
      hasNewer: false,
      isLoading: true,
      bottom: undefined,
      newFrom: undefined,
      chosen: undefined,
    };
    const next: ChatState = { ...left, open, editor, listed: id, focus: 'input', view: { kind: 'none' } };
    return step(next, { do: 'load', id, place });
  });
}

/** What the store gave for a place of the open conversation. */
export function takeEntries(
  state: ChatState,
  answer: { place: Place; entries: readonly EntryItem[]; hasOlder: boolean; hasNewer: boolean },
): Step {
  const { open } = state;
  if (open === undefined) return step(state);
  const { place } = answer;
  const next =
    place.at === 'before' || place.at === 'after' ? extended(open, answer, place.at) : replaced(open, answer);
  const marked = { ...state, open: withNewLine(state, open, next, place) };
  if (state.isPlain) return readPlain(marked, marked.open, place);
  const placed = { ...marked, open: placedAt(marked, marked.open, place) };
  return andThen(readVisible(placed), readAhead);
}

/** Plain mode has read out what it got; what it began with is where `/earlier` goes on from. */
function readPlain(state: ChatState, open: OpenConversation, place: Place): Step {
  if (place.at === 'before') return readEarlier(state);
  if (place.at === 'again') return readVisible(state);
  const [first] = firstReadOut(open.entries, place);
  return readVisible({ ...state, open: { ...open, chosen: first?.key } });
}

/** From the first unread message on, from what was looked for on, or the last few. */
export function firstReadOut(all: readonly EntryItem[], place: Place): readonly EntryItem[] {
  if (place.at === 'around') {
    const at = all.findIndex(({ key, atMs }) =>
      place.key === undefined ? atMs >= place.ms : key === place.key,
    );
    return at < 0 ? all.slice(-READ_OUT) : all.slice(at, at + READ_OUT);
  }
  if (place.at === 'start') return all.slice(0, READ_OUT);
  const unread = all.findIndex(({ isUnread }) => isUnread);
  return unread >= 0 && place.at === 'unread' ? all.slice(unread) : all.slice(-READ_OUT);
}

type Answer = Parameters<typeof takeEntries>[1];

/** Entries that did not change stay the same objects, so that their lines need not be made again. */
function reuse(known: readonly EntryItem[], fresh: readonly EntryItem[]): EntryItem[] {
  const byKey = new Map(known.map((entry) => [entry.key, entry]));
  return fresh.map((entry) => {
    const old = byKey.get(entry.key);
    return old !== undefined && JSON.stringify(old) === JSON.stringify(entry) ? old : entry;
  });
}

function replaced(open: OpenConversation, { entries, hasOlder, hasNewer, place }: Answer): OpenConversation {
  const isAgain = place.at === 'again';
  const chosen = entries.some(({ key }) => key === open.chosen) ? open.chosen : undefined;
  const isCut = isAgain && open.bottom === undefined && entries.length > 2 * ENTRIES_MAX;
  return {
    ...open,
    entries: reuse(open.entries, isCut ? entries.slice(-ENTRIES_MAX) : entries),
    hasOlder: isAgain ? open.hasOlder || isCut : hasOlder,
    hasNewer,
    isLoading: false,
    chosen,
  };
}

function extended(open: OpenConversation, answer: Answer, side: 'before' | 'after'): OpenConversation {
  const fresh = new Set(answer.entries.map(({ key }) => key));
  const kept = open.entries.filter(({ key }) => !fresh.has(key));
  const added = reuse(open.entries, answer.entries);
  const all = side === 'before' ? [...added, ...kept] : [...kept, ...added];
  const isCut = all.length > ENTRIES_MAX;
  const entries = !isCut ? all : side === 'before' ? all.slice(0, ENTRIES_MAX) : all.slice(-ENTRIES_MAX);
  return {
    ...open,
    entries,
    isLoading: false,
    hasOlder: side === 'before' ? answer.hasOlder : open.hasOlder || isCut,
    hasNewer: side === 'after' ? answer.hasNewer : open.hasNewer || isCut,
  };
}

/** Where the line "new messages" stands: kept until the person leaves or writes. */
function withNewLine(
  state: ChatState,
  before: OpenConversation,
  after: OpenConversation,
  place: Place,
): OpenConversation {
  if (after.newFrom !== undefined && after.entries.some(({ key }) => key === after.newFrom)) return after;
  const firstUnread = after.entries.find((entry) => entry.isUnread)?.key;
  if (place.at !== 'again') return { ...after, newFrom: firstUnread };
  // Somebody who sees a message come in needs no line before it.
  const isSeen = state.hasFocus && before.bottom === undefined && !state.isPlain;
  return isSeen ? after : { ...after, newFrom: firstUnread };
}

function placedAt(state: ChatState, open: OpenConversation, place: Place): OpenConversation {
  const { conversationWidth: width, messageRows: rows } = layoutNow(state);
  if (place.at === 'end') return { ...open, bottom: undefined };
  const target = targetKey(open, place);
  if (target === undefined || width === 0) return open;
  const lines = conversationLines(state, open, width);
  const at = lines.findIndex(({ key }) => key === target);
  const chosen = place.at === 'around' && place.key !== undefined ? place.key : open.chosen;
  // The line before which one begins to read stands a third from the top, so that what was before is seen as well.
  return { ...open, chosen, bottom: bottomAt(lines, at - Math.floor(rows / 3) + rows - 1, open, rows) };
}

function targetKey(open: OpenConversation, place: Place): string | undefined {
  if (place.at === 'unread') return open.newFrom;
  if (place.at === 'start') return open.entries[0]?.key;
  if (place.at !== 'around') return undefined;
  return place.key ?? open.entries.find(({ atMs }) => atMs >= place.ms)?.key;
}

function bottomAt(
  lines: ReturnType<typeof conversationLines>,
  index: number,
  { hasNewer }: OpenConversation,
  rows: number,
): OpenConversation['bottom'] {
  const last = lines.length - 1;
  const clamped = Math.min(last, Math.max(index, Math.min(rows - 1, last)));
  const line = lines[clamped];
  return line === undefined || (clamped === last && !hasNewer) ? undefined : { key: line.key, row: line.row };
}

/** Scrolls by rows; negative is towards older messages. */
function scroll(state: ChatState, byRows: number): Step {
  const { open } = state;
  if (open === undefined) return step(state);
  const { conversationWidth: width, messageRows: rows } = layoutNow(state);
  const lines = conversationLines(state, open, width);
  const bottom = bottomAt(lines, bottomIndex(lines, open.bottom) + byRows, open, rows);
  return andThen(readVisible({ ...state, open: { ...open, bottom } }), readAhead);
}

/** Plain mode: reads out what comes before what was read out first, which is the chosen message there. */
export function readEarlier(state: ChatState): Step {
  const { open, texts } = state;
  if (open === undefined) return step(state);
  const at = open.entries.findIndex(({ key }) => key === open.chosen);
  const from = at < 0 ? open.entries.length : at;
  const [first] = open.entries;
  if (from === 0 && open.hasOlder && first !== undefined) {
    const place = { at: 'before', ms: first.atMs, key: first.key } as const;
    return step({ ...state, open: { ...open, isLoading: true } }, { do: 'load', id: open.id, place });
  }
  const next = open.entries[Math.max(0, from - READ_OUT)];
  if (from === 0 || next === undefined) return step(tell(state, texts.plainNoEarlier()));
  return step({ ...state, open: { ...open, chosen: next.key } });
}

/** A page less a line, so that the eye finds where it was. */
export function scrollPage(state: ChatState, direction: -1 | 1): Step {
  return scroll(state, direction * Math.max(1, layoutNow(state).messageRows - 2));
}

/** To the first or the newest message of the conversation. */
export function scrollToEdge(state: ChatState, edge: 'start' | 'end'): Step {
  const { open } = state;
  if (open === undefined) return step(state);
  const isLoaded = edge === 'start' ? !open.hasOlder : !open.hasNewer;
  if (isLoaded) return scroll(state, edge === 'start' ? -1_000_000 : 1_000_000);
  return step(
    { ...state, open: { ...open, isLoading: true } },
    { do: 'load', id: open.id, place: { at: edge } },
  );
}

/** Reads more of the conversation before its edge comes into view. */
function readAhead(state: ChatState): Step {
  const { open } = state;
  const [first, last] = [open?.entries[0], open?.entries.at(-1)];
  if (open === undefined || open.isLoading || first === undefined || last === undefined) return step(state);
  const { conversationWidth: width, messageRows: rows } = layoutNow(state);
  if (width === 0) return step(state);
  const lines = conversationLines(state, open, width);
  const { above, below } = visibleLines(lines, open.bottom, rows);
  const loading = { ...state, open: { ...open, isLoading: true } };
  if (open.hasOlder && above < READ_AHEAD_ROWS) {
    return step(loading, {
      do: 'load',
      id: open.id,
      place: { at: 'before', ms: first.atMs, key: first.key },
    });
  }
  if (open.hasNewer && below < READ_AHEAD_ROWS) {
    return step(loading, { do: 'load', id: open.id, place: { at: 'after', ms: last.atMs, key: last.key } });
  }
  return step(state);
}

/** What is on the screen of somebody who looks at it counts as read. */
export function readVisible(state: ChatState): Step {
  const { open } = state;
  const isSeen = state.hasFocus && (state.view.kind === 'none' || state.isPlain);
  if (open === undefined || !isSeen || !open.entries.some(({ isUnread }) => isUnread)) return step(state);
  const { conversationWidth: width, messageRows: rows } = layoutNow(state);
  if (width === 0) return step(state);
  const visible = visibleLines(conversationLines(state, open, width), open.bottom, rows).lines;
  const lastSeen = open.entries.findIndex(({ key }) => key === visible.at(-1)?.key);
  const unread = open.entries.slice(0, lastSeen + 1).findLast((entry) => entry.isUnread);
  if (unread === undefined) return step(state);
  const entries = open.entries.map((entry, index) =>
    entry.isUnread && index <= lastSeen ? { ...entry, isUnread: false } : entry,
  );
  return step({ ...state, open: { ...open, entries } }, { do: 'markRead', id: open.id, key: unread.key });
}

/** Chooses the message before or after the chosen one; from none, the newest that is seen. */
export function chooseMessage(state: ChatState, direction: -1 | 1): Step {
  const { open } = state;
  if (open === undefined) return step(state);
  const { conversationWidth: width, messageRows: rows } = layoutNow(state);
  const lines = conversationLines(state, open, width);
  const visible = visibleLines(lines, open.bottom, rows).lines;
  const at = open.entries.findIndex(({ key }) => key === open.chosen);
  const next =
    at < 0 ? open.entries.find(({ key }) => key === visible.at(-1)?.key) : open.entries[at + direction];
  if (next === undefined) return step(state);
  return andThen(step({ ...state, open: { ...open, chosen: next.key } }), (chosen) =>
    intoView(chosen, next.key),
  );
}

function intoView(state: ChatState, key: string): Step {
  const { open } = state;
  if (open === undefined) return step(state);
  const { conversationWidth: width, messageRows: rows } = layoutNow(state);
  const lines = conversationLines(state, open, width);
  const { above } = visibleLines(lines, open.bottom, rows);
  const first = lines.findIndex((line) => line.key === key);
  const last = lines.findLastIndex((line) => line.key === key);
  if (first < above) return scroll(state, first - above);
  if (last > above + rows - 1) return scroll(state, last - (above + rows - 1));
  return readAhead(state);
}

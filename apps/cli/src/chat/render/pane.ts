/** The conversation with its header and the line in which one writes, and beside it, in a wide window, who it is. */
import type { ConversationItem } from '../model.ts';
import { type ChatState, openItem } from '../state.ts';
import { pad, widthOf, wrapText } from '../text/cells.ts';
import { layoutEditor } from '../text/editor.ts';
import { commandsLike } from '../update/commands.ts';
import { KEY_BINDINGS } from '../update/keys.ts';
import { conversationLines, visibleLines } from './conversation.ts';
import { keyName } from './key-names.ts';
import type { Layout } from './layout.ts';
import { type Frame, fillLine, type Line, plain, rule, type Span, spread } from './line.ts';
import { oneLine, typingWords } from './list.ts';
import { pictureLines } from './picture.ts';
import { dayAndTime } from './times.ts';

/** Columns for the name of a key beside what it does. */
const KEY_WIDTH = 9;
/** Keys that a wide window shows beside the conversation. */
const DETAILS_KEYS = [
  'f1',
  'f2',
  'f3',
  'f4',
  'f5',
  'f6',
  'f7',
  'f8',
  'f9',
  'alt-t',
  'alt-o',
  'alt-down',
  'tab',
  'ctrl-q',
];

/** Lines of a pane, and where its cursor is, if it has one. */
export interface Pane {
  readonly lines: readonly Line[];
  readonly cursor?: NonNullable<Frame['cursor']>;
}

export function conversationPane(state: ChatState, layout: Layout): Pane {
  const { conversationWidth: width, messageRows } = layout;
  const item = openItem(state);
  const messages =
    item === undefined ? emptyLines(state, width, messageRows) : messageLines(state, layout, item);
  const head = item === undefined ? fillLine([], width) : header(state, item, width);
  const filled = Array.from({ length: messageRows }, (_, row) => messages[row] ?? []);
  const input = inputPane(state, layout);
  const lines = [head, ...filled, inputRule(state, layout), ...input.lines];
  if (input.cursor === undefined) return { lines };
  const { row, column } = input.cursor;
  return { lines, cursor: { row: row + messageRows + 2, column } };
}

function header(state: ChatState, item: ConversationItem, width: number): Line {
  const name = oneLine(item.name);
  const mail = item.mail === item.name ? '' : `  ${oneLine(item.mail)}`;
  const facts = item.isTyping ? [typingWords(item, state)] : factsOf(state, item);
  // The first facts are those that matter most; what does not fit is in the details of a wide window and in /safety.
  while (facts.length > 1 && widthOf(facts.join(' · ')) > width / 2) facts.pop();
  const style = item.isTyping ? 'good' : item.verification === 'changed' ? 'warning' : 'dim';
  const right: Line = [{ text: ` ${facts.join(' · ')} `, style }];
  const room = width - widthOf(facts.join(' · ')) - 2;
  const isWhole = widthOf(name) + widthOf(mail) + 1 <= room;
  const left: Line = [
    { text: ` ${name}`, style: 'strong' },
    { text: isWhole ? mail : '', style: 'dim' },
  ];
  return spread(left, right, width);
}

/** What is to be known of a conversation, in few words. */
function factsOf(state: ChatState, item: ConversationItem): string[] {
  const { texts, language } = state;
  const until = item.mutedUntilMs;
  const isLong = until !== undefined && until - state.nowMs > 365 * 86_400_000;
  return [
    ...(item.verification === 'unverified' ? [] : [texts.verification(item.verification)]),
    ...(item.presence === 'online' ? [texts.isOnline()] : item.presence === 'away' ? [texts.isAway()] : []),
    ...(item.timerMs === undefined ? [] : [`⧗ ${texts.duration(item.timerMs)}`]),
    ...(until === undefined ? [] : [texts.muted(isLong ? undefined : dayAndTime(until, language))]),
    ...(item.isPinned ? [texts.pinned()] : []),
  ];
}

function messageLines(state: ChatState, layout: Layout, item: ConversationItem): Line[] {
  const { open, texts } = state;
  const { conversationWidth: width, messageRows: rows } = layout;
  if (open === undefined) return [];
  if (open.entries.length === 0) {
    if (open.isLoading) return [];
    return wrapped(texts.nothingWritten(oneLine(item.name)), width);
  }
  const { lines } = visibleLines(conversationLines(state, open, width), open.bottom, rows);
  const missing = rows - lines.length;
  // A short conversation stands at the bottom, where one writes.
  return [...Array.from({ length: Math.max(0, missing) }, (): Line => []), ...lines.map(({ line }) => line)];
}

function emptyLines(state: ChatState, width: number, rows: number): Line[] {
  if (state.conversations === undefined) return [];
  const lines = wrapped(state.texts.nothingOpen(), width);
  const above = Math.max(0, Math.floor((rows - lines.length) / 2));
  return [...Array.from({ length: above }, (): Line => []), ...lines];
}

function wrapped(sentences: readonly string[], width: number): Line[] {
  return sentences.flatMap((sentence) =>
    wrapText(sentence, Math.max(2, width - 4)).map((row) => plain(`  ${row}`, 'dim')),
  );
}

function inputRule(state: ChatState, { conversationWidth: width, messageRows: rows }: Layout): Line {
  const { open, texts } = state;
  const isActive = state.focus === 'input' && state.view.kind === 'none';
  const style = isActive ? 'accent' : 'border';
  if (open === undefined) return rule('', width, style);
  const lines = open.bottom === undefined && !open.hasNewer ? [] : conversationLines(state, open, width);
  const below = lines.length === 0 ? 0 : visibleLines(lines, open.bottom, rows).below;
  if (below === 0 && !open.hasNewer) return rule('', width, style);
  const unread = openItem(state)?.unread ?? 0;
  const words = unread > 0 ? texts.unreadCount(unread) : open.hasNewer ? '↓' : texts.belowCount(below);
  return rule(words, width, style, unread > 0 ? 'warning' : 'dim');
}

function inputPane(state: ChatState, layout: Layout): Pane {
  const { editor, texts } = state;
  const { inputRows, inputWidth } = layout;
  const isActive = state.focus === 'input' && state.view.kind === 'none';
  const { rows, cursorRow, cursorColumn } = layoutEditor(editor, inputWidth);
  const first = Math.min(Math.max(0, rows.length - inputRows), Math.max(0, cursorRow - inputRows + 1));
  const isClosed = openItem(state)?.group?.isOpen === false;
  const hint = isClosed
    ? texts.closedHint()
    : state.connection.kind === 'offline'
      ? texts.offlineHint()
      : texts.inputHint();
  const lines = rows.slice(first, first + inputRows).map((row, index): Line => {
    const prompt: Span = { text: first + index === 0 ? '> ' : '  ', style: isActive ? 'accent' : 'dim' };
    if (editor.text === '' && state.open !== undefined) return [prompt, { text: hint, style: 'dim' }];
    return [prompt, { text: row }];
  });
  return isActive ? { lines, cursor: { row: cursorRow - first, column: 2 + cursorColumn } } : { lines };
}

/** Commands that begin with what was written, for the line at the bottom. */
export function commandHints(state: ChatState): Line | undefined {
  const { editor, language, focus } = state;
  const [, name] = /^\/(\S*)/.exec(editor.text) ?? [];
  if (name === undefined || editor.text.startsWith('//') || focus !== 'input') return undefined;
  const hasRest = /\s/.test(editor.text);
  const like = commandsLike(name, language).filter(
    ({ names }) => !hasRest || Object.values(names).includes(name),
  );
  if (like.length === 0) return undefined;
  if (like.length > 1) {
    return [{ text: ` ${like.map(({ names }) => `/${names[language]}`).join(' ')}` }];
  }
  const [one] = like;
  return [{ text: ` /${one?.names[language]} ${one?.usage[language] ?? ''}  ${one?.help[language] ?? ''}` }];
}

/** Who the other side is, for a wide window. */
export function detailsPane(state: ChatState, width: number): Line[] {
  const item = openItem(state);
  if (item === undefined) return [];
  const { texts, language } = state;
  const row = (text: string, style?: 'dim' | 'strong' | 'good' | 'warning'): Line[] =>
    wrapText(text, width - 2).map((part) => plain(` ${part}`, style));
  const isBad = item.verification === 'changed';
  return [
    ...row(oneLine(item.name), 'strong'),
    ...row(oneLine(item.mail), 'dim'),
    ...(item.picture && state.hasPictures && state.theme !== 'none'
      ? pictureLines(item.picture, width - 2).map((line): Line => [{ text: ' ' }, ...line])
      : []),
    [],
    ...(item.presence === undefined
      ? []
      : row(item.presence === 'online' ? texts.isOnline() : texts.isAway())),
    ...(item.group === undefined
      ? row(
          texts.verification(item.verification),
          isBad ? 'warning' : item.verification === 'verified' ? 'good' : 'dim',
        )
      : []),
    ...(item.timerMs === undefined ? [] : row(`⧗ ${texts.timer(item.timerMs)}`)),
    ...factsOf(state, {
      ...item,
      verification: 'unverified',
      presence: undefined,
      timerMs: undefined,
    }).flatMap((fact) => row(fact)),
    [],
    ...DETAILS_KEYS.flatMap((name): Line[] => {
      const found = KEY_BINDINGS.find(({ keys }) => keys.includes(name));
      return wrapText(found?.help[language] ?? '', Math.max(2, width - KEY_WIDTH - 2)).map(
        (part, at): Line => [
          { text: ` ${pad(at === 0 ? keyName(name, language) : '', KEY_WIDTH)}`, style: 'accent' },
          { text: part, style: 'dim' },
        ],
      );
    }),
  ];
}

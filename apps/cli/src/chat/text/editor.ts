/**
 * The line in which people write: several lines, words, kill and yank as in Emacs, and what was written before. Pure: every
 * function gives a new editor. The cursor is an index into the text and never stands inside of what people see as one
 * character, so that an input method, an emoji or a letter with marks is moved over and deleted as a whole.
 */
import { cellsOf, widthOf } from './cells.ts';

/** A text being written. */
export interface Editor {
  readonly text: string;
  /** Index into `text`, between two characters. */
  readonly cursor: number;
  /** What was cut out last. */
  readonly killed: string;
  /** What was sent before, oldest first. */
  readonly history: readonly string[];
  /** Which of them is shown; `history.length` while something new is written. */
  readonly historyAt: number;
  /** What was being written when the person went back in history. */
  readonly aside: string;
}

/** A text longer than a message may be is not taken any further. */
const EDITOR_LENGTH_MAX = 60_000;
const HISTORY_MAX = 200;

export const EMPTY_EDITOR: Editor = { text: '', cursor: 0, killed: '', history: [], historyAt: 0, aside: '' };

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Other text, with the cursor behind it. */
export function withText(editor: Editor, text: string): Editor {
  return { ...editor, text, cursor: text.length };
}

export function insert(editor: Editor, inserted: string): Editor {
  const { text, cursor } = editor;
  const clean = inserted.toWellFormed().slice(0, Math.max(0, EDITOR_LENGTH_MAX * 2 - text.length));
  return {
    ...editor,
    text: text.slice(0, cursor) + clean + text.slice(cursor),
    cursor: cursor + clean.length,
  };
}

/** Where the character before `at` begins. */
function before(text: string, at: number): number {
  if (at <= 0) return 0;
  // A character does not reach beyond its line, and lines are short.
  const lineStart = text.lastIndexOf('\n', at - 1) + 1;
  if (lineStart === at) return at - 1;
  let last = lineStart;
  for (const { index } of segmenter.segment(text.slice(lineStart, at))) last = lineStart + index;
  return last;
}

/** Where the character at `at` ends. */
function after(text: string, at: number): number {
  if (at >= text.length) return text.length;
  const lineEnd = text.indexOf('\n', at);
  if (lineEnd === at) return at + 1;
  const [first] = segmenter.segment(text.slice(at, lineEnd < 0 ? undefined : lineEnd));
  return at + (first?.segment.length ?? 1);
}

const isWord = (character: string): boolean => /[\p{L}\p{N}_]/u.test(character);

function wordBefore(text: string, at: number): number {
  let index = at;
  while (index > 0 && !isWord(text.slice(before(text, index), index))) index = before(text, index);
  while (index > 0 && isWord(text.slice(before(text, index), index))) index = before(text, index);
  return index;
}

function wordAfter(text: string, at: number): number {
  let index = at;
  while (index < text.length && !isWord(text.slice(index, after(text, index)))) index = after(text, index);
  while (index < text.length && isWord(text.slice(index, after(text, index)))) index = after(text, index);
  return index;
}

const lineStartOf = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1;
const lineEndOf = (text: string, at: number): number => {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
};

/** Takes out what is between two places and keeps it for {@link EDITS.yank}. */
function kill(editor: Editor, from: number, to: number): Editor {
  if (from === to) return editor;
  const { text } = editor;
  return {
    ...editor,
    text: text.slice(0, from) + text.slice(to),
    cursor: from,
    killed: text.slice(from, to),
  };
}

function remove(editor: Editor, from: number, to: number): Editor {
  return { ...editor, text: editor.text.slice(0, from) + editor.text.slice(to), cursor: from };
}

/** The edits that keys are bound to. */
export const EDITS = {
  left: (editor: Editor): Editor => ({ ...editor, cursor: before(editor.text, editor.cursor) }),
  right: (editor: Editor): Editor => ({ ...editor, cursor: after(editor.text, editor.cursor) }),
  wordLeft: (editor: Editor): Editor => ({ ...editor, cursor: wordBefore(editor.text, editor.cursor) }),
  wordRight: (editor: Editor): Editor => ({ ...editor, cursor: wordAfter(editor.text, editor.cursor) }),
  lineStart: (editor: Editor): Editor => ({ ...editor, cursor: lineStartOf(editor.text, editor.cursor) }),
  lineEnd: (editor: Editor): Editor => ({ ...editor, cursor: lineEndOf(editor.text, editor.cursor) }),
  backspace: (editor: Editor): Editor => remove(editor, before(editor.text, editor.cursor), editor.cursor),
  deleteRight: (editor: Editor): Editor => ({
    ...remove(editor, editor.cursor, after(editor.text, editor.cursor)),
  }),
  killWordLeft: (editor: Editor): Editor =>
    kill(editor, wordBefore(editor.text, editor.cursor), editor.cursor),
  killWordRight: (editor: Editor): Editor =>
    kill(editor, editor.cursor, wordAfter(editor.text, editor.cursor)),
  killToStart: (editor: Editor): Editor =>
    kill(editor, lineStartOf(editor.text, editor.cursor), editor.cursor),
  /** To the end of the line; at the end, the line end itself, as Emacs does. */
  killToEnd: (editor: Editor): Editor => {
    const end = lineEndOf(editor.text, editor.cursor);
    const to = end === editor.cursor ? Math.min(end + 1, editor.text.length) : end;
    return kill(editor, editor.cursor, to);
  },
  yank: (editor: Editor): Editor => insert(editor, editor.killed),
  newline: (editor: Editor): Editor => insert(editor, '\n'),
  /** Swaps the two characters around the cursor. */
  transpose: (editor: Editor): Editor => {
    const { text, cursor } = editor;
    const end = cursor === text.length ? cursor : after(text, cursor);
    const middle = before(text, end);
    const start = before(text, middle);
    if (start === middle || text.slice(start, end).includes('\n')) return editor;
    const swapped = text.slice(middle, end) + text.slice(start, middle);
    return { ...editor, text: text.slice(0, start) + swapped + text.slice(end), cursor: end };
  },
} satisfies Record<string, (editor: Editor) => Editor>;

/** One of {@link EDITS}. */
export type Edit = keyof typeof EDITS;

/** The text as drawn: its rows, and where the cursor stands. */
export interface EditorLayout {
  readonly rows: readonly string[];
  readonly cursorRow: number;
  readonly cursorColumn: number;
}

interface Row {
  readonly start: number;
  readonly text: string;
}

/** The rows that were made last: drawing and scrolling ask for the same ones several times for each key. */
let lastRows: { text: string; width: number; rows: readonly Row[] } | undefined;

function rowsOf(text: string, width: number): readonly Row[] {
  if (lastRows?.text !== text || lastRows.width !== width)
    lastRows = { text, width, rows: makeRows(text, width) };
  return lastRows.rows;
}

/** Rows break anywhere, so that every place of the text has exactly one place on the screen. */
function makeRows(text: string, width: number): Row[] {
  const rows: Row[] = [];
  let start = 0;
  for (const line of text.split('\n')) {
    let row = '';
    let used = 0;
    let rowStart = start;
    let at = start;
    for (const { segment } of segmenter.segment(line)) {
      const cell = segment === '\t' ? 4 : widthOf(segment);
      if (used + cell > width) {
        rows.push({ start: rowStart, text: row });
        [row, used, rowStart] = ['', 0, at];
      }
      row += segment;
      used += cell;
      at += segment.length;
    }
    rows.push({ start: rowStart, text: row });
    start += line.length + 1;
  }
  return rows;
}

/** What is drawn for a part of the text; control characters are visible. */
function shown(text: string): string {
  return cellsOf(text.replaceAll('\t', '    '))
    .map((cell) => cell.text)
    .join('')
    .replace(/\p{Cc}/gu, '�');
}

function rowOfCursor(rows: readonly Row[], cursor: number): number {
  let found = 0;
  for (const [index, row] of rows.entries()) if (row.start <= cursor) found = index;
  return found;
}

/** @param width of the field in cells; one cell more is used by a cursor that stands behind a full row */
export function layoutEditor(editor: Editor, width: number): EditorLayout {
  const rows = rowsOf(editor.text, Math.max(2, width));
  const cursorRow = rowOfCursor(rows, editor.cursor);
  const row = rows[cursorRow];
  const ahead = row === undefined ? '' : row.text.slice(0, editor.cursor - row.start);
  return { rows: rows.map(({ text }) => shown(text)), cursorRow, cursorColumn: widthOf(shown(ahead)) };
}

/**
 * Up or down by a row; beyond the first and the last row, to what was written before and back again.
 * @param step -1 is up, 1 is down
 */
export function moveVertically(editor: Editor, step: -1 | 1, width: number): Editor {
  const rows = rowsOf(editor.text, Math.max(2, width));
  const at = rowOfCursor(rows, editor.cursor);
  const from = rows[at];
  const to = rows[at + step];
  if (to === undefined || from === undefined) return recall(editor, step);
  const column = widthOf(shown(from.text.slice(0, editor.cursor - from.start)));
  let used = 0;
  let index = to.start;
  for (const { segment } of segmenter.segment(to.text)) {
    const next = used + (segment === '\t' ? 4 : widthOf(segment));
    if (next > column) break;
    used = next;
    index += segment.length;
  }
  return { ...editor, cursor: index };
}

function recall(editor: Editor, step: -1 | 1): Editor {
  const { history, historyAt, text } = editor;
  const at = historyAt + step;
  if (at < 0 || at > history.length) return editor;
  const aside = historyAt === history.length ? text : editor.aside;
  return withText({ ...editor, historyAt: at, aside }, history[at] ?? aside);
}

/** Empties the line and remembers what stood in it. */
export function accept(editor: Editor): Editor {
  const { text } = editor;
  const history =
    text.trim() === '' || editor.history.at(-1) === text
      ? editor.history
      : [...editor.history, text].slice(-HISTORY_MAX);
  return { ...EMPTY_EDITOR, killed: editor.killed, history, historyAt: history.length };
}

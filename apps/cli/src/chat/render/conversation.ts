/**
 * A conversation as lines. Every entry has a block of lines of its own: day, "new messages", who wrote, text, what went wrong.
 * Scrolling is told by the last visible row of a block, so that a place stays where it is when older messages are loaded, new
 * ones come or the window changes its size.
 */
import type { EntryItem } from '../model.ts';
import type { Bottom, ChatState, OpenConversation } from '../state.ts';
import { widthOf, wrapText } from '../text/cells.ts';
import { type Line, rule, type Span } from './line.ts';
import { pictureLines } from './picture.ts';
import { clockTime, dayOf, longDay } from './times.ts';

/** A line of a block. */
export interface BlockLine {
  readonly key: string;
  /** From 0 within the block. */
  readonly row: number;
  readonly line: Line;
}

const GUTTER = 7;
const BAR_WIDTH = 20;
const TEXT_WIDTH_MAX = 100;
/** A pause after which the sender is named again. */
const PAUSE_MS = 600_000;

interface BlockFacts {
  readonly width: number;
  readonly isNewDay: boolean;
  readonly isFirstNew: boolean;
  readonly isNamed: boolean;
  readonly isFirst: boolean;
  readonly isChosen: boolean;
  /** The word beside the ticks is shown only where the state changes. */
  readonly hasStateWord: boolean;
}

const blocks = new WeakMap<EntryItem, { signature: string; lines: readonly BlockLine[] }>();

/** All loaded lines of the open conversation. */
export function conversationLines(state: ChatState, open: OpenConversation, width: number): BlockLine[] {
  const name = state.conversations?.find(({ id }) => id === open.id)?.name ?? '';
  const { entries } = open;
  return entries.flatMap((entry, index) => {
    const previous = entries[index - 1];
    const next = entries[index + 1];
    const isNewDay = previous === undefined || dayOf(previous.atMs) !== dayOf(entry.atMs);
    const isFirstNew = open.newFrom === entry.key;
    const facts: BlockFacts = {
      width,
      isNewDay,
      isFirstNew,
      isNamed:
        isNewDay ||
        isFirstNew ||
        previous?.direction !== entry.direction ||
        previous.author !== entry.author ||
        entry.atMs - previous.atMs > PAUSE_MS,
      isFirst: index === 0,
      isChosen: open.chosen === entry.key,
      hasStateWord: next?.direction !== 'out' || next.state !== entry.state,
    };
    return block(entry, facts, { state, name });
  });
}

function block(
  entry: EntryItem,
  facts: BlockFacts,
  context: { state: ChatState; name: string },
): readonly BlockLine[] {
  const { state, name } = context;
  const transfer = entry.file === undefined ? undefined : state.transfers[entry.file];
  const hasPicture = state.hasPictures && state.theme !== 'none';
  const signature = JSON.stringify([facts, name, state.language, state.open?.id, transfer, hasPicture]);
  const known = blocks.get(entry);
  if (known?.signature === signature) return known.lines;
  const lines = [
    ...above(entry, facts, context),
    ...(entry.direction === 'system' ? notice(entry, facts, state) : message(entry, facts, state)),
  ].map((line, row) => ({ key: entry.key, row, line }));
  blocks.set(entry, { signature, lines });
  return lines;
}

function above(
  entry: EntryItem,
  facts: BlockFacts,
  { state, name }: { state: ChatState; name: string },
): Line[] {
  const { texts, language } = state;
  const lines: Line[] = [];
  if (facts.isNewDay) {
    if (!facts.isFirst) lines.push([]);
    lines.push(rule(longDay(entry.atMs, language), facts.width, 'border', 'dim'));
  }
  if (facts.isFirstNew) lines.push(rule(texts.newMessages(), facts.width, 'warning'));
  if (facts.isNamed && entry.direction !== 'system') {
    if (lines.length === 0) lines.push([]);
    const who = entry.direction === 'out' ? texts.you() : oneLine(entry.author ?? name);
    lines.push([
      { text: ' '.repeat(GUTTER) },
      { text: who, style: entry.direction === 'out' ? 'me' : 'them' },
    ]);
  }
  return lines;
}

function notice(entry: EntryItem, facts: BlockFacts, { language }: ChatState): Line[] {
  const width = Math.min(TEXT_WIDTH_MAX, facts.width - GUTTER - 2);
  const [sign, style] = entry.isQuiet ? (['· ', 'dim'] as const) : (['! ', 'warning'] as const);
  return wrapText(entry.text, Math.max(2, width)).map((text, index) => [
    gutter(index === 0 ? clockTime(entry.atMs, language) : '', facts),
    { text: index === 0 ? sign : '  ', style },
    { text, style },
  ]);
}

function message(entry: EntryItem, facts: BlockFacts, state: ChatState): Line[] {
  const { texts, language } = state;
  const width = Math.max(2, Math.min(TEXT_WIDTH_MAX, facts.width - GUTTER - 1));
  const { text, isPlain } = shownText(entry, state);
  const rows = wrapText(text, width);
  const lines: Line[] = rows.map((row, index) => [
    ...(index === 0 && entry.namesMe
      ? named(clockTime(entry.atMs, language), facts)
      : [gutter(index === 0 ? clockTime(entry.atMs, language) : '', facts)]),
    { text: row, ...(isPlain ? {} : { style: 'dim' as const }) },
  ]);
  const below = [...pictureRows(entry, facts, state), ...transferRow(entry, facts, state)];
  lines.push(...below);
  const hasRows = below.length === 0;
  const mark = stateMark(entry, facts, state);
  if (mark.length > 0) {
    const markWidth = mark.reduce((sum, span) => sum + widthOf(span.text), 0);
    const last = lines.at(-1) ?? [];
    const left = hasRows ? width - widthOf(rows.at(-1) ?? '') - markWidth : 0;
    const at = GUTTER + width - markWidth;
    const placed = mark.map((span, index) => (index === 0 ? { ...span, at } : span));
    if (left >= 1) {
      lines[lines.length - 1] = [...last, { text: ' '.repeat(left) }, ...placed];
    } else {
      lines.push([gutter('', facts), { text: ' '.repeat(Math.max(0, width - markWidth)) }, ...mark]);
    }
  }
  if (entry.problem !== undefined && entry.state === 'queued') {
    for (const row of wrapText(texts.problem(entry.problem), width)) {
      lines.push([gutter('', facts), { text: row, style: 'error' }]);
    }
  }
  return lines;
}

/** The small picture, where the terminal has colours for it; its name stands above it in any case. */
function pictureRows({ picture }: EntryItem, facts: BlockFacts, { hasPictures, theme }: ChatState): Line[] {
  if (picture === undefined || !hasPictures || theme === 'none') return [];
  const rows = pictureLines(picture, Math.max(0, facts.width - GUTTER - 1));
  return rows.map((row) => [gutter('', facts), ...row]);
}

/** How far the file of a message is, while it is on its way. */
function transferRow({ file }: EntryItem, facts: BlockFacts, { transfers, texts }: ChatState): Line[] {
  const transfer = file === undefined ? undefined : transfers[file];
  if (transfer === undefined) return [];
  const share = transfer.doneBytes / Math.max(1, transfer.totalBytes);
  const done = Math.floor(share * BAR_WIDTH);
  const bar = `${'█'.repeat(done)}${'░'.repeat(BAR_WIDTH - done)}`;
  const words = texts.transfer(transfer.direction, Math.floor(100 * share));
  return [[gutter('', facts), { text: `${bar} `, style: 'accent' }, { text: words, style: 'dim' }]];
}

/** What stands for an entry; `isPlain` is false when the words are ours. */
export function shownText(entry: EntryItem, { texts }: ChatState): { text: string; isPlain: boolean } {
  switch (entry.kind) {
    case 'deleted':
      return { text: texts.deletedMessage(), isPlain: false };
    case 'too-new':
      return { text: texts.tooNew(), isPlain: false };
    case 'timer':
      return {
        text: texts.timerChanged({ isOwn: entry.direction === 'out', author: entry.author }, entry.timerMs),
        isPlain: false,
      };
    default:
      return entry.text === ''
        ? { text: texts.emptyMessage(), isPlain: false }
        : { text: entry.text, isPlain: true };
  }
}

function gutter(time: string, { isChosen }: BlockFacts): Span {
  const text = ` ${time}`.padEnd(GUTTER);
  return isChosen ? { text: `▌${text.slice(1)}`, style: 'accent' } : { text, style: 'dim' };
}

/** The gutter of a message that names whoever reads it: an `@` stands there as well. */
function named(time: string, facts: BlockFacts): Span[] {
  const { text, style = 'dim' } = gutter(time, facts);
  return [
    { text: text.slice(0, -1), style },
    { text: '@', style: 'warning' },
  ];
}

function stateMark(entry: EntryItem, facts: BlockFacts, { texts }: ChatState): Span[] {
  const spans: Span[] = [];
  if (entry.expiresAtMs !== undefined && entry.kind === 'text') spans.push({ text: ' ⧗', style: 'dim' });
  if (entry.direction !== 'out' || entry.state === undefined) return spans;
  if (entry.kind === 'deleted' || entry.kind === 'timer') return spans;
  const { state } = entry;
  const sign = { queued: '○', accepted: '✓', delivered: '✓✓', read: '✓✓' }[state];
  const style = { queued: 'warning', accepted: 'dim', delivered: 'dim', read: 'good' } as const;
  const word = facts.hasStateWord || state === 'queued' ? ` ${texts.stateWord(state)}` : '';
  return [...spans, { text: ` ${sign}${word}`, style: style[state] }];
}

function oneLine(text: string): string {
  return wrapText(text.replaceAll('\n', ' '), 10_000)[0] ?? '';
}

/** Index of the last visible line. */
export function bottomIndex(lines: readonly BlockLine[], bottom: Bottom | undefined): number {
  if (bottom === undefined) return lines.length - 1;
  let found = -1;
  for (const [index, line] of lines.entries()) {
    if (line.key !== bottom.key) continue;
    found = index;
    if (line.row === bottom.row) break;
  }
  return found < 0 ? lines.length - 1 : found;
}

/** The rows that are seen, and what lies beyond them. */
export interface Visible {
  readonly lines: readonly BlockLine[];
  /** Loaded lines above and below. */
  readonly above: number;
  readonly below: number;
}

/** @param rows height of the pane */
export function visibleLines(lines: readonly BlockLine[], bottom: Bottom | undefined, rows: number): Visible {
  const end = Math.max(bottomIndex(lines, bottom), Math.min(rows, lines.length) - 1);
  const start = Math.max(0, end - rows + 1);
  return { lines: lines.slice(start, end + 1), above: start, below: lines.length - 1 - end };
}

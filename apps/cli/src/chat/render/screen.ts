/** The whole screen: a bar at the top, panes, a line of help at the bottom. Pure: state in, lines out. */
import type { ChatState } from '../state.ts';
import { widthOf, wrapText } from '../text/cells.ts';
import { layoutNow } from '../update/conversation.ts';
import { besides, type Frame, fillLine, type Line, type Span, type Style, spread } from './line.ts';
import { listLines, oneLine } from './list.ts';
import { commandHints, conversationPane, detailsPane } from './pane.ts';
import { clockTime } from './times.ts';
import { drawView } from './views.ts';

/** Rows that a sentence at the bottom may take. */
const TOLD_ROWS_MAX = 4;

/** @see the top of this file. As many lines as the screen has rows, each as wide as the screen. */
export function drawScreen(state: ChatState): Frame {
  const { columns, rows } = state.size;
  const layout = layoutNow(state);
  const { bodyRows, listWidth, conversationWidth, detailsWidth } = layout;
  // Help, and codes to be photographed, take all the room there is.
  const isWhole = conversationWidth === 0 || ['help', 'safety', 'link'].includes(state.view.kind);
  const over = drawView(state, { width: isWhole ? columns : conversationWidth, rows: bodyRows });
  const isOver = over !== undefined;
  const middle = over ?? (conversationWidth === 0 ? undefined : conversationPane(state, layout));
  const isNarrow = listWidth > 0 && conversationWidth === 0;
  const panes =
    isWhole && isOver
      ? [{ lines: over.lines, width: columns }]
      : [
          ...(listWidth > 0 ? [{ lines: listLines(state, listWidth, bodyRows), width: listWidth }] : []),
          ...(conversationWidth > 0 ? [{ lines: middle?.lines ?? [], width: conversationWidth }] : []),
          ...(detailsWidth > 0 ? [{ lines: detailsPane(state, detailsWidth), width: detailsWidth }] : []),
        ];
  const bottom = bottomBars(state, columns).slice(0, Math.max(1, rows - 2));
  // A long sentence takes rows from where they are missed least: below a view, above what was said last.
  const taken = bottom.length - 1;
  const all = besides(panes, bodyRows);
  const body = isOver ? all.slice(0, bodyRows - taken) : all.slice(taken);
  const lines = [topBar(state, columns), ...body, ...bottom].slice(0, rows);
  const left = isNarrow || (isWhole && isOver) ? 0 : listWidth > 0 ? listWidth + 1 : 0;
  if (middle?.cursor === undefined) return { lines };
  const row = Math.min(rows - 1, Math.max(1, middle.cursor.row + 1 - (isOver ? 0 : taken)));
  return { lines, cursor: { row, column: Math.min(columns - 1, left + middle.cursor.column) } };
}

function topBar(state: ChatState, columns: number): Line {
  const { self, conversations = [] } = state;
  const unread = conversations.reduce(
    (sum, item) => sum + (item.mutedUntilMs === undefined ? item.unread : 0),
    0,
  );
  const left: Line = [
    { text: ' Kuvert ', style: 'barStrong' },
    { text: ` ${oneLine(self.name)} · ${oneLine(self.tenantName)}`, style: 'bar' },
    ...(unread === 0 ? [] : [{ text: `  (${unread})`, style: 'barStrong' } as const]),
  ];
  return spread(left, [connectionSpan(state, columns)], columns, 'bar');
}

function connectionSpan({ connection, texts, language, nowMs }: ChatState, columns: number): Span {
  switch (connection.kind) {
    case 'online':
      return { text: ` ● ${texts.online()} `, style: 'barGood' };
    case 'connecting':
      return { text: ` ○ ${texts.connecting()} `, style: 'bar' };
    case 'offline': {
      const since = clockTime(connection.sinceMs, language);
      const seconds = Math.max(0, Math.ceil((connection.retryAtMs - nowMs) / 1_000));
      const words = columns < 90 ? texts.offlineSince(since) : texts.offlineLong(since, seconds);
      return { text: ` ✕ ${words} `, style: 'barBad' };
    }
    case 'refused': {
      // What happened, where there is no room for what to do about it as well.
      const { sentence } = connection;
      const isWhole = widthOf(sentence) + 4 <= columns;
      const words = isWhole ? sentence : (/^.*?[.!](?= )/.exec(sentence)?.[0] ?? sentence);
      return { text: ` ✕ ${words} `, style: 'barBad' };
    }
  }
}

/** What was told last, in as many rows as it needs; else what can be done. */
function bottomBars(state: ChatState, columns: number): Line[] {
  const { told } = state;
  if (told === undefined) return [hintBar(state, columns)];
  const style: Style = told.isError ? 'barBad' : 'barGood';
  const words = `${told.isError ? '! ' : ''}${oneLine(told.sentence)}`;
  return wrapText(words, Math.max(2, columns - 2))
    .slice(0, TOLD_ROWS_MAX)
    .map((row) => fillLine([{ text: ` ${row}`, style }], columns, 'bar'));
}

function hintBar(state: ChatState, columns: number): Line {
  const hints = state.view.kind === 'none' ? commandHints(state) : undefined;
  const line = hints ?? [{ text: ` ${hintOf(state)}` }];
  return fillLine(
    line.map((span) => ({ ...span, style: 'bar' as const })),
    columns,
    'bar',
  );
}

function hintOf(state: ChatState): string {
  const { texts, view, focus } = state;
  switch (view.kind) {
    case 'none':
      return focus === 'list'
        ? texts.hintList()
        : focus === 'messages'
          ? texts.hintMessages()
          : texts.hintInput();
    case 'help':
    case 'sheet':
      return texts.hintScroll();
    case 'devices':
      return texts.devicesHint();
    case 'safety':
      return texts.safetyHint(view.safety?.verification === 'verified', view.safety?.isHeld === true);
    case 'settings':
      return texts.settingsHint();
    case 'confirm':
      return texts.hintConfirm();
    case 'link':
      return texts.hintTyped();
    default:
      return texts.hintChoose();
  }
}

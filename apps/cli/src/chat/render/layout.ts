/** Which pane gets which part of the screen. Pure, because scrolling and the line editor depend on it as much as drawing does. */
import { type Editor, layoutEditor } from '../text/editor.ts';
import type { Size } from './line.ts';

/** Where things are. A width of 0 means that the pane is not shown. */
export interface Layout {
  readonly listWidth: number;
  readonly conversationWidth: number;
  readonly detailsWidth: number;
  /** Rows between the bars at the top and at the bottom. */
  readonly bodyRows: number;
  /** Rows of messages in the conversation. */
  readonly messageRows: number;
  /** Rows of the text that is being written. */
  readonly inputRows: number;
  readonly inputWidth: number;
}

/** Below this there is room for one pane only. */
const TWO_PANES_FROM = 64;
const THREE_PANES_FROM = 130;
const INPUT_ROWS_MAX = 6;
/** `> ` in front of what is written, and a column behind it for the cursor. */
const INPUT_MARGIN = 3;

/** @param what.isListShown in a narrow window: the list and not the conversation */
export function layoutOf(size: Size, what: { editor: Editor; isListShown: boolean }): Layout {
  const { columns, rows } = size;
  const bodyRows = Math.max(1, rows - 2);
  const { listWidth, detailsWidth } = sides(columns, what.isListShown);
  const borders = (listWidth > 0 ? 1 : 0) + (detailsWidth > 0 ? 1 : 0);
  const conversationWidth =
    columns < TWO_PANES_FROM && what.isListShown ? 0 : columns - listWidth - detailsWidth - borders;
  const inputWidth = Math.max(2, conversationWidth - INPUT_MARGIN);
  const wanted = layoutEditor(what.editor, inputWidth).rows.length;
  const inputRows = Math.max(1, Math.min(wanted, INPUT_ROWS_MAX, Math.floor(bodyRows / 3)));
  // The header of the conversation, and the line above what is written.
  const messageRows = Math.max(1, bodyRows - inputRows - 2);
  return { listWidth, conversationWidth, detailsWidth, bodyRows, messageRows, inputRows, inputWidth };
}

function sides(columns: number, isListShown: boolean): { listWidth: number; detailsWidth: number } {
  if (columns < TWO_PANES_FROM) return { listWidth: isListShown ? columns : 0, detailsWidth: 0 };
  if (columns < THREE_PANES_FROM)
    return { listWidth: Math.min(34, Math.floor(columns * 0.32)), detailsWidth: 0 };
  return { listWidth: 38, detailsWidth: 36 };
}

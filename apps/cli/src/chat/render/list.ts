/** The list of conversations: two lines each, the name with its time and the newest words with what is unread. */
import type { ConversationItem, EntryItem } from '../model.ts';
import type { ChatState } from '../state.ts';
import { fit, pad, safeLines, widthOf, wrap } from '../text/cells.ts';
import { shownText } from './conversation.ts';
import { fillLine, type Line, plain, type Style } from './line.ts';
import { shortWhen } from './times.ts';

const ROWS_EACH = 2;

/** Everything that fits into a line of somebody's text. */
export function oneLine(text: string): string {
  return safeLines(text.slice(0, 400)).join(' ').trim();
}

/** The list, scrolled so that the chosen line is seen. */
export function listLines(state: ChatState, width: number, rows: number): Line[] {
  const { conversations, listed, texts } = state;
  if (conversations === undefined) return [];
  const title = fillLine([{ text: ` ${texts.listTitle()}`, style: 'strong' }], width);
  if (conversations.length === 0) {
    const said = texts.noConversations().flatMap((line) => wrap(line, Math.max(2, width - 2)));
    return [title, [], ...said.map((line) => plain(` ${line}`, 'dim'))];
  }
  const fits = Math.max(1, Math.floor((rows - 1) / ROWS_EACH));
  const at = Math.max(
    0,
    conversations.findIndex(({ id }) => id === listed),
  );
  const first = Math.min(Math.max(0, conversations.length - fits), Math.max(0, at - Math.floor(fits / 2)));
  return [
    title,
    ...conversations.slice(first, first + fits).flatMap((item) => itemLines(item, state, width)),
  ];
}

function itemLines(item: ConversationItem, state: ChatState, width: number): Line[] {
  const { language, nowMs } = state;
  const isListed = item.id === state.listed;
  const isOpen = item.id === state.open?.id;
  const ground: Style | undefined =
    isListed && state.focus === 'list' ? 'selected' : isOpen ? 'selectedIdle' : undefined;
  const on = (style: Style | undefined): { style?: Style } => {
    const shown = ground ?? style;
    return shown === undefined ? {} : { style: shown };
  };
  const marker = isListed && state.focus === 'list' ? '>' : isOpen ? '▌' : ' ';
  const signs = [
    item.isPinned ? '▲' : '',
    item.mutedUntilMs === undefined ? '' : '✕',
    item.verification === 'verified' ? '✔' : '',
    item.verification === 'changed' || item.hasProblem ? '!' : '',
  ]
    .filter((sign) => sign !== '')
    .join('');
  const when = item.last === undefined ? '' : shortWhen(item.lastAtMs, nowMs, language);
  const right = `${signs === '' ? '' : ` ${signs}`} ${when} `;
  const nameWidth = Math.max(1, width - 1 - widthOf(right));
  const isBold = item.unread > 0;
  const top: Line = [
    { text: marker, ...on('accent') },
    { text: pad(oneLine(item.name), nameWidth), ...on(isBold ? 'unread' : undefined) },
    { text: fit(right, width - 1 - nameWidth), ...on('dim'), at: 1 + nameWidth },
  ];
  const count = item.unread === 0 ? '' : ` (${item.unread > 999 ? '999+' : item.unread}) `;
  const preview = previewOf(item, state);
  const restWidth = Math.max(1, width - 3 - widthOf(count));
  const bottom: Line = [
    { text: `${marker === '>' ? ' ' : marker}  `.slice(0, 3), ...on(undefined) },
    { text: pad(preview.text, restWidth), ...on(preview.style) },
    { text: count, ...on('unread'), at: 3 + restWidth },
  ];
  return [fillLine(top, width, ground), fillLine(bottom, width, ground)];
}

function previewOf(item: ConversationItem, state: ChatState): { text: string; style: Style } {
  const { texts } = state;
  if (item.isTyping) return { text: typingWords(item, state), style: 'good' };
  if (item.draft !== '' && item.id !== state.open?.id) {
    return { text: `${texts.draft()}: ${oneLine(item.draft)}`, style: 'warning' };
  }
  const { last } = item;
  if (last === undefined) return { text: '', style: 'dim' };
  const author = last.direction === 'out' ? texts.you() : item.group === undefined ? undefined : last.author;
  // Of a timer it is said in the sentence who has set it.
  const who = author === undefined || last.kind === 'timer' ? '' : `${oneLine(author)}: `;
  const text =
    last.kind === 'notice'
      ? `${last.isQuiet ? '·' : '!'} ${last.text}`
      : `${who}${withoutQuote(last, shownText(last, state).text)}`;
  return { text: oneLine(text), style: 'dim' };
}

/** What somebody answers is no news; what they say is. */
function withoutQuote({ isAnswer }: EntryItem, text: string): string {
  return isAnswer ? text.slice(text.indexOf('\n') + 1) : text;
}

/** Who writes: the other side, or members of a group. */
export function typingWords({ name, writers = [] }: ConversationItem, { texts }: ChatState): string {
  const [one, ...others] = writers.map(oneLine);
  if (one === undefined) return texts.typing(oneLine(name));
  return others.length === 0
    ? texts.typing(one)
    : texts.typingSeveral([one, ...others].slice(0, 3).join(', '));
}

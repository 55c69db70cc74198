/** How a message looks: the stable JSON line of `inbox` and `history`, and the lines for people. */
import type { HistoryEntry, IncomingMessage, MessageState } from '@kuvert/client-core';
import type { Output } from './output.ts';
import { showLine, showText } from './terminal-text.ts';

/** A message that came in, as `inbox` or `history` has it. */
type Incoming = IncomingMessage | Extract<HistoryEntry, { direction: 'in' }>;

/** The JSON object of a received message. A kind that only a newer reader can show carries the sentence and `tooNew`. */
export function incomingJson(message: Incoming, output: Output): object {
  return {
    messageId: message.messageId,
    from: senderOf(message),
    sentAt: new Date(message.sentAtMs).toISOString(),
    text: message.kind === 'too-new' ? output.texts.tooNew() : message.text,
    ...marksOf(message.kind),
  };
}

/** Date, sender and text; the further lines of a text are indented. */
export function incomingText(message: Incoming, output: Output): string {
  return `${localTime(message.sentAtMs)}  ${showLine(senderOf(message))}: ${bodyOf(message, output)}`;
}

/** A message that was read is still a delivered one for scripts that knew no more states. */
export function stateJson(state: MessageState): object {
  return state === 'read' ? { state: 'delivered', read: true } : { state };
}

/** @see incomingJson, with a direction, and the state of what was sent */
export function historyJson(entry: HistoryEntry, output: Output): object {
  if (entry.direction === 'in') return { direction: 'in', ...incomingJson(entry, output) };
  const { direction, messageId, to, sentAtMs, text, state, problem } = entry;
  const sentAt = new Date(sentAtMs).toISOString();
  const facts = { ...marksOf(entry.kind), ...(problem === undefined ? {} : { problem }) };
  return { direction, messageId, to, sentAt, text, ...stateJson(state), ...facts };
}

/** @see incomingText */
export function historyText(entry: HistoryEntry, output: Output): string {
  if (entry.direction === 'in') return incomingText(entry, output);
  const head = `${localTime(entry.sentAtMs)}  ${output.texts.me()} → ${showLine(entry.to)}`;
  return `${head} (${output.texts.shortState(entry.state)}): ${bodyOf(entry, output)}`;
}

/** The text, or the sentence that stands where there is none. */
function bodyOf({ kind, text }: Pick<HistoryEntry, 'kind' | 'text'>, output: Output): string {
  if (kind === 'too-new') return output.texts.tooNew();
  return kind === 'deleted' ? output.texts.deleted() : showText(text);
}

function marksOf(kind: HistoryEntry['kind']): object {
  if (kind === 'too-new') return { tooNew: true };
  return kind === 'deleted' ? { deleted: true } : {};
}

/** The directory may not have answered yet; the person's id is then the truth that is known. */
function senderOf(message: Incoming): string {
  return message.from ?? message.senderPerson;
}

/** Local date and time to the minute, the same in both languages. */
export function localTime(timeMs: number): string {
  const date = new Date(timeMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

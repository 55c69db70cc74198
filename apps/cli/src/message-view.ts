/** How a message looks: the stable JSON line of `inbox` and `history`, and the lines for people. */
import type { HistoryEntry, IncomingMessage, MessageGroup, MessageState } from '@kuvert/client-core';
import type { ErrorCode } from '@kuvert/protocol';
import { changeWords, detailsJson, isChangeKind, messageWords, type NameOf } from './content-text.ts';
import type { Output } from './output.ts';
import { problemSentence } from './problem-sentence.ts';
import { showLine, showText } from './terminal-text.ts';

/** A message that came in, as `inbox` or `history` has it. */
type Incoming = IncomingMessage | Extract<HistoryEntry, { direction: 'in' }>;

/** The JSON object of a received message. A kind that only a newer reader can show carries the sentence and `tooNew`. */
export function incomingJson(message: Incoming, output: Output, nameOf: NameOf): object {
  return {
    messageId: message.messageId,
    from: senderOf(message),
    ...groupJson(message),
    sentAt: new Date(message.sentAtMs).toISOString(),
    text: message.kind === 'too-new' ? output.texts.tooNew() : message.text,
    ...marksOf(message.kind),
    ...contentJson(message, nameOf),
  };
}

/** Date, sender and text; the further lines of a text are indented. */
export function incomingText(message: Incoming, output: Output, nameOf: NameOf): string {
  return `${localTime(message.sentAtMs)}  ${showLine(senderOf(message))}${inGroup(message)}: ${bodyOf(message, output, nameOf)}`;
}

/** A message that was read is still a delivered one for scripts that knew no more states. */
export function stateJson(state: MessageState): object {
  return state === 'read' ? { state: 'delivered', read: true } : { state };
}

/** How far a message of one's own has come in a word or, where something holds it up, with why. */
export function stateText(
  { state, problem }: { readonly state: MessageState; readonly problem?: ErrorCode },
  { texts, language }: Pick<Output, 'texts' | 'language'>,
): string {
  const word = texts.shortState(state);
  return problem === undefined ? word : `${word}: ${problemSentence(problem, language)}`;
}

/** @see incomingJson, with a direction, and the state of what was sent */
export function historyJson(entry: HistoryEntry, output: Output, nameOf: NameOf): object {
  if (entry.direction === 'in') return { direction: 'in', ...incomingJson(entry, output, nameOf) };
  const { direction, messageId, to, sentAtMs, text, state, problem } = entry;
  const sentAt = new Date(sentAtMs).toISOString();
  const facts = { ...marksOf(entry.kind), ...(problem === undefined ? {} : { problem }) };
  return {
    direction,
    messageId,
    to: entry.group ? groupName(entry.group) : to,
    ...groupJson(entry),
    sentAt,
    text,
    ...contentJson(entry, nameOf),
    ...stateJson(state),
    ...facts,
  };
}

/** @see incomingText */
export function historyText(entry: HistoryEntry, output: Output, nameOf: NameOf): string {
  if (entry.direction === 'in') return incomingText(entry, output, nameOf);
  const head = `${localTime(entry.sentAtMs)}  ${output.texts.me()} → ${showLine(entry.group ? groupName(entry.group) : entry.to)}`;
  return `${head} (${stateText(entry, output)}): ${bodyOf(entry, output, nameOf)}`;
}

/** The same names as in `read`, `search` and `conversations`. */
function groupJson({ group }: Incoming | HistoryEntry): object {
  return group === undefined ? {} : { group: group.groupId, title: group.title };
}

function inGroup({ group }: Incoming): string {
  return group === undefined ? '' : ` (${showLine(groupName(group))})`;
}

function groupName({ groupId, title }: MessageGroup): string {
  return title === '' ? groupId : title;
}

/** The text, or the sentence that stands where there is none. */
function bodyOf(message: Incoming | HistoryEntry, output: Output, nameOf: NameOf): string {
  const { kind, text, details } = message;
  if (kind === 'too-new') return output.texts.tooNew();
  if (kind === 'deleted') return output.texts.deleted();
  if (isChangeKind(kind)) return showText(changeWords(message as IncomingMessage, output.language));
  return showText(messageWords({ kind, text, ...details }, output.language, nameOf));
}

/** The kind where it is no plain text, what it has beside the text, and what it does to another message. */
function contentJson(message: Incoming | HistoryEntry, nameOf: NameOf): object {
  const { kind, details } = message;
  const change = 'change' in message ? message.change : undefined;
  return {
    ...(!['text', 'too-new', 'deleted'].includes(kind) && { kind }),
    ...(details && detailsJson(details, nameOf)),
    ...(change && { change: { ...change, author: nameOf(change.author) } }),
  };
}

function marksOf(kind: Incoming['kind'] | HistoryEntry['kind']): object {
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

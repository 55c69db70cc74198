/**
 * What plain mode says after a step: full sentences, one event after another, nothing that depends on where it stands on a
 * screen. Pure. Text of people that has several lines goes on indented, so that none of it can pass for a sentence of ours.
 */
import { showLine, showText } from '../../terminal-text.ts';
import type { ChatEvent, ConversationItem, EntryItem } from '../model.ts';
import { shownText } from '../render/conversation.ts';
import { clockTime, dayAndTime, dayOf } from '../render/times.ts';
import type { ChatState } from '../state.ts';
import { firstReadOut } from '../update/conversation.ts';
import { announceView } from './announce-view.ts';

/** Of a text that is only named, not read out. */
const NAMED_LENGTH = 60;

/** The sentences of one step, in the order in which they are to be heard. */
export function announce(before: ChatState, after: ChatState, event: ChatEvent): string[] {
  return [
    ...connection(before, after),
    ...list(before, after, event),
    ...entries(before, after, event),
    ...transfer(before, event, after),
    ...announceView(before, after),
    ...(after.told === undefined || after.told === before.told ? [] : [showLine(after.told.sentence)]),
  ];
}

/** A transfer is told at each quarter. */
function transfer(before: ChatState, event: ChatEvent, { texts }: ChatState): string[] {
  if (event.kind !== 'transfer') return [];
  const { file, direction, doneBytes, totalBytes } = event;
  const quarterOf = (done: number): number => Math.floor((4 * done) / Math.max(1, totalBytes));
  const was = quarterOf(before.transfers[file]?.doneBytes ?? 0);
  const is = quarterOf(doneBytes);
  return is > was && is < 4 ? [texts.transfer(direction, is * 25)] : [];
}

function connection(before: ChatState, after: ChatState): string[] {
  const { connection: now, texts, language } = after;
  if (now.kind === before.connection.kind) return [];
  switch (now.kind) {
    case 'online':
      return [texts.plainNowOnline()];
    case 'offline':
      return [`${texts.offlineHint()} (${texts.offlineSince(clockTime(now.sinceMs, language))}).`];
    case 'refused':
      return [showLine(now.sentence)];
    case 'connecting':
      return [];
  }
}

function list(before: ChatState, after: ChatState, event: ChatEvent): string[] {
  const { conversations = [], texts } = after;
  const isAsked = before.listAsked !== after.listAsked;
  if (isAsked || (before.conversations === undefined && after.conversations !== undefined)) {
    if (conversations.length === 0) return [texts.plainNoConversations()];
    return conversations.slice(0, 50).map((item, index) => conversationSentence(item, index + 1, after));
  }
  if (event.kind !== 'conversations') return [];
  const known = new Map(before.conversations?.map((item) => [item.id, item]));
  return conversations.flatMap((item) => {
    const old = known.get(item.id);
    const said: string[] = [];
    if (item.id === after.open?.id) {
      if (item.isTyping && old?.isTyping !== true)
        said.push(texts.plainTyping(showLine(item.writers?.[0] ?? item.name)));
      return said;
    }
    const isNew = item.unread > (old?.unread ?? 0) || isOtherNews(item, old);
    if (isNew && item.mutedUntilMs === undefined && item.last !== undefined)
      said.push(newSentence(item.last, item, after, false));
    return said;
  });
}

/** What is never unread: in a conversation that is not open a timer was set, or in a group one was let in or taken out, or its title has changed. */
function isOtherNews({ last, group }: ConversationItem, old: ConversationItem | undefined): boolean {
  if (last === undefined || last.key === old?.last?.key || last.atMs < (old?.lastAtMs ?? 0)) return false;
  return last.direction === 'system' ? group !== undefined : last.direction === 'in' && last.kind === 'timer';
}

function conversationSentence(item: ConversationItem, number: number, state: ChatState): string {
  const { texts } = state;
  const facts = [
    ...(item.isPinned ? [texts.pinned()] : []),
    ...(item.mutedUntilMs === undefined ? [] : [texts.muted(undefined)]),
    ...(item.verification === 'unverified' ? [] : [texts.verification(item.verification)]),
    ...(item.timerMs === undefined ? [] : [texts.timer(item.timerMs)]),
    ...(item.draft === '' ? [] : [texts.draft()]),
  ].join(', ');
  const last = item.last === undefined ? '' : named(shownText(item.last, state).text);
  return texts.plainConversation({ number, name: showLine(item.name), unread: item.unread, facts, last });
}

function entries(before: ChatState, after: ChatState, event: ChatEvent): string[] {
  const { open } = after;
  if (open === undefined) return [];
  const item = after.conversations?.find(({ id }) => id === open.id);
  if (item === undefined) return [];
  const isOther = before.open?.id !== open.id;
  if (event.kind === 'entries' && event.id === open.id && event.place.at === 'again' && !isOther) {
    return changes(before.open?.entries ?? [], open.entries, item, after);
  }
  if (event.kind === 'entries' && event.id === open.id && event.place.at !== 'before') {
    const shown = firstReadOut(event.entries, event.place);
    return [
      after.texts.plainOpened(showLine(item.name), shown.length),
      ...shown.map((entry) => entrySentence(entry, item, after)),
    ];
  }
  const isEarlier = !isOther && before.open?.chosen !== undefined && before.open.chosen !== open.chosen;
  return isEarlier ? earlier(before, after, item) : [];
}

function earlier(before: ChatState, after: ChatState, item: ConversationItem): string[] {
  const all = after.open?.entries ?? [];
  const from = all.findIndex(({ key }) => key === after.open?.chosen);
  const to = all.findIndex(({ key }) => key === before.open?.chosen);
  if (from < 0 || to <= from) return [];
  return [
    after.texts.plainEarlier(),
    ...all.slice(from, to).map((entry) => entrySentence(entry, item, after)),
  ];
}

function changes(
  old: readonly EntryItem[],
  now: readonly EntryItem[],
  item: ConversationItem,
  state: ChatState,
): string[] {
  const { texts } = state;
  const known = new Map(old.map((entry) => [entry.key, entry]));
  return now.flatMap((entry) => {
    const was = known.get(entry.key);
    const { text } = shownText(entry, state);
    if (was === undefined) {
      if (entry.direction === 'system') return [texts.plainNotice(showText(entry.text))];
      if (entry.direction === 'in') return [newSentence(entry, item, state, true)];
      return entry.state === 'queued'
        ? []
        : [texts.plainState({ state: stateOf(entry, state), text: named(text) })];
    }
    if (was === entry) return [];
    if (was.kind !== entry.kind) return [entrySentence(entry, item, state)];
    if (was.state === entry.state && was.problem === entry.problem) return [];
    return [texts.plainState({ state: stateOf(entry, state), text: named(text) })];
  });
}

function stateOf(entry: EntryItem, { texts }: ChatState): string {
  if (entry.problem !== undefined && entry.state === 'queued') return texts.problem(entry.problem);
  return entry.state === undefined ? '' : texts.stateWord(entry.state);
}

function when(atMs: number, { nowMs, language }: ChatState): string {
  return dayOf(atMs) === dayOf(nowMs) ? clockTime(atMs, language) : dayAndTime(atMs, language);
}

/** One entry, as it is read out. */
function entrySentence(entry: EntryItem, item: ConversationItem, state: ChatState): string {
  const { texts } = state;
  if (entry.direction === 'system') return texts.plainNotice(showText(entry.text));
  return texts.plainMessage({
    who: showLine(entry.author ?? item.name),
    isOwn: entry.direction === 'out',
    when: when(entry.atMs, state),
    text: showText(shownText(entry, state).text),
    state: stateOf(entry, state),
  });
}

function newSentence(entry: EntryItem, item: ConversationItem, state: ChatState, here: boolean): string {
  const { texts } = state;
  if (entry.direction === 'system')
    return texts.plainNotice(`${showLine(item.name)}: ${showText(entry.text)}`);
  const text = showText(shownText(entry, state).text);
  const who = showLine(entry.author ?? item.name);
  return texts.plainNew({
    who: entry.namesMe ? texts.plainNaming(who) : who,
    when: when(entry.atMs, state),
    text,
    here,
    group: item.group === undefined ? undefined : showLine(item.name),
  });
}

function named(text: string): string {
  // In one line, however many empty ones somebody has written.
  const line = showLine(text.replaceAll(/\s+/g, ' ').trim());
  return line.length > NAMED_LENGTH ? `${line.slice(0, NAMED_LENGTH).toWellFormed()}…` : line;
}

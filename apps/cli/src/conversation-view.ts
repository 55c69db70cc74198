/** How conversations and their entries look: stable JSON lines, and lines for people. */
import {
  type ConversationSummary,
  type Entry,
  type MessageEntry,
  MUTED_FOR_EVER_MS,
} from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { KuvertError } from '@kuvert/protocol';
import type { Command } from 'commander';
import { detailsJson, messageWords, type NameOf } from './content-text.ts';
import { conversationTextsIn } from './conversation-texts.ts';
import { showDuration } from './duration.ts';
import { UsageError } from './failure.ts';
import { groupFacts, groupTextsIn } from './group-texts.ts';
import { localTime, stateJson, stateText } from './message-view.ts';
import type { Output } from './output.ts';
import { showLine, showText } from './terminal-text.ts';

/** Who the other side is: the address, or the person's id while the directory has not answered. */
export function peerName({ peer }: ConversationSummary): string {
  return peer.mail ?? peer.personId ?? peer.name ?? '';
}

/** One line of `kuvert conversations`. */
export function conversationJson(summary: ConversationSummary): object {
  const { conversationId, peer, last, lastAtMs, unread, isPinned, mutedUntilMs, draft, timerMs, hasProblem } =
    summary;
  return {
    conversationId,
    with: peerName(summary),
    ...(summary.group && {
      group: summary.group.groupId,
      title: summary.group.title,
      members: summary.group.members,
      ...(!summary.group.isOpen && { closed: true }),
    }),
    ...(peer.name !== undefined && { name: peer.name }),
    unread,
    lastAt: iso(lastAtMs),
    ...(last && { last: lastJson(last) }),
    pinned: isPinned,
    ...(mutedUntilMs !== undefined && {
      mutedUntil: mutedUntilMs === MUTED_FOR_EVER_MS ? null : iso(mutedUntilMs),
    }),
    ...(draft !== '' && { draft }),
    ...(timerMs !== undefined && { timerSeconds: timerMs / 1_000 }),
    ...(hasProblem && { problem: true }),
  };
}

/** @see conversationJson */
export function conversationText(summary: ConversationSummary, output: Output): string {
  const texts = conversationTextsIn(output.language);
  const { last, lastAtMs, unread, isPinned, mutedUntilMs, draft, timerMs, hasProblem } = summary;
  const marks = [
    unread > 0 ? texts.unread(unread) : '',
    isPinned ? texts.pinned() : '',
    mutedUntilMs === undefined
      ? ''
      : texts.muted(mutedUntilMs === MUTED_FOR_EVER_MS ? undefined : localTime(mutedUntilMs)),
    timerMs === undefined ? '' : texts.timer(showDuration(timerMs)),
    hasProblem ? texts.problem() : '',
  ].filter((mark) => mark !== '');
  const head = `${localTime(lastAtMs)}  ${whoText(summary, output)}${marks.length > 0 ? ` (${marks.join(', ')})` : ''}`;
  const lines = [head];
  if (last !== undefined && last.direction !== 'system')
    lines.push(`  ${previewText(last, summary, output)}`);
  if (draft !== '') lines.push(`  ${texts.draft(showLine(draft))}`);
  return lines.join('\n');
}

/** With whom: name and address, or the title of a group and how many are in it. */
function whoText(summary: ConversationSummary, { language }: Output): string {
  const { group, peer } = summary;
  if (group === undefined)
    return [peer.name, peerName(summary)]
      .flatMap((part) => (part === undefined ? [] : [showLine(part)]))
      .join(' · ');
  const texts = groupTextsIn(language);
  return [showLine(group.title) || texts.untitled(), ...groupFacts(group, texts)].join(' · ');
}

function lastJson(last: Entry): object {
  if (last.direction === 'system') return { direction: last.direction, kind: last.kind };
  const { direction, kind, messageId, text, state } = last;
  return { direction, kind, messageId, text, ...(state && stateJson(state)) };
}

function previewText(last: MessageEntry, summary: ConversationSummary, output: Output): string {
  const isNamed = last.direction === 'out' || summary.group !== undefined;
  const who =
    last.direction === 'out'
      ? output.texts.me()
      : showLine(last.sender?.name ?? last.sender?.mail ?? summary.peer.name ?? peerName(summary));
  // Whoever has set a timer is named also where only one can have written.
  return `${isNamed || last.kind === 'timer' ? `${who}: ` : ''}${bodyText(last, output, { isOneLine: true, nameOf: String })}`;
}

/** A message with its conversation, as `read` and `search` give it. */
export function entryJson(
  entry: MessageEntry,
  summary: ConversationSummary,
  output: Output,
  nameOf: NameOf,
): object {
  const { direction, messageId, kind, text, state, problem, atMs, expiresAtMs, timerMs } = entry;
  const peer = peerName(summary);
  return {
    direction,
    messageId,
    ...(direction === 'in' ? { from: entry.sender?.mail ?? peer } : { to: peer }),
    ...(summary.group && { group: summary.group.groupId, title: summary.group.title }),
    sentAt: iso(atMs),
    text: kind === 'too-new' ? output.texts.tooNew() : text,
    ...(!['text', 'too-new', 'deleted', 'timer'].includes(kind) && { kind }),
    ...detailsJson(entry, nameOf),
    ...(kind === 'too-new' && { tooNew: true }),
    ...(kind === 'deleted' && { deleted: true }),
    ...(kind === 'timer' && { timerSeconds: timerMs === undefined ? null : timerMs / 1_000 }),
    ...(expiresAtMs !== undefined && { expiresAt: iso(expiresAtMs) }),
    ...(state && stateJson(state)),
    ...(problem && { problem }),
  };
}

/** @see entryJson */
export function entryText(
  entry: MessageEntry,
  summary: ConversationSummary,
  output: Output,
  nameOf: NameOf,
): string {
  const { me } = output.texts;
  const { state, problem } = entry;
  const peer = showLine(peerName(summary));
  const author = entry.sender === undefined ? peer : showLine(entry.sender.mail);
  const who =
    entry.direction === 'in'
      ? summary.group === undefined
        ? author
        : `${author} → ${peer}`
      : `${me()} → ${peer}${state ? ` (${stateText({ state, ...(problem && { problem }) }, output)})` : ''}`;
  return `${localTime(entry.atMs)}  ${who}: ${bodyText(entry, output, { isOneLine: false, nameOf })}`;
}

function bodyText(
  entry: MessageEntry,
  output: Output,
  { isOneLine, nameOf }: { readonly isOneLine: boolean; readonly nameOf: NameOf },
): string {
  switch (entry.kind) {
    case 'too-new':
      return output.texts.tooNew();
    case 'deleted':
      return output.texts.deleted();
    case 'timer': {
      const duration = entry.timerMs === undefined ? undefined : showDuration(entry.timerMs);
      return conversationTextsIn(output.language).timerNow(duration);
    }
    default: {
      const words = messageWords(entry, output.language, nameOf);
      return isOneLine ? showLine(words.replaceAll('\n', ' ')) : showText(words);
    }
  }
}

/** How a command that shows messages is told to show those of one conversation only. */
export interface WithinOptions {
  readonly with?: string;
  readonly group?: string;
}

/** Adds the options by which one conversation is named. */
export function withinCommand(command: Command): Command {
  return command
    .option('--with <mail>', 'only with this person, or in the group of this title or id')
    .option('--group <group>', 'only in this group, by title or id (gr_…)');
}

/** True when one conversation is named. */
export function isWithin({ with: mail, group }: WithinOptions): boolean {
  return mail !== undefined || group !== undefined;
}

/** @throws UsageError when two conversations are named */
export function checkWithin({ with: mail, group }: WithinOptions): void {
  if (mail === undefined || group === undefined) return;
  throw new UsageError({
    en: 'Give --with or --group, not both; see --help.',
    de: 'Bitte nur --with oder --group angeben; siehe --help.',
  });
}

/**
 * The conversation that is named.
 * @throws KuvertError `not_found`, `group_ambiguous` for a group
 */
export function findConversation(
  profile: Profile,
  { with: mail = '', group }: WithinOptions,
): ConversationSummary {
  const { conversations, groups } = profile;
  const wanted = mail.trim().toLowerCase();
  const named =
    group === undefined
      ? conversations
          .list()
          .find(
            (summary) =>
              peerName(summary) === wanted ||
              summary.group?.groupId === wanted ||
              summary.group?.title === mail.trim(),
          )
      : conversations.get(groups.find(group).conversationId);
  if (named === undefined) throw new KuvertError('not_found');
  return named;
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

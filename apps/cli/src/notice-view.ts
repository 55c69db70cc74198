/** What happened in a conversation beside its messages, as JSON lines, as lines, and as sentences: keys that changed, people who came and went. */
import type { ConversationSummary, GroupLogLine, SystemEntry } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import type { PersonId } from '@kuvert/protocol';
import type { NameOf } from './content-text.ts';
import { peerName } from './conversation-view.ts';
import { groupTextsIn } from './group-texts.ts';
import { localTime } from './message-view.ts';
import type { Output } from './output.ts';
import { noticeSentence } from './profile-session.ts';
import { showLine } from './terminal-text.ts';

/** How notices are worded. */
export interface NoticeWording {
  readonly output: Pick<Output, 'language' | 'texts'>;
  readonly profile: Pick<Profile, 'whoami' | 'person'>;
  readonly nameOf: NameOf;
}

/** What was done in a group, in a sentence; undefined for any other notice. Names are not made safe for a terminal. */
export function groupChangeSentence(
  entry: SystemEntry,
  { output, profile, nameOf }: NoticeWording,
): string | undefined {
  const { action, personId: by, people = [], role, part, newTitle, successor } = entry;
  if (action === undefined || by === undefined) return undefined;
  return changeSentence({ action, by, people, role, part, newTitle, successor }, { output, profile, nameOf });
}

/** An entry of a group's log in a sentence. Names are not made safe for a terminal. */
export function changeSentence(
  { action, by, people, role, part, newTitle, successor }: Omit<GroupLogLine, 'epoch' | 'atMs' | 'hash'>,
  { output, profile, nameOf }: NoticeWording,
): string {
  const texts = groupTextsIn(output.language);
  const own = profile.whoami();
  const isOwn = (id: PersonId) => id === own.personId;
  return texts.change(action, {
    by: isOwn(by) ? undefined : nameOf(by),
    isOfOneself: people.length === 1 && people[0] === by,
    people: people
      .filter((id) => action !== 'create' || id !== by)
      .map((id) => (isOwn(id) ? undefined : nameOf(id))),
    role,
    part,
    newTitle,
    successor: successor && { name: isOwn(successor) ? undefined : nameOf(successor) },
  });
}

/** Any notice in a sentence. */
export function systemSentence(entry: SystemEntry, wording: NoticeWording): string {
  const name = entry.personId && wording.profile.person(entry.personId)?.name;
  return groupChangeSentence(entry, wording) ?? noticeSentence(entry, wording.output, name);
}

/** One line of `history`. */
export function noticeJson(entry: SystemEntry, summary: ConversationSummary, wording: NoticeWording): object {
  return {
    direction: entry.direction,
    ...(summary.group
      ? { group: summary.group.groupId, title: summary.group.title }
      : { with: peerName(summary) }),
    ...noticeFacts(entry, wording.nameOf),
    text: systemSentence(entry, wording),
  };
}

/** What is known of a notice, for scripts. */
export function noticeFacts(entry: SystemEntry, nameOf: NameOf): object {
  const { kind, atMs, action, personId, people, role, part, newTitle, successor, count, deviceId, code } =
    entry;
  return {
    kind,
    at: new Date(atMs).toISOString(),
    ...(action && { action }),
    ...(personId && { by: nameOf(personId) }),
    ...(people && people.length > 0 && { people: people.map(nameOf) }),
    ...(role && { role }),
    ...(part && { part }),
    ...(newTitle !== undefined && { newTitle }),
    ...(successor && { successor: nameOf(successor) }),
    ...(count !== undefined && { count }),
    ...(deviceId && { deviceId }),
    ...(code && { code }),
  };
}

/** @see noticeJson */
export function noticeText(entry: SystemEntry, summary: ConversationSummary, wording: NoticeWording): string {
  return `${localTime(entry.atMs)}  ${showLine(peerName(summary))}: ${showLine(systemSentence(entry, wording))}`;
}

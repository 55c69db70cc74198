/** Conversations, messages and notices of the messenger as the chat shows them (`model.ts`). */
import type { ConversationSummary, Entry, MessageEntry, SystemEntry } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import type { PersonId } from '@kuvert/protocol';
import type { Language } from '../config.ts';
import { messageWords } from '../content-text.ts';
import { groupTextsIn } from '../group-texts.ts';
import { groupChangeSentence } from '../notice-view.ts';
import { noticeSentence } from '../profile-session.ts';
import { textsIn } from '../texts.ts';
import type { FilesBinding } from './files-binding.ts';
import type { GroupBinding } from './group-binding.ts';
import type { ConversationItem, EntryItem } from './model.ts';
import type { PeopleBinding } from './people-binding.ts';

/** @see the top of this file */
export class ChatItems {
  readonly #profile: Profile;
  readonly #language: Language;
  readonly #groups: Pick<GroupBinding, 'factsOf' | 'titleOf' | 'pictureOf'>;
  readonly #files: Pick<FilesBinding, 'pictureOf'>;
  readonly #people: Pick<PeopleBinding, 'nameOf'>;

  constructor(options: {
    profile: Profile;
    language: Language;
    groups: Pick<GroupBinding, 'factsOf' | 'titleOf' | 'pictureOf'>;
    files: Pick<FilesBinding, 'pictureOf'>;
    people: Pick<PeopleBinding, 'nameOf'>;
  }) {
    this.#profile = options.profile;
    this.#language = options.language;
    this.#groups = options.groups;
    this.#files = options.files;
    this.#people = options.people;
  }

  /** A notice in a sentence, with the name of the person that it is about. */
  sentence(notice: Parameters<typeof noticeSentence>[0] & { personId?: PersonId | undefined }): string {
    const name = notice.personId && this.#profile.person(notice.personId)?.name;
    return noticeSentence(notice, { language: this.#language, texts: textsIn(this.#language) }, name);
  }

  /** What was done in a group, in a sentence; undefined for any other notice. */
  #changeOf(entry: SystemEntry): string | undefined {
    const language = this.#language;
    const nameOf = (id: PersonId) => this.#people.nameOf(id) ?? groupTextsIn(language).someone();
    const output = { language, texts: textsIn(language) };
    return groupChangeSentence(entry, { output, profile: this.#profile, nameOf });
  }

  /** A conversation as it stands in the list. */
  conversation(summary: ConversationSummary): ConversationItem {
    const {
      conversationId,
      peer,
      last,
      lastAtMs,
      unread,
      isPinned,
      mutedUntilMs,
      draft,
      timerMs,
      hasProblem,
    } = summary;
    const { group } = summary;
    const mail = group === undefined ? (peer.mail ?? peer.personId ?? '') : this.#groups.factsOf(group);
    const writers = (group ? this.#profile.activity.inGroups.writers(group.groupId) : []).map(
      (person) => this.#profile.person(person)?.name ?? groupTextsIn(this.#language).someone(),
    );
    const activity = peer.personId && this.#profile.activity.of(peer.personId);
    return {
      id: conversationId,
      name: group === undefined ? (peer.name ?? mail) : this.#groups.titleOf(group.title),
      mail,
      group,
      picture: group && this.#groups.pictureOf(group.groupId),
      unread,
      lastAtMs,
      last: last && this.entry(last),
      isPinned,
      mutedUntilMs,
      draft,
      timerMs,
      hasProblem,
      verification:
        peer.personId === undefined ? 'unverified' : this.#profile.safety.verificationOf(peer.personId),
      isTyping: (activity?.isTyping ?? false) || writers.length > 0,
      writers,
      presence: activity?.presence,
    };
  }

  /** A message, or what has happened, as it stands in a conversation. */
  entry(entry: Entry): EntryItem {
    const { atMs, expiresAtMs } = entry;
    const key = String(entry.entryId);
    if (entry.direction === 'system') {
      const change = this.#changeOf(entry);
      const text = change ?? this.sentence(entry);
      return {
        key,
        direction: 'system',
        kind: 'notice',
        atMs,
        text,
        isUnread: false,
        isQuiet: change !== undefined,
      };
    }
    const { direction, isUnread, timerMs, state, problem } = entry;
    const kind =
      entry.kind === 'too-new' || entry.kind === 'deleted' || entry.kind === 'timer' ? entry.kind : 'text';
    const text =
      kind === 'text'
        ? messageWords(entry, this.#language, (person) => this.#profile.person(person)?.name ?? person)
        : '';
    const author = entry.sender?.name;
    const more = kind === 'text' ? this.#moreOf(entry) : {};
    return {
      key,
      direction,
      kind,
      atMs,
      author,
      text,
      isUnread,
      timerMs,
      state,
      problem,
      expiresAtMs,
      ...more,
    };
  }

  #moreOf(entry: MessageEntry): Partial<EntryItem> {
    const own = this.#profile.whoami().personId;
    const { file, poll, edited, mentions, direction, kind, text, replyTo } = entry;
    const isOwn = direction === 'out';
    const isText = ['text', 'file', 'picture', 'video'].includes(kind);
    const can = [
      ...(poll !== undefined && poll.endedAtMs === undefined ? (['vote'] as const) : []),
      ...(poll !== undefined && poll.endedAtMs === undefined && isOwn ? (['endPoll'] as const) : []),
      ...(file === undefined ? [] : (['save'] as const)),
      ...(isOwn && isText ? (['edit'] as const) : []),
      ...(edited === undefined ? [] : (['versions'] as const)),
    ];
    return {
      said: text,
      isAnswer: replyTo !== undefined,
      can,
      file: file?.attachment,
      picture: this.#files.pictureOf(entry),
      namesMe: mentions?.some(({ person }) => person === own) === true,
    };
  }
}

/** Messages of every kind as words for a terminal and as JSON for scripts. Lines are made safe for a terminal by whoever prints them. */
import type { IncomingMessage, MessageDetails } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import type { PersonId } from '@kuvert/protocol';
import type { Language } from './config.ts';

/** What a message is and has, as `inbox`, `history` and conversations give it. */
export type Describable = {
  readonly kind: IncomingMessage['kind'] | 'deleted' | 'timer';
  readonly text: string;
} & MessageDetails;

/** How people are called; the id where no name is known. */
export type NameOf = (person: PersonId) => string;

/** Addresses, for scripts and lines alike. */
export function namesIn(profile: Pick<Profile, 'person'>): NameOf {
  return (person) => profile.person(person)?.mail ?? person;
}

interface Words {
  readonly file: string;
  readonly picture: string;
  readonly video: string;
  readonly voice: string;
  readonly location: string;
  readonly contact: string;
  readonly poll: string;
  readonly pollEnded: string;
  readonly edited: string;
  readonly edit: string;
  readonly reaction: string;
  readonly reactionBack: string;
  readonly vote: string;
  readonly pollEnd: string;
}

const WORDS: Readonly<Record<Language, Words>> = {
  en: {
    file: 'File',
    picture: 'Picture',
    video: 'Video',
    voice: 'Voice message',
    location: 'Place',
    contact: 'Contact',
    poll: 'Poll',
    pollEnded: 'Poll, ended',
    edited: 'edited',
    edit: 'Edited a message',
    reaction: 'Reacted to a message',
    reactionBack: 'Took back a reaction',
    vote: 'Answered a poll',
    pollEnd: 'Ended a poll',
  },
  de: {
    file: 'Datei',
    picture: 'Bild',
    video: 'Video',
    voice: 'Sprachnachricht',
    location: 'Ort',
    contact: 'Kontakt',
    poll: 'Umfrage',
    pollEnded: 'Umfrage, beendet',
    edited: 'bearbeitet',
    edit: 'Nachricht bearbeitet',
    reaction: 'Auf eine Nachricht reagiert',
    reactionBack: 'Reaktion zurückgenommen',
    vote: 'An einer Umfrage teilgenommen',
    pollEnd: 'Umfrage beendet',
  },
};

/** A message in words, on several lines where it has several parts: what it answers, what it says, what was done to it. */
export function messageWords(message: Describable, language: Language, nameOf: NameOf): string {
  const { text, replyTo, links, edited, reactions } = message;
  const words = WORDS[language];
  const lines = [
    ...(replyTo ? [quoteLine(replyTo, language, nameOf)] : []),
    ...bodyLines(message, language, nameOf),
    ...(text === '' ? [] : [edited ? `${text} (${words.edited})` : text]),
    ...(links ?? []).map(({ url, title }) => `↗ ${title === '' ? url : `${title} – ${url}`}`),
    ...(reactions
      ? [reactions.map(({ emoji, people }) => `${emoji} ${fewNames(people, nameOf)}`).join('  ')]
      : []),
  ];
  return lines.join('\n');
}

/** What a message answers, in one line. */
function quoteLine(
  { author, kind, text }: NonNullable<MessageDetails['replyTo']>,
  language: Language,
  nameOf: NameOf,
): string {
  const word = kind === undefined || kind === 'text' ? '' : `[${WORDS[language][kind]}] `;
  return `> ${nameOf(author)}: ${word}${firstLine(text ?? '…')}`;
}

/** Who it was, when they are few; else how many. */
function fewNames(people: readonly PersonId[], nameOf: NameOf): string {
  return people.length > NAMED_MAX ? String(people.length) : people.map(nameOf).join(', ');
}

/** People who are named behind a reaction or an answer of a poll. */
const NAMED_MAX = 4;

/** What an edit, a reaction, a vote or the end of a poll says in `inbox`. */
export function changeWords({ kind, text, change }: IncomingMessage, language: Language): string {
  const words = WORDS[language];
  const about = change === undefined ? '' : ` ${change.messageId}`;
  switch (kind) {
    case 'edit':
      return `${words.edit}${about}: ${text}`;
    case 'reaction':
      return change?.emoji === ''
        ? `${words.reactionBack}:${about}`
        : `${words.reaction}${about}: ${change?.emoji}`;
    case 'vote':
      return `${words.vote}${about}: ${(change?.choices ?? []).map((choice) => choice + 1).join(', ')}`;
    default:
      return `${words.pollEnd}:${about}`;
  }
}

/** True for what is no message of its own. */
export function isChangeKind(kind: Describable['kind']): boolean {
  return kind === 'edit' || kind === 'reaction' || kind === 'vote' || kind === 'poll-end';
}

function bodyLines(message: Describable, language: Language, nameOf: NameOf): string[] {
  const { kind, file, location, contact, poll } = message;
  const words = WORDS[language];
  if (file !== undefined && (kind === 'file' || kind === 'picture' || kind === 'video' || kind === 'voice')) {
    const facts = [
      showSize(file.sizeBytes, language),
      ...(file.width && file.height ? [`${file.width} × ${file.height}`] : []),
      ...(file.durationMs === undefined ? [] : [showClock(file.durationMs)]),
      `SHA-256 ${file.sha256.slice(0, 16)}…`,
    ];
    return [`[${words[kind]}] ${file.name} (${facts.join(', ')})`];
  }
  if (location !== undefined) {
    const { latitude, longitude, label, accuracyM } = location;
    const exact = accuracyM === undefined ? '' : ` ±${accuracyM} m`;
    return [
      `[${words.location}] ${label === undefined ? '' : `${label}: `}${latitude}, ${longitude}${exact}`,
    ];
  }
  if (contact !== undefined) {
    const { name, organisation, mails, phones } = contact;
    return [`[${words.contact}] ${[name, organisation, ...mails, ...phones].filter(Boolean).join(', ')}`];
  }
  if (poll !== undefined) {
    const head = poll.endedAtMs === undefined ? words.poll : words.pollEnded;
    const options = poll.options.map(({ text, people }, at) => {
      const who = people.length > 0 && people.length <= NAMED_MAX ? ` (${fewNames(people, nameOf)})` : '';
      return `  ${at + 1}. ${text}: ${people.length}${who}`;
    });
    return [`[${head}] ${poll.question}`, ...options];
  }
  return [];
}

/** What a message has beside its text, for scripts: present only where there is any. */
export function detailsJson(details: MessageDetails, nameOf: NameOf): object {
  const { replyTo, mentions, links, file, location, contact, poll, edited, reactions } = details;
  const names = (people: readonly PersonId[]) => people.map(nameOf);
  return {
    ...(replyTo && {
      replyTo: {
        messageId: replyTo.messageId,
        from: nameOf(replyTo.author),
        ...(replyTo.kind !== undefined && { kind: replyTo.kind }),
        ...(replyTo.text !== undefined && { text: replyTo.text }),
      },
    }),
    ...(mentions && {
      mentions: mentions.map(({ person, start, length }) => ({ person: nameOf(person), start, length })),
    }),
    ...(links && {
      links: links.map(({ url, title, description }) => ({
        url,
        title,
        ...(description && { description }),
      })),
    }),
    ...(file && {
      file: {
        attachment: file.attachment,
        name: file.name,
        sizeBytes: file.sizeBytes,
        mediaType: file.mediaType,
        sha256: file.sha256,
        ...(file.width !== undefined && { width: file.width }),
        ...(file.height !== undefined && { height: file.height }),
        ...(file.durationMs !== undefined && { durationMs: file.durationMs }),
        ...(file.preview && { hasPreview: true }),
      },
    }),
    ...(location && { location }),
    ...(contact && { contact }),
    ...(poll && {
      poll: {
        question: poll.question,
        options: poll.options.map(({ text, people }) => ({
          text,
          votes: people.length,
          people: names(people),
        })),
        isMultiple: poll.isMultiple,
        ...(poll.endedAtMs !== undefined && { endedAt: new Date(poll.endedAtMs).toISOString() }),
      },
    }),
    ...(edited && { edited: { at: new Date(edited.atMs).toISOString(), times: edited.times } }),
    ...(reactions && { reactions: reactions.map(({ emoji, people }) => ({ emoji, people: names(people) })) }),
  };
}

/** A size as people read it. */
export function showSize(bytes: number, language: Language): string {
  if (bytes < 1_000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB'];
  let value = bytes;
  let unit = 'B';
  for (const next of units) {
    if (value < 999.5) break;
    value /= 1_000;
    unit = next;
  }
  return `${value.toLocaleString(language, { maximumFractionDigits: value < 10 ? 1 : 0 })} ${unit}`;
}

function showClock(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function firstLine(text: string): string {
  const line = text.split('\n', 1)[0] ?? '';
  return line.length > 80 ? `${line.slice(0, 79).replace(/[\ud800-\udbff]$/u, '')}…` : line;
}

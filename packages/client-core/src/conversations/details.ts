/** What a message has beside its text, put together from its content and from what was done to it. */
import type { AttachmentPointer, PersonId, ShownContent } from '@kuvert/protocol';
import { harmlessName } from '../attachments/names.ts';
import type { Store } from '../store.ts';
import { compareChanges, editsOf } from './amending.ts';
import { changeOf, shownOf, textOf } from './shown.ts';
import type { EntryRow, MessageChange } from './store.ts';
import type { FileDetails, MessageDetails, MessageVersion, PollDetails } from './types.ts';

const QUOTE_CHARACTERS = 200;
const E7 = 10_000_000;

type Message = Pick<EntryRow, 'contentId' | 'senderPerson' | 'conversationId'>;
interface Stores {
  readonly store: Pick<Store, 'changes' | 'entries'>;
}

/** @see MessageDetails */
export function detailsOf({ store }: Stores, row: Message, content: ShownContent): MessageDetails {
  const changes = store.changes
    .list(row.contentId, row.senderPerson)
    .filter(({ conversationId }) => conversationId === row.conversationId);
  const edits = editsOf(changes, row);
  const last = edits.at(-1);
  const reactions = reactionsOf(changes);
  const mentions = last ? last.content.mentions : 'mentions' in content ? content.mentions : undefined;
  return {
    ...(content.replyTo && { replyTo: quoteOf({ store }, row, content.replyTo) }),
    ...(mentions && { mentions }),
    ...(content.kind === 'text' && content.links && { links: content.links }),
    ...('file' in content && { file: fileOf(content.file, content) }),
    ...(content.kind === 'location' && { location: placeOf(content) }),
    ...(content.kind === 'contact' && { contact: cardOf(content) }),
    ...(content.kind === 'poll' && { poll: pollOf(content, row.senderPerson, changes) }),
    ...(last && { edited: { atMs: last.atMs, times: edits.length } }),
    ...(reactions.length > 0 && { reactions }),
  };
}

/** The details of an entry alone. */
export function onlyDetails(entry: MessageDetails): MessageDetails {
  const { replyTo, mentions, links, file, location, contact, poll, edited, reactions } = entry;
  return {
    ...(replyTo && { replyTo }),
    ...(mentions && { mentions }),
    ...(links && { links }),
    ...(file && { file }),
    ...(location && { location }),
    ...(contact && { contact }),
    ...(poll && { poll }),
    ...(edited && { edited }),
    ...(reactions && { reactions }),
  };
}

/** Every text that a message has had, the first first. */
export function versionsOf({ store }: Stores, row: EntryRow): MessageVersion[] {
  const first = { atMs: row.atMs, text: textOf({ ...row, edited: undefined }) };
  const edits = editsOf(store.changes.list(row.contentId, row.senderPerson), row);
  return [first, ...edits.map(({ atMs, content }) => ({ atMs, text: content.text }))];
}

function quoteOf(
  { store }: Stores,
  row: Message,
  { message, author }: NonNullable<ShownContent['replyTo']>,
): NonNullable<MessageDetails['replyTo']> {
  const quoted = store.entries
    .find(message)
    .find((one) => one.senderPerson === author && one.conversationId === row.conversationId);
  const content = quoted && shownOf(quoted);
  const text = ((quoted && textOf(quoted)) || aboutOf(content))
    .slice(0, QUOTE_CHARACTERS)
    .replace(/[\ud800-\udbff]$/u, '');
  return {
    messageId: message,
    author,
    ...(content !== undefined && content.kind !== 'text' && { kind: content.kind }),
    ...(text !== '' && { text }),
  };
}

/** What a message without words is called by. */
function aboutOf(content: ShownContent | undefined): string {
  if (content === undefined) return '';
  if ('file' in content) return content.file.name;
  if (content.kind === 'poll') return content.question;
  if (content.kind === 'contact') return content.name;
  if (content.kind !== 'location') return '';
  return content.label ?? `${content.latitudeE7 / 1e7}, ${content.longitudeE7 / 1e7}`;
}

function reactionsOf(changes: readonly MessageChange[]): NonNullable<MessageDetails['reactions']> {
  const latest = new Map<PersonId, string>();
  for (const change of changes.filter(({ kind }) => kind === 'reaction').sort(compareChanges)) {
    const content = changeOf(change.content);
    if (content?.kind === 'reaction') latest.set(change.who, content.emoji);
  }
  const byEmoji = Map.groupBy([...latest].sort(), ([, emoji]) => emoji);
  byEmoji.delete('');
  return [...byEmoji]
    .map(([emoji, people]) => ({ emoji, people: people.map(([person]) => person) }))
    .sort((a, b) => b.people.length - a.people.length || (a.emoji < b.emoji ? -1 : 1));
}

function pollOf(
  { question, options, isMultiple }: Extract<ShownContent, { kind: 'poll' }>,
  author: PersonId,
  changes: readonly MessageChange[],
): PollDetails {
  // The first end holds: whoever could move it could choose when to stop counting.
  const ends = changes.filter(({ kind, who }) => kind === 'poll-end' && who === author).sort(compareChanges);
  const endedAtMs = ends[0]?.stampMs;
  const choices = new Map<PersonId, readonly number[]>();
  for (const change of changes.filter(({ kind }) => kind === 'vote').sort(compareChanges)) {
    const content = changeOf(change.content);
    if (content?.kind !== 'vote' || (endedAtMs !== undefined && content.stamp > endedAtMs)) continue;
    const chosen = [...new Set(content.choices)].filter((choice) => choice < options.length);
    choices.set(change.who, isMultiple ? chosen : chosen.slice(0, 1));
  }
  const voters = [...choices].sort();
  return {
    question,
    options: options.map((text, at) => ({
      text,
      people: voters.filter(([, chosen]) => chosen.includes(at)).map(([person]) => person),
    })),
    isMultiple,
    ...(endedAtMs !== undefined && { endedAtMs }),
  };
}

function fileOf(
  { attachment, name, sizeBytes, mediaType, sha256 }: AttachmentPointer,
  content: Extract<ShownContent, { file: unknown }>,
): FileDetails {
  const { preview, width, height, durationMs, waveform } = content as Partial<FileDetails>;
  return {
    attachment,
    name: harmlessName(name),
    sizeBytes,
    mediaType,
    sha256: hexOf(sha256),
    ...(preview && { preview }),
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    ...(durationMs !== undefined && { durationMs }),
    ...(waveform && { waveform }),
  };
}

function placeOf(
  content: Extract<ShownContent, { kind: 'location' }>,
): NonNullable<MessageDetails['location']> {
  const { latitudeE7, longitudeE7, accuracyM, label } = content;
  return {
    latitude: latitudeE7 / E7,
    longitude: longitudeE7 / E7,
    ...(accuracyM !== undefined && { accuracyM }),
    ...(label !== undefined && { label }),
  };
}

function cardOf(content: Extract<ShownContent, { kind: 'contact' }>): NonNullable<MessageDetails['contact']> {
  const { name, person, mails, phones, organisation } = content;
  return { name, mails, phones, ...(person && { person }), ...(organisation && { organisation }) };
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

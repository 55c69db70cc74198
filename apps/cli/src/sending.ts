/** What `kuvert send` does beside texts: files, voices, cards, links, mentions, answers, polls, places. Chat does the same by its commands. */
import type { MessageEntry } from '@kuvert/client-core';
import { fileSource, type Profile } from '@kuvert/client-core/node';
import {
  type ContentId,
  type ConversationId,
  GROUP_LIMITS,
  type GroupPicture,
  isId,
  KuvertError,
  type LinkPreview,
  type Mention,
  mailAddress,
} from '@kuvert/protocol';
import { filmFacts, probe } from './content/film.ts';
import { mentionsIn, type Nameable } from './content/mentions.ts';
import { type SoundFacts, soundFacts } from './content/sound.ts';
import { previewOfPage, webAddress } from './content/web-preview.ts';
import { UsageError } from './failure.ts';
import { mediaOf } from './media.ts';
import { filePreview, FILE_BYTES_MAX as PICTURE_BYTES_MAX, picturePreview } from './previews.ts';

/** A message by the id that `send` and `inbox` print. @throws KuvertError `message_unknown`, `message_deleted` */
export function messageNamed(profile: Profile, messageId: string): MessageEntry {
  const found = isId('content', messageId) ? profile.conversations.find(messageId as ContentId) : [];
  const entry = found.find(({ kind }) => kind !== 'deleted');
  if (entry === undefined) throw new KuvertError(found.length > 0 ? 'message_deleted' : 'message_unknown');
  return entry;
}

/** The reference by which an answer names what it answers. */
export function replyTo(entry: MessageEntry) {
  return { message: entry.messageId, author: entry.senderPerson };
}

/** Seals and queues a file. */
export async function sendFile(
  profile: Profile,
  to: {
    readonly conversationId: ConversationId;
    readonly path: string;
    readonly text?: string | undefined;
    readonly mentions?: readonly Mention[];
    readonly answers?: MessageEntry | undefined;
    /** It was spoken: a message of its own kind, without words beside it. */
    readonly isVoice?: boolean;
  },
): Promise<ContentId> {
  const { conversationId, path, text, mentions = [], answers, isVoice = false } = to;
  const source = await fileSource(path);
  const { kind, mediaType } = mediaOf(source.name);
  const answering = answers ? { replyTo: replyTo(answers) } : {};
  if (isVoice) {
    if (!mediaType.startsWith('audio/')) throw notSpoken();
    const facts = await spokenFacts(path);
    return profile.attachments.send(conversationId, source, {
      kind: 'voice',
      mediaType,
      ...answering,
      ...facts,
    });
  }
  const look =
    kind === 'picture'
      ? await filePreview(path, source.sizeBytes)
      : kind === 'video'
        ? await filmFacts(path)
        : {};
  const message = {
    kind,
    mediaType,
    ...(text !== undefined && text !== '' && { text }),
    ...(mentions.length > 0 && { mentions: [...mentions] }),
    ...answering,
    ...look,
  };
  return profile.attachments.send(conversationId, source, message);
}

/** Length and loudness as far as they can be read here; `ffprobe` knows the length of more kinds, where it is installed. */
async function spokenFacts(path: string): Promise<SoundFacts> {
  const facts = await soundFacts(path);
  if (facts.durationMs !== undefined) return facts;
  const { durationMs } = await probe(path);
  return { ...facts, ...(durationMs !== undefined && { durationMs }) };
}

function notSpoken(): UsageError {
  return new UsageError({
    en: 'A voice message is a sound: a file that ends in .opus, .ogg, .m4a, .mp3 or .wav.',
    de: 'Eine Sprachnachricht ist ein Ton: eine Datei, die auf .opus, .ogg, .m4a, .mp3 oder .wav endet.',
  });
}

/** Who can be named in a conversation: the other side, or the members of a group. */
export function nameablesOf(profile: Profile, conversationId: ConversationId): readonly Nameable[] {
  const group = profile.groups.of(conversationId);
  if (group === undefined) {
    const { personId, mail, name } = profile.conversations.get(conversationId).peer;
    return personId === undefined || mail === undefined ? [] : [{ personId, mail, name: name ?? mail }];
  }
  return group.members.flatMap(({ personId, mail, name }) =>
    mail === undefined ? [] : [{ personId, mail, name: name ?? mail }],
  );
}

/** Where a text names these people, who have to be named in it. @throws UsageError */
export function mentionsOf(
  profile: Profile,
  conversationId: ConversationId,
  { text, mails }: { readonly text: string; readonly mails: readonly string[] },
): Mention[] {
  const people = nameablesOf(profile, conversationId);
  const named = mails.map((wanted) => {
    const one = people.find(({ mail }) => mail === wanted.toLowerCase());
    if (one !== undefined) return one;
    throw new UsageError({
      en: `Nobody in this conversation has the address ${wanted}.`,
      de: `Niemand in dieser Unterhaltung hat die Adresse ${wanted}.`,
    });
  });
  const found = mentionsIn(text, named);
  const missing = named.find(({ personId }) => !found.some(({ person }) => person === personId));
  if (missing === undefined) return found;
  throw new UsageError({
    en: `The text has to name them: write @${missing.name} or @${missing.mail} in it.`,
    de: `Der Text muss die Person nennen: Schreiben Sie @${missing.name} oder @${missing.mail} hinein.`,
  });
}

/** What is written on a contact card. */
export interface CardOptions {
  /** A name; or the address of a colleague, whose card is then complete. */
  readonly who: string;
  readonly mails?: readonly string[];
  readonly phones?: readonly string[];
  readonly organisation?: string | undefined;
}

/** A contact card. @throws KuvertError `recipient_unknown` */
export async function cardOf(profile: Profile, options: CardOptions) {
  const { who, mails = [], phones = [], organisation } = options;
  const more = { phones: [...phones], ...(organisation !== undefined && { organisation }) };
  const address = mailAddress.safeParse(who);
  if (!address.success) return { kind: 'contact' as const, name: who, mails: [...mails], ...more };
  const own = profile.whoami();
  const known = [own, ...(await profile.people())].find(({ mail }) => mail === address.data);
  if (known === undefined) throw new KuvertError('recipient_unknown');
  const { name, mail, personId } = known;
  return { kind: 'contact' as const, name, person: personId, mails: [mail, ...mails], ...more };
}

/** What the sender says of a web address, or has looked at. */
export interface LinkOptions {
  readonly url: string;
  /** Given: the page is not looked at. */
  readonly title?: string | undefined;
  readonly description?: string | undefined;
}

/** What goes with a text about a web address. @throws KuvertError `content_invalid` for what is none */
export async function linkOf({ url, title, description }: LinkOptions): Promise<LinkPreview> {
  const address = webAddress(url);
  if (title === undefined) return previewOfPage(address);
  return { url: address, title, ...(description !== undefined && { description }) };
}

/** `48.137,11.575` or `48.137,11.575,Marienplatz`. @throws UsageError */
export function placeOf(text: string): { latitudeE7: number; longitudeE7: number; label?: string } {
  const match = /^\s*(-?\d{1,2}(?:\.\d{1,7})?)\s*,\s*(-?\d{1,3}(?:\.\d{1,7})?)\s*(?:,\s*(.+))?$/su.exec(text);
  if (match === null) {
    throw new UsageError({
      en: 'A place is written as latitude, longitude and, if you like, a name: 48.137,11.575,Marienplatz',
      de: 'Ein Ort wird als Breite, Länge und auf Wunsch Name geschrieben: 48.137,11.575,Marienplatz',
    });
  }
  const label = match[3]?.trim();
  return {
    latitudeE7: Math.round(Number(match[1]) * 1e7),
    longitudeE7: Math.round(Number(match[2]) * 1e7),
    ...(label && { label }),
  };
}

/** Numbers of options as people count them, from 1. @throws UsageError */
export function choicesOf(numbers: readonly string[]): number[] {
  return numbers.map((number) => {
    if (!/^[1-9]\d?$/.test(number)) {
      throw new UsageError({
        en: 'Options of a poll are named by their numbers, from 1.',
        de: 'Antworten einer Umfrage werden mit ihrer Nummer genannt, ab 1.',
      });
    }
    return Number(number) - 1;
  });
}

/** Sides of a group's picture, the first one that fits into its bytes. */
const GROUP_PICTURE_SIDES = [128, 96, 64, 32];

/** A small picture of a JPEG or PNG file, for a group. @throws KuvertError `file_unreadable`; UsageError for what is no such picture */
export async function groupPictureOf(path: string): Promise<GroupPicture> {
  const parts: Uint8Array[] = [];
  const source = await fileSource(path);
  if (source.sizeBytes <= PICTURE_BYTES_MAX)
    for await (const part of source.read()) parts.push(Uint8Array.from(part));
  for (const sideMax of GROUP_PICTURE_SIDES) {
    const limits = { sideMax, bytesMax: GROUP_LIMITS.pictureBytesMax };
    const preview = picturePreview(Buffer.concat(parts), limits)?.preview;
    if (preview !== undefined) return preview;
  }
  throw new UsageError({
    en: 'The picture of a group is made of a JPEG or PNG file of up to 24 MB and 24 million points.',
    de: 'Das Bild einer Gruppe entsteht aus einer JPEG- oder PNG-Datei mit bis zu 24 MB und 24 Millionen Punkten.',
  });
}

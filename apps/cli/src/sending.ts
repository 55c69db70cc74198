/** What `kuvert send` does beside texts: files, answers, edits, deletions, reactions, polls, places. Chat does the same by its commands. */
import type { MessageEntry } from '@kuvert/client-core';
import { fileSource, type Profile } from '@kuvert/client-core/node';
import { type ContentId, type ConversationId, isId, KuvertError } from '@kuvert/protocol';
import { UsageError } from './failure.ts';
import { mediaOf } from './media.ts';
import { filePreview } from './previews.ts';

/** A message by the id that `send` and `inbox` print. @throws KuvertError `message_unknown` */
export function messageNamed(profile: Profile, messageId: string): MessageEntry {
  const found = isId('content', messageId) ? profile.conversations.find(messageId as ContentId) : [];
  const entry = found.find(({ kind }) => kind !== 'deleted');
  if (entry === undefined) throw new KuvertError('message_unknown');
  return entry;
}

/** The reference by which an answer names what it answers. */
export function replyTo(entry: MessageEntry) {
  return { message: entry.messageId, author: entry.senderPerson };
}

/** Seals and queues a file. @param to.onBytes told while it is read */
export async function sendFile(
  profile: Profile,
  to: {
    readonly conversationId: ConversationId;
    readonly path: string;
    readonly text?: string | undefined;
    readonly answers?: MessageEntry | undefined;
    readonly onBytes?: (done: number, total: number) => void;
  },
): Promise<ContentId> {
  const { conversationId, path, text, answers, onBytes } = to;
  const source = await fileSource(path);
  const { kind, mediaType } = mediaOf(source.name);
  const look = kind === 'picture' ? await filePreview(path, source.sizeBytes) : {};
  const message = {
    kind,
    mediaType,
    ...(text !== undefined && text !== '' && { text }),
    ...(answers && { replyTo: replyTo(answers) }),
    ...look,
  };
  return profile.attachments.send(conversationId, source, message, onBytes);
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

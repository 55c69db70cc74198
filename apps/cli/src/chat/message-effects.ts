/** What the chat does with one message, or sends beside texts, when its commands ask for it. */
import { stat } from 'node:fs/promises';
import type { MessageEntry } from '@kuvert/client-core';
import { fileTarget, type Profile } from '@kuvert/client-core/node';
import type { ConversationId } from '@kuvert/protocol';
import { mentionsIn } from '../content/mentions.ts';
import { UsageError } from '../failure.ts';
import { cardOf, choicesOf, linkOf, nameablesOf, placeOf, replyTo, sendFile } from '../sending.ts';
import { pathOf } from './complete-path.ts';
import type { ComposeKind, MessageAction } from './model.ts';
import { peopleNamed } from './people-named.ts';

/** What separates the parts of a poll, and a file from what is said about it. */
const SEPARATOR = /\s+\|\s+/;

/** @returns where something was saved, when something was. @throws KuvertError, UsageError */
export async function actOnMessage(
  profile: Profile,
  conversationId: ConversationId,
  {
    entryId,
    action,
    text,
  }: { readonly entryId: number; readonly action: MessageAction; readonly text: string },
): Promise<string | undefined> {
  const { conversations, attachments } = profile;
  switch (action) {
    case 'reply':
      conversations.write(conversationId, {
        ...textOf(profile, conversationId, text),
        replyTo: replyTo(messageAt(profile, entryId)),
      });
      return undefined;
    case 'edit':
      conversations.edit(entryId, text, textOf(profile, conversationId, text).mentions);
      return undefined;
    case 'react':
      conversations.react(entryId, text);
      return undefined;
    case 'vote':
      conversations.vote(entryId, choicesOf(text.split(/[\s,]+/).filter((word) => word !== '')));
      return undefined;
    case 'endPoll':
      conversations.endPoll(entryId);
      return undefined;
    case 'save':
      return attachments.save(entryId, await fileTarget(pathOf(text === '' ? '.' : text), String(entryId)));
  }
}

/** Sends a text, with whom it names. @throws KuvertError */
export async function sendText(
  profile: Profile,
  conversationId: ConversationId,
  text: string,
): Promise<void> {
  const content = textOf(profile, conversationId, text);
  const { peer, group } = profile.conversations.get(conversationId);
  if (content.mentions !== undefined) profile.conversations.write(conversationId, content);
  else if (group === undefined) await profile.send({ to: peer.mail ?? '', text });
  else profile.groups.send(group.groupId, text);
}

/**
 * Sends something else than a text into the open conversation.
 * @throws KuvertError, UsageError
 */
export async function compose(
  profile: Profile,
  conversationId: ConversationId,
  { kind, text }: { readonly kind: ComposeKind; readonly text: string },
): Promise<void> {
  const { conversations } = profile;
  switch (kind) {
    case 'file':
    case 'voice': {
      const { path, said } = kind === 'voice' ? { path: pathOf(text), said: '' } : await fileAndWords(text);
      const { mentions } = textOf(profile, conversationId, said);
      const isVoice = kind === 'voice';
      await sendFile(profile, {
        conversationId,
        path,
        text: said,
        ...(mentions && { mentions }),
        isVoice,
      });
      return;
    }
    case 'place':
      conversations.write(conversationId, { kind: 'location', ...placeOf(text) });
      return;
    case 'contact':
      conversations.write(conversationId, await cardOf(profile, await cardWords(profile, text)));
      return;
    case 'poll':
    case 'pollMultiple': {
      const [question = '', ...options] = text.split(SEPARATOR).map((part) => part.trim());
      conversations.write(conversationId, {
        kind: 'poll',
        question,
        options,
        isMultiple: kind === 'pollMultiple',
      });
      return;
    }
    case 'web': {
      const [, url = '', words = ''] = /^(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
      const link = await linkOf({ url });
      const content = textOf(profile, conversationId, words === '' ? link.url : words);
      conversations.write(conversationId, { ...content, links: [link] });
    }
  }
}

/** A file may have the separator in its name. */
async function fileAndWords(text: string): Promise<{ path: string; said: string }> {
  const whole = pathOf(text);
  const [first = '', ...said] = text.split(SEPARATOR);
  const isWhole = said.length === 0 || (await stat(whole).catch(() => undefined))?.isFile() === true;
  return isWhole ? { path: whole, said: '' } : { path: pathOf(first), said: said.join(' | ') };
}

/** `Cem Demir | cem@acme.test | +49 89 1234`, or a colleague alone, by address or name. */
async function cardWords(
  profile: Profile,
  text: string,
): Promise<{ who: string; mails: string[]; phones: string[] }> {
  const [one, ...others] = text.includes('|') ? [] : peopleNamed(await profile.people(), text);
  if (one !== undefined && others.length === 0) return { who: one.mail, mails: [], phones: [] };
  const [who = '', ...more] = text.split(SEPARATOR).map((part) => part.trim());
  const mails = more.filter((part) => part.includes('@'));
  const phones = more.filter((part) => !part.includes('@'));
  if (phones.some((part) => !/^[+\d][\d ()/.-]*$/.test(part))) {
    throw new UsageError({
      en: 'A card has a name, addresses and numbers: Cem Demir | cem@acme.test | +49 89 1234',
      de: 'Eine Karte hat Name, Adressen und Nummern: Cem Demir | cem@acme.test | +49 89 1234',
    });
  }
  return { who, mails, phones };
}

function textOf(profile: Profile, conversationId: ConversationId, text: string) {
  const mentions = mentionsIn(text, nameablesOf(profile, conversationId));
  return { kind: 'text' as const, text, ...(mentions.length > 0 && { mentions }) };
}

function messageAt(profile: Profile, entryId: number): MessageEntry {
  return profile.conversations.entry(entryId) as MessageEntry;
}

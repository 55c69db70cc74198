/** What `kuvert send` writes down when it is something else than a plain text. */
import type { Profile } from '@kuvert/client-core/node';
import { type ContentId, type ConversationId, type Mention, mailAddress } from '@kuvert/protocol';
import { UsageError } from '../failure.ts';
import type { ProfileOptions } from '../profile-session.ts';
import {
  cardOf,
  choicesOf,
  linkOf,
  mentionsOf,
  messageNamed,
  placeOf,
  replyTo,
  sendFile,
} from '../sending.ts';

/** Options of `kuvert send`. */
export interface SendOptions extends ProfileOptions {
  readonly to?: string;
  readonly group?: string;
  readonly text?: string | undefined;
  readonly jsonl?: string;
  readonly file?: string;
  readonly replyTo?: string;
  readonly edit?: string;
  readonly delete?: string;
  readonly react?: string;
  readonly place?: string;
  readonly poll?: string;
  readonly option?: string[];
  readonly multiple?: true;
  readonly vote?: string;
  readonly endPoll?: string;
  readonly voice?: string;
  readonly contact?: string;
  readonly mail?: string[];
  readonly phone?: string[];
  readonly organisation?: string;
  readonly link?: string;
  readonly linkTitle?: string;
  readonly linkText?: string;
  readonly mention?: string[];
}

/** Writes it down. @returns its id */
export async function queueOther(profile: Profile, options: SendOptions): Promise<ContentId> {
  const { conversations } = profile;
  const { text = '', edit, react, vote, endPoll, option = [] } = options;
  if (edit !== undefined) {
    const { entryId, conversationId } = messageNamed(profile, edit);
    return conversations.edit(entryId, text, await namedIn(profile, conversationId, options));
  }
  if (react !== undefined) return conversations.react(messageNamed(profile, react).entryId, text.trim());
  if (vote !== undefined) return conversations.vote(messageNamed(profile, vote).entryId, choicesOf(option));
  if (endPoll !== undefined) return conversations.endPoll(messageNamed(profile, endPoll).entryId);
  if (options.delete !== undefined) {
    const entry = messageNamed(profile, options.delete);
    conversations.deleteEntries([entry.entryId], 'everywhere');
    return entry.messageId;
  }
  return queueMessage(profile, options);
}

/** A message of its own, of any kind. */
async function queueMessage(profile: Profile, options: SendOptions): Promise<ContentId> {
  const { conversations } = profile;
  const { to, group, text = '', place, poll, contact, link, option = [] } = options;
  const conversationId =
    group === undefined
      ? await profile.conversationAt(mailAddress.parse(to))
      : profile.groups.find(group).conversationId;
  const answers = options.replyTo === undefined ? undefined : messageNamed(profile, options.replyTo);
  if (answers !== undefined && answers.conversationId !== conversationId) throw answeredElsewhere();
  const answering = answers === undefined ? {} : { replyTo: replyTo(answers) };
  const path = options.file ?? options.voice;
  const mentions = await namedIn(profile, conversationId, options);
  if (path !== undefined) {
    return sendFile(profile, {
      conversationId,
      path,
      text: options.text,
      ...(mentions && { mentions }),
      answers,
      isVoice: options.voice !== undefined,
    });
  }
  if (place !== undefined)
    return conversations.write(conversationId, { kind: 'location', ...placeOf(place), ...answering });
  if (contact !== undefined) {
    const { mail: mails = [], phone: phones = [], organisation } = options;
    const card = await cardOf(profile, { who: contact, mails, phones, organisation });
    return conversations.write(conversationId, { ...card, ...answering });
  }
  if (poll !== undefined) {
    const isMultiple = options.multiple === true;
    return conversations.write(conversationId, {
      kind: 'poll',
      question: poll,
      options: option,
      isMultiple,
      ...answering,
    });
  }
  const links =
    link === undefined
      ? undefined
      : [await linkOf({ url: link, title: options.linkTitle, description: options.linkText })];
  return conversations.write(conversationId, {
    kind: 'text',
    text: text === '' && links !== undefined ? (links[0]?.url ?? '') : text,
    ...(links && { links }),
    ...(mentions && { mentions }),
    ...answering,
  });
}

/** Others would read an answer to something that they have not, and learn that it was written. */
function answeredElsewhere(): UsageError {
  return new UsageError({
    en: 'The message that you answer is in another conversation.',
    de: 'Die Nachricht, auf die Sie antworten, steht in einer anderen Unterhaltung.',
  });
}

async function namedIn(
  profile: Profile,
  conversationId: ConversationId,
  { mention, text = '' }: SendOptions,
): Promise<Mention[] | undefined> {
  if (mention === undefined) return undefined;
  const group = profile.groups.of(conversationId);
  // Names of many members come only when they are wanted.
  if (group && profile.isConnected) await profile.groups.learnNames(group.groupId);
  return mentionsOf(profile, conversationId, { text, mails: mention });
}

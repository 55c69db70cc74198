/** What the chat does with one message, or with a file, when its commands ask for it. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { MessageEntry } from '@kuvert/client-core';
import { fileTarget, type Profile } from '@kuvert/client-core/node';
import type { ConversationId } from '@kuvert/protocol';
import { choicesOf, replyTo, sendFile } from '../sending.ts';
import type { MessageAction } from './model.ts';

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
        kind: 'text',
        text,
        replyTo: replyTo(messageAt(profile, entryId)),
      });
      return undefined;
    case 'edit':
      conversations.edit(entryId, text);
      return undefined;
    case 'react':
      conversations.react(entryId, text);
      return undefined;
    case 'vote':
      conversations.vote(entryId, choicesOf(text.split(/[\s,]+/).filter((word) => word !== '')));
      return undefined;
    case 'save':
      return attachments.save(entryId, await fileTarget(pathOf(text === '' ? '.' : text), String(entryId)));
  }
}

/** Sends a file into the open conversation. @throws KuvertError */
export async function sendChatFile(
  profile: Profile,
  conversationId: ConversationId,
  path: string,
): Promise<void> {
  await sendFile(profile, { conversationId, path: pathOf(path) });
}

function messageAt(profile: Profile, entryId: number): MessageEntry {
  return profile.conversations.entry(entryId) as MessageEntry;
}

/** As a shell reads it: the home folder by `~`, quotes around the whole. */
function pathOf(text: string): string {
  const path = /^(["'])(.*)\1$/s.exec(text)?.[2] ?? text;
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

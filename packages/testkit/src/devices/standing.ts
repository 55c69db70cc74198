/** What a profile has on its screen, as the ledger takes it. */
import type { ConversationSummary, Entry } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { KuvertError } from '@kuvert/protocol';
import type { StandingConversation, StandingEntry } from '../ledger/events.ts';

const PAGE = 1_000;

/** All conversations of a profile with people that are known, from top to bottom; asks the server for their keys. */
export async function standingOf(profile: Profile): Promise<StandingConversation[]> {
  const standing: StandingConversation[] = [];
  for (const summary of profile.conversations.list()) {
    const { personId } = summary.peer;
    if (personId === undefined) continue;
    const entries = allEntries(profile, summary).flatMap(lineOf);
    const settings = settingsOf(summary);
    standing.push({ with: personId, settings, safety: await safetyOf(profile, summary), entries });
  }
  return standing;
}

/** Everything in a conversation, oldest first. */
export function allEntries(profile: Profile, { conversationId }: ConversationSummary): Entry[] {
  const all: Entry[] = [];
  let page = profile.conversations.entries(conversationId, { aroundMs: 0, limit: PAGE });
  all.push(...page.entries);
  while (page.newer !== undefined) {
    page = profile.conversations.entries(conversationId, { after: page.newer, limit: PAGE });
    all.push(...page.entries);
  }
  return all;
}

function lineOf(entry: Entry): StandingEntry[] {
  if (entry.direction === 'system' || (entry.kind !== 'text' && entry.kind !== 'deleted')) return [];
  const { senderDevice: from, messageId, kind, text, isUnread, state } = entry;
  return [{ from, messageId, kind, text, isUnread, ...(state !== undefined && { state }) }];
}

function settingsOf({ isPinned, mutedUntilMs, draft }: ConversationSummary): string {
  return [isPinned && 'pinned', mutedUntilMs && `muted until ${mutedUntilMs}`, draft && `draft ${draft}`]
    .filter(Boolean)
    .join(', ');
}

/** The number first, so that it can be compared with the other person's. */
async function safetyOf(profile: Profile, { peer }: ConversationSummary): Promise<string> {
  if (peer.mail === undefined) return '';
  try {
    const { number, verification } = await profile.safety.show(peer.mail);
    return `${number.replaceAll(' ', '')} ${verification}`;
  } catch (error) {
    // Somebody without a device has no keys to be compared.
    if (error instanceof KuvertError && error.code === 'no_device') return '';
    throw error;
  }
}

/** `kuvert conversations`, `read` and `search`: what there is, what is new, and what was. */
import type { ConversationSummary } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { type Command, InvalidArgumentError } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { namesIn } from '../content-text.ts';
import { conversationTextsIn } from '../conversation-texts.ts';
import {
  checkWithin,
  conversationJson,
  conversationText,
  entryJson,
  entryText,
  findConversation,
  isWithin,
  type WithinOptions,
  withinCommand,
} from '../conversation-view.ts';
import type { Output } from '../output.ts';
import { flushIfReachable, type ProfileOptions, withProfile } from '../profile-session.ts';

const SEARCH_LIMIT_MAX = 100_000;
const PAGE = 500;

const QUERY_HELP = `
Words must all occur, each also as the beginning of a longer word; "a phrase"
exactly; -word excludes. Case, accents and umlauts do not matter. It narrows:
  from:NAME|MAIL|me  with:NAME|MAIL      also von:, mit:
  on: before: after: since: until:       also am:, vor:, nach:, seit:, bis:
    with 2026-03-01, 1.3.2026, 2026-03, 2026, today, yesterday (heute, gestern)`;

/** @see buildProgram */
export function addConversations(program: Command, context: CommandContext): void {
  const list = program
    .command('conversations')
    .description('show your conversations, pinned ones first, then the newest');
  profileCommand(list).action((options: ProfileOptions) => {
    const { output } = context;
    return withProfile(options, output, async (profile) => {
      await fetchFirst(profile, output);
      const summaries = profile.conversations.list();
      for (const summary of summaries) {
        await output.result(conversationJson(summary), () => conversationText(summary, output));
      }
      if (summaries.length === 0)
        await output.progress(conversationTextsIn(output.language).noConversations());
    });
  });
  finishCommand(list, ['kuvert conversations --profile anna --secret-file anna.secret']);

  const read = withinCommand(program.command('read').description('show what is unread and mark it as read'));
  profileCommand(read).action(async (options: ProfileOptions & WithinOptions) => {
    checkWithin(options);
    await withProfile(options, context.output, (profile) => readAll(profile, options, context.output));
  });
  finishCommand(read, ['kuvert read --profile anna --secret-file anna.secret --with ben@acme.test']);

  const search = withinCommand(
    program
      .command('search')
      .description('find messages by their words, newest first; needs no server')
      .argument('<query...>', 'what to look for'),
  )
    .option('--limit <number>', 'at most so many, the newest', readLimit, 50)
    .addHelpText('after', QUERY_HELP);
  profileCommand(search).action(
    async (words: string[], options: ProfileOptions & WithinOptions & { limit: number }) => {
      checkWithin(options);
      await withProfile(options, context.output, (profile) =>
        find(profile, quoteWords(words), options, context.output),
      );
    },
  );
  finishCommand(search, [
    'kuvert search --profile anna --secret-file anna.secret rechnung from:ben since:2026-01',
    'kuvert search --profile anna --secret-file anna.secret \'"exactly these words"\'',
  ]);
}

/** New messages are fetched, so that what is shown is how it is now. */
async function fetchFirst(profile: Profile, output: Output): Promise<void> {
  if (await flushIfReachable(profile)) return;
  await output.notice('server_unreachable', output.texts.offlineLocal());
}

async function readAll(profile: Profile, within: WithinOptions, output: Output): Promise<void> {
  await fetchFirst(profile, output);
  const chosen = isWithin(within) ? [findConversation(profile, within)] : profile.conversations.list();
  let count = 0;
  for (const summary of chosen) {
    if (summary.unread > 0) count += await readOne(profile, summary, output);
  }
  if (count === 0) await output.progress(conversationTextsIn(output.language).nothingUnread());
  else await flushIfReachable(profile);
}

/** Marks each page when all of it was printed, so that what is cut off in the middle is not taken for read. */
async function readOne(profile: Profile, summary: ConversationSummary, output: Output): Promise<number> {
  const { conversations } = profile;
  const { conversationId } = summary;
  let count = 0;
  let page = conversations.entries(conversationId, { aroundMs: 0, limit: PAGE });
  for (;;) {
    for (const entry of page.entries) {
      if (entry.direction !== 'in' || !entry.isUnread) continue;
      await output.result(entryJson(entry, summary, output, namesIn(profile)), () =>
        entryText(entry, summary, output, namesIn(profile)),
      );
      count++;
    }
    const last = page.entries.at(-1);
    if (last !== undefined) conversations.markRead(last.entryId);
    if (page.newer === undefined) return count;
    page = conversations.entries(conversationId, { after: page.newer, limit: PAGE });
  }
}

async function find(
  profile: Profile,
  query: string,
  options: WithinOptions & { readonly limit: number },
  output: Output,
): Promise<void> {
  const { conversations } = profile;
  const summaries = new Map(conversations.list().map((summary) => [summary.conversationId, summary]));
  const within = isWithin(options) ? findConversation(profile, options) : undefined;
  let left = options.limit;
  let before: number | undefined;
  do {
    const page = conversations.search(query, {
      limit: Math.min(left, PAGE),
      ...(before !== undefined && { before }),
      ...(within && { conversationId: within.conversationId }),
    });
    for (const { entry, matches } of page.found) {
      const summary = summaries.get(entry.conversationId);
      if (summary === undefined) continue;
      await output.result({ ...entryJson(entry, summary, output, namesIn(profile)), matches }, () =>
        entryText(entry, summary, output, namesIn(profile)),
      );
    }
    left -= page.found.length;
    before = page.older;
  } while (before !== undefined && left > 0);
  if (left === options.limit) await output.progress(conversationTextsIn(output.language).nothingFound());
}

/** What the shell gave as one argument was meant as one: with a space in it, and no mark of its own, it is a phrase. */
function quoteWords(words: readonly string[]): string {
  if (words.length === 1) return words[0] ?? '';
  return words.map((word) => (/^[^"„“:-][^"„“:]*\s/u.test(word) ? `"${word}"` : word)).join(' ');
}

function readLimit(text: string): number {
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > SEARCH_LIMIT_MAX)
    throw new InvalidArgumentError(`It is a number from 1 to ${SEARCH_LIMIT_MAX}.`);
  return limit;
}

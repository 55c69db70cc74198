/** `kuvert history`: what was written and read before. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Profile } from '@kuvert/client-core/node';
import { type Command, InvalidArgumentError } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { namesIn } from '../content-text.ts';
import { conversationTextsIn } from '../conversation-texts.ts';
import {
  checkWithin,
  entryJson,
  entryText,
  findConversation,
  isWithin,
  type WithinOptions,
  withinCommand,
} from '../conversation-view.ts';
import { historyJson, historyText } from '../message-view.ts';
import { noticeJson, noticeText } from '../notice-view.ts';
import type { Output } from '../output.ts';
import { type ProfileOptions, TIME_LIMIT_MS, withProfile } from '../profile-session.ts';

const LIMIT_MAX = 1_000_000;
/** So long after the last part another one is waited for. */
const FETCH_PATIENCE_MS = 10_000;
const FETCH_POLL_MS = 500;

/** @see buildProgram */
export function addHistory(program: Command, context: CommandContext): void {
  const command = withinCommand(
    program.command('history').description('show what was sent and received, oldest first; needs no server'),
  )
    .option('--limit <number>', 'at most so many, the newest', readLimit, 100)
    .option('--notices', 'also what happened between messages: who came and went, keys that changed')
    .option('--fetch', 'first ask another device of yours for what is missing here; needs the server');
  type Options = ProfileOptions & WithinOptions & { limit: number; notices?: true; fetch?: true };
  profileCommand(command).action(async (options: Options) => {
    const { output } = context;
    checkWithin(options);
    await withProfile(options, output, async (profile) => {
      const { limit } = options;
      if (options.fetch) await fetchHistory(profile, output);
      const nameOf = namesIn(profile);
      const summaries = profile.conversations.list();
      const only = isWithin(options) ? findConversation(profile, options) : undefined;
      for (const line of profile.historyLines({
        limit,
        withNotices: options.notices === true,
        ...(only && { conversationId: only.conversationId }),
      })) {
        if (line.direction !== 'notice') {
          await output.result(historyJson(line, output, nameOf), () => historyText(line, output, nameOf));
          continue;
        }
        const { entry } = line;
        const summary = summaries.find((one) => one.conversationId === entry.conversationId);
        if (summary === undefined) continue;
        if (entry.direction !== 'system') {
          await output.result(entryJson(entry, summary, output, nameOf), () =>
            entryText(entry, summary, output, nameOf),
          );
        } else {
          await output.result(noticeJson(entry, summary, { output, profile, nameOf }), () =>
            noticeText(entry, summary, { output, profile, nameOf }),
          );
        }
      }
    });
  });
  finishCommand(command, [
    'kuvert history --profile anna --secret-file anna.secret --with ben@acme.test --limit 20',
    'kuvert history --profile anna --secret-file anna.secret --group Release',
  ]);
}

/** Asks, then waits as long as something comes. */
async function fetchHistory(profile: Profile, output: Output): Promise<void> {
  const texts = conversationTextsIn(output.language);
  const { historyTransfer } = profile;
  await profile.flush({ timeoutMs: TIME_LIMIT_MS.flush });
  if (historyTransfer.progress()?.isComplete !== false) historyTransfer.ask();
  let messages = 0;
  for (
    let heardAt = performance.now();
    performance.now() - heardAt < FETCH_PATIENCE_MS;
    await pause(FETCH_POLL_MS)
  ) {
    await profile.flush({ timeoutMs: TIME_LIMIT_MS.drain });
    const progress = historyTransfer.progress();
    if (progress === undefined) return;
    if (progress.isComplete) {
      await output.progress(texts.historyComplete(progress.messages));
      return;
    }
    if (progress.messages === messages) continue;
    messages = progress.messages;
    heardAt = performance.now();
    await output.progress(texts.historyProgress(messages, progress.total));
  }
  await output.notice('history_waiting', texts.historyWaiting());
}

function readLimit(text: string): number {
  const limit = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > LIMIT_MAX)
    throw new InvalidArgumentError(`It is a number from 1 to ${LIMIT_MAX}.`);
  return limit;
}

/**
 * `kuvert inbox`: prints what no earlier `inbox` printed. A message is stored and acknowledged before it is printed, and
 * marked as printed after the system has taken its line: a process that is killed in between prints it again next time,
 * and none is ever lost.
 */
import type { IncomingMessage } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import { KuvertError } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { namesIn } from '../content-text.ts';
import { FileSaver } from '../file-saver.ts';
import { incomingJson, incomingText } from '../message-view.ts';
import type { Output } from '../output.ts';
import {
  connectIfReachable,
  isOffline,
  type ProfileOptions,
  TIME_LIMIT_MS,
  tellNotices,
  withProfile,
} from '../profile-session.ts';

/** Messages printed between two marks: a mark is a commit, and one for each message would halve the speed of a long list. */
const PRINT_BATCH = 50;
const NOTICE_POLL_MS = 1_000;

/** @see buildProgram */
export function addInbox(program: Command, context: CommandContext): void {
  const command = program
    .command('inbox')
    .description('fetch and print new messages')
    .option('--follow', 'stay connected and print messages as they come, until Ctrl-C')
    .option(
      '--save-files <folder>',
      'save the files of new messages in this folder, each under a name that is free',
    );
  profileCommand(command).action(async (options: ProfileOptions & { follow?: true; saveFiles?: string }) => {
    const { output } = context;
    const stop = options.follow ? context.stopSignal() : undefined;
    const folder = options.saveFiles;
    await withProfile(options, output, async (profile) => {
      const saver = folder === undefined ? undefined : new FileSaver(profile, folder, output);
      await (stop === undefined ? printNew(profile, output, saver) : follow(profile, output, stop, saver));
      if (saver?.failure !== undefined) context.exitCode = saver.failure;
    });
  });
  finishCommand(command, [
    'kuvert inbox --profile anna --secret-file anna.secret',
    'kuvert inbox --profile anna --secret-file anna.secret --follow --json',
  ]);
}

/**
 * Takes everything out of the mailbox and prints it.
 * @throws KuvertError `server_unreachable` when it could not be emptied, after what is here has been printed
 */
export async function printNew(profile: Profile, output: Output, saver?: FileSaver): Promise<void> {
  let drained = false;
  let failure: unknown = new KuvertError('server_unreachable');
  try {
    drained = (await connectIfReachable(profile)) && (await drain(profile));
  } catch (error) {
    failure = error;
  }
  let printed = await printStored(profile, output, saver);
  const foundNothing = printed === 0;
  // Receipts go with this visit, which tells the server nothing that fetching has not told it.
  if (drained && !foundNothing) await drain(profile);
  // A very full mailbox takes more than one round; a round that brought nothing is the last.
  while (!drained && printed > 0 && isOffline(failure) && (await connectIfReachable(profile))) {
    drained = await drain(profile);
    printed = await printStored(profile, output, saver);
  }
  if (!drained) throw failure;
  if (foundNothing && profile.notices().length === 0) await output.progress(output.texts.noMessages());
}

async function drain(profile: Profile): Promise<boolean> {
  try {
    await profile.flush({ timeoutMs: TIME_LIMIT_MS.drain });
    return true;
  } catch (error) {
    if (isOffline(error)) return false;
    throw error;
  }
}

/** @returns how many were printed */
async function printStored(profile: Profile, output: Output, saver: FileSaver | undefined): Promise<number> {
  let count = 0;
  for (;;) {
    const batch = profile.inbox({ limit: PRINT_BATCH });
    if (batch.length === 0) return count;
    const printed: IncomingMessage[] = [];
    try {
      for (const message of batch) {
        await printMessage(profile, message, output, saver);
        printed.push(message);
      }
    } finally {
      // Also when the reader left in the middle (`| head -3`): what it has got, it does not get again.
      profile.markPrinted(printed);
      profile.markRead(printed);
    }
    count += printed.length;
  }
}

async function follow(
  profile: Profile,
  output: Output,
  stop: AbortSignal,
  saver: FileSaver | undefined,
): Promise<void> {
  const failed = new AbortController();
  const notices = setInterval(() => void tellNotices(profile, output).catch(() => undefined), NOTICE_POLL_MS);
  try {
    await profile.follow(
      async (message) => {
        try {
          await printMessage(profile, message, output, saver);
        } catch (error) {
          failed.abort(error);
          throw error;
        }
      },
      AbortSignal.any([stop, failed.signal]),
    );
  } finally {
    clearInterval(notices);
  }
  if (failed.signal.aborted) throw failed.signal.reason;
}

async function printMessage(
  profile: Profile,
  message: IncomingMessage,
  output: Output,
  saver: FileSaver | undefined,
): Promise<void> {
  const nameOf = namesIn(profile);
  // Saved before it is printed: a line that was printed is not printed again, and neither would its file be saved.
  const saved = await saver?.save(message);
  await output.result({ ...incomingJson(message, output, nameOf), ...saved?.json }, () =>
    [incomingText(message, output, nameOf), ...(saved?.lines ?? [])].join('\n'),
  );
}

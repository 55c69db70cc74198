/** `kuvert history`: what was written and read before. */
import { type Command, InvalidArgumentError } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { historyJson, historyText } from '../message-view.ts';
import { type ProfileOptions, withProfile } from '../profile-session.ts';

const LIMIT_MAX = 1_000_000;

/** @see buildProgram */
export function addHistory(program: Command, context: CommandContext): void {
  const command = program
    .command('history')
    .description('show what was sent and received, oldest first; needs no server')
    .option('--with <mail>', 'only with this person')
    .option('--limit <number>', 'at most so many, the newest', readLimit, 100);
  profileCommand(command).action(async (options: ProfileOptions & { with?: string; limit: number }) => {
    const { output } = context;
    await withProfile(options, output, async (profile) => {
      const { with: mail, limit } = options;
      for (const entry of profile.history({ limit, ...(mail === undefined ? {} : { with: mail }) })) {
        await output.result(historyJson(entry, output), () => historyText(entry, output));
      }
    });
  });
  finishCommand(command, [
    'kuvert history --profile anna --secret-file anna.secret --with ben@acme.test --limit 20',
  ]);
}

function readLimit(text: string): number {
  const limit = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > LIMIT_MAX)
    throw new InvalidArgumentError(`It is a number from 1 to ${LIMIT_MAX}.`);
  return limit;
}

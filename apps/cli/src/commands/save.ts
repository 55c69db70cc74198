/** `kuvert save`: the files of messages that came or went before. */
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { FileSaver } from '../file-saver.ts';
import { connectIfReachable, type ProfileOptions, withProfile } from '../profile-session.ts';
import { messageNamed } from '../sending.ts';

/** @see buildProgram */
export function addSave(program: Command, context: CommandContext): void {
  const command = program
    .command('save')
    .description('save the files of messages, also of such as were read long ago')
    .argument('<message...>', 'ids as inbox, history and send print them')
    .option('--to <folder>', 'save them in this folder, each under a name that is free', '.');
  profileCommand(command).action((messageIds: string[], options: ProfileOptions & { to: string }) =>
    withProfile(options, context.output, async (profile) => {
      const entries = messageIds.map((messageId) => messageNamed(profile, messageId));
      const { output } = context;
      const saver = new FileSaver(profile, options.to, output);
      // What is in the profile needs no server; what is not says so.
      await connectIfReachable(profile);
      for (const { entryId, messageId } of entries) {
        const { json, lines } = await saver.saveEntry(entryId, messageId);
        await output.result({ messageId, ...json }, () => lines.map((line) => line.trim()).join('\n'));
      }
      if (saver.failure !== undefined) context.exitCode = saver.failure;
    }),
  );
  finishCommand(command, [
    'kuvert save ms_4zv8… --to ~/Downloads --profile anna --secret-file anna.secret',
    'kuvert save ms_4zv8… --profile anna --secret-file anna.secret --json',
  ]);
}

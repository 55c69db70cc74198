/** `kuvert versions`: every text that a message has had. */
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { localTime } from '../message-view.ts';
import { type ProfileOptions, withProfile } from '../profile-session.ts';
import { messageNamed } from '../sending.ts';
import { showText } from '../terminal-text.ts';

/** @see buildProgram */
export function addVersions(program: Command, context: CommandContext): void {
  const command = program
    .command('versions')
    .description('show every text that a message has had, the first one first; needs no server')
    .argument('<message>', 'its id, as inbox, history and send print it');
  profileCommand(command).action((messageId: string, options: ProfileOptions) =>
    withProfile(options, context.output, async (profile) => {
      const { entryId } = messageNamed(profile, messageId);
      for (const { atMs, text } of profile.conversations.versions(entryId)) {
        await context.output.result(
          { at: new Date(atMs).toISOString(), text },
          () => `${localTime(atMs)}  ${showText(text)}`,
        );
      }
    }),
  );
  finishCommand(command, ['kuvert versions ms_4zv8… --profile anna --secret-file anna.secret']);
}

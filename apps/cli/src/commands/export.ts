/** `kuvert export`: one's own data, to read and to take along. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { conversationTextsIn } from '../conversation-texts.ts';
import { writeExport } from '../export/write-export.ts';
import { type ProfileOptions, withProfile } from '../profile-session.ts';
import { showLine } from '../terminal-text.ts';

/** @see buildProgram */
export function addExport(program: Command, context: CommandContext): void {
  const command = program
    .command('export')
    .description('write your own data as readable pages and as JSON; needs no server')
    .argument('<folder>', 'a new or empty folder');
  profileCommand(command).action((folder: string, options: ProfileOptions) => {
    const { output } = context;
    const path = resolve(folder);
    return withProfile(options, output, async (profile) => {
      const messages = await writeExport(profile, path, output);
      const sentence = conversationTextsIn(output.language).exported(messages, showLine(path));
      await output.result({ folder: path, entries: messages }, () => sentence);
    });
  });
  finishCommand(command, ['kuvert export --profile anna --secret-file anna.secret my-messages']);
}

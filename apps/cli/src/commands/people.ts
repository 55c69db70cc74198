/** `kuvert people`: colleagues to whom one can write. */
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { flushIfReachable, type ProfileOptions, withProfile } from '../profile-session.ts';
import { showLine } from '../terminal-text.ts';

/** @see buildProgram */
export function addPeople(program: Command, context: CommandContext): void {
  const command = program.command('people').description('list the people of your organisation');
  profileCommand(command).action(async (options: ProfileOptions) => {
    const { output } = context;
    await withProfile(options, output, async (profile) => {
      const reachable = await flushIfReachable(profile);
      for (const { personId, name, mail } of await profile.people()) {
        await output.result({ personId, name, mail }, () => `${showLine(name)} <${showLine(mail)}>`);
      }
      if (!reachable) await output.notice('server_unreachable', output.texts.offlineLocal());
    });
  });
  finishCommand(command, ['kuvert people --profile anna --secret-file anna.secret']);
}

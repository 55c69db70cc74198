/** `kuvert whoami`: whose profile this is. */
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { type ProfileOptions, withProfile } from '../profile-session.ts';
import { showLine } from '../terminal-text.ts';

/** @see buildProgram */
export function addWhoami(program: Command, context: CommandContext): void {
  const command = program.command('whoami').description('show whose profile this is; needs no server');
  profileCommand(command).action(async (options: ProfileOptions) => {
    const { output } = context;
    await withProfile(options, output, async (profile) => {
      const { deviceId, personId, tenantId, tenantName, name, mail, serverUrl } = profile.whoami();
      const result = { deviceId, personId, tenantId, tenantName, name, mail, server: serverUrl };
      await output.result(result, () =>
        [
          `${showLine(name)} <${showLine(mail)}>, ${showLine(tenantName)}`,
          deviceId,
          showLine(serverUrl),
        ].join('\n'),
      );
    });
  });
  finishCommand(command, ['kuvert whoami --profile anna --secret-file anna.secret']);
}

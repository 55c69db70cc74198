/** `kuvert link`: makes a profile folder and links it as a further device of somebody who has one. */
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { checkServerUrl } from '../failure.ts';
import { runLinkFlow } from '../link-flow.ts';
import type { ProfileOptions } from '../profile-session.ts';
import { readSecretFile } from '../secret-file.ts';

/** @see buildProgram */
export function addLink(program: Command, context: CommandContext): void {
  const command = program
    .command('link')
    .description(
      'link this profile as a further device of yours: shows a code for a device that you already use',
    )
    .requiredOption('--server <url>', 'where the server is: https://…, or http:// on this machine')
    .option(
      '--name <name>',
      'what you call this device; only your devices see it (the host name unless given)',
    );
  profileCommand(command).action(async (options: ProfileOptions & { server: string; name?: string }) => {
    const { server: serverUrl, name } = options;
    checkServerUrl(serverUrl);
    const secret = await readSecretFile(options.secretFile, context.output);
    await runLinkFlow(context, { options, serverUrl, secret, name });
  });
  finishCommand(command, [
    'head -c 24 /dev/urandom | base64 > laptop.secret && chmod 600 laptop.secret',
    'kuvert link --server https://kuvert.acme.test --name Laptop \\',
    '  --profile laptop --secret-file laptop.secret',
  ]);
}

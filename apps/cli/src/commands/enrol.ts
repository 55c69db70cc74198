/** `kuvert enrol`: makes a profile folder and enrols it as a device. */
import { resolve } from 'node:path';
import { enrol } from '@kuvert/client-core/node';
import { decodeToken, KuvertError, sentenceFor } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { checkServerUrl } from '../failure.ts';
import { runLinkFlow } from '../link-flow.ts';
import { readText } from '../message-text.ts';
import type { ProfileOptions } from '../profile-session.ts';
import { readSecretFile } from '../secret-file.ts';
import { showLine } from '../terminal-text.ts';

/** @see buildProgram */
export function addEnrol(program: Command, context: CommandContext): void {
  const command = program
    .command('enrol')
    .description('enrol this profile as a device of the person that the token is for')
    .requiredOption('--server <url>', 'where the server is: https://…, or http:// on this machine')
    .requiredOption('--token <token>', 'the enrolment token (kuvert1_…), or - to read it from stdin');
  profileCommand(command).action(async (options: ProfileOptions & { server: string; token: string }) => {
    const { server: serverUrl, profile: profileDir } = options;
    checkServerUrl(serverUrl);
    const secret = await readSecretFile(options.secretFile, context.output);
    // On the command line a token is visible to every user of the machine, which stdin is not.
    const token = options.token === '-' ? await readText(context.streams.stdin) : options.token;
    const { output } = context;
    const enrolled = await enrol({ serverUrl, token: token.trim(), profileDir, secret }).catch((error) => {
      if (error instanceof KuvertError && error.code === 'link_needed') return undefined;
      throw error;
    });
    if (enrolled === undefined) {
      // Whoever has a device approves further ones with it: the token only leads to server and tenant.
      await output.notice('link_needed', sentenceFor('link_needed', output.language));
      await runLinkFlow(context, { options, serverUrl, secret, token: decodeToken(token) });
      return;
    }
    const { deviceId } = enrolled;
    await output.result({ deviceId }, () => output.texts.enrolled(deviceId, showLine(resolve(profileDir))));
  });
  finishCommand(command, [
    'head -c 24 /dev/urandom | base64 > anna.secret && chmod 600 anna.secret',
    'kuvert enrol --server https://kuvert.acme.test --token kuvert1_… \\',
    '  --profile anna --secret-file anna.secret',
  ]);
}

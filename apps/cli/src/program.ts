/** The command line as a whole. Every command is in a file of its own under `commands/`. */
import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import type { CommandContext } from './command-context.ts';
import { addAdmin } from './commands/admin.ts';
import { addChat } from './commands/chat.ts';
import { addConversations } from './commands/conversations.ts';
import { addDemo } from './commands/demo.ts';
import { addDevices } from './commands/devices.ts';
import { addEnrol } from './commands/enrol.ts';
import { addExport } from './commands/export.ts';
import { addGroup } from './commands/group.ts';
import { addHistory } from './commands/history.ts';
import { addInbox } from './commands/inbox.ts';
import { addKeeping } from './commands/keeping.ts';
import { addLink } from './commands/link.ts';
import { addOperator } from './commands/operator.ts';
import { addPeople } from './commands/people.ts';
import { addSafety } from './commands/safety.ts';
import { addSave } from './commands/save.ts';
import { addSend } from './commands/send.ts';
import { addServe } from './commands/serve.ts';
import { addSettings } from './commands/settings.ts';
import { addStatus } from './commands/status.ts';
import { addStore } from './commands/store.ts';
import { addVerify } from './commands/verify.ts';
import { addVersions } from './commands/versions.ts';
import { addWhoami } from './commands/whoami.ts';

const AFTER_HELP = `
Examples:
  kuvert inbox --profile anna --secret-file anna.secret
  kuvert send --profile anna --secret-file anna.secret --to ben@acme.test --text Hello
  kuvert send --help

Exit codes: 0 done, 1 anything else, 2 wrong usage, 3 refused or not found,
4 profile or secret, 5 server unreachable, 6 keys not trusted.`;

/** Builds the parser. It throws CommanderError instead of leaving the process, and says nothing on stderr itself. */
export function buildProgram(context: CommandContext): Command {
  const program = new Command('kuvert')
    .description('Kuvert, an end-to-end encrypted business messenger, from the command line.')
    .version(packageJson.version, '--version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .addHelpText('after', AFTER_HELP)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.streams.stdout.write(text),
      writeErr: () => undefined,
      outputError: () => undefined,
      getOutHelpWidth: () => 80,
    });
  for (const add of [
    addEnrol,
    addLink,
    addChat,
    addSend,
    addInbox,
    addSave,
    addStatus,
    addHistory,
    addVersions,
    addConversations,
    addGroup,
    addKeeping,
    addExport,
    addPeople,
    addWhoami,
    addDevices,
    addSettings,
    addSafety,
    addServe,
    addDemo,
    addAdmin,
    addOperator,
    addStore,
    addVerify,
  ]) {
    add(program, context);
  }
  return program;
}

/**
 * The command line as a whole. Every command is in a file of its own under `commands/`, which is read when the command is asked for: reading
 * all of them takes longer than most commands do.
 */
import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import type { CommandContext } from './command-context.ts';

/** Adds its commands to the program. */
type Add = (program: Command, context: CommandContext) => void;

/** What each file adds, in the order of the help. */
export const COMMAND_FILES: readonly {
  readonly names: readonly string[];
  readonly load: () => Promise<Add>;
}[] = [
  { names: ['enrol'], load: async () => (await import('./commands/enrol.ts')).addEnrol },
  { names: ['link'], load: async () => (await import('./commands/link.ts')).addLink },
  { names: ['chat'], load: async () => (await import('./commands/chat.ts')).addChat },
  { names: ['send'], load: async () => (await import('./commands/send.ts')).addSend },
  { names: ['inbox'], load: async () => (await import('./commands/inbox.ts')).addInbox },
  { names: ['save'], load: async () => (await import('./commands/save.ts')).addSave },
  { names: ['status'], load: async () => (await import('./commands/status.ts')).addStatus },
  { names: ['history'], load: async () => (await import('./commands/history.ts')).addHistory },
  { names: ['versions'], load: async () => (await import('./commands/versions.ts')).addVersions },
  {
    names: ['conversations', 'read', 'search'],
    load: async () => (await import('./commands/conversations.ts')).addConversations,
  },
  { names: ['group'], load: async () => (await import('./commands/group.ts')).addGroup },
  {
    names: ['pin', 'mute', 'draft', 'timer', 'delete'],
    load: async () => (await import('./commands/keeping.ts')).addKeeping,
  },
  { names: ['export'], load: async () => (await import('./commands/export.ts')).addExport },
  { names: ['people'], load: async () => (await import('./commands/people.ts')).addPeople },
  { names: ['whoami'], load: async () => (await import('./commands/whoami.ts')).addWhoami },
  { names: ['devices'], load: async () => (await import('./commands/devices.ts')).addDevices },
  { names: ['settings'], load: async () => (await import('./commands/settings.ts')).addSettings },
  { names: ['safety'], load: async () => (await import('./commands/safety.ts')).addSafety },
  { names: ['serve'], load: async () => (await import('./commands/serve.ts')).addServe },
  { names: ['demo'], load: async () => (await import('./commands/demo.ts')).addDemo },
  { names: ['admin'], load: async () => (await import('./commands/admin.ts')).addAdmin },
  { names: ['operator'], load: async () => (await import('./commands/operator.ts')).addOperator },
  { names: ['store'], load: async () => (await import('./commands/store.ts')).addStore },
  { names: ['verify'], load: async () => (await import('./commands/verify.ts')).addVerify },
];

const AFTER_HELP = `
Examples:
  kuvert inbox --profile anna --secret-file anna.secret
  kuvert send --profile anna --secret-file anna.secret --to ben@acme.test --text Hello
  kuvert send --help

Exit codes: 0 done, 1 anything else, 2 wrong usage, 3 refused or not found,
4 profile or secret, 5 server unreachable, 6 keys not trusted.`;

/**
 * Builds the parser. It throws CommanderError instead of leaving the process, and says nothing on stderr itself.
 * @param name the command that was asked for; where it is none, the parser knows all of them
 */
export async function buildProgram(context: CommandContext, name: string | undefined): Promise<Command> {
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
  const asked = COMMAND_FILES.filter(({ names }) => name !== undefined && names.includes(name));
  for (const { load } of asked.length > 0 ? asked : COMMAND_FILES) (await load())(program, context);
  return program;
}

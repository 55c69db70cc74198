/** `kuvert chat`: conversations on a terminal, or line by line with `--plain`. */
import type { ReadStream, WriteStream } from 'node:tty';
import { type Command, Option } from 'commander';
import { runPlainChat } from '../chat/plain-chat.ts';
import { runScreenChat } from '../chat/screen-chat.ts';
import { type ThemeName, themeOfEnvironment } from '../chat/terminal/theme.ts';
import { type CommandContext, finishCommand, profileCommand } from '../command-context.ts';
import { UsageError } from '../failure.ts';
import { type ProfileOptions, withProfile } from '../profile-session.ts';

interface ChatOptions extends ProfileOptions {
  readonly plain?: true;
  readonly theme: ThemeName | 'auto';
}

/** @see buildProgram */
export function addChat(program: Command, context: CommandContext): void {
  const command = program
    .command('chat')
    .description('talk with people: a screen for the terminal')
    .option('--plain', 'line by line in sentences, for screen readers and scripts')
    .addOption(
      new Option('--theme <theme>', 'colours').choices(['auto', 'dark', 'light', 'none']).default('auto'),
    );
  profileCommand(command).action(async (options: ChatOptions) => {
    const { stdin, stdout } = context.streams;
    const { language } = context.output;
    const isTerminal = isTty(stdin) && isTty(stdout);
    if (!isTerminal && options.plain !== true) {
      throw new UsageError({
        en: 'This is no terminal: please add --plain.',
        de: 'Das ist kein Terminal: Bitte geben Sie --plain an.',
      });
    }
    const stop = context.stopSignal();
    const { colourAllowed, colorFgBg } = context.settings;
    await withProfile(
      options,
      context.output,
      async (profile) => {
        if (options.plain === true) {
          await runPlainChat({
            profile,
            language,
            input: stdin,
            output: stdout,
            isInteractive: isTty(stdin),
            stop,
          });
          return;
        }
        await runScreenChat({
          profile,
          language,
          input: stdin as unknown as ReadStream,
          output: stdout as unknown as WriteStream,
          theme: colourAllowed ? options.theme : 'none',
          fallback: themeOfEnvironment(colorFgBg) ?? 'dark',
          stop,
        });
      },
      { hasScreen: true },
    );
  });
  finishCommand(command, [
    'kuvert chat --profile anna --secret-file anna.secret',
    'kuvert chat --profile anna --secret-file anna.secret --plain --lang de',
  ]);
}

function isTty(stream: object): boolean {
  return 'isTTY' in stream && stream.isTTY === true;
}

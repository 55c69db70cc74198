/** What every command gets: where it reads and writes, what the environment says, and how it is asked to stop. */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { Language, Settings } from './config.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Output, Streams } from './output.ts';

/** One run of the command line. */
export interface CommandContext {
  readonly streams: Streams;
  readonly settings: Settings;
  /** Set anew once the command's own `--json` and `--lang` are known. */
  output: Output;
  /** What the run ends with when nothing is thrown. */
  exitCode: ExitCode | number;
  /** Fires at the first INT or TERM. A command that never asks for it is ended by the signal as usual. */
  stopSignal(): AbortSignal;
  /** Ends the process by the signal that has stopped it, at once: nothing that is under way is finished. */
  endBySignal(): void;
}

/** The options that every command has. */
export interface CommonOptions {
  readonly json?: true;
  readonly lang?: Language;
}

/** Adds what every command has, and its examples under `--help`. */
export function finishCommand(command: Command, examples: readonly string[]): Command {
  return command
    .option('--json', 'one JSON object per line, for scripts')
    .addOption(new Option('--lang <language>', 'language of sentences').choices(['en', 'de']))
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`);
}

/** Adds the options that name a profile. */
export function profileCommand(command: Command): Command {
  return command
    .requiredOption('--profile <folder>', 'the profile folder of one device')
    .requiredOption('--secret-file <file>', 'the file with its passphrase, readable by you alone');
}

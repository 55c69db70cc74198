/** One run of `kuvert`: parse, do, tell what went wrong in one sentence, give the exit code. */
import { CommanderError } from 'commander';
import { checkArguments } from './arguments.ts';
import type { CommandContext, CommonOptions } from './command-context.ts';
import { type Language, readLanguage, type Settings } from './config.ts';
import { EXIT } from './exit-codes.ts';
import { describeFailure, OutputClosedError } from './failure.ts';
import { Output, type Streams } from './output.ts';
import { buildProgram } from './program.ts';

/** What a run needs of the world. */
export interface Host {
  readonly streams: Streams;
  readonly settings: Settings;
  /** True when stdout is a terminal. */
  readonly isTerminal: boolean;
  stopSignal(): AbortSignal;
  endBySignal(): void;
}

/** @param argv what stands after `kuvert`. Never throws. @returns the exit code */
export async function run(argv: readonly string[], host: Host): Promise<number> {
  const makeOutput = (options: CommonOptions): Output =>
    new Output(host.streams, {
      json: options.json === true,
      language: options.lang ?? host.settings.language,
      colour: host.isTerminal && host.settings.colourAllowed,
    });
  const context: CommandContext = {
    streams: host.streams,
    settings: host.settings,
    output: makeOutput(guessOptions(argv)),
    exitCode: EXIT.ok,
    stopSignal: () => host.stopSignal(),
    endBySignal: () => host.endBySignal(),
  };
  const program = await buildProgram(context, argv[0]);
  program.hook('preAction', async (_, command) => {
    context.output = makeOutput(command.opts<CommonOptions>());
    await checkArguments(argv);
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    // The reader has gone, as in `kuvert history | head`: nobody is left to tell.
    if (error instanceof OutputClosedError) return EXIT.other;
    const failure = describeFailure(error, context.output.language);
    await context.output.failure(failure);
    return failure.exitCode;
  }
}

/** How to tell a failure of parsing itself: before parsing, only the look of the words can say. */
function guessOptions(argv: readonly string[]): CommonOptions {
  const at = argv.findIndex((word) => word === '--lang' || word.startsWith('--lang='));
  const value = at < 0 ? undefined : (argv[at]?.split('=')[1] ?? argv[at + 1]);
  const lang: Language | undefined = value === undefined ? undefined : readLanguage(value);
  return { ...(argv.includes('--json') ? { json: true } : {}), ...(lang === undefined ? {} : { lang }) };
}

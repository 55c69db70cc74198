/** `kuvert` in its process: streams, signals, and the last net under everything that is thrown. */
import { closeProcess } from '@kuvert/closed-process';
import { readSettings } from './config.ts';
import { EXIT } from './exit-codes.ts';
import { describeFailure } from './failure.ts';
import { Output } from './output.ts';
import { run } from './run.ts';

/** @param argv what stands after `kuvert` @returns the exit code */
export async function main(argv: readonly string[]): Promise<number> {
  const { stdin, stdout, stderr } = process;
  closeProcess();
  // What a command writes is for its own user alone, whatever the shell that started it says.
  process.umask(0o077);
  const streams = { stdin, stdout, stderr };
  // A failed write is told to whoever wrote; without a listener it would also end the process with a stack trace.
  stdout.on('error', () => undefined);
  stderr.on('error', () => undefined);
  const settings = readSettings();
  const lastNet = (error: unknown): void => {
    const options = { json: argv.includes('--json'), language: settings.language, colour: false };
    const leave = (): never => process.exit(EXIT.other);
    new Output(streams, options).failure(describeFailure(error, settings.language)).then(leave, leave);
  };
  process.on('uncaughtException', lastNet);
  process.on('unhandledRejection', lastNet);
  return run(argv, { streams, settings, isTerminal: stdout.isTTY === true, stopSignal: catchStopSignals });
}

function catchStopSignals(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  return stop.signal;
}

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
  const isTerminal = stdout.isTTY === true;
  const host = { streams, settings, isTerminal, stopSignal: catchStopSignals, endBySignal };
  const code = await run(argv, host);
  if (code === EXIT.stopped) endBySignal();
  return code;
}

function catchStopSignals(): AbortSignal {
  const stop = new AbortController();
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      caught ??= signal;
      stop.abort();
    });
  }
  return stop.signal;
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
let caught: (typeof STOP_SIGNALS)[number] | undefined;

/** Shells go on with a loop whose command has ended by itself, whatever its code; not with one that a signal has ended. */
function endBySignal(): void {
  for (const signal of STOP_SIGNALS) process.removeAllListeners(signal);
  process.kill(process.pid, caught ?? 'SIGINT');
}

/** `kuvert serve`: runs the server without anything around it, for production. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { SERVER_FLAGS } from '@kuvert/closed-process/node-flags';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';

/** @see buildProgram */
export function addServe(program: Command, context: CommandContext): void {
  program
    .command('serve')
    .description('run the server; its settings are in the environment (docs/configuration.md)')
    .addHelpText(
      'after',
      '\nExamples:\n  kuvert serve\n  KUVERT_DATA=/srv/kuvert/data KUVERT_KEYS=/srv/kuvert/keys kuvert serve',
    )
    .action(async () => {
      context.exitCode = await runServer();
    });
}

/**
 * Runs the server as a child in our own process group, so that Ctrl-C reaches it from the terminal as well. Signals that
 * only we get are passed on; the server ignores the second of two. It notices our death by the closed IPC channel.
 */
function runServer(): Promise<number> {
  const main = fileURLToPath(import.meta.resolve('@kuvert/server/main'));
  const server = spawn(process.execPath, [...SERVER_FLAGS, main], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => server.kill(signal));
  }
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('close', (code, signal) => {
      // As a shell counts: 128 and the number of the signal that ended it.
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

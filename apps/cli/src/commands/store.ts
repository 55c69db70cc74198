/** `kuvert store …`: work on everything that is stored, with no server on it. The settings are those of the server. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isErrorCode } from '@kuvert/protocol';
import type { Command } from 'commander';
import { type CommandContext, finishCommand } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import { FailureAbout } from '../failure.ts';
import { showLine } from '../terminal-text.ts';

/** What the process of the server's package says. */
interface Word {
  readonly progress?: {
    readonly step: string;
    readonly space: string;
    readonly collection: string;
    readonly rows: number;
  };
  readonly result?: Readonly<Record<string, unknown>>;
  readonly failure?: { readonly code: string; readonly about?: string };
}

interface Difference {
  readonly space?: string;
  readonly collection: string;
  readonly what: string;
  readonly name: string;
  readonly how: string;
}

const AFTER_HELP = `
Settings are those of the server, in the environment (docs/configuration.md).
Stop all servers first. What each command is for: docs/operating.md.

Examples:
  kuvert store check
  kuvert store copy --from data --to mongodb://127.0.0.1/kuvert?replicaSet=rs0
  kuvert store backup --to /backup/2026-11-21
  kuvert store restore --from /backup/2026-11-21
  kuvert store finalise`;

/** @see buildProgram */
export function addStore(program: Command, context: CommandContext): void {
  const store = program
    .command('store')
    .description('compare, move, back up and restore what the server has stored')
    .helpCommand(false)
    .addHelpText('after', AFTER_HELP);

  finishCommand(
    store
      .command('check')
      .description('say where collections, indexes and validators differ from what they should be')
      .action(async () => {
        const { differences } = (await run(context, { command: 'check' })) as { differences: Difference[] };
        const { output } = context;
        if (differences.length > 0) context.exitCode = EXIT.refused;
        await output.result({ differences }, () =>
          differences.length === 0
            ? output.texts.storeAsDeclared()
            : differences.map((difference) => showLine(lineOf(difference))).join('\n'),
        );
      }),
    ['kuvert store check --json'],
  );

  finishCommand(
    store
      .command('copy')
      .description('move an installation to the other kind of store; may be stopped and begun again')
      .requiredOption('--from <place>', 'a data folder or a mongodb:// address')
      .requiredOption('--to <place>', 'an empty folder or database')
      .action(async (options: { from: string; to: string }) => {
        const { collections } = (await run(context, { command: 'copy', ...options })) as {
          collections: { rows: number }[];
        };
        const rows = collections.reduce((sum, collection) => sum + collection.rows, 0);
        await context.output.result({ collections }, () => context.output.texts.storeCopied(rows));
      }),
    ['kuvert store copy --from data --to mongodb://127.0.0.1/kuvert?replicaSet=rs0'],
  );

  finishCommand(
    store
      .command('backup')
      .description('write one encrypted file per tenant into an empty folder')
      .requiredOption('--to <folder>', 'an empty folder, or one that is yet to be made')
      .action(async (options: { to: string }) => {
        const to = resolve(options.to);
        const facts = (await run(context, { command: 'backup', to })) as { tenants: number; bytes: number };
        await context.output.result(facts, () =>
          context.output.texts.storeBackedUp(facts.tenants, showLine(to)),
        );
      }),
    ['kuvert store backup --to /backup/2026-11-21'],
  );

  finishCommand(
    store
      .command('restore')
      .description('put a backup in place of nothing, and do again what must not un-happen')
      .requiredOption('--from <folder>', 'the folder of the backup')
      .option('--ledger <folders...>', 'ledgers of further servers')
      .action(async (options: { from: string; ledger?: string[] }) => {
        const ledgers = (options.ledger ?? []).map((folder) => resolve(folder));
        const order = { command: 'restore', from: resolve(options.from), ledgers };
        const facts = (await run(context, order)) as { tenants: number; epoch: number; replayed: number };
        await context.output.result(facts, () =>
          context.output.texts.storeRestored(facts.tenants, facts.replayed),
        );
      }),
    ['kuvert store restore --from /backup/2026-11-21'],
  );

  finishCommand(
    store
      .command('finalise')
      .description('write the form of data of this release; the release before cannot be used any more')
      .action(async () => {
        const facts = (await run(context, { command: 'finalise' })) as { level: number };
        await context.output.result(facts, () => context.output.texts.storeFinalised(facts.level));
      }),
    ['kuvert store finalise'],
  );
}

function lineOf({ space, collection, what, name, how }: Difference): string {
  return `${space === undefined ? '' : `${space} `}${collection}: ${what} ${name} ${how}`;
}

/** Runs the work in a process of the server's package, which this package does not contain. @throws FailureAbout */
async function run(context: CommandContext, order: object): Promise<object> {
  const main = fileURLToPath(import.meta.resolve('@kuvert/server/store-command'));
  const child = spawn(process.execPath, [main, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((done, reject) => {
    child.once('error', reject);
    child.once('close', () => done());
  });
  let last: Word = {};
  for await (const line of createInterface({ input: child.stdout })) {
    last = JSON.parse(line) as Word;
    const { progress } = last;
    if (progress !== undefined)
      await context.output.progress(
        `${progress.step} ${progress.space} ${progress.collection} ${progress.rows}`,
      );
  }
  await ended;
  if (last.result !== undefined) return last.result;
  const code = last.failure?.code ?? 'unexpected';
  throw new FailureAbout(isErrorCode(code) ? code : 'unexpected', last.failure?.about);
}

import { Command } from 'commander';
import { expect, test } from 'vitest';
import type { CommandContext } from './command-context.ts';
import { buildProgram, COMMAND_FILES } from './program.ts';

/** Nothing is run, only described. */
const context = { streams: { stdout: process.stdout } } as unknown as CommandContext;
const namesOf = (program: Command): string[] => program.commands.map((command) => command.name());

test.each(COMMAND_FILES)(
  'A1 the file of $names adds these commands and no others',
  async ({ names, load }) => {
    const program = new Command();
    (await load())(program, context);
    expect(namesOf(program)).toEqual(names);
  },
);

test('H3 a command that is asked for is all that is read; without one, or with none of ours, all are there', async () => {
  expect(namesOf(await buildProgram(context, 'whoami'))).toEqual(['whoami']);
  const all = COMMAND_FILES.flatMap(({ names }) => names);
  expect(new Set(all).size).toBe(all.length);
  for (const name of [undefined, '--help', 'frob']) {
    expect(namesOf(await buildProgram(context, name)), name).toEqual(all);
  }
});

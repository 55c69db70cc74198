/**
 * `kuvert store …` as a process of its own, started by the command line with one JSON object as its argument. Says on standard output where it
 * stands, one JSON object per line: `{progress}`, then `{result}` or `{failure}` with its code and what it is about.
 */
import { writeSync } from 'node:fs';
import { z } from 'zod';
import { StartError } from './start-error.ts';
import { backUp, checkStore, copyBetween, finalise, restore } from './store-work.ts';

const Order = z.discriminatedUnion('command', [
  z.object({ command: z.literal('check') }),
  z.object({ command: z.literal('copy'), from: z.string().min(1), to: z.string().min(1) }),
  z.object({ command: z.literal('backup'), to: z.string().min(1) }),
  z.object({ command: z.literal('restore'), from: z.string().min(1), ledgers: z.array(z.string().min(1)) }),
  z.object({ command: z.literal('finalise') }),
]);

process.umask(0o077);

try {
  say({ result: await obey(Order.parse(JSON.parse(process.argv[2] ?? ''))) });
} catch (error) {
  const isExpected = error instanceof StartError;
  say({
    failure: { code: isExpected ? error.code : 'internal', about: isExpected ? error.about : undefined },
  });
  process.exitCode = 1;
}

function obey(order: z.output<typeof Order>): Promise<object> {
  const onProgress = (progress: object) => say({ progress });
  switch (order.command) {
    case 'check':
      return checkStore().then((differences) => ({ differences }));
    case 'copy':
      return copyBetween(order, onProgress).then((collections) => ({ collections }));
    case 'backup':
      return backUp(order.to, onProgress);
    case 'restore':
      return restore(order, onProgress);
    case 'finalise':
      return finalise();
  }
}

/** Synchronous, so that nothing is lost when the process ends. */
function say(line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

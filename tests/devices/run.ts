/**
 * `npm run devices -- --schedules N --steps N --seed S --json`: random schedules of send, read, delete, link, revoke, retire, restore from a copy, be
 * away and expire, on people with several devices, a real server and real clients; the ledger of each is checked. Exits with 1 when a promise
 * was broken, with 2 when it was called wrongly. `--path` brings one failing schedule of a seed back.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { checkSchedules, type ScheduleResult } from './check-schedules.ts';

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n`);
    return 2;
  }
  process.stderr.write(`Seed ${options.seed}\n`);
  const result = await checkSchedules({
    ...options,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : inWords(result));
  return result.ok ? 0 : 1;
}

function readOptions() {
  const number = { type: 'string' } as const;
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      options: {
        schedules: number,
        steps: number,
        seed: number,
        path: { type: 'string' },
        'shrink-seconds': number,
        json: { type: 'boolean' },
      },
    }));
  } catch (error) {
    return (error as Error).message;
  }
  const given = {
    schedules: Number(values.schedules ?? 100),
    steps: Number(values.steps ?? 40),
    seed: Number(values.seed ?? randomInt(2 ** 31 - 1)),
    'shrink-seconds': Number(values['shrink-seconds'] ?? 600),
  };
  for (const [name, value] of Object.entries(given)) {
    if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** 31)
      return `--${name} takes a whole number.`;
  }
  const { schedules, steps, seed } = given;
  const path = typeof values.path === 'string' ? values.path : undefined;
  const shrinkForMs = given['shrink-seconds'] * 1_000;
  return { schedules, steps, seed, path, shrinkForMs, json: values.json === true };
}

function inWords({
  ok,
  seed,
  schedules,
  seconds,
  messages,
  devices,
  steps,
  failure,
}: ScheduleResult): string {
  const done = Object.entries(steps)
    .sort(([, a], [, b]) => b - a)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ');
  const broken =
    failure &&
    `Broken (--seed ${seed} --steps ${failure.stepsMax} --path ${failure.path}) by\n${failure.steps.map((step) => `  ${JSON.stringify(step)}\n`).join('')}${failure.why}\n${failure.keptIn === undefined ? '' : `Its ledger is in ${failure.keptIn}\n`}`;
  return [
    `Seed ${seed}, ${schedules} schedules in ${seconds} s: ${messages} messages, ${devices} devices\n`,
    `${done}\n`,
    ok ? 'All promises were kept.\n' : (broken ?? ''),
  ].join('');
}

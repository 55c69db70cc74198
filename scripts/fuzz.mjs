// The long form of the fuzzing in tests/fuzz, and of the histories of young rows in the store: as many runs of each property as are asked
// for, from a seed that is printed and with which the same inputs come again.
//
//     npm run fuzz -- --runs 10000
//     npm run fuzz -- --runs 10000 --seed 7 --only people.list --path 12:3     one failing input of an earlier run
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(randomInt(2 ** 31 - 1)) },
    only: { type: 'string' },
    path: { type: 'string' },
  },
});
for (const name of /** @type {const} */ (['runs', 'seed'])) {
  if (!/^\d{1,10}$/.test(values[name])) {
    console.error(`--${name} takes a whole number.`);
    process.exit(2);
  }
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const noLimit = String(12 * 3_600_000);
console.log(`Fuzzing: ${values.runs} runs of each property from seed ${values.seed}.`);
const child = spawn(
  join(root, 'node_modules', '.bin', 'node'),
  [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    ...[
      'run',
      'tests/fuzz',
      'young-histories',
      '--silent=false',
      `--testTimeout=${noLimit}`,
      `--hookTimeout=${noLimit}`,
    ],
    ...(values.only === undefined ? [] : ['--testNamePattern', values.only.replaceAll('.', '\\.')]),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      KUVERT_FUZZ_RUNS: values.runs,
      KUVERT_FUZZ_SEED: values.seed,
      ...(values.path === undefined ? {} : { KUVERT_FUZZ_PATH: values.path }),
    },
  },
);
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
